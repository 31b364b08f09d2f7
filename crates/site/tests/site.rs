//! Whole site files: what they mean, and how mistakes are told.

use std::error::Error as _;
use std::net::Ipv4Addr;

use noreturn_image_format::Config;
use noreturn_image_format::config::modbus::{Encoding, Function, WordOrder};
use noreturn_image_format::config::release::Release;
use noreturn_image_format::config::time::{Gps, SerialPort, Sntp, TimeSource};
use noreturn_image_format::config::{Class, Destination, Key, PciAddress};
use noreturn_site::{Errors, KeyError, Summary, load, parse};

const KEY: [u8; 32] = [0x5a; 32];

/// The documented example, so that the document stays true.
fn example() -> &'static str {
    let document = include_str!("../../../docs/site.md");
    let (_, rest) = document.split_once("```toml\n").expect("docs/site.md has an example");
    rest.split_once("```").expect("the example ends").0
}

fn parse_text(text: &str) -> Result<Config, Errors> {
    parse(text, "site.toml", |_| Ok(KEY))
}

/// The example with one change must fail with exactly this message; `LINE` is the line of the change,
/// `NEXT` the one after.
#[track_caller]
fn assert_refused(old: &str, new: &str, message: &str) {
    let text = example().replacen(old, new, 1);
    let errors = parse_text(&text).expect_err("a mistake is refused").to_string();
    let before = example().split_once(old).expect("the example holds what is replaced").0;
    let line = before.matches('\n').count() + 1;
    let message = message.replace("LINE", &line.to_string()).replace("NEXT", &(line + 1).to_string());
    assert_eq!(errors, format!("site.toml:{message}"));
}

#[test]
fn the_documented_example_means_what_it_says() {
    let config = parse_text(example()).expect("the example is right");
    assert_eq!(
        (config.diode.id, config.diode.name.as_str(), config.diode.key),
        (7, "waterworks-east", Key::Here(KEY))
    );
    assert_eq!(config.inside.card, PciAddress { bus: 0, device: 2, function: 0 });
    assert_eq!((config.inside.address, config.inside.prefix), (Ipv4Addr::new(10, 1, 0, 2), 24));
    assert_eq!(config.inside.gateway, Some(Ipv4Addr::new(10, 1, 0, 1)));
    assert_eq!(config.outside.card, PciAddress { bus: 0, device: 3, function: 0 });
    let [destination] = config.outside.destinations[..] else { panic!("one destination") };
    assert_eq!(destination.mac, [0x52, 0x55, 0x0a, 0, 2, 2]);
    assert_eq!((destination.address, destination.port), (Ipv4Addr::new(10, 0, 2, 2), 4100));
    assert_eq!((config.link.rate_bytes_per_s, config.link.history.share_per_mille), (1_000_000, 100));
    let names: Vec<_> = config.sources.iter().map(|source| source.name.as_str()).collect();
    let expected = [
        "plc-1/status",
        "plc-1/tank1/level",
        "plc-1/tank1/temperature",
        "plc-1/pump/0",
        "plc-1/pump/1",
        "plc-1/pump/2",
        "plc-1/pump/3",
    ];
    assert_eq!(names, expected);
    assert_eq!(config.sources[2].unit, "°C");
    let alarms: Vec<_> = config.sources.iter().map(|source| source.class == Class::Alarm).collect();
    assert_eq!(alarms, [false, false, false, true, true, true, true]);
}

#[test]
fn the_documented_example_asks_three_requests() {
    let config = parse_text(example()).expect("the example is right");
    let device = &config.devices[0];
    assert_eq!((device.unit, device.timeout_ms, device.status), (1, 1000, 0));
    let reads: Vec<_> =
        device.reads.iter().map(|read| (read.period_ms, read.function, read.address, read.count)).collect();
    let expected = [
        (500, Function::HoldingRegisters, 0, 2),
        (1000, Function::Coils, 16, 4),
        (1000, Function::HoldingRegisters, 2, 1),
    ];
    assert_eq!(reads, expected);
    assert_eq!(device.reads[0].points[0].encoding, Encoding::F32(WordOrder::HighFirst));
    assert_eq!(device.reads[2].points[0].scale, 0.1);
}

#[test]
fn the_summary_tells_everything_but_the_key() {
    let summary = Summary(&parse_text(example()).unwrap()).to_string();
    for part in [
        "7 \"waterworks-east\"",
        "image    version 12, none below 9 after it",
        "00:02.0",
        "10.1.0.2/24",
        "52:55:0a:00:02:02",
        "function 1, 16 to 19",
        "°C",
        "plc-1/pump/3 = Bit, alarm",
        "alarm: 8 data and 8 parity shards (3 for one), 5 ms at most, over 100 ms, 16 blocks, weight 8, \
         queue 262144 bytes, history 1048576 bytes",
        "100 thousandths, newest first, every 10000 ms",
        "memory   27 MiB",
        "status   for Modbus on port 502 and HTTP on port 80",
        "time     from the server 10.1.0.123:123 every 16 s, silent for 64 s at most\n         or from the machine's own clock",
    ] {
        assert!(summary.contains(part), "{part} is missing in\n{summary}");
    }
    assert!(!summary.contains("5a5a"), "{summary}");
}

/// What the documents say of the memory of a box with the defaults is what is printed, and what follows from it.
#[test]
fn the_documents_tell_the_memory_of_the_defaults() {
    let (before, rest) = example().split_once("[link]").unwrap();
    let (_, after) = rest.split_once("[status]").unwrap();
    let config = parse_text(&format!("{before}[status]{after}")).unwrap();
    let mib = config.link.memory_bytes().div_ceil(1 << 20);
    let machine = 128 + (config.link.memory_bytes() * 6 / 5).div_ceil(1 << 20);
    assert!(Summary(&config).to_string().contains(&format!("memory   {mib} MiB for the link")));
    let specification = include_str!("../../../docs/specification.md");
    let told = format!(
        "{machine} MiB with the defaults, where the link has {mib} MiB, as `diode-image check` prints"
    );
    assert!(specification.contains(&told), "{told}");
    let site = include_str!("../../../docs/site.md");
    assert!(site.contains(&format!("That is {mib} MiB with the defaults")));
    assert!(site.contains(&format!("128 MiB more: {machine} MiB with the defaults")));
}

#[test]
fn what_has_a_default_may_be_left_out() {
    let (before, rest) = example().split_once("[link]").unwrap();
    let (_, after) = rest.split_once("[[modbus]]").unwrap();
    let link = parse_text(&format!("{before}[[modbus]]{after}")).unwrap().link;
    assert_eq!(
        (link.rate_bytes_per_s, link.burst_bytes, link.announce_period_ms),
        (2_000_000, 16_384, 5_000)
    );
    let nothing_to_read = parse_text(before).unwrap();
    assert!(nothing_to_read.devices.is_empty() && nothing_to_read.sources.is_empty());
}

/// The tables of the document name these numbers.
#[test]
fn the_documented_defaults_are_the_defaults() {
    let (before, rest) = example().split_once("[link]").unwrap();
    let (_, after) = rest.split_once("[[modbus]]").unwrap();
    let link = parse_text(&format!("{before}[[modbus]]{after}")).unwrap().link;
    let classes = [link.alarm, link.telemetry, link.bulk];
    let blocks = [classes[0].blocks, classes[1].blocks, classes[2].blocks, link.history.blocks];
    let shapes = blocks.map(|b| {
        let shards = [b.data_shards, b.parity_shards, b.parity_shards_min].map(u32::from);
        [shards[0], shards[1], shards[2], b.latency_ms_max, b.span_ms, u32::from(b.blocks_max)]
    });
    let keys =
        ["data_shards", "parity_shards", "parity_shards_min", "latency_ms_max", "span_ms", "blocks_max"];
    let mut rows: Vec<_> =
        keys.iter().enumerate().map(|(i, &key)| (key, [0, 1, 2].map(|c| shapes[c][i]))).collect();
    rows.push(("weight", classes.map(|class| u32::from(class.weight))));
    rows.push(("queue_bytes_max", classes.map(|class| class.queue_bytes_max)));
    rows.push(("history_bytes_max", classes.map(|class| class.history_bytes_max)));
    let mut ends: Vec<_> = rows
        .into_iter()
        .map(|(key, [a, t, b])| (format!("| `{key}` |"), format!("| {a} | {t} | {b} |")))
        .collect();
    let history = shapes[3].map(|number| number.to_string()).join(", ");
    ends.push(("| `data_shards`, `parity_shards`,".into(), format!("| {history} |")));
    ends.push(("| `share_per_mille` |".into(), format!("| {} |", link.history.share_per_mille)));
    ends.push(("| `interval_ms` |".into(), format!("| {} |", link.history.interval_ms)));
    let document = include_str!("../../../docs/site.md");
    for (start, end) in ends {
        let row = document.lines().find(|line| line.starts_with(&start));
        assert!(row.is_some_and(|row| row.ends_with(&end)), "docs/site.md: {start} ... {end}: {row:?}");
    }
    let memory = format!("{} MiB with the defaults", link.memory_bytes().div_ceil(1 << 20));
    assert!(document.contains(&memory), "docs/site.md does not say {memory}");
}

#[test]
fn numbers_may_be_written_as_toml_allows() {
    let text = example().replace("id = 7", "id = 0xffff_ffff").replace("scale = 0.1", "scale = -2");
    let config = parse_text(&text).unwrap();
    assert_eq!(config.diode.id, u32::MAX);
    assert_eq!(config.devices[0].reads[2].points[0].scale, -2.0);
}

#[test]
fn wrong_values_are_told_with_what_was_expected() {
    assert_refused(
        "type = \"f32\"",
        "type = \"f33\"",
        "LINE:8: modbus[0].point[0].type: \"f33\" is not one of \"u16\", \"i16\", \"u32\", \"i32\", \"f32\"",
    );
    assert_refused("id = 7", "id = -1", "LINE:6: diode.id: -1 is not a whole number from 0 to 4294967295");
    assert_refused("id = 7", "id = 7.0", "LINE:6: diode.id: 7.0 is not a whole number from 0 to 4294967295");
    assert_refused(
        "id = 7",
        "id = true",
        "LINE:6: diode.id: true is not a whole number from 0 to 4294967295",
    );
    assert_refused(
        "card = \"00:02.0\"",
        "card = \"eth0\"",
        "LINE:8: inside.card: \"eth0\" is not a PCI address as lspci shows it, such as \"00:02.0\"",
    );
    assert_refused(
        "scale = 0.1",
        "scale = 0",
        "LINE:9: modbus[0].point[1].scale: 0 is not a number that is neither 0 nor infinite",
    );
    assert_refused(
        "scale = 0.1",
        "scale = inf",
        "LINE:9: modbus[0].point[1].scale: inf is not a number that is neither 0 nor infinite",
    );
    assert_refused(
        "function = 1",
        "function = 5",
        "LINE:12: modbus[0].point[2].function: 5 is not 1 (coils), 2 (discrete inputs), 3 (holding registers) or 4 (input registers)",
    );
}

#[test]
fn unknown_keys_are_told_with_what_is_near() {
    assert_refused(
        "period_ms = 500",
        "perod_ms = 500",
        "LINE:1: modbus[0].point[0].perod_ms: is not a key that is known here; did you mean \"period_ms\"?",
    );
    assert_refused("[link]", "[lnk]", "LINE:2: lnk: is not a key that is known here; did you mean \"link\"?");
    assert_refused(
        "gateway = \"10.1.0.1\"",
        "colour = 1",
        "LINE:1: inside.colour: is not a key that is known here; known are \"address\", \"card\", \"card_mac\", \"gateway\", \"gateway_mac\"",
    );
}

#[test]
fn missing_keys_are_told_where_their_table_is() {
    let (before, rest) = example().split_once("id = 7\n").unwrap();
    let errors = parse_text(&format!("{before}{rest}")).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "site.toml:1:1: diode.id: is missing; expected a whole number from 0 to 4294967295"
    );
    let errors = parse_text("").unwrap_err().errors;
    let keys: Vec<_> = errors.iter().map(|error| (error.line, error.key.as_str())).collect();
    assert_eq!(keys, [(1, "diode"), (1, "inside"), (1, "outside")]);
}

#[test]
fn values_must_fit_together() {
    assert_refused(
        "card = \"00:03.0\"",
        "card = \"00:02.0\"",
        "LINE:8: outside.card: is the card of [inside]; each side needs a card of its own",
    );
    assert_refused(
        "gateway = \"10.1.0.1\"",
        "gateway = \"10.2.0.1\"",
        "LINE:11: inside.gateway: 10.2.0.1 is not another host in 10.1.0.2/24",
    );
    assert_refused(
        "address = \"10.1.0.10:502\"",
        "address = \"10.1.0.2:502\"",
        "LINE:11: modbus[0].address: 10.1.0.2 is the diode's own address",
    );
    for address in ["10.1.0.0", "10.1.0.255"] {
        assert_refused(
            "address = \"10.1.0.10:502\"",
            &format!("address = \"{address}:502\""),
            &format!(
                "LINE:11: modbus[0].address: {address} is no host of 10.1.0.2/24, but the network itself or all of it"
            ),
        );
    }
    assert_refused(
        "count = 4",
        "count = 4\ntype = \"u16\"",
        "NEXT:8: modbus[0].point[2].type: has no meaning for bits, which function 1 and 2 read",
    );
    assert_refused(
        "type = \"i16\"",
        "type = \"i16\"\nword_order = \"low_first\"",
        "NEXT:14: modbus[0].point[1].word_order: has no meaning for a type of one register",
    );
    assert_refused(
        "address = 16\n",
        "address = 65533\n",
        "NEXT:9: modbus[0].point[2].count: the last address that is read would be 65536, more than 65535",
    );
}

#[test]
fn cards_are_pinned_by_their_own_addresses() {
    let [inside, outside] =
        ["52:54:00:12:34:56", "52:54:00:12:34:57"].map(|mac| format!("card_mac = \"{mac}\"\n"));
    let config = parse_text(example()).unwrap();
    assert_eq!(config.inside.card_mac, Some([0x52, 0x54, 0, 0x12, 0x34, 0x56]));
    assert_eq!(config.outside.card_mac, Some([0x52, 0x54, 0, 0x12, 0x34, 0x57]));
    assert!(config.cards_are_pinned());
    let summary = Summary(&config).to_string();
    assert!(
        summary.contains("card 00:03.0 with 52:54:00:12:34:57") && !summary.contains("not pinned"),
        "{summary}"
    );
    for left_out in [&inside, &outside] {
        let config = parse_text(&example().replace(left_out, "")).unwrap();
        let summary = Summary(&config).to_string();
        assert!(!config.cards_are_pinned() && summary.contains("the cards are not pinned"), "{summary}");
    }
    for wrong in ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "53:54:00:12:34:56", "52-54-00-12-34-56", "eth0"]
    {
        let expected = "is not the Ethernet address of one card, such as \"52:54:00:12:34:56\"";
        for (right, table) in [(&inside, "inside"), (&outside, "outside")] {
            let message = format!("LINE:12: {table}.card_mac: \"{wrong}\" {expected}");
            assert_refused(right, &format!("card_mac = \"{wrong}\"\n"), &message);
        }
    }
    assert_refused(&outside, &inside, "LINE:12: outside.card_mac: is that of the card of [inside]");
}

#[test]
fn hosts_inside_are_pinned_to_their_ethernet_addresses() {
    const PIN: &str = "02:00:00:00:00:0a";
    let (gateway, server, device) =
        ("gateway = \"10.1.0.1\"\n", "server = \"10.1.0.123\"", "address = \"10.1.0.10:502\"\n");
    let text = example()
        .replace(gateway, &format!("{gateway}gateway_mac = \"{PIN}\"\n"))
        .replace(server, &format!("{server}, mac = \"{PIN}\""))
        .replace(device, &format!("{device}mac = \"{PIN}\"\n"));
    let config = parse_text(&text).unwrap();
    let neighbours: Vec<_> = config.neighbours().collect();
    let expected = [[10, 1, 0, 1], [10, 1, 0, 123], [10, 1, 0, 10]];
    assert_eq!(neighbours, expected.map(|address| (address.into(), Some([2, 0, 0, 0, 0, 10]))));
    let summary = Summary(&config).to_string();
    assert_eq!(summary.matches(" (only with 02:00:00:00:00:0a)").count(), 3, "{summary}");
    assert!(!Summary(&parse_text(example()).unwrap()).to_string().contains("only with 02"));

    for wrong in ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "03:00:00:00:00:0a"] {
        assert_refused(
            device,
            &format!("{device}mac = \"{wrong}\"\n"),
            &format!(
                "NEXT:7: modbus[0].mac: \"{wrong}\" is not the Ethernet address of one card, such as \"52:54:00:12:34:56\""
            ),
        );
    }
    assert_refused(
        gateway,
        &format!("gateway_mac = \"{PIN}\"\n"),
        "LINE:15: inside.gateway_mac: is the Ethernet address of a gateway, but there is no gateway",
    );
    assert_refused(
        device,
        &format!("address = \"10.9.0.10:502\"\nmac = \"{PIN}\"\n"),
        "NEXT:7: modbus[0].mac: 10.9.0.10 is behind the gateway, which gets every frame for it; pin that, by gateway_mac of [inside]",
    );
    // Two devices with one address, of which one is pinned or another, and a device that is the gateway.
    let second = |mac: &str| {
        format!(
            "{}\n[[modbus]]\nname = \"plc-2\"\naddress = \"10.1.0.10:502\"\n{mac}point = [{{name = \"a\", function = 1, address = 0}}]\n",
            example().replace(device, &format!("{device}mac = \"{PIN}\"\n"))
        )
    };
    assert!(parse_text(&second(&format!("mac = \"{PIN}\"\n"))).is_ok());
    for other in ["", "mac = \"02:00:00:00:00:0b\"\n"] {
        let errors = parse_text(&second(other)).unwrap_err().errors;
        let [error] = &errors[..] else { panic!("{errors:?}") };
        let expected = "10.1.0.10 is named by modbus[0], too; both need the same Ethernet address, or none";
        assert_eq!((error.key.as_str(), error.what.as_str()), ("modbus[1].mac", expected));
    }
    assert_refused(
        device,
        &format!("address = \"10.1.0.1:502\"\nmac = \"{PIN}\"\n"),
        "NEXT:7: modbus[0].mac: 10.1.0.1 is named by inside, too; both need the same Ethernet address, or none",
    );
}

#[test]
fn destinations_are_hosts_or_groups_with_addresses_that_fit() {
    let mac = "mac = \"52:55:0a:00:02:02\"";
    let destination = |from: &str, to: &str| {
        let config = parse_text(&example().replacen(from, to, 1))?;
        Ok::<_, Errors>(config.outside.destinations)
    };
    let group = "address = \"239.129.2.3:4100\"";
    let expected = Destination {
        mac: [0x01, 0x00, 0x5e, 0x01, 0x02, 0x03],
        address: Ipv4Addr::new(239, 129, 2, 3),
        port: 4100,
    };
    let host = "address = \"10.0.2.2:4100\"";
    let both = format!("{mac}\n{host}");
    assert_eq!(destination(&both, group), Ok(vec![expected]));
    assert_eq!(destination(&both, &format!("mac = \"01:00:5e:01:02:03\"\n{group}")), Ok(vec![expected]));
    assert_refused(
        host,
        group,
        "22:7: outside.destination[0].mac: 52:55:0a:00:02:02 is not 01:00:5e:01:02:03, which belongs to 239.129.2.3",
    );
    assert_refused(
        mac,
        "mac = \"01:00:5e:00:02:02\"",
        "LINE:7: outside.destination[0].mac: 01:00:5e:00:02:02 is not the Ethernet address of one card",
    );
    assert_refused(
        mac,
        "",
        "21:1: outside.destination[0].mac: is missing; expected an Ethernet address such as \"52:55:0a:00:02:02\"",
    );
    assert_refused(
        host,
        "address = \"255.255.255.255:4100\"",
        "LINE:11: outside.destination[0].address: \"255.255.255.255:4100\" is not the IPv4 address of a host or \
         multicast group with a port, such as \"10.0.2.2:4100\"",
    );
}

#[test]
fn mistakes_in_the_classes_are_told() {
    let share = "share_per_mille = 100";
    let history = "[link.history]";
    let link = "rate_bytes_per_s = 1_000_000";
    assert_refused(
        share,
        "share_per_mille = 901",
        "LINE:19: link.history.share_per_mille: 901 is not a whole number from 0 to 900",
    );
    assert_refused(
        share,
        "data_shards = 250",
        "28:1: link.history.parity_shards: 250 data and 8 parity shards are 258 together, more than 256",
    );
    assert_refused(
        history,
        "[link.bulk]\nparity_shards = 157\n[link.history]",
        "NEXT:17: link.bulk.parity_shards: 100 data and 157 parity shards are 257 together, more than 256",
    );
    assert_refused(
        history,
        "[link.alarm]\nparity_shards_min = 9\n[link.history]",
        "NEXT:21: link.alarm.parity_shards_min: 9 is not a whole number from 1 to 8",
    );
    assert_refused(
        history,
        "[link.alarm]\nhistory_bytes_max = 4096\n[link.history]",
        "NEXT:21: link.alarm.history_bytes_max: 4096 is not 0 or a whole number from 131072 to 536870912",
    );
    let memory_bytes = parse_text(example()).unwrap().link.memory_bytes() - (16 << 20) + (512 << 20);
    assert_refused(
        history,
        "[link.telemetry]\nhistory_bytes_max = 536_870_912\n[link.history]\ninterval_ms = 100",
        &format!(
            "25:1: link: queues, histories and blocks take {memory_bytes} bytes together, more than 536870912"
        ),
    );
    assert_refused(
        link,
        "data_shards = 10",
        "LINE:1: link.data_shards: is not a key that is known here; known are \"alarm\", \"announce_period_ms\", \
         \"bulk\", \"burst_bytes\", \"history\", \"rate_bytes_per_s\", \"suite\", \"telemetry\"",
    );
    assert_refused(
        "class = \"alarm\"",
        "class = \"bulk\"",
        "LINE:9: modbus[0].point[2].class: \"bulk\" is not \"alarm\" or \"telemetry\" (\"bulk\" is for streams and files only)",
    );
}

#[test]
fn nothing_of_the_status_is_served_unless_asked_for() {
    let ports = |text: &str| {
        let status = parse_text(text).unwrap().status;
        (status.modbus_port, status.http_port)
    };
    assert_eq!(ports(example()), (Some(502), Some(80)));
    let (before, rest) = example().split_once("[status]").unwrap();
    let (_, after) = rest.split_once("[[modbus]]").unwrap();
    assert_eq!(ports(&format!("{before}[[modbus]]{after}")), (None, None));
    assert_eq!(
        ports(&format!("{before}[status]\nhttp_port = 49151\n[[modbus]]{after}")),
        (None, Some(49_151))
    );
    let port = "modbus_port = 502";
    for (wrong, shown) in [("0", "0"), ("49152", "49152"), ("\"502\"", "\"502\"")] {
        let message = format!("LINE:15: status.modbus_port: {shown} is not a whole number from 1 to 49151");
        assert_refused(port, &format!("modbus_port = {wrong}"), &message);
    }
    let message = "NEXT:13: status.http_port: is modbus_port, too; each needs a port of its own";
    assert_refused(port, "modbus_port = 80", message);
    assert_refused(
        port,
        "allow = []",
        "LINE:1: status.allow: is not a key that is known here; known are \"http_port\", \"modbus_port\"",
    );
}

#[test]
fn the_key_may_lie_in_the_machine_s_tpm() {
    let file = "key_file = \"diode.key\"";
    let sealed = |lines: &str| parse_text(&example().replace(file, lines));
    let config = sealed("key_tpm = \"0x01800010\"").unwrap();
    assert_eq!(config.diode.key, Key::Tpm(0x0180_0010));
    assert!(Summary(&config).to_string().contains("the machine's TPM keeps it, at 0x01800010"));
    for wrong in ["0x0180001", "0x017fffff", "0x01c00000", "01800010", "0x+1800010"] {
        let message = format!(
            "LINE:11: diode.key_tpm: \"{wrong}\" is not a handle of the TPM's owner, \"0x01800000\" to \"0x01bfffff\""
        );
        assert_refused(file, &format!("key_tpm = \"{wrong}\""), &message);
    }
    let both = sealed(&format!("{file}\nkey_tpm = \"0x01800010\"")).unwrap_err().to_string();
    assert!(both.contains("diode.key_file: is not for an image whose key the machine's TPM keeps"), "{both}");
    let neither = sealed("").unwrap_err().to_string();
    assert!(neither.contains("diode.key_file: is missing"), "{neither}");
}

#[test]
fn an_image_is_counted_if_the_owner_counts() {
    let release = |table: &str| {
        let (before, rest) = example().split_once("[image]").unwrap();
        let (_, after) = rest.split_once("[inside]").unwrap();
        parse_text(&format!("{before}{table}[inside]{after}")).unwrap().release
    };
    assert_eq!(release(""), Release { version: 0, floor: 0 });
    assert_eq!(release("[image]\nversion = 4294967295\n"), Release { version: u32::MAX, floor: 0 });
    assert_eq!(release("[image]\nversion = 3\nversion_floor = 3\n"), Release { version: 3, floor: 3 });
    let version = "version = 12";
    let message = "LINE:11: image.version: -1 is not a whole number from 0 to 4294967295";
    assert_refused(version, "version = -1", message);
    let message = "NEXT:17: image.version_floor: is above version; the image would refuse itself";
    assert_refused(version, "version = 8", message);
}

#[test]
fn the_time_is_the_machine_s_unless_something_else_is_asked_for() {
    let sources = |table: &str| {
        let (before, rest) = example().split_once("[time]").unwrap();
        let (_, after) = rest.split_once("[[modbus]]").unwrap();
        parse_text(&format!("{before}{table}[[modbus]]{after}")).unwrap().time.sources
    };
    assert_eq!(sources(""), [TimeSource::Rtc]);
    assert_eq!(sources("[time]\n"), [TimeSource::Rtc]);
    assert_eq!(sources("[time]\nsources = []\n"), []);
    let sntp = Sntp { address: Ipv4Addr::new(10, 1, 0, 5), mac: None, port: 123, poll_s: 16, silent_s: 64 };
    let gps = Gps { serial_port: SerialPort::Com2, baud: 9600, uncertainty_ms: 500, silent_s: 10 };
    let both = "[time]\nsources = [\"gps\", \"sntp\"]\n[time.sntp]\nserver = \"10.1.0.5\"\n\
                [time.gps]\nserial_port = \"COM2\"\nuncertainty_ms = 500\n";
    assert_eq!(sources(both), [TimeSource::Gps(gps), TimeSource::Sntp(sntp)]);
    let poll = sources(&both.replace("10.1.0.5\"", "10.1.0.5\"\nport = 1123\npoll_s = 10"));
    assert_eq!(poll[1], TimeSource::Sntp(Sntp { port: 1123, poll_s: 10, silent_s: 40, ..sntp }));
    let gps_only = "[time]\nsources = [\"gps\"]\ngps = { serial_port = \"COM4\", baud = 4800, \
                    uncertainty_ms = 1, silent_s = 86400 }\n";
    let gps = Gps { serial_port: SerialPort::Com4, baud: 4800, uncertainty_ms: 1, silent_s: 86_400 };
    assert_eq!(sources(gps_only), [TimeSource::Gps(gps)]);
}

#[test]
fn wrong_sources_of_time_are_told() {
    let sources = "sources = [\"sntp\", \"rtc\"]";
    let refuse = |new: &str, message: &str| assert_refused(sources, new, message);
    refuse(
        "sources = [\"ntp\"]",
        "LINE:12: time.sources[0]: \"ntp\" is not one of \"gps\", \"sntp\", \"rtc\"",
    );
    refuse("sources = \"sntp\"", "LINE:11: time.sources: \"sntp\" is not a list");
    refuse("sources = [\"sntp\", \"sntp\"]", "LINE:11: time.sources: names one of them twice");
    refuse(
        "sources = [\"rtc\", \"sntp\"]",
        "LINE:11: time.sources: names \"rtc\" before another; it is read only once, so it can only be the last",
    );
    refuse(
        "sources = [\"rtc\"]",
        "NEXT:8: time.sntp: is not one of the sources; add \"sntp\" to them, or leave this table out",
    );
    let head = "LINE:1: time.gps: is missing; expected a table [gps]".replace("LINE:1", "HEAD:1");
    let head_line = example().split_once("[time]").unwrap().0.matches('\n').count() + 1;
    refuse("sources = [\"sntp\", \"gps\"]", &head.replace("HEAD", &head_line.to_string()));

    let server = "server = \"10.1.0.123\"";
    let refuse = |new: &str, message: &str| assert_refused(server, new, message);
    refuse("server = \"time\"", "LINE:19: time.sntp.server: \"time\" is not the IPv4 address of one host");
    refuse("server = \"10.1.0.2\"", "LINE:19: time.sntp.server: 10.1.0.2 is the diode's own address");
    refuse(
        "server = \"10.1.0.5\", poll_s = 1",
        "LINE:40: time.sntp.poll_s: 1 is not a whole number from 2 to 3600",
    );
    refuse(
        "server = \"10.1.0.5\", silent_s = 31",
        "LINE:42: time.sntp.silent_s: 31 is less than two polls of 16 s",
    );
}

#[test]
fn a_satellite_receiver_is_never_on_the_console() {
    let refuse = |port: &str, message: &str| {
        let new = format!(
            "sources = [\"sntp\", \"gps\"]\ngps = {{ serial_port = {port}, uncertainty_ms = 500, baud = 115200 }}"
        );
        let baud = format!("NEXT:{}: time.gps.baud: 115200 is not one of 4800, 9600", 54 + port.len());
        assert_refused("sources = [\"sntp\", \"rtc\"]", &new, &format!("{message}\nsite.toml:{baud}"));
    };
    let expected = "is not one of \"COM2\", \"COM3\", \"COM4\"";
    refuse("\"COM1\"", &format!("NEXT:23: time.gps.serial_port: \"COM1\" {expected}"));
    refuse("1", &format!("NEXT:23: time.gps.serial_port: 1 {expected}"));
}

#[test]
fn a_history_that_is_never_sent_is_not_kept() {
    let none = example().replace("share_per_mille = 100", "share_per_mille = 0");
    let link = parse_text(&none).unwrap().link;
    assert_eq!([link.alarm, link.telemetry, link.bulk].map(|class| class.history_bytes_max), [0; 3]);
    let kept = none.replace("[link.history]", "[link.bulk]\nhistory_bytes_max = 131072\n[link.history]");
    let errors = parse_text(&kept).unwrap_err().to_string();
    assert_eq!(
        errors,
        "site.toml:29:21: link.bulk.history_bytes_max: is not 0, but link.history.share_per_mille is"
    );
}

/// Little parity brings the least parity down with it.
#[test]
fn the_least_parity_is_at_most_the_parity() {
    let text = example().replace(
        "[link.history]",
        "[link.bulk]\nparity_shards = 2\n[link.alarm]\nparity_shards = 0\n[link.history]",
    );
    let link = parse_text(&text).unwrap().link;
    assert_eq!((link.bulk.blocks.parity_shards_min, link.alarm.blocks.parity_shards_min), (2, 0));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
    let text = example()
        .replace("id = 7", "id = \"seven\"")
        .replace("mac = \"52:55", "mac = \"53:55")
        .replace("type = \"i16\"", "type = \"i61\"");
    let errors = parse_text(&text).unwrap_err();
    let keys: Vec<_> = errors.errors.iter().map(|error| error.key.as_str()).collect();
    assert_eq!(keys, ["diode.id", "outside.destination[0].mac", "modbus[0].point[1].type"]);
}

#[test]
fn names_are_unique_and_fit_for_topics() {
    assert_refused(
        "name = \"tank1/temperature\"",
        "name = \"tank1/level\"",
        "LINE:8: modbus[0].point[1].name: \"plc-1/tank1/level\" is named by modbus[0].point[0].name already",
    );
    assert_refused(
        "name = \"tank1/level\"",
        "name = \"status\"",
        "LINE:8: modbus[0].point[0].name: \"plc-1/status\" is named by modbus[0].name already",
    );
    for name in [
        "",
        "/",
        "a//b",
        "/a",
        "a/",
        "+",
        "a/#",
        "a\\u0000b",
        "a\\nb",
        "a\\ufffeb",
        "a\\u200bb",
        "a\\ue000",
        "\\u2028",
        &"a".repeat(97),
    ] {
        let text = example().replace("tank1/level", name);
        let errors = parse_text(&text).expect_err(name).errors;
        assert_eq!(errors[0].key, "modbus[0].point[0].name", "{name}");
    }
    for unit in ["\\u0007", "\\ufffe", "\\u202em", "\\uf8ff"] {
        let errors = parse_text(&example().replace("unit = \"m\"", &format!("unit = \"{unit}\"")))
            .expect_err(unit)
            .errors;
        assert_eq!(errors[0].key, "modbus[0].point[0].unit", "{unit}");
    }
    let text = example().replace("tank1/level", &"a".repeat(91));
    let errors = parse_text(&text).unwrap_err().to_string();
    assert!(errors.contains("has 97 bytes with the device's name, more than 96"), "{errors}");
}

#[test]
fn there_may_be_4096_tags() {
    let (device, _) = example().split_once("[[modbus.point]]").unwrap();
    let with = |values: u16| {
        let point = |index: u16, count: u16| {
            format!("[[modbus.point]]\nname = \"p{index}\"\nfunction = 1\naddress = 0\ncount = {count}\n")
        };
        parse_text(&format!("{device}{}{}{}", point(0, 2000), point(1, 2000), point(2, values - 4000)))
    };
    assert_eq!(with(4095).unwrap().sources.len(), 4096);
    let errors = with(4097).unwrap_err();
    assert_eq!(errors.errors.len(), 1, "{errors}");
    assert!(errors.to_string().contains("point[2].name: is one tag more than 4096"), "{errors}");
}

#[test]
fn tables_of_another_shape_are_told() {
    let expected = "modbus: a table is not a list of tables; write [[modbus]]";
    let (before, _) = example().split_once("[[modbus]]").unwrap();
    let errors = parse_text(&format!("{before}[modbus]\nname = \"plc-1\"\n")).unwrap_err().to_string();
    assert!(errors.ends_with(expected), "{errors}");
    let errors = parse_text("diode = 1\n").unwrap_err().to_string();
    assert!(errors.ends_with("site.toml:1:9: diode: 1 is not a table"), "{errors}");
    let errors = parse_text("modbus = [1]\n").unwrap_err().to_string();
    assert!(errors.contains("site.toml:1:11: modbus[0]: 1 is not a table"), "{errors}");
}

#[test]
fn text_that_is_not_toml_is_told_with_its_place() {
    let errors = parse_text("[diode]\nid = = 7\n").unwrap_err().to_string();
    assert!(errors.starts_with("site.toml:2:6: not TOML: "), "{errors}");
}

#[test]
fn load_reads_the_key_beside_the_site_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.toml");
    let refusal = || load(&path).unwrap_err();
    let missing = format!("{}: cannot be read: No such file or directory (os error 2)", path.display());
    // The reason is told once, also by who tells what is behind an error.
    assert_eq!((refusal().to_string(), refusal().source().is_none()), (missing, true));
    std::fs::write(&path, b"name = \"t\xfcrbine\"\n").unwrap();
    assert_eq!(refusal().to_string(), format!("{}: is not UTF-8 text; save it as UTF-8", path.display()));
    std::fs::write(&path, example()).unwrap();
    let message = load(&path).unwrap_err().to_string();
    assert!(message.contains(":4:12: diode.key_file: ") && message.contains("cannot be read"), "{message}");
    std::fs::write(folder.path().join("diode.key"), "5a".repeat(32)).unwrap();
    assert_eq!(load(&path).unwrap().diode.key, Key::Here(KEY));
}

#[test]
fn a_refused_key_is_told_at_its_line() {
    let refuse = |path: &str| Err(KeyError::Malformed { path: path.to_owned() });
    let message = parse(example(), "site.toml", refuse).unwrap_err().to_string();
    assert_eq!(
        message,
        "site.toml:4:12: diode.key_file: \"diode.key\" does not hold exactly 64 hexadecimal digits"
    );
}
