//! Whole site files: what they mean, and how mistakes are told.

use std::net::Ipv4Addr;

use noreturn_image_format::Config;
use noreturn_image_format::config::PciAddress;
use noreturn_image_format::config::modbus::{Encoding, Function, WordOrder};
use noreturn_site::{Errors, KeyError, LoadError, Summary, load, parse};

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
    assert_eq!((config.diode.id, config.diode.name.as_str(), config.diode.key), (7, "waterworks-east", KEY));
    assert_eq!(config.inside.card, PciAddress { bus: 0, device: 2, function: 0 });
    assert_eq!((config.inside.address, config.inside.prefix), (Ipv4Addr::new(10, 1, 0, 2), 24));
    assert_eq!(config.inside.gateway, Some(Ipv4Addr::new(10, 1, 0, 1)));
    assert_eq!(config.outside.card, PciAddress { bus: 0, device: 3, function: 0 });
    let [destination] = config.outside.destinations[..] else { panic!("one destination") };
    assert_eq!(destination.mac, [0x52, 0x55, 0x0a, 0, 2, 2]);
    assert_eq!((destination.address, destination.port), (Ipv4Addr::new(10, 0, 2, 2), 4100));
    assert_eq!((config.link.data_shards, config.link.parity_shards), (10, 4));
    assert_eq!(config.link.rate_bytes_per_s, 1_000_000);
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
    for part in
        ["7 \"waterworks-east\"", "00:02.0", "10.1.0.2/24", "52:55:0a:00:02:02", "function 1, 16 to 19", "°C"]
    {
        assert!(summary.contains(part), "{part} is missing in\n{summary}");
    }
    assert!(!summary.contains("5a5a"), "{summary}");
}

#[test]
fn what_has_a_default_may_be_left_out() {
    let (before, rest) = example().split_once("[link]").unwrap();
    let (_, after) = rest.split_once("[[modbus]]").unwrap();
    let link = parse_text(&format!("{before}[[modbus]]{after}")).unwrap().link;
    assert_eq!((link.latency_ms_max, link.rate_bytes_per_s, link.burst_bytes), (20, 2_000_000, 16_384));
    let nothing_to_read = parse_text(before).unwrap();
    assert!(nothing_to_read.devices.is_empty() && nothing_to_read.sources.is_empty());
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
        "LINE:1: inside.colour: is not a key that is known here; known are \"address\", \"card\", \"gateway\"",
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
    assert_refused(
        "rate_bytes_per_s = 1_000_000",
        "parity_shards = 246",
        "LINE:17: link.parity_shards: 10 data and 246 parity shards are 256 together, more than 255",
    );
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
fn everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
    let text = example()
        .replace("id = 7", "id = \"seven\"")
        .replace("mac = \"52:", "mac = \"53:")
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
    for name in ["", "/", "a//b", "/a", "a/", "+", "a/#", "a\\u0000b", "a\\nb", &"a".repeat(97)] {
        let text = example().replace("tank1/level", name);
        let errors = parse_text(&text).expect_err(name).errors;
        assert_eq!(errors[0].key, "modbus[0].point[0].name", "{name}");
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
    assert!(matches!(load(&path), Err(LoadError::Read { .. })));
    std::fs::write(&path, example()).unwrap();
    let message = load(&path).unwrap_err().to_string();
    assert!(message.contains(":4:12: diode.key_file: ") && message.contains("cannot be read"), "{message}");
    std::fs::write(folder.path().join("diode.key"), "5a".repeat(32)).unwrap();
    assert_eq!(load(&path).unwrap().diode.key, KEY);
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
