//! Properties of whole site files: valid ones compile to what they say, and no text brings the parser down.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use noreturn_image_format::Config;
use noreturn_site::parse;
use proptest::prelude::*;

const HEAD: &str = r#"
[diode]
id = 1
name = "d"
key_file = "k"
[inside]
card = "00:02.0"
address = "10.1.0.2/24"
[outside]
card = "00:03.0"
source = "10.0.2.15:4100"
[[outside.destination]]
mac = "52:55:0a:00:02:02"
address = "10.0.2.2:4100"
[[modbus]]
name = "plc"
address = "10.1.0.10:502"
"#;

/// Type of a register value and the registers that it takes.
const TYPES: [(&str, u32); 5] = [("u16", 1), ("i16", 1), ("u32", 2), ("i32", 2), ("f32", 2)];

#[derive(Clone, Debug)]
struct Point {
    function: u8,
    address: u32,
    count: u32,
    kind: usize,
    period_ms: u32,
}

impl Point {
    fn width(&self) -> u32 {
        if self.function <= 2 { 1 } else { TYPES[self.kind].1 }
    }

    fn emit(&self, text: &mut String, index: usize) {
        let Self { function, address, count, period_ms, .. } = self;
        writeln!(text, "[[modbus.point]]\nname = \"p{index}\"\nfunction = {function}\naddress = {address}")
            .expect("a string takes all");
        writeln!(text, "count = {count}\nperiod_ms = {period_ms}").expect("a string takes all");
        if *function > 2 {
            writeln!(text, "type = \"{}\"", TYPES[self.kind].0).expect("a string takes all");
        }
    }
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    let point = (1..=4_u8, 0..500_u32, 1..60_u32, 0..TYPES.len(), prop_oneof![Just(100), Just(1000_u32)]);
    let point = point.prop_map(|(function, address, count, kind, period_ms)| Point {
        function,
        address,
        count,
        kind,
        period_ms,
    });
    proptest::collection::vec(point, 1..40)
}

type Addresses = BTreeMap<(u32, u8), BTreeSet<u32>>;

fn asked_by(points: &[Point]) -> Addresses {
    let mut addresses = Addresses::new();
    for point in points {
        let end = point.address + point.count * point.width();
        addresses.entry((point.period_ms, point.function)).or_default().extend(point.address..end);
    }
    addresses
}

fn read_by(config: &Config) -> Addresses {
    let mut addresses = Addresses::new();
    for read in &config.devices[0].reads {
        let range = u32::from(read.address)..u32::from(read.address) + u32::from(read.count);
        addresses.entry((read.period_ms, read.function as u8)).or_default().extend(range);
    }
    addresses
}

/// Where the compiled configuration takes each source's value from.
fn taken_by(config: &Config) -> BTreeMap<&str, u32> {
    let reads = config.devices[0].reads.iter();
    let points = reads.flat_map(|read| read.points.iter().map(move |point| (read.address, point)));
    points
        .map(|(address, point)| {
            (config.sources[point.source as usize].name.as_str(), u32::from(address + point.offset))
        })
        .collect()
}

proptest! {
    #[test]
    fn requests_cover_exactly_what_the_points_name(points in points()) {
        let mut text = HEAD.to_owned();
        points.iter().enumerate().for_each(|(index, point)| point.emit(&mut text, index));
        let config = parse(&text, "site.toml", |_| Ok([1; 32])).unwrap();
        prop_assert_eq!(read_by(&config), asked_by(&points));
        let taken = taken_by(&config);
        for (index, point) in points.iter().enumerate() {
            for value in 0..point.count {
                let name = if point.count == 1 { format!("plc/p{index}") } else { format!("plc/p{index}/{value}") };
                prop_assert_eq!(taken.get(name.as_str()), Some(&(point.address + value * point.width())), "{}", name);
            }
        }
        let compiled = config.encode().unwrap();
        prop_assert_eq!(Config::decode(&compiled), Ok(config));
    }

    #[test]
    fn damaged_text_is_accepted_or_told(at in 0..HEAD.len(), remove in 0..20_usize, insert in "\\PC{0,8}") {
        let mut text = HEAD.to_owned();
        let end = (at + remove).min(text.len());
        text.replace_range(at..end, &insert);
        if let Err(errors) = parse(&text, "site.toml", |_| Ok([1; 32])) {
            prop_assert!(!errors.errors.is_empty());
            let lines = text.matches('\n').count() + 1;
            prop_assert!(errors.errors.iter().all(|error| (1..=lines).contains(&error.line)), "{}", errors);
        }
    }
}
