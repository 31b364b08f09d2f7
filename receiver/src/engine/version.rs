//! Whether a boot runs an older image than its diode has run before.

use noreturn_wire::Release;

use crate::item::Version;

/// What is remembered of a diode, from boot to boot, while the daemon runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newest(u32);

impl Newest {
    /// `at_least` is the version that the configuration asks for.
    pub const fn new(at_least: u32) -> Self {
        Self(at_least)
    }

    /// Judges what a beacon says, and remembers it.
    pub fn judge(&mut self, release: Release) -> Version {
        let at_least = self.0;
        self.0 = at_least.max(release.version);
        Version { release, at_least }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_configuration_asks_for_counts_before_anything_was_heard() {
        let release = |version| Release { version, ..Release::default() };
        let mut newest = Newest::new(5);
        assert!(newest.judge(release(4)).is_downgrade());
        assert!(!newest.judge(release(5)).is_downgrade());
        assert!(!newest.judge(release(7)).is_downgrade());
        assert_eq!(newest.judge(release(6)).at_least, 7);
    }
}
