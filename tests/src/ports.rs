//! Free ports of the loopback interface.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

/// Below the range from which the kernel takes ports for outgoing connections (32768 and up).
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A UDP port that nobody uses, and that is given out once.
///
/// # Errors
/// If there is none.
pub fn free_udp() -> Result<u16> {
    find(|port| UdpSocket::bind(loopback(port)).is_ok())
}

/// A TCP port that nobody uses, and that is given out once.
///
/// # Errors
/// If there is none.
pub fn free_tcp() -> Result<u16> {
    find(|port| TcpListener::bind(loopback(port)).is_ok())
}

/// A TCP port, as [`free_tcp`], of which the next one is free, too.
///
/// # Errors
/// If there is none.
pub fn free_tcp_pair() -> Result<u16> {
    let is_free = |port| TcpListener::bind(loopback(port)).is_ok();
    find(|port| is_free(port) && is_free(port + 1))
}

fn find(is_free: impl Fn(u16) -> bool) -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run at the same time start far from each other.
    let start = u16::try_from(std::process::id() * 97 % u32::from(COUNT)).unwrap_or(0);
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|&port| is_free(port))
        .context("no free port from 20000 to 31999")
}

/// 127.0.0.1 with `port`.
#[must_use]
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
