//! The log: lines on standard error, or in the live view while there is one.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that the live view can show.
const LINES_MAX: usize = 5;

/// The last lines of the log.
#[derive(Default, Debug)]
pub struct Tail(Mutex<VecDeque<String>>);

impl Tail {
    /// The last lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
}

/// Sends the log to standard error, or into `tail` if there is one.
pub fn start(tail: Option<Arc<Tail>>) {
    let builder = tracing_subscriber::fmt().with_target(false).with_ansi(false);
    match tail {
        None => builder.with_writer(io::stderr).init(),
        Some(tail) => builder.with_writer(TailWriter(tail)).init(),
    }
}

/// Prints a line on standard error, past the log.
pub fn print_line(line: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[derive(Clone)]
struct TailWriter(Arc<Tail>);

impl Write for TailWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        String::from_utf8_lossy(bytes).lines().for_each(|line| self.0.push(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for TailWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
