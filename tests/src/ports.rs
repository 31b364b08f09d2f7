//! Free ports of the loopback interface.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::Result;

/// A UDP port that was free a moment ago.
///
/// # Errors
/// If there is none.
pub fn free_udp() -> Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A TCP port that was free a moment ago.
///
/// # Errors
/// If there is none.
pub fn free_tcp() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// 127.0.0.1 with `port`.
#[must_use]
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
