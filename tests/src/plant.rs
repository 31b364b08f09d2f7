//! The demo plant: a small water works behind Modbus TCP, which refuses every write.
//!
//! A well pump fills the clear well, two lift pumps fill the tower, and a town empties it along a
//! daily curve. [`DEMO_SPEED`] makes a day of it pass in a few minutes. Any unit identifier is
//! answered. Raw numbers times scale are engineering units:
//!
//! | Name | Function | Address | Encoding | Scale | Unit |
//! |---|---|---|---|---|---|
//! | well-pump/running | 1 | 0 | bit | 1 |  |
//! | lift-pump-1/running | 1 | 1 | bit | 1 |  |
//! | lift-pump-2/running | 1 | 2 | bit | 1 |  |
//! | dosing-pump/running | 1 | 3 | bit | 1 |  |
//! | clear-well/inlet-valve-open | 2 | 0 | bit | 1 |  |
//! | tower/inlet-valve-open | 2 | 1 | bit | 1 |  |
//! | clear-well/dry-switch | 2 | 2 | bit | 1 |  |
//! | tower/low-switch | 2 | 3 | bit | 1 |  |
//! | tower/high-switch | 2 | 4 | bit | 1 |  |
//! | well-pump/start-level | 3 | 0 | u16 | 0.01 | m |
//! | well-pump/stop-level | 3 | 1 | u16 | 0.01 | m |
//! | lift-pump-1/start-level | 3 | 2 | f32, high word first | 1 | m |
//! | lift-pump-1/stop-level | 3 | 4 | f32, low word first | 1 | m |
//! | chlorine/aim | 3 | 6 | u16 | 0.001 | mg/l |
//! | clear-well/level | 4 | 0 | f32, high word first | 1 | m |
//! | tower/level | 4 | 2 | f32, low word first | 1 | m |
//! | tower/outflow | 4 | 4 | u32, high word first | 1 | l/h |
//! | tower/inflow | 4 | 6 | u32, low word first | 1 | l/h |
//! | tower/net-flow | 4 | 8 | i32, high word first | 1 | l/h |
//! | tower/delivered | 4 | 10 | u32, high word first | 0.1 | m3 |
//! | tower/pressure | 4 | 12 | u16 | 0.01 | bar |
//! | chlorine/free | 4 | 13 | u16 | 0.001 | mg/l |
//! | water/temperature | 4 | 14 | i16 | 0.1 | degC |
//! | outdoor/temperature | 4 | 15 | i16 | 0.1 | degC |
//! | well-pump/run-hours | 4 | 16 | u32, high word first | 0.01 | h |
//! | lift-pump-1/run-hours | 4 | 18 | u32, high word first | 0.01 | h |
//! | lift-pump-2/run-hours | 4 | 20 | u32, low word first | 0.01 | h |
//! | site/energy | 4 | 22 | u32, high word first | 0.1 | kWh |

pub mod registers;
pub mod server;
pub mod water_works;

pub use registers::{Register, register_map};
pub use server::Plant;
pub use water_works::WaterWorks;

/// Seconds of the works per second of real time in the demo: a day in 144 s.
pub const DEMO_SPEED: f64 = 600.0;

#[cfg(test)]
mod tests {
    use noreturn_image_format::config::modbus::{Encoding, WordOrder};

    use super::*;

    fn encoding(encoding: Encoding) -> String {
        let order = |order| if order == WordOrder::HighFirst { "high word first" } else { "low word first" };
        match encoding {
            Encoding::Bit => "bit".into(),
            Encoding::U16 => "u16".into(),
            Encoding::I16 => "i16".into(),
            Encoding::U32(words) => format!("u32, {}", order(words)),
            Encoding::I32(words) => format!("i32, {}", order(words)),
            Encoding::F32(words) => format!("f32, {}", order(words)),
        }
    }

    #[test]
    fn the_documented_table_is_the_register_map() {
        let row = |register: &Register| {
            let Register { name, function, address, scale, unit, .. } = register;
            let encoding = encoding(register.encoding);
            format!("//! | {name} | {} | {address} | {encoding} | {scale} | {unit} |", *function as u8)
        };
        let head =
            ["//! | Name | Function | Address | Encoding | Scale | Unit |", "//! |---|---|---|---|---|---|"];
        let expected: Vec<String> =
            head.map(String::from).into_iter().chain(register_map().iter().map(row)).collect();
        let documented: Vec<&str> =
            include_str!("plant.rs").lines().filter(|line| line.starts_with("//! |")).collect();
        assert_eq!(
            documented,
            expected,
            "the table at the top of plant.rs should read:\n{}",
            expected.join("\n")
        );
    }
}
