//! An input read as decisions: every input is a valid script, and a short one ends in zeros.

/// What is left of an input.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a>(pub &'a [u8]);

/// Numbers at which arithmetic changes its mind.
const TURNING_POINTS: [u64; 12] =
    [63, 64, 255, 256, 8191, 8192, 8193, u32::MAX as u64, 1 << 32, i64::MAX as u64, u64::MAX - 1, u64::MAX];

impl<'a> Script<'a> {
    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte; 0 if nothing is left.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    /// A choice out of `count`, at most 256.
    pub fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    /// One of `choices`, of which there must be some.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// The next bytes, at most `count`.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A number: mostly a small one, else a turning point, or any.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..0xe0 => small.into(),
            byte @ 0xe0..0xf0 => TURNING_POINTS[usize::from(byte - 0xe0) % TURNING_POINTS.len()],
            _ => self.take(8).iter().fold(0, |number, &byte| number << 8 | u64::from(byte)),
        }
    }
}
