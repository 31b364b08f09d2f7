//! The sending process: a file through a sender to the loopback, as fast as the pace allows.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use anyhow::{Result, ensure};
use noreturn_link::{Sender, SenderConfig};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::{FRAME_BYTES_MAX, SHARD_BYTES_MAX};
use noreturn_wire::object::PART_BYTES_MAX;
use noreturn_wire::{BootId, Bytes, Class, Counter, FileId, FilePart, FileStep, Message, Suite};

use super::file::Contents;
use crate::bench::udp::Outgoing;
use crate::bench::{DIODE, KEY};

const SENDING: Sending = Sending { class: Class::Bulk, kept: true };
/// Parts that wait for the pace: no more than stay in the nearest cache.
const PARTS_WAITING: u64 = 8;
/// Frames for which the clock is read once; as many as fit in a batch of datagrams.
const FRAMES_AT_ONCE: usize = 44;
/// Parts between one description of the file and the next.
const PARTS_PER_ABOUT: u64 = 1000;

/// Sends a file of so many bytes to `port` at `pace` bytes a second.
pub(super) fn run(port: u16, suite: Suite, pace: u64, bytes: u64) -> Result<()> {
    let mut outgoing = Outgoing::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let mut config = SenderConfig { suite, ..SenderConfig::new(DIODE, pace) };
    // Once: what is sent again would take its share of the pace.
    config.bulk.history_bytes_max = 0;
    config.history.share_per_mille = 0;
    let mut sender = Sender::new(&config, BootId([9; 16]), &KEY);
    let mut file = Parts { contents: Contents::new(), bytes, offset: 0, parts: 0 };
    let mut frame = [0; FRAME_BYTES_MAX];
    let start = Instant::now();
    while !file.is_over() || sender.poll_at().is_some() {
        file.push(&mut sender)?;
        let now_us = start.elapsed().as_micros() as u64;
        for _ in 0..FRAMES_AT_ONCE {
            let Some(length) = sender.poll_transmit(now_us, &mut frame) else { break };
            outgoing.push(&frame[..length])?;
            file.push(&mut sender)?;
        }
        outgoing.flush()?;
    }
    Ok(())
}

/// What is left of the file.
struct Parts {
    contents: Contents,
    bytes: u64,
    offset: u64,
    parts: u64,
}

impl Parts {
    /// Whether everything was pushed, the last description included.
    const fn is_over(&self) -> bool {
        self.offset > self.bytes
    }

    /// Pushes parts until enough of them wait.
    fn push(&mut self, sender: &mut Sender) -> Result<()> {
        let mut buffer = [0; SHARD_BYTES_MAX];
        while !self.is_over() && self.parts < sender.counters().get(Counter::LinkMessages) + PARTS_WAITING {
            let part = FilePart { file: FileId(0), step: self.next() };
            let message = Message::File(part).encode(&mut buffer);
            ensure!(message.is_ok_and(|message| sender.push(SENDING, message).is_ok()), "a part is refused");
        }
        Ok(())
    }

    fn next(&mut self) -> FileStep<'_> {
        let left = self.bytes - self.offset;
        self.parts += 1;
        if left == 0 || self.parts % PARTS_PER_ABOUT == 1 {
            // The receiver compares every byte, so that nobody needs the hash.
            self.offset += u64::from(left == 0);
            return FileStep::About { name: "bench", length: self.bytes, sha256: [0; 32] };
        }
        let offset = self.offset;
        let bytes = self.contents.at(offset, PART_BYTES_MAX.min(left as usize));
        self.offset += bytes.len() as u64;
        FileStep::Data { offset, bytes: Bytes(bytes) }
    }
}
