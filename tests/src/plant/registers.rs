//! Which register shows what of the works, and how it is encoded.

use noreturn_image_format::config::modbus::{Encoding, Function, WordOrder};

use super::water_works::{Pump, WaterWorks};

use Encoding::{Bit, F32, I16, I32, U16, U32};
use Function::{Coils, DiscreteInputs, HoldingRegisters, InputRegisters};
use WordOrder::{HighFirst, LowFirst};

/// One value that the plant serves.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// Name within the plant.
    pub name: &'static str,
    /// Table that holds it.
    pub function: Function,
    /// First address, counted from 0.
    pub address: u16,
    /// How it is encoded.
    pub encoding: Encoding,
    /// Factor from the raw number to `unit`.
    pub scale: f64,
    /// Engineering unit, or nothing.
    pub unit: &'static str,
    measure: fn(&WaterWorks) -> f64,
}

/// Everything that the plant serves, by table and address. Each table is dense from 0.
#[must_use]
pub const fn register_map() -> &'static [Register] {
    MAP
}

/// The words or bits of table `function`, or nothing if any of them does not exist.
#[must_use]
pub fn read(works: &WaterWorks, function: Function, address: u16, count: u16) -> Option<Vec<u16>> {
    let table: Vec<u16> = MAP
        .iter()
        .filter(|register| register.function == function)
        .flat_map(|register| register.words(works))
        .collect();
    let first = usize::from(address);
    table.get(first..first + usize::from(count)).map(<[u16]>::to_vec)
}

impl Register {
    /// The value now, in `unit`; bits are 0 or 1.
    #[must_use]
    pub fn measure(&self, works: &WaterWorks) -> f64 {
        (self.measure)(works)
    }

    fn words(&self, works: &WaterWorks) -> Vec<u16> {
        let value = self.measure(works);
        // Numbers that do not fit saturate, as a sensor's range does.
        let raw = (value / self.scale).round();
        match self.encoding {
            Bit => vec![u16::from(value != 0.0)],
            U16 => vec![raw as u16],
            I16 => vec![(raw as i16).cast_unsigned()],
            U32(order) => two_words(raw as u32, order),
            I32(order) => two_words((raw as i32).cast_unsigned(), order),
            F32(order) => two_words(((value / self.scale) as f32).to_bits(), order),
        }
    }
}

fn two_words(bits: u32, order: WordOrder) -> Vec<u16> {
    let (high, low) = ((bits >> 16) as u16, bits as u16);
    match order {
        HighFirst => vec![high, low],
        LowFirst => vec![low, high],
    }
}

const fn bit(
    function: Function,
    address: u16,
    name: &'static str,
    measure: fn(&WaterWorks) -> f64,
) -> Register {
    Register { name, function, address, encoding: Bit, scale: 1.0, unit: "", measure }
}

const fn input(
    address: u16,
    name: &'static str,
    (encoding, scale, unit): (Encoding, f64, &'static str),
    measure: fn(&WaterWorks) -> f64,
) -> Register {
    Register { name, function: InputRegisters, address, encoding, scale, unit, measure }
}

const fn setpoint(
    address: u16,
    name: &'static str,
    (encoding, scale, unit): (Encoding, f64, &'static str),
    measure: fn(&WaterWorks) -> f64,
) -> Register {
    Register { name, function: HoldingRegisters, address, encoding, scale, unit, measure }
}

const LITRES_PER_H: f64 = 3_600_000.0;

fn runs(pump: &Pump) -> f64 {
    f64::from(pump.running)
}

fn hours(pump: &Pump) -> f64 {
    pump.run_s / 3600.0
}

const MAP: &[Register] = &[
    bit(Coils, 0, "well-pump/running", |works| runs(&works.well_pump)),
    bit(Coils, 1, "lift-pump-1/running", |works| runs(&works.lift_pumps[0])),
    bit(Coils, 2, "lift-pump-2/running", |works| runs(&works.lift_pumps[1])),
    bit(Coils, 3, "dosing-pump/running", |works| runs(&works.well_pump)),
    bit(DiscreteInputs, 0, "clear-well/inlet-valve-open", |works| runs(&works.well_pump)),
    bit(DiscreteInputs, 1, "tower/inlet-valve-open", |works| f64::from(works.lifted_m3_per_s() > 0.0)),
    bit(DiscreteInputs, 2, "clear-well/dry-switch", |works| {
        f64::from(works.clear_well.level_m <= WaterWorks::RUN_DRY_M)
    }),
    bit(DiscreteInputs, 3, "tower/low-switch", |works| {
        f64::from(works.tower.level_m < WaterWorks::TOWER_LOW_M)
    }),
    bit(DiscreteInputs, 4, "tower/high-switch", |works| {
        f64::from(works.tower.level_m > WaterWorks::TOWER_HIGH_M)
    }),
    setpoint(0, "well-pump/start-level", (U16, 0.01, "m"), |works| works.well_pump.start_m),
    setpoint(1, "well-pump/stop-level", (U16, 0.01, "m"), |works| works.well_pump.stop_m),
    setpoint(2, "lift-pump-1/start-level", (F32(HighFirst), 1.0, "m"), |works| works.lift_pumps[0].start_m),
    setpoint(4, "lift-pump-1/stop-level", (F32(LowFirst), 1.0, "m"), |works| works.lift_pumps[0].stop_m),
    setpoint(6, "chlorine/aim", (U16, 0.001, "mg/l"), |_| WaterWorks::CHLORINE_AIM_MG_PER_L),
    input(0, "clear-well/level", (F32(HighFirst), 1.0, "m"), |works| works.clear_well.level_m),
    input(2, "tower/level", (F32(LowFirst), 1.0, "m"), |works| works.tower.level_m),
    input(4, "tower/outflow", (U32(HighFirst), 1.0, "l/h"), |works| works.demand_m3_per_s() * LITRES_PER_H),
    input(6, "tower/inflow", (U32(LowFirst), 1.0, "l/h"), |works| works.lifted_m3_per_s() * LITRES_PER_H),
    input(8, "tower/net-flow", (I32(HighFirst), 1.0, "l/h"), |works| {
        (works.lifted_m3_per_s() - works.demand_m3_per_s()) * LITRES_PER_H
    }),
    input(10, "tower/delivered", (U32(HighFirst), 0.1, "m3"), |works| works.delivered_m3),
    input(12, "tower/pressure", (U16, 0.01, "bar"), WaterWorks::pressure_bar),
    input(13, "chlorine/free", (U16, 0.001, "mg/l"), |works| works.chlorine_mg_per_l),
    input(14, "water/temperature", (I16, 0.1, "degC"), WaterWorks::water_celsius),
    input(15, "outdoor/temperature", (I16, 0.1, "degC"), WaterWorks::outdoor_celsius),
    input(16, "well-pump/run-hours", (U32(HighFirst), 0.01, "h"), |works| hours(&works.well_pump)),
    input(18, "lift-pump-1/run-hours", (U32(HighFirst), 0.01, "h"), |works| hours(&works.lift_pumps[0])),
    input(20, "lift-pump-2/run-hours", (U32(LowFirst), 0.01, "h"), |works| hours(&works.lift_pumps[1])),
    input(22, "site/energy", (U32(HighFirst), 0.1, "kWh"), |works| works.energy_kwh),
];

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTIONS: [Function; 4] = [Coils, DiscreteInputs, HoldingRegisters, InputRegisters];

    #[test]
    fn tables_are_dense_and_names_unique() {
        for function in FUNCTIONS {
            let mut next = 0;
            for register in MAP.iter().filter(|register| register.function == function) {
                assert_eq!(register.address, next, "{}", register.name);
                assert_eq!(register.encoding == Bit, function.reads_bits(), "{}", register.name);
                next += register.encoding.width();
            }
            assert!(next > 0);
        }
        let mut names: Vec<_> = MAP.iter().map(|register| register.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MAP.len());
    }

    #[test]
    fn words_hold_the_measured_value_to_half_a_step() {
        let mut works = WaterWorks::default();
        for _ in 0..200 {
            works.step(777.0);
            for register in MAP.iter().filter(|register| register.encoding != Bit) {
                let words =
                    read(&works, register.function, register.address, register.encoding.width()).unwrap();
                let joined = |order| match (order, &words[..]) {
                    (HighFirst, &[high, low]) | (LowFirst, &[low, high]) => {
                        u32::from(high) << 16 | u32::from(low)
                    }
                    _ => panic!("{words:?} are not two words"),
                };
                let (raw, tolerance) = match register.encoding {
                    U16 => (f64::from(words[0]), 0.500_001),
                    I16 => (f64::from(words[0].cast_signed()), 0.500_001),
                    U32(order) => (f64::from(joined(order)), 0.500_001),
                    I32(order) => (f64::from(joined(order).cast_signed()), 0.500_001),
                    F32(order) => (f64::from(f32::from_bits(joined(order))), 1e-5),
                    Bit => panic!("bits are left out"),
                };
                let expected = register.measure(&works) / register.scale;
                assert!((raw - expected).abs() <= tolerance, "{}: {raw}, {expected}", register.name);
            }
        }
    }

    #[test]
    fn every_measurement_moves_within_a_day() {
        let mut works = WaterWorks::default();
        let mut seen: Vec<Vec<Vec<u16>>> = vec![vec![]; MAP.len()];
        for _ in 0..1440 {
            works.step(60.0);
            for (register, seen) in MAP.iter().zip(&mut seen) {
                let words =
                    read(&works, register.function, register.address, register.encoding.width()).unwrap();
                if !seen.contains(&words) {
                    seen.push(words);
                }
            }
        }
        let still: Vec<_> =
            MAP.iter().zip(seen).filter(|(_, seen)| seen.len() == 1).map(|(r, _)| r.name).collect();
        let setpoints = MAP.iter().filter(|register| register.function == HoldingRegisters).map(|r| r.name);
        let safe = ["clear-well/dry-switch", "tower/low-switch"];
        assert_eq!(still, safe.into_iter().chain(setpoints).collect::<Vec<_>>());
    }

    #[test]
    fn what_does_not_exist_is_not_read() {
        let works = WaterWorks::default();
        assert_eq!(read(&works, InputRegisters, 0, 24).map(|words| words.len()), Some(24));
        assert_eq!(read(&works, InputRegisters, 0, 25), None);
        assert_eq!(read(&works, Coils, 4, 1), None);
        assert_eq!(read(&works, HoldingRegisters, u16::MAX, 125), None);
    }
}
