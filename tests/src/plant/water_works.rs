//! The physics: a well pump fills a clear well, lift pumps fill a tower, a town drinks from it.
//!
//! Everything is a function of the steps taken, so that two works stepped alike are alike.

use std::f64::consts::TAU;

/// Seconds of a day.
pub const DAY_S: f64 = 86_400.0;

/// Longest step that is integrated at once; within it flows are taken as constant.
const STEP_S_MAX: f64 = 10.0;

/// A tank, filled and emptied by volume.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tank {
    /// Height of the water in m.
    pub level_m: f64,
    /// Height of the overflow in m.
    pub height_m: f64,
    area_m2: f64,
}

impl Tank {
    fn add(&mut self, volume_m3: f64) {
        self.level_m = (self.level_m + volume_m3 / self.area_m2).clamp(0.0, self.height_m);
    }
}

/// A pump that starts at a low level, stops at a high one, and keeps its state in between.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pump {
    /// Whether it runs.
    pub running: bool,
    /// How long it has run, in s.
    pub run_s: f64,
    /// Level below which it starts, in m.
    pub start_m: f64,
    /// Level above which it stops, in m.
    pub stop_m: f64,
    flow_m3_per_s: f64,
    power_kw: f64,
}

impl Pump {
    const fn new(start_m: f64, stop_m: f64, flow_m3_per_s: f64, power_kw: f64) -> Self {
        Self { running: false, run_s: 0.0, start_m, stop_m, flow_m3_per_s, power_kw }
    }

    fn control(&mut self, level_m: f64, allowed: bool) {
        let wanted = level_m < self.start_m || self.running && level_m <= self.stop_m;
        self.running = wanted && allowed;
    }

    /// What it delivers now, in m³/s.
    #[must_use]
    pub const fn flow_m3_per_s(&self) -> f64 {
        if self.running { self.flow_m3_per_s } else { 0.0 }
    }

    const fn power_kw(&self) -> f64 {
        if self.running { self.power_kw } else { 0.0 }
    }
}

/// A small water works.
#[derive(Clone, PartialEq, Debug)]
pub struct WaterWorks {
    /// Time since the midnight before the start, in s.
    pub time_s: f64,
    /// Treated water, before the lift pumps.
    pub clear_well: Tank,
    /// What the town is fed from.
    pub tower: Tank,
    /// From the ground into the clear well.
    pub well_pump: Pump,
    /// From the clear well into the tower: the first, and a second one for peaks.
    pub lift_pumps: [Pump; 2],
    /// Free chlorine behind the clear well, in mg/l.
    pub chlorine_mg_per_l: f64,
    /// Energy used since the start, in kWh.
    pub energy_kwh: f64,
    /// Water delivered to the town since the start, in m³.
    pub delivered_m3: f64,
}

impl Default for WaterWorks {
    fn default() -> Self {
        Self {
            time_s: DAY_S / 4.0,
            clear_well: Tank { level_m: 2.0, height_m: 4.0, area_m2: 60.0 },
            tower: Tank { level_m: 5.2, height_m: 8.0, area_m2: 50.0 },
            well_pump: Pump::new(1.5, 3.5, 0.030, 7.5),
            lift_pumps: [Pump::new(5.0, 6.5, 0.022, 11.0), Pump::new(4.0, 5.5, 0.022, 11.0)],
            chlorine_mg_per_l: 0.45,
            energy_kwh: 0.0,
            delivered_m3: 0.0,
        }
    }
}

impl WaterWorks {
    /// Level of the clear well below which the lift pumps would run dry, in m.
    pub const RUN_DRY_M: f64 = 0.4;
    /// Level of the tower's lower limit switch, in m.
    pub const TOWER_LOW_M: f64 = 3.0;
    /// Level of the tower's upper limit switch, in m.
    pub const TOWER_HIGH_M: f64 = 6.0;
    /// Chlorine that the dosing pump aims at, in mg/l.
    pub const CHLORINE_AIM_MG_PER_L: f64 = 0.6;

    const STANDBY_KW: f64 = 0.4;
    const DOSING_TIME_S: f64 = 1800.0;
    const DECAY_TIME_S: f64 = 6.0 * 3600.0;

    /// Lets `seconds` pass; nothing happens if they are negative or no number.
    pub fn step(&mut self, seconds: f64) {
        let mut left_s = seconds;
        while left_s > 0.0 {
            let step_s = left_s.min(STEP_S_MAX);
            self.integrate(step_s);
            left_s -= step_s;
        }
    }

    fn integrate(&mut self, step_s: f64) {
        let wet = self.clear_well.level_m > Self::RUN_DRY_M;
        self.well_pump.control(self.clear_well.level_m, true);
        self.lift_pumps.iter_mut().for_each(|pump| pump.control(self.tower.level_m, wet));

        self.clear_well.add((self.well_pump.flow_m3_per_s() - self.lifted_m3_per_s()) * step_s);
        self.tower.add((self.lifted_m3_per_s() - self.demand_m3_per_s()) * step_s);
        self.delivered_m3 += self.demand_m3_per_s() * step_s;
        self.energy_kwh += self.power_kw() * step_s / 3600.0;
        self.chlorine_mg_per_l += self.chlorine_change_per_s() * step_s;
        let pumps = self.lift_pumps.iter_mut().chain([&mut self.well_pump]);
        pumps.filter(|pump| pump.running).for_each(|pump| pump.run_s += step_s);
        self.time_s += step_s;
    }

    /// What the town takes now, in m³/s: least at night, most in the morning and in the evening.
    #[must_use]
    pub fn demand_m3_per_s(&self) -> f64 {
        let day = self.time_s / DAY_S;
        0.018 * (1.0 - 0.4 * (TAU * day).cos() - 0.3 * (2.0 * TAU * (day - 0.06)).cos())
    }

    /// What the lift pumps deliver now, in m³/s.
    #[must_use]
    pub fn lifted_m3_per_s(&self) -> f64 {
        self.lift_pumps.iter().map(Pump::flow_m3_per_s).sum()
    }

    /// Pressure at the tower's foot, in bar.
    #[must_use]
    pub fn pressure_bar(&self) -> f64 {
        2.45 + 0.0981 * self.tower.level_m
    }

    /// Temperature of the water, in °C.
    #[must_use]
    pub fn water_celsius(&self) -> f64 {
        9.0 - 1.5 * (TAU * (self.time_s / DAY_S - 0.17)).cos()
    }

    /// Temperature outdoors, in °C; below zero at night.
    #[must_use]
    pub fn outdoor_celsius(&self) -> f64 {
        2.0 - 7.0 * (TAU * (self.time_s / DAY_S - 0.12)).cos()
    }

    fn power_kw(&self) -> f64 {
        Self::STANDBY_KW + self.well_pump.power_kw() + self.lift_pumps.iter().map(Pump::power_kw).sum::<f64>()
    }

    /// Chlorine is dosed while the well pump runs, and decays while it stands.
    fn chlorine_change_per_s(&self) -> f64 {
        if self.well_pump.running {
            (Self::CHLORINE_AIM_MG_PER_L - self.chlorine_mg_per_l) / Self::DOSING_TIME_S
        } else {
            -self.chlorine_mg_per_l / Self::DECAY_TIME_S
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The works after every minute of `days`.
    fn minutes(days: u32) -> impl Iterator<Item = WaterWorks> {
        let mut works = WaterWorks::default();
        (0..days * 1440).map(move |_| {
            works.step(60.0);
            works.clone()
        })
    }

    #[test]
    fn levels_stay_between_dry_and_overflow_for_a_month() {
        for works in minutes(30) {
            for tank in [works.clear_well, works.tower] {
                assert!(tank.level_m > 0.0 && tank.level_m < tank.height_m, "{works:?}");
            }
            assert!(
                (0.2..=WaterWorks::CHLORINE_AIM_MG_PER_L).contains(&works.chlorine_mg_per_l),
                "{works:?}"
            );
            assert!(works.demand_m3_per_s() > 0.0);
        }
    }

    #[test]
    fn pumps_switch_only_at_their_levels() {
        let mut before = WaterWorks::default();
        let mut switched = [0; 3];
        for works in minutes(3) {
            let states = |works: &WaterWorks| {
                let [first, second] = works.lift_pumps;
                [(works.well_pump, works.clear_well), (first, works.tower), (second, works.tower)]
            };
            for (place, ((was, _), (is, tank))) in states(&before).into_iter().zip(states(&works)).enumerate()
            {
                if was.running == is.running {
                    continue;
                }
                switched[place] += 1;
                // A minute of flow moves a level by less than 0.1 m.
                let at_m = if is.running { is.start_m } else { is.stop_m };
                assert!((tank.level_m - at_m).abs() < 0.1, "{is:?} switched at {tank:?}");
            }
            before = works;
        }
        assert!(switched.iter().all(|&times| times >= 4), "{switched:?}");
    }

    #[test]
    fn between_its_levels_a_pump_keeps_its_state() {
        let mut pump = Pump::new(1.0, 2.0, 1.0, 1.0);
        let states = [1.5, 0.9, 1.5, 2.0, 2.1, 1.5, 1.0].map(|level_m| {
            pump.control(level_m, true);
            pump.running
        });
        assert_eq!(states, [false, true, true, true, false, false, false]);
        pump.control(0.5, false);
        assert!(!pump.running);
    }

    #[test]
    fn lift_pumps_stop_before_they_run_dry() {
        let mut works = WaterWorks::default();
        works.tower.level_m = 1.0;
        works.clear_well.level_m = WaterWorks::RUN_DRY_M;
        works.step(1.0);
        assert_eq!((works.lifted_m3_per_s(), works.well_pump.running), (0.0, true));
    }

    #[test]
    fn water_is_neither_made_nor_lost() {
        let mut works = WaterWorks::default();
        let stored_m3 = |works: &WaterWorks| works.clear_well.level_m * 60.0 + works.tower.level_m * 50.0;
        let at_start_m3 = stored_m3(&works);
        works.step(2.0 * DAY_S);
        let pumped_m3 = works.well_pump.run_s * 0.030;
        assert!((at_start_m3 + pumped_m3 - works.delivered_m3 - stored_m3(&works)).abs() < 1e-6);
        assert!(works.delivered_m3 > 1000.0);
    }

    #[test]
    fn no_time_changes_nothing() {
        let mut works = WaterWorks::default();
        [0.0, -5.0, f64::NAN].into_iter().for_each(|seconds| works.step(seconds));
        assert_eq!(works, WaterWorks::default());
    }

    proptest! {
        #[test]
        fn whole_steps_may_be_split(tens in 1_u32..2000, at in 0_u32..2000) {
            let (mut once, mut twice) = (WaterWorks::default(), WaterWorks::default());
            let first = at.min(tens);
            once.step(f64::from(tens * 10));
            twice.step(f64::from(first * 10));
            twice.step(f64::from((tens - first) * 10));
            prop_assert_eq!(once, twice);
        }
    }
}
