//! The state of the box as the inside half knows it: the one thing that console, registers and page are made from.

use alloc::string::String;
use alloc::vec::Vec;

use noreturn_collect::{Now, Output};
use noreturn_image_format::Config;
use noreturn_wire::calendar::EARLIEST_UTC_S;
use noreturn_wire::{
    BootId, Counter, Counters, DmaFence, LastStop, Release, TimeQuality, TimeSource, Watchdog,
};

use crate::alarm::{ALARMS, Alarm, Hold, Severity};
use crate::backlog::OVERFLOWING_PERCENT;
use crate::console::{Console, Line};
use crate::device::{Device, Watched};

/// How full the history is told in steps of this time. What can be told from it follows the outside link, and nobody
/// outside shall write to the inside network faster than this by pulling a cable.
const HISTORY_US: u64 = 5_000_000;
/// From this part of the history on, it is filling.
const FILLING_PERCENT: u16 = 50;

/// What both halves are handed at the start, and what the configuration says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// SHA-256 of the whole medium, as the loader measured it at this boot.
    pub image_sha256: [u8; 32],
    /// SHA-256 of the configuration inside the image.
    pub config_sha256: [u8; 32],
    /// This boot.
    pub boot: BootId,
    /// How the boot before this one ended.
    pub last_stop: LastStop,
    /// What resets the box if it stalls.
    pub watchdog: Watchdog,
    /// What keeps cards from memory that is not theirs.
    pub dma_fence: DmaFence,
    /// Which image of the diode runs.
    pub release: Release,
}

/// What the inside half sees for itself, several times a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// The outside card's status register says that its cable carries a link.
    pub outside_link_up: bool,
    /// The inside card's cable carries a link.
    pub inside_link_up: bool,
    /// How full the history may be: [`crate::Backlog::percent`].
    pub history_percent: u16,
}

/// Everything that is told.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Number of the diode.
    pub diode: u32,
    /// Name of the diode.
    pub name: String,
    /// What is known since the start.
    pub facts: Facts,
    cards_are_pinned: bool,
    now: Now,
    history_percent: u16,
    history_at_us: u64,
    alarms: [Hold; ALARMS],
    devices: Vec<Device>,
    counters: Counters,
    console: Console,
}

impl Panel {
    /// A panel on which nothing has been seen yet. Allocates everything that it will ever need.
    #[must_use]
    pub fn new(facts: Facts, config: &Config) -> Self {
        let devices: Vec<Device> = config.devices.iter().map(Device::new).collect();
        Self {
            diode: config.diode.id,
            name: config.diode.name.clone(),
            facts,
            cards_are_pinned: config.cards_are_pinned(),
            now: Now { uptime_us: 0, clock_us: 0, time_quality: TimeQuality::NONE },
            history_percent: 0,
            history_at_us: 0,
            alarms: core::array::from_fn(|place| {
                let about = Alarm::ALL[place].about();
                // Each device has held it already.
                let held = place == Alarm::DeviceDown as usize;
                if held { Hold::new(0, 0) } else { Hold::new(about.raise_us, about.clear_us) }
            }),
            counters: Counters::default(),
            console: Console::new(ALARMS + devices.len()),
            devices,
        }
    }

    /// Looks at what the device at `place` of the configuration says, on its way into `output`.
    pub fn watch<'a, O: Output>(&'a mut self, place: usize, output: &'a mut O, now: Now) -> Watched<'a, O> {
        Watched { output, device: self.devices.get_mut(place), now }
    }

    /// Takes what is seen now. To be called several times a second.
    pub fn look(&mut self, now: Now, look: &Look, counters: &Counters) {
        self.now = now;
        if now.uptime_us >= self.history_at_us {
            self.history_at_us = now.uptime_us + HISTORY_US;
            self.history_percent = look.history_percent;
        }
        self.devices.iter_mut().for_each(|device| device.look(now.uptime_us));
        for (place, &alarm) in Alarm::ALL.iter().enumerate() {
            let condition = self.condition(alarm, look, counters);
            if let Some(hold) = self.alarms.get_mut(place) {
                hold.update(now.uptime_us, condition);
            }
        }
        self.counters.clone_from(counters);
    }

    /// Whether it is so now; `self.counters` are those of the look before.
    fn condition(&self, alarm: Alarm, look: &Look, counters: &Counters) -> bool {
        match alarm {
            Alarm::OutsideLinkDown => !look.outside_link_up,
            Alarm::HistoryFilling => self.history_percent >= FILLING_PERCENT,
            Alarm::HistoryOverflowing => self.history_percent >= OVERFLOWING_PERCENT,
            Alarm::DeviceDown => self.devices.iter().any(|device| device.down().is_active()),
            Alarm::ClockInvalid => {
                // A clock from before there was such a box has never been set, or has lost its battery.
                let is_absurd = self.now.clock_us / 1_000_000 < EARLIEST_UTC_S;
                self.now.time_quality.source() == TimeSource::None || is_absurd
            }
            Alarm::LastBootFault => is_fault(self.facts.last_stop),
            Alarm::DmaFenceAbsent => self.facts.dma_fence == DmaFence::None,
            Alarm::DmaFault => self.facts.last_stop == LastStop::DmaFault,
            Alarm::InsideLinkDown => !look.inside_link_up,
            Alarm::WatchdogAbsent => self.facts.watchdog == Watchdog::None,
            Alarm::CardsNotPinned => !self.cards_are_pinned,
            Alarm::NeighbourChanged => {
                counters.get(Counter::ArpChanged) != self.counters.get(Counter::ArpChanged)
            }
        }
    }

    /// The next line for the serial console, if there is news and it is time for it.
    pub fn line(&mut self, now_us: u64) -> Option<Line<'_>> {
        let (alarms, devices) = (&self.alarms, &self.devices);
        let active = |thing: usize| match (alarms.get(thing), thing.checked_sub(ALARMS)) {
            // Its devices are told one by one.
            (Some(_), _) if thing == Alarm::DeviceDown as usize => false,
            (Some(alarm), _) => alarm.is_active(),
            (None, place) => {
                place.and_then(|place| devices.get(place)).is_some_and(|device| device.down().is_active())
            }
        };
        let (thing, active) = self.console.next(now_us, active)?;
        let alarm = Alarm::ALL.get(thing).copied().unwrap_or(Alarm::DeviceDown);
        let device = thing.checked_sub(ALARMS).and_then(|place| devices.get(place));
        let about = alarm.about();
        Some(Line {
            severity: about.severity.name(),
            name: about.name,
            device: device.map(|device| device.name.as_str()),
            active,
            text: about.meaning,
        })
    }

    /// An alarm's state.
    #[must_use]
    pub fn alarm(&self, alarm: Alarm) -> &Hold {
        &self.alarms[alarm as usize]
    }

    /// How many of a severity are active.
    #[must_use]
    pub fn active(&self, severity: Severity) -> usize {
        let is = |alarm: &&Alarm| alarm.about().severity == severity && self.alarm(**alarm).is_active();
        Alarm::ALL.iter().filter(is).count()
    }

    /// The bits of the alarms that `which` is true of.
    #[must_use]
    pub fn bits(&self, which: fn(&Hold) -> bool) -> u32 {
        Alarm::ALL.iter().fold(0, |bits, &alarm| bits | u32::from(which(self.alarm(alarm))) << alarm as u32)
    }

    /// Every device, in the order of the configuration.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Devices that have been down for long enough to be an alarm.
    #[must_use]
    pub fn devices_down(&self) -> usize {
        self.devices.iter().filter(|device| device.down().is_active()).count()
    }

    /// When it was last looked, and how well the time was known.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// How full the history may be, as last told: 0 to 100, or [`OVERFLOWING_PERCENT`].
    #[must_use]
    pub const fn history_percent(&self) -> u16 {
        self.history_percent
    }

    /// What the inside half has counted.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// Whether a boot ended because something was wrong.
const fn is_fault(last_stop: LastStop) -> bool {
    !matches!(last_stop, LastStop::Unknown | LastStop::Reset)
}
