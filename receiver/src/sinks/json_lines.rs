//! The JSON Lines sink: one object a line, appended to a file or to standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::mpsc;

use super::Input;
use crate::config::JsonLinesConfig;
use crate::counters::{SharedCounters, add};
use crate::item::Item;
use crate::json::{append_line, append_lost};

/// Bytes after which lines are written although more are waiting.
const BUFFER_BYTES: usize = 256 << 10;
/// How often a lasting write error is said again.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// Opens the file and starts the thread that writes it; the thread ends with its queue.
///
/// # Errors
/// The file cannot be opened for appending.
pub fn start(
    config: &JsonLinesConfig,
    receiver: mpsc::Receiver<Input>,
    written: Arc<AtomicU64>,
    shared: Arc<SharedCounters>,
) -> anyhow::Result<JoinHandle<()>> {
    let (output, name): (Box<dyn Write + Send>, _) = match &config.path {
        None => (Box::new(io::stdout()), "standard output".to_owned()),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let name = path.display().to_string();
            let file: File = file.with_context(|| format!("json_lines.path: cannot append to \"{name}\""))?;
            (Box::new(file), name)
        }
    };
    let mut lines = Lines::new(output, name, shared);
    let beacons = config.beacons;
    let thread = std::thread::Builder::new().name("json-lines".to_owned());
    Ok(thread.spawn(move || run(&mut lines, receiver, beacons, &written))?)
}

/// Writes until the queue is closed; flushes whenever nothing more is waiting, and counts in `written` what is out.
fn run(
    lines: &mut Lines<impl Write>,
    mut receiver: mpsc::Receiver<Input>,
    beacons: bool,
    written: &AtomicU64,
) {
    while let Some(input) = receiver.blocking_recv() {
        lines.take(&input, beacons);
        let mut taken = 1;
        while let Ok(input) = receiver.try_recv() {
            lines.take(&input, beacons);
            taken += 1;
        }
        lines.flush();
        written.fetch_add(taken, Ordering::Release);
    }
}

/// Lines on their way out.
struct Lines<W> {
    output: W,
    name: String,
    shared: Arc<SharedCounters>,
    buffer: Vec<u8>,
    /// The last write stopped inside a line.
    torn: bool,
    complained: Option<Instant>,
}

impl<W: Write> Lines<W> {
    const fn new(output: W, name: String, shared: Arc<SharedCounters>) -> Self {
        Self { output, name, shared, buffer: Vec::new(), torn: false, complained: None }
    }

    fn take(&mut self, input: &Input, beacons: bool) {
        match input {
            Input::Items(items) => {
                for item in items.iter().filter(|item| beacons || !matches!(item, Item::Beacon(..))) {
                    append_line(item, &mut self.buffer);
                    if self.buffer.len() >= BUFFER_BYTES {
                        self.flush();
                    }
                }
            }
            Input::Lost(lost) => append_lost(*lost, "queue of the json_lines sink", &mut self.buffer),
        }
    }

    /// Writes everything out. What cannot be written is lost, counted, and said.
    fn flush(&mut self) {
        if self.torn && !self.buffer.is_empty() {
            // Ends the line that an earlier error cut off, so that it spoils no other.
            self.buffer.insert(0, b'\n');
        }
        let (written, result) = write_all_counted(&mut self.output, &self.buffer);
        let (out, lost) = self.buffer.split_at(written);
        if !out.is_empty() {
            let mends = usize::from(self.torn);
            self.torn = out.last() != Some(&b'\n');
            add(&self.shared.json_lines_written, (newlines(out) - mends) as u64);
        }
        if let Err(error) = result {
            let lost = newlines(lost) as u64;
            add(&self.shared.json_lines_dropped_write, lost);
            self.complain(&error, lost);
        }
        self.buffer.clear();
    }

    fn complain(&mut self, error: &io::Error, lost: u64) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            self.complained = Some(Instant::now());
            tracing::error!(
                "cannot write to {}: {error}: {lost} lines lost just now; counted as json_lines_dropped_write",
                self.name
            );
        }
    }
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// As [`Write::write_all`] and [`Write::flush`], but tells how many bytes went out before an error.
fn write_all_counted(output: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match output.write(rest) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, output.flush())
}

#[cfg(test)]
mod tests {
    use noreturn_wire::BootId;

    use super::*;
    use crate::item::Origin;

    /// Takes `room` bytes, then fails until it gets more room.
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for &mut Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            self.room -= count;
            self.written.extend_from_slice(&bytes[..count]);
            if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_loses_counted_lines_and_spoils_no_later_one() {
        let origin = Arc::new(Origin::new("d".into(), BootId([0; 16])));
        let boots = |count| Input::Items(vec![Item::Boot(origin.clone()); count].into());
        let shared = Arc::new(SharedCounters::default());
        let mut disk = Disk { written: Vec::new(), room: 100 };
        let mut lines = Lines::new(&mut disk, "disk".to_owned(), shared.clone());
        lines.take(&boots(3), false);
        lines.flush();
        lines.output.room = 1000;
        lines.take(&boots(2), false);
        lines.flush();
        let line = "{\"kind\":\"boot\",\"diode\":\"d\",\"boot\":\"00000000000000000000000000000000\"}";
        assert_eq!(line.len(), 69, "the first write ends inside the second line");
        let expected = format!("{line}\n{}\n{line}\n{line}\n", &line[..30]);
        assert_eq!(String::from_utf8_lossy(&disk.written), expected);
        assert_eq!(shared.json_lines_written.load(Ordering::Relaxed), 3);
        assert_eq!(shared.json_lines_dropped_write.load(Ordering::Relaxed), 2);
    }
}
