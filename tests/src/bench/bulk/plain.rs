//! What plain UDP does over loopback: datagrams of nearly a frame's size to a process that only counts them.

use std::io::{IoSlice, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

use super::end::End;
use crate::bench::udp::{Incoming, Outgoing};

const DATAGRAM_BYTES: usize = 1468;
const DATAGRAMS_PER_CALL: usize = 32;
const MEASURE: Duration = Duration::from_secs(3);
const SILENCE: Duration = Duration::from_millis(300);
const START: Duration = Duration::from_secs(30);

/// Megabytes a second that arrive when one process sends as fast as it can: datagram by datagram, or in batches.
pub(super) fn measure(batched: bool) -> Result<f64> {
    let mut receiver = End::start(&["receive-plain"])?;
    let port = receiver.line()?;
    End::start(&["send-plain", &port, &batched.to_string()])?.finish()?;
    let mb_per_s = receiver.finish()?;
    mb_per_s.parse().with_context(|| format!("the receiving process printed {mb_per_s:?}"))
}

/// Prints the port, counts until it is silent, and prints megabytes a second.
pub(super) fn receive() -> Result<()> {
    let mut incoming = Incoming::new()?;
    writeln!(std::io::stdout(), "{}", incoming.address()?.port())?;
    let (mut bytes, mut first) = (0, None);
    let mut last = Instant::now();
    while incoming.receive(if first.is_some() { SILENCE } else { START }, |datagram| {
        bytes += datagram.len();
    })? {
        last = Instant::now();
        first.get_or_insert(last);
    }
    let seconds = (last - first.context("nothing came")?).as_secs_f64();
    writeln!(std::io::stdout(), "{}", bytes as f64 / seconds / 1e6)?;
    Ok(())
}

/// Sends for a while.
pub(super) fn send(port: u16, batched: bool) -> Result<()> {
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let datagram = [5; DATAGRAM_BYTES];
    let start = Instant::now();
    if batched {
        let mut outgoing = Outgoing::new(to)?;
        while start.elapsed() < MEASURE {
            (0..DATAGRAMS_PER_CALL).try_for_each(|_| outgoing.push(&datagram))?;
        }
        return outgoing.flush();
    }
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(to)?;
    let slices = [IoSlice::new(&datagram)];
    while start.elapsed() < MEASURE {
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
            (0..DATAGRAMS_PER_CALL).map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<MMsgHdr<'_>> =
            controls.iter_mut().map(|control| MMsgHdr::new(&slices, control)).collect();
        sendmmsg(&socket, &mut messages, SendFlags::empty())?;
    }
    Ok(())
}
