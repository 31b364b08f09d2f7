//! The receiving process: a file out of a receiver, every byte compared.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use noreturn_link::receiver::{EventKind, FileEvent};
use noreturn_link::{Receiver, ReceiverConfig};

use super::file::Contents;
use crate::bench::udp::Incoming;
use crate::bench::{DIODE, KEY};

/// Without a datagram for so long, the sender has ended.
const SILENCE: Duration = Duration::from_secs(1);
const START: Duration = Duration::from_secs(30);

/// What came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// Whether every byte of the file came, and every one was right.
    pub(super) complete: bool,
    pub(super) file_bytes: u64,
    /// From the first datagram to the last.
    pub(super) us: u64,
}

impl Received {
    pub(super) fn mb_per_s(&self) -> f64 {
        self.file_bytes as f64 / self.us.max(1) as f64
    }

    /// Reads what the process printed.
    pub(super) fn parse(line: &str) -> Result<Self> {
        let numbers: Option<Vec<u64>> = line.split(' ').map(|number| number.parse().ok()).collect();
        let Some(&[complete, file_bytes, us]) = numbers.as_deref() else {
            anyhow::bail!("the receiving process printed {line:?}");
        };
        let complete = complete == 1;
        Ok(Self { complete, file_bytes, us })
    }

    fn line(&self) -> String {
        let Self { complete, file_bytes, us } = self;
        let complete = u8::from(*complete);
        format!("{complete} {file_bytes} {us}")
    }
}

/// Prints the port, receives until it is silent, and prints what came.
pub(super) fn run() -> Result<()> {
    let mut incoming = Incoming::new()?;
    writeln!(std::io::stdout(), "{}", incoming.address()?.port())?;
    let mut end = Receiving {
        receiver: Receiver::new(ReceiverConfig::default(), [(DIODE, KEY)]),
        contents: Contents::new(),
        file_bytes: 0,
        wrong: false,
        complete: false,
    };
    let start = Instant::now();
    let (mut first, mut last) = (None, start);
    while incoming.receive(if first.is_some() { SILENCE } else { START }, |datagram| {
        first.get_or_insert_with(Instant::now);
        end.handle(datagram, (last - start).as_micros() as u64);
    })? {
        last = Instant::now();
    }
    let received = Received {
        complete: end.complete && !end.wrong,
        file_bytes: end.file_bytes,
        us: (last - first.context("nothing came")?).as_micros() as u64,
    };
    writeln!(std::io::stdout(), "{}", received.line())?;
    Ok(())
}

struct Receiving {
    receiver: Receiver,
    contents: Contents,
    file_bytes: u64,
    wrong: bool,
    complete: bool,
}

impl Receiving {
    fn handle(&mut self, datagram: &[u8], now_us: u64) {
        // What is refused is missing in the end.
        let _ = self.receiver.handle_datagram(datagram, now_us);
        while let Some(event) = self.receiver.poll_event() {
            match event.kind {
                EventKind::File { step: FileEvent::Data { offset, bytes }, .. } => {
                    self.file_bytes += bytes.len() as u64;
                    self.wrong |= self.contents.at(offset, bytes.len()) != bytes;
                }
                EventKind::File { step: FileEvent::Completed(_), .. } => self.complete = true,
                _ => {}
            }
        }
    }
}
