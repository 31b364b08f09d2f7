//! A Modbus TCP device whose every register pair holds how many requests it has answered, so that a
//! value tells which reply it came from.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use crate::site::device;
use crate::time::now_us;

/// A device that counts; it ends with the process.
#[derive(Debug)]
pub struct CountingDevice {
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    answers: AtomicUsize,
    times: Mutex<Vec<Asked>>,
}

/// When a request came, and when its answer had been made: microseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// After the box had made the request.
    pub came_us: u64,
    /// Before the box could read the answer.
    pub answered_us: u64,
}

/// Bytes of every request that reads.
pub const REQUEST_BYTES: usize = 12;

impl CountingDevice {
    /// Starts the device on `port` of the loopback interface.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn start(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let seen = Arc::new(Seen::default());
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                noted.connections.fetch_add(1, Ordering::Relaxed);
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || serve(stream, &noted));
            }
        });
        Ok(Self { seen })
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// Requests answered so far, over all connections.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.seen.answers.load(Ordering::Relaxed)
    }

    /// The times of every request so far; of one connection, a request's place is the value in its answer.
    #[must_use]
    pub fn times(&self) -> Vec<Asked> {
        self.seen.times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The site file's table of the device on `port`: its first `count` counters, `plc/count/N`, all with one request.
#[must_use]
pub fn counters(port: u16, count: u16, period_ms: u32) -> String {
    let point = |n: u16| {
        format!(
            "[[modbus.point]]\nname = \"count/{n}\"\nfunction = 3\naddress = {}\ntype = \"u32\"\n\
             period_ms = {period_ms}\n",
            n * 2
        )
    };
    device("plc", port, 1, "timeout_ms = 5000\n") + &(0..count).map(point).collect::<String>()
}

/// Answers every read of registers, whatever is asked, until the connection ends.
fn serve(mut stream: TcpStream, seen: &Seen) {
    let mut request = [0; REQUEST_BYTES];
    let mut count = 0_u32;
    while stream.read_exact(&mut request).is_ok() {
        let came_us = now_us();
        let reply = reply(&request, count);
        count += 1;
        let asked = Asked { came_us, answered_us: now_us() };
        seen.times.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        if stream.write_all(&reply).is_err() {
            break;
        }
        seen.answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// The answer to a read of registers, whatever is asked: every pair of them holds `count`.
#[must_use]
pub fn reply(request: &[u8; REQUEST_BYTES], count: u32) -> Vec<u8> {
    let registers = u16::from_be_bytes([request[10], request[11]]).min(124);
    let bytes = u8::try_from(registers * 2).unwrap_or(u8::MAX);
    let mut reply = request[..4].to_vec();
    reply.extend((u16::from(bytes) + 3).to_be_bytes());
    reply.extend([request[6], request[7], bytes]);
    for _ in 0..registers / 2 {
        reply.extend(count.to_be_bytes());
    }
    reply
}
