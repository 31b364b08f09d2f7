//! What is known of a device that is polled: its samples are looked at on their way into the ring.

use alloc::string::String;

use noreturn_collect::{Now, Output, Sample};
use noreturn_image_format::config::modbus;
use noreturn_wire::{Counter, Fault, Quality, SourceId};

use crate::alarm::{Alarm, Hold};

/// What a device said last of itself.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum DeviceState {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// It does not, and why.
    Down(Fault),
}

impl DeviceState {
    /// Its number in the register map.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Unknown => 1,
            Self::Up => 2,
            Self::Down(_) => 3,
        }
    }

    /// Its name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down(_) => "down",
        }
    }
}

/// A device that is polled.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name, as the site file has it.
    pub name: String,
    status: SourceId,
    state: DeviceState,
    value_at_us: Option<u64>,
    down: Hold,
}

impl Device {
    pub(crate) fn new(device: &modbus::Device) -> Self {
        let about = Alarm::DeviceDown.about();
        Self {
            name: device.name.clone(),
            status: SourceId(device.status),
            state: DeviceState::Unknown,
            value_at_us: None,
            down: Hold::new(about.raise_us, about.clear_us),
        }
    }

    /// What it said last.
    #[must_use]
    pub const fn state(&self) -> DeviceState {
        self.state
    }

    /// Whether it has been down for long enough to be an alarm.
    #[must_use]
    pub const fn down(&self) -> &Hold {
        &self.down
    }

    /// Time since its last good value, in microseconds; `None` if there was none in this boot.
    #[must_use]
    pub fn value_age_us(&self, now: Now) -> Option<u64> {
        self.value_at_us.map(|at_us| now.uptime_us.saturating_sub(at_us))
    }

    pub(crate) fn look(&mut self, now_us: u64) {
        self.down.update(now_us, matches!(self.state, DeviceState::Down(_)));
    }

    fn see(&mut self, sample: &Sample, now: Now) {
        match (sample.source == self.status, sample.quality) {
            (true, Quality::Good) => self.state = DeviceState::Up,
            (true, Quality::Bad(fault)) => self.state = DeviceState::Down(fault),
            (false, Quality::Good) => self.value_at_us = Some(now.uptime_us),
            (false, Quality::Bad(_)) => {}
        }
    }
}

/// An [`Output`] that looks at the samples of one device, and passes all on.
#[derive(Debug)]
pub struct Watched<'a, O> {
    /// Where samples go.
    pub output: &'a mut O,
    /// Whose they are; `None` passes them on unseen.
    pub device: Option<&'a mut Device>,
    /// The present.
    pub now: Now,
}

impl<O: Output> Output for Watched<'_, O> {
    fn sample(&mut self, sample: Sample) {
        if let Some(device) = &mut self.device {
            device.see(&sample, self.now);
        }
        self.output.sample(sample);
    }

    fn count(&mut self, counter: Counter, by: u64) {
        self.output.count(counter, by);
    }
}
