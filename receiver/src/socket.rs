//! The UDP socket, with as much receive buffer as the kernel gives.

use std::net::{SocketAddr, UdpSocket as StdUdpSocket};

use anyhow::Context;
use rustix::net::sockopt;
use tokio::net::UdpSocket;

use crate::config::Multicast;

/// Binds the socket, joins the groups, and asks for `buffer_bytes` of receive buffer; less is a warning, not an error.
///
/// # Errors
/// The address cannot be bound, or a group cannot be joined.
pub fn bind(address: SocketAddr, multicast: &Multicast, buffer_bytes: usize) -> anyhow::Result<UdpSocket> {
    let socket = StdUdpSocket::bind(address).with_context(|| format!("listen: cannot bind {address}"))?;
    join(&socket, multicast)?;
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

fn join(socket: &StdUdpSocket, multicast: &Multicast) -> anyhow::Result<()> {
    for group in &multicast.groups {
        let interface = multicast.interface;
        socket.join_multicast_v4(group, &interface).with_context(|| {
            format!(
                "multicast: cannot join {group} on interface {interface}: set multicast_interface to an address of this machine"
            )
        })?;
    }
    Ok(())
}
