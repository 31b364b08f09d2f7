//! How many frames were sent lately, to an eighth of the time that is looked at.

const SLICES: usize = 8;

#[derive(Debug)]
pub(super) struct Recent {
    slice_us: u64,
    /// Number of the slice that is counted now.
    slice: u64,
    counts: [u64; SLICES],
}

impl Recent {
    /// Looks at the last `span_us`.
    pub(super) fn new(span_us: u64) -> Self {
        Self { slice_us: (span_us / SLICES as u64).max(1), slice: 0, counts: [0; SLICES] }
    }

    pub(super) fn count(&mut self, now_us: u64) {
        self.turn(now_us);
        self.counts[self.slice as usize % SLICES] += 1;
    }

    pub(super) fn frames(&mut self, now_us: u64) -> u64 {
        self.turn(now_us);
        self.counts.iter().sum()
    }

    /// Forgets the slices that are over.
    fn turn(&mut self, now_us: u64) {
        let slice = now_us / self.slice_us;
        let over = slice.saturating_sub(self.slice).min(SLICES as u64);
        for gone in 1..=over {
            self.counts[(self.slice + gone) as usize % SLICES] = 0;
        }
        self.slice = self.slice.max(slice);
    }
}
