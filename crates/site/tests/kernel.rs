//! What the kernel makes of a site file: the kernel's own code, run here.

extern crate alloc;

#[path = "../../../kernel-app/src/settings.rs"]
mod settings;

use noreturn_image_format::Config;
use noreturn_image_format::config::Key;
use noreturn_link::{ClassConfig, HistoryConfig, HistoryOrder, SenderConfig};
use noreturn_site::parse;
use noreturn_wire::{Class, DiodeId};

const HEAD: &str = r#"
diode = {id = 7, name = "d", key_file = "k"}
inside = {card = "00:02.0", address = "10.1.0.2/24"}
[outside]
card = "00:03.0"
source = "10.0.2.15:1"
destination = [{mac = "02:00:00:00:00:01", address = "10.0.2.2:1"}, {address = "239.129.2.3:2"}]
"#;

fn config(rest: &str) -> Config {
    parse(&format!("{HEAD}{rest}"), "site.toml", |_| Ok([1; 32])).expect("the site file is right")
}

fn sender(rest: &str) -> SenderConfig {
    settings::sender(&config(rest)).expect("a checked configuration is a valid one")
}

#[test]
fn the_defaults_are_those_of_the_link() {
    let sender = sender("");
    assert_eq!((sender.diode, sender.copies, sender.rate_bytes_per_s), (DiodeId(7), 2, 2_000_000));
    assert_eq!(sender.alarm, ClassConfig::ALARM);
    assert_eq!(sender.telemetry, ClassConfig::TELEMETRY);
    assert_eq!(sender.bulk, ClassConfig::BULK);
    assert_eq!(sender.history, HistoryConfig::DEFAULT);
}

#[test]
fn every_key_reaches_the_sender() {
    let blocks = |n: u32| {
        format!(
            "data_shards = {}\nparity_shards = {}\nparity_shards_min = {}\nlatency_ms_max = {}\n\
             span_ms = {}\nblocks_max = {}\n",
            20 + n,
            10 + n,
            n,
            30 + n,
            40 + n,
            50 + n
        )
    };
    let mut text = "[link]\nrate_bytes_per_s = 10_001\nburst_bytes = 2000\n".to_owned();
    for (name, n) in [("alarm", 1), ("telemetry", 2), ("bulk", 3)] {
        text += &format!(
            "[link.{name}]\n{}weight = {}\nqueue_bytes_max = {}\nhistory_bytes_max = {}\n",
            blocks(n),
            60 + n,
            7000 + n,
            800_000 + n
        );
    }
    text += &format!("[link.history]\n{}share_per_mille = 99\n", blocks(4));
    text += "order = \"oldest_first\"\ninterval_ms = 1234\n";
    let sender = sender(&text);
    assert_eq!((sender.rate_bytes_per_s, sender.burst_bytes), (10_001, 2000));
    let classes = [(sender.alarm, 1), (sender.telemetry, 2), (sender.bulk, 3)];
    for (class, n) in classes {
        assert_eq!(class.weight, 60 + n);
        assert_eq!(
            (class.queue_bytes_max, class.history_bytes_max),
            (7000 + n as usize, 800_000 + n as usize)
        );
    }
    let all = classes.map(|(class, n)| (class.blocks, n)).into_iter().chain([(sender.history.blocks, 4)]);
    for (blocks, n) in all {
        assert_eq!((blocks.geometry.data(), blocks.geometry.parity()), (20 + n as u8, 10 + n as u8));
        assert_eq!((u32::from(blocks.parity_min), blocks.blocks_max), (n, 50 + n as usize));
        assert_eq!(
            (blocks.latency_us_max, blocks.span_us),
            (30_000 + u64::from(n) * 1000, 40_000 + u64::from(n) * 1000)
        );
    }
    assert_eq!((sender.history.share_per_mille, sender.history.interval_us), (99, 1_234_000));
    assert_eq!(sender.history.order, HistoryOrder::OldestFirst);
}

/// The configuration states the memory that the sender takes; both count by themselves.
#[test]
fn the_memory_is_what_the_sender_says() {
    for rest in ["", "[link.bulk]\nhistory_bytes_max = 131_073\n[link.history]\nblocks_max = 256\n"] {
        let config = config(rest);
        let sender = settings::sender(&config).expect("it is valid");
        assert_eq!(config.link.memory_bytes(), sender.bytes_max() as u64, "{rest}");
    }
}

#[test]
fn tags_have_the_class_that_they_or_their_device_name() {
    let device = |name, class: &str, points: &str| {
        format!("[[modbus]]\nname = \"{name}\"\naddress = \"10.1.0.9:502\"\n{class}{points}")
    };
    let point = |name, class: &str| {
        format!("[[modbus.point]]\nname = \"{name}\"\nfunction = 1\naddress = 0\ncount = 2\n{class}")
    };
    let alarm = "class = \"alarm\"\n";
    let points = point("a", "") + &point("b", alarm);
    let mixed = device("p", "", &points);
    let urgent = device("q", alarm, &(point("a", "") + &point("b", "class = \"telemetry\"\n")));
    let (t, a) = (Class::Telemetry, Class::Alarm);
    // The first of each device is its status.
    assert_eq!(settings::classes(&config(&(mixed + &urgent))), [t, t, t, a, a, a, a, a, t, t]);
}

#[test]
fn a_key_that_was_not_handed_over_is_no_key() {
    assert!(settings::key(&config("")).is_ok_and(|key| key.0 == [1; 32]));
    let mut without = config("");
    without.diode.key = Key::Tpm(0x0180_0000);
    assert!(settings::key(&without).is_err_and(|error| error.to_string().contains("not handed over")));
}
