//! How far it is: a bar on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// One bar.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar for `what`, on standard error if that is a terminal.
    pub fn new(what: &'static str, bytes: usize) -> Self {
        let bar = ProgressBar::new(bytes as u64).with_message(what);
        let style =
            ProgressStyle::with_template("{msg:>9} [{bar:40}] {bytes} of {total_bytes}, {bytes_per_sec}");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    /// No bar.
    #[cfg(test)]
    pub fn silent() -> Self {
        Self(ProgressBar::hidden())
    }

    /// So many bytes are done.
    pub fn show(&mut self, done: usize) {
        self.0.set_position(done as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // It stays where it got to, so that a failure shows how far it was.
        self.0.abandon();
    }
}
