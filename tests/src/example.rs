//! The example site, `sites/example/site.toml`: the demo plant, as its register map says.

use noreturn_image_format::config::modbus::{Encoding, WordOrder};

use crate::plant::{Register, register_map};
use crate::site::{Site, device};

/// Port on which the demo serves the plant.
pub const PLANT_PORT: u16 = 5020;
/// Port on which the demo's receiver listens.
pub const RECEIVER_PORT: u16 = 4100;

const HEADING: &str = "\
# The demo's site: a small water works behind Modbus TCP, in QEMU's user networks.
# The addresses are QEMU's: 10.1.0.1 inside and 10.0.2.2 outside are the machine that runs it.
# Every key is explained in docs/site.md.

";

/// The first image of this site.
const VERSION: &str = "\n[image]\nversion = 1\n";

/// What an operator must see at once: pumps that start and stop, and levels out of bounds.
const ALARMS: [&str; 7] = [
    "well-pump/running",
    "lift-pump-1/running",
    "lift-pump-2/running",
    "dosing-pump/running",
    "clear-well/dry-switch",
    "tower/low-switch",
    "tower/high-switch",
];

/// The text of the example site.
#[must_use]
pub fn text() -> String {
    let points: String = register_map().iter().map(point).collect();
    let modbus = VERSION.to_owned() + &device("works", PLANT_PORT, 1, "") + &points;
    HEADING.to_owned() + &Site { receiver_port: RECEIVER_PORT, modbus }.text()
}

fn point(register: &Register) -> String {
    let Register { name, function, address, encoding, scale, unit, .. } = register;
    let mut text = format!(
        "\n[[modbus.point]]\nname = \"{name}\"\nfunction = {}\naddress = {address}\n",
        *function as u8
    );
    if let Some((name, order)) = type_of(*encoding) {
        text += &format!("type = \"{name}\"\n");
        if order == Some(WordOrder::LowFirst) {
            text += "word_order = \"low_first\"\n";
        }
    }
    if (*scale - 1.0).abs() > f64::EPSILON {
        text += &format!("scale = {scale}\n");
    }
    text += "period_ms = 500\n";
    if !unit.is_empty() {
        text += &format!("unit = \"{unit}\"\n");
    }
    if ALARMS.contains(name) {
        text += "class = \"alarm\"\n";
    }
    text
}

const fn type_of(encoding: Encoding) -> Option<(&'static str, Option<WordOrder>)> {
    match encoding {
        Encoding::Bit => None,
        Encoding::U16 => Some(("u16", None)),
        Encoding::I16 => Some(("i16", None)),
        Encoding::U32(order) => Some(("u32", Some(order))),
        Encoding::I32(order) => Some(("i32", Some(order))),
        Encoding::F32(order) => Some(("f32", Some(order))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_is_a_tag_of_the_plant() {
        let named = |alarm| register_map().iter().any(|register| register.name == alarm);
        assert_eq!(ALARMS.iter().find(|alarm| !named(**alarm)), None);
    }

    #[test]
    fn the_committed_site_is_the_demo_plant() {
        let path = crate::repository::root().join("sites/example/site.toml");
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let expected = text();
        assert_eq!(committed, expected, "{} should read:\n{expected}", path.display());
    }
}
