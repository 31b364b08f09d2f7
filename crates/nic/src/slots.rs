//! Which of a ring's slots are ours, and which the card has.

/// The most slots of any ring.
pub(crate) const SLOTS_MAX: usize = 256;

/// A set of slot numbers below [`SLOTS_MAX`]; the free ones are in it.
#[derive(Debug)]
pub(crate) struct FreeSlots {
    free: [u64; SLOTS_MAX / 64],
}

impl FreeSlots {
    /// All of `0..slots` free.
    pub(crate) fn all(slots: usize) -> Self {
        let mut set = Self { free: [0; SLOTS_MAX / 64] };
        (0..slots.min(SLOTS_MAX)).for_each(|slot| set.free[slot / 64] |= 1 << (slot % 64));
        set
    }

    /// Takes the lowest free slot.
    pub(crate) fn take(&mut self) -> Option<u16> {
        let (index, word) = self.free.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
        let bit = word.trailing_zeros();
        *word &= *word - 1;
        Some((index * 64) as u16 + bit as u16)
    }

    /// Gives a slot back; false if it was not taken, or does not exist.
    pub(crate) fn give_back(&mut self, slot: u32, slots: usize) -> bool {
        let slot = slot as usize;
        if slot >= slots.min(SLOTS_MAX) {
            return false;
        }
        let (word, bit) = (&mut self.free[slot / 64], 1 << (slot % 64));
        let was_taken = *word & bit == 0;
        *word |= bit;
        was_taken
    }

    /// How many are free.
    pub(crate) fn count(&self) -> usize {
        self.free.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no slot is free.
    pub(crate) fn is_empty(&self) -> bool {
        self.free.iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_handed_out_once() {
        let mut slots = FreeSlots::all(100);
        for expected in 0..100 {
            assert_eq!(slots.take(), Some(expected));
        }
        assert!(slots.is_empty());
        assert_eq!(slots.take(), None);
        assert!(slots.give_back(70, 100));
        assert!(!slots.give_back(70, 100), "a slot that is free cannot come back");
        assert_eq!(slots.take(), Some(70));
    }

    #[test]
    fn numbers_from_the_card_are_checked() {
        let mut slots = FreeSlots::all(100);
        slots.take();
        for wrong in [100, 255, 256, 65_536, u32::MAX] {
            assert!(!slots.give_back(wrong, 100));
        }
        assert!(!slots.give_back(u32::MAX, usize::MAX));
    }
}
