//! Errors that may last: said at once, and again now and then, but not each time.

use std::time::{Duration, Instant};

/// How often a lasting error is said again.
const INTERVAL: Duration = Duration::from_secs(10);

/// When something was last complained about.
#[derive(Default, Debug)]
pub struct Complaint(Option<Instant>);

impl Complaint {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Says it in the log, if it should be said now.
    pub fn say(&mut self, what: impl FnOnce() -> String) {
        if self.is_due() {
            tracing::error!("{}", what());
        }
    }

    /// Whether it should be said now; if so, that is taken for done.
    pub fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|at| at.elapsed() >= INTERVAL);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}
