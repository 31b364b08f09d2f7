//! Which frame numbers were received: a sliding bitmap, as IPsec's (RFC 4303, section 3.4.3).

use super::Refusal;

/// Frame numbers behind the newest that are still told apart.
pub(super) const WINDOW: u64 = 8192;
const WORDS: usize = (WINDOW / 64) as usize;

#[derive(Debug)]
pub(super) struct Replay {
    /// One more than the highest frame number received.
    end: u64,
    received: u64,
    bits: [u64; WORDS],
}

impl Replay {
    pub(super) const fn new() -> Self {
        Self { end: 0, received: 0, bits: [0; WORDS] }
    }

    /// What an earlier receiver leaves: which numbers below `end` it has received is not known, so none is taken.
    pub(super) const fn restored(end: u64) -> Self {
        Self { end, received: end, bits: [u64::MAX; WORDS] }
    }

    /// One more than the highest frame number received.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn check(&self, frame: u64) -> Result<(), Refusal> {
        check_number(frame)?;
        if frame >= self.end {
            return Ok(());
        }
        if self.end - frame > WINDOW {
            return Err(Refusal::TooOld);
        }
        let (word, bit) = place(frame);
        if self.bits[word] & bit == 0 { Ok(()) } else { Err(Refusal::Replayed) }
    }

    /// Marks a frame that was checked and found authentic.
    pub(super) fn mark(&mut self, frame: u64) {
        if frame >= self.end {
            if frame - self.end >= WINDOW {
                self.bits = [0; WORDS];
            } else {
                (self.end..frame).for_each(|skipped| self.bits[place(skipped).0] &= !place(skipped).1);
            }
            self.end = frame.saturating_add(1);
        }
        let (word, bit) = place(frame);
        self.bits[word] |= bit;
        self.received += 1;
    }

    /// Frames that were sent, judged by the highest number, and did not arrive.
    pub(super) const fn missing(&self) -> u64 {
        self.end.saturating_sub(self.received)
    }
}

/// Refuses the last number: nothing comes after it, so that it could not be told from its own repetition.
pub(super) const fn check_number(frame: u64) -> Result<(), Refusal> {
    if frame == u64::MAX { Err(Refusal::Replayed) } else { Ok(()) }
}

const fn place(frame: u64) -> (usize, u64) {
    ((frame % WINDOW / 64) as usize, 1 << (frame % 64))
}
