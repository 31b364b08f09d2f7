//! What the operator inside must know, and how long it must hold before he is told.

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// Somebody has to act.
    Alarm,
    /// Somebody should know.
    Warning,
}

impl Severity {
    /// Name in lower case, as all three places show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Warning => "warning",
        }
    }
}

/// What there is to say about an alarm.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Name in snake case.
    pub name: &'static str,
    /// A few words for a tile.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it means, and what to do.
    pub meaning: &'static str,
    /// It is raised when its condition has held for so long, in microseconds.
    pub raise_us: u64,
    /// It is cleared when its condition has been absent for so long; never if this is `u64::MAX`.
    pub clear_us: u64,
}

macro_rules! alarms {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $title:literal, $severity:ident, $raise_ms:literal, $clear_ms:expr, $meaning:literal;)+) => {
        /// A thing that the operator inside must know. The order is that of the bits: append, never insert.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(usize)]
        pub enum Alarm { $($(#[doc = $doc])+ $name,)+ }

        impl Alarm {
            /// Every alarm, by its bit.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What there is to say about it.
            #[must_use]
            pub const fn about(self) -> About {
                match self {
                    $(Self::$name => About {
                        name: $text,
                        title: $title,
                        severity: Severity::$severity,
                        meaning: $meaning,
                        raise_us: $raise_ms * 1000,
                        clear_us: us($clear_ms),
                    },)+
                }
            }
        }
    };
}

const NEVER_MS: u64 = u64::MAX;

const fn us(ms: u64) -> u64 {
    ms.saturating_mul(1000)
}

alarms! {
    /// The outside card has no link.
    OutsideLinkDown = "outside_link_down", "Outside link", Alarm, 3000, 2000,
        "the outside card has no link: nothing leaves; records wait in the history. Check the outside cable";
    /// What waits for the outside link may take half of its history.
    HistoryFilling = "history_filling", "History filling", Warning, 0, 5000,
        "what waits for the outside link may fill half of the history. Restore the outside link";
    /// What waits for the outside link may not fit its history.
    HistoryOverflowing = "history_overflowing", "History overflow", Alarm, 0, 5000,
        "more waits for the outside link than the history is sure to hold: the oldest may be lost";
    /// A device cannot be read.
    DeviceDown = "device_down", "Devices", Alarm, 2000, 2000,
        "a device cannot be read. Check it and the way to it";
    /// The box does not know the time.
    ClockInvalid = "clock_invalid", "Clock", Alarm, 10_000, 2000,
        "the box does not know the time: the times of its records are wrong. Check its sources of time";
    /// The boot before ended by a fault.
    LastBootFault = "last_boot_fault", "Last boot", Warning, 0, NEVER_MS,
        "the boot before this one ended by a fault or by the watchdog. Records may be missing; report the cause";
    /// Nothing keeps cards to their memory.
    DmaFenceAbsent = "dma_fence_absent", "DMA fence", Warning, 0, NEVER_MS,
        "this machine has no DMA fence: a card could reach any memory";
    /// A device reached for memory that was not its own.
    DmaFault = "dma_fault", "DMA fault", Alarm, 0, NEVER_MS,
        "a device reached for memory that was not its own, which ended the boot before. Find it; do not trust it";
    /// The inside card has no link.
    InsideLinkDown = "inside_link_down", "Inside link", Alarm, 3000, 2000,
        "the inside card has no link: nothing is collected. Check the inside cable";
    /// Nothing resets the box if it stalls.
    WatchdogAbsent = "watchdog_absent", "Watchdog", Warning, 0, NEVER_MS,
        "this machine has no watchdog that is known: a box that stalls stays as it is";
    /// A card may be another than was meant.
    CardsNotPinned = "cards_not_pinned", "Cards", Warning, 0, NEVER_MS,
        "the site file does not say which cards are meant: if they change places, this box listens outside. Set card_mac of both";
    /// A configured host has another Ethernet address than before.
    NeighbourChanged = "neighbour_changed", "Neighbours", Warning, 0, 3_600_000,
        "a configured host was found at another Ethernet address: it was replaced, or another host answers in its name. Check it, and pin it with mac";
}

/// How many alarms there are.
pub const ALARMS: usize = Alarm::ALL.len();
const _: () = assert!(ALARMS <= 32, "alarms are bits of a 32-bit field");

/// A condition that becomes news only when it has held for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    raise_us: u64,
    clear_us: u64,
    active: bool,
    was_active: bool,
    /// Since when the condition has been other than what is told.
    differs_since_us: Option<u64>,
    changed_at_us: u64,
}

impl Hold {
    /// Not active, and not yet told of anything.
    #[must_use]
    pub const fn new(raise_us: u64, clear_us: u64) -> Self {
        Self {
            raise_us,
            clear_us,
            active: false,
            was_active: false,
            differs_since_us: None,
            changed_at_us: 0,
        }
    }

    /// Takes the condition as it is now. Times never go back.
    pub fn update(&mut self, now_us: u64, condition: bool) {
        if condition == self.active {
            self.differs_since_us = None;
            return;
        }
        let hold_us = if condition { self.raise_us } else { self.clear_us };
        let since_us = *self.differs_since_us.get_or_insert(now_us);
        if hold_us != u64::MAX && now_us.saturating_sub(since_us) >= hold_us {
            self.active = condition;
            self.was_active |= condition;
            self.changed_at_us = now_us;
            self.differs_since_us = None;
        }
    }

    /// Whether it is raised.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.active
    }

    /// Whether it has been raised at any time in this boot.
    #[must_use]
    pub const fn was_active(&self) -> bool {
        self.was_active
    }

    /// When it was raised or cleared last: [`noreturn_collect::Now::uptime_us`]; 0 if never.
    #[must_use]
    pub const fn changed_at_us(&self) -> u64 {
        self.changed_at_us
    }
}
