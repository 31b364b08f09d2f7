//! The UDP socket, with as much receive buffer as the kernel gives.

use std::net::SocketAddr;

use anyhow::Context;
use rustix::net::sockopt;
use tokio::net::UdpSocket;

/// Binds the socket and asks for `buffer_bytes` of receive buffer; less is a warning, not an error.
///
/// # Errors
/// The address cannot be bound.
pub fn bind(address: SocketAddr, buffer_bytes: usize) -> anyhow::Result<UdpSocket> {
    let socket =
        std::net::UdpSocket::bind(address).with_context(|| format!("listen: cannot bind {address}"))?;
    // The first needs CAP_NET_ADMIN, the second is cut to net.core.rmem_max.
    let _ = sockopt::set_socket_recv_buffer_size_force(&socket, buffer_bytes)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(&socket, buffer_bytes));
    // Linux doubles what it is asked for, as room for its own bookkeeping (socket(7)).
    let got = sockopt::socket_recv_buffer_size(&socket).unwrap_or(0) / 2;
    let local = socket.local_addr()?;
    if got < buffer_bytes {
        tracing::warn!(
            "listening on {local} with {got} bytes of receive buffer, {buffer_bytes} wanted: raise net.core.rmem_max"
        );
    } else {
        tracing::info!("listening on {local} with {got} bytes of receive buffer");
    }
    socket.set_nonblocking(true)?;
    Ok(UdpSocket::from_std(socket)?)
}
