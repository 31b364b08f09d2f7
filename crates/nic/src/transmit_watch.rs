//! Notices a transmitter that hangs: frames wait, the cable carries a link, and the card finishes none of them.

use core::fmt;

/// Time without a finished frame after which a transmitter is taken to hang.
const TIMEOUT_US: u64 = 5_000_000;
/// Looks in that time, at least. Time alone would blame the card for a host that pauses its guest.
const LOOKS_MIN: u32 = 50;

/// Looks at a card's transmitter from time to time.
#[derive(Clone, Copy, Default, Debug)]
pub struct TransmitWatch {
    /// Frames that the card had finished at the last look that found nothing wrong.
    finished: u64,
    /// When that look was.
    well_at_us: u64,
    /// Looks since.
    looks: u32,
}

impl TransmitWatch {
    /// One look, at a time that never goes back: whether there is a link, the frames that the card was given so far, and those that
    /// it has not finished.
    ///
    /// # Errors
    /// [`TransmitTimeout`] if for 5 s and 50 looks frames have waited with a link, and none was finished.
    pub fn look(
        &mut self,
        now_us: u64,
        link_up: bool,
        given: u64,
        waiting: usize,
    ) -> Result<(), TransmitTimeout> {
        let finished = given.saturating_sub(waiting as u64);
        if !link_up || waiting == 0 || finished != self.finished {
            *self = Self { finished, well_at_us: now_us, looks: 0 };
            return Ok(());
        }
        self.looks = self.looks.saturating_add(1);
        let quiet_us = now_us.saturating_sub(self.well_at_us);
        if quiet_us < TIMEOUT_US || self.looks < LOOKS_MIN {
            return Ok(());
        }
        Err(TransmitTimeout { waiting, quiet_us })
    }
}

/// The transmitter hangs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransmitTimeout {
    /// Frames that wait.
    pub waiting: usize,
    /// Time since the last look at which it did not hang.
    pub quiet_us: u64,
}

impl fmt::Display for TransmitTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { waiting, quiet_us } = self;
        write!(f, "it has finished none of {waiting} frames in {} ms", quiet_us / 1000)
    }
}

impl core::error::Error for TransmitTimeout {}
