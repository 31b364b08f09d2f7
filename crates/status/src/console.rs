//! One line on the serial console for every change, and never a flood of them.
//!
//! What changes faster than it can be told is told as it is when its turn comes, with how it came to be; a change that
//! was undone before is not told at all.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// Lines in a row at most.
const BURST_LINES: u64 = 8;
/// Time for a line more.
const LINE_US: u64 = 1_000_000;
/// The same thing is told at most once in this time.
const REPEAT_US: u64 = 10_000_000;

/// What has been told of each thing.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    told: Vec<Told>,
    /// The thing after the one that was told last, so that none is left out for others.
    next: usize,
    lines: u64,
    lines_at_us: u64,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    active: bool,
    again_at_us: u64,
}

impl Console {
    pub(crate) fn new(things: usize) -> Self {
        Self {
            told: vec![Told { active: false, again_at_us: 0 }; things],
            next: 0,
            lines: BURST_LINES,
            lines_at_us: 0,
        }
    }

    /// The next thing to tell, whose state `active` gives, and that state; it counts as told.
    pub(crate) fn next(&mut self, now_us: u64, active: impl Fn(usize) -> bool) -> Option<(usize, bool)> {
        let earned = now_us.saturating_sub(self.lines_at_us) / LINE_US;
        if earned > 0 {
            self.lines = self.lines.saturating_add(earned).min(BURST_LINES);
            self.lines_at_us = self.lines_at_us.saturating_add(earned * LINE_US);
        }
        let lines = self.lines.checked_sub(1)?;
        let count = self.told.len();
        let thing = (0..count).map(|step| (self.next + step) % count).find(|&thing| {
            self.told
                .get(thing)
                .is_some_and(|told| told.again_at_us <= now_us && told.active != active(thing))
        })?;
        let told = self.told.get_mut(thing)?;
        *told = Told { active: !told.active, again_at_us: now_us.saturating_add(REPEAT_US) };
        let state = told.active;
        (self.lines, self.next) = (lines, thing + 1);
        Some((thing, state))
    }
}

/// A line for the serial console.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    pub(crate) severity: &'static str,
    pub(crate) name: &'static str,
    /// Which of several, if it is one of them.
    pub(crate) device: Option<&'a str>,
    pub(crate) active: bool,
    pub(crate) text: &'static str,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, name, device, active, text } = self;
        write!(f, "{severity} {name}")?;
        if let Some(device) = device {
            write!(f, " {device:?}")?;
        }
        if *active { write!(f, " raised: {text}") } else { f.write_str(" cleared") }
    }
}
