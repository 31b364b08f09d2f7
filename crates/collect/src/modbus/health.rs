//! Whether a read or a device is well, so that only changes are told.

use noreturn_wire::Fault;

/// What was told last.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Health {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It is well.
    Good,
    /// It is not, and why.
    Bad(Fault),
}

impl Health {
    /// Sets the state; returns whether this is news.
    pub(super) fn turn(&mut self, to: Self) -> bool {
        core::mem::replace(self, to) != to
    }
}
