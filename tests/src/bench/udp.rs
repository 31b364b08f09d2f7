//! UDP sockets that move many datagrams with one system call, as the kernel's segmentation allows.

use std::io::{ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What the largest UDP datagram, and so the largest batch of them, can hold.
const BATCH_BYTES_MAX: usize = 65_507;
/// Batches that one call reads.
const BATCHES: usize = 8;
/// Asked for; the kernel gives what `net.core.rmem_max` allows.
const SOCKET_BUFFER_BYTES: usize = 16 << 20;

fn socket() -> Result<(UdpSocket, UdpSocketState)> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no socket on 127.0.0.1")?;
    let state = UdpSocketState::new((&socket).into())?;
    state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES)?;
    state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES)?;
    Ok((socket, state))
}

/// Waits until the socket can be read or written.
fn wait(socket: &UdpSocket, flags: PollFlags, at_most: Duration) -> Result<bool> {
    let timeout = Timespec { tv_sec: at_most.as_secs() as i64, tv_nsec: at_most.subsec_nanos().into() };
    Ok(poll(&mut [PollFd::new(socket, flags)], Some(&timeout))? > 0)
}

/// The sending end: collects datagrams of equal length, two lengths at a time, as data and parity alternate.
#[derive(Debug)]
pub(super) struct Outgoing {
    socket: UdpSocket,
    state: UdpSocketState,
    to: SocketAddr,
    batches: [Batch; 2],
    /// Bytes of all datagrams that were sent.
    pub(super) bytes: u64,
    /// Datagrams that were sent.
    pub(super) datagrams: u64,
}

#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    datagram_bytes: usize,
}

impl Outgoing {
    pub(super) fn new(to: SocketAddr) -> Result<Self> {
        let (socket, state) = socket()?;
        Ok(Self { socket, state, to, batches: Default::default(), bytes: 0, datagrams: 0 })
    }

    /// Takes a datagram, which leaves at the latest with [`Outgoing::flush`].
    pub(super) fn push(&mut self, datagram: &[u8]) -> Result<()> {
        let fits = |batch: &Batch| batch.bytes.is_empty() || batch.datagram_bytes == datagram.len();
        let place = self.batches.iter().position(fits).unwrap_or(0);
        if !fits(&self.batches[place]) {
            self.flush_one(place)?;
        }
        let batch = &mut self.batches[place];
        batch.datagram_bytes = datagram.len();
        batch.bytes.extend_from_slice(datagram);
        self.bytes += datagram.len() as u64;
        self.datagrams += 1;
        let segments = batch.bytes.len() / datagram.len() + 1;
        if batch.bytes.len() + datagram.len() > BATCH_BYTES_MAX || segments > self.state.max_gso_segments() {
            self.flush_one(place)?;
        }
        Ok(())
    }

    /// Sends what was taken.
    pub(super) fn flush(&mut self) -> Result<()> {
        (0..self.batches.len()).try_for_each(|place| self.flush_one(place))
    }

    fn flush_one(&mut self, place: usize) -> Result<()> {
        let Batch { bytes, datagram_bytes } = &mut self.batches[place];
        if bytes.is_empty() {
            return Ok(());
        }
        let segment_size = (bytes.len() > *datagram_bytes).then_some(*datagram_bytes);
        let transmit =
            Transmit { destination: self.to, ecn: None, contents: bytes, segment_size, src_ip: None };
        while let Err(error) = self.state.try_send((&self.socket).into(), &transmit) {
            if error.kind() != ErrorKind::WouldBlock {
                return Err(error).context("the datagrams cannot be sent");
            }
            wait(&self.socket, PollFlags::OUT, Duration::from_secs(1))?;
        }
        bytes.clear();
        Ok(())
    }
}

/// The receiving end.
#[derive(Debug)]
pub(super) struct Incoming {
    socket: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<Vec<u8>>,
}

impl Incoming {
    pub(super) fn new() -> Result<Self> {
        let (socket, state) = socket()?;
        Ok(Self { socket, state, buffers: vec![vec![0; BATCH_BYTES_MAX]; BATCHES] })
    }

    pub(super) fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// Gives every datagram that is there to `handle`; waits for one at most so long, and says whether there was one.
    pub(super) fn receive(&mut self, at_most: Duration, mut handle: impl FnMut(&[u8])) -> Result<bool> {
        let mut meta = [RecvMeta::default(); BATCHES];
        let mut slices: Vec<IoSliceMut<'_>> =
            self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let batches = loop {
            match self.state.recv((&self.socket).into(), &mut slices, &mut meta) {
                Ok(batches) => break batches,
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
                Err(_) if wait(&self.socket, PollFlags::IN, at_most)? => {}
                Err(_) => return Ok(false),
            }
        };
        for (meta, buffer) in meta[..batches].iter().zip(&self.buffers) {
            buffer[..meta.len].chunks(meta.stride.max(1)).for_each(&mut handle);
        }
        Ok(true)
    }
}
