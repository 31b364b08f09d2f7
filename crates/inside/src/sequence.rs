//! TCP's initial sequence numbers (RFC 6528): they advance with the time for each pair of endpoints, and say nothing of
//! those of other pairs to who does not have the secret.

use core::net::IpAddr;

use smoltcp::iface::InitialSequence;
use smoltcp::time::Instant;
use smoltcp::wire::IpEndpoint;

use crate::random::{SECRET_BYTES, Secret};

/// Microseconds in which the number advances by one (RFC 6528, section 3).
const TICK_US: i64 = 4;

/// What the network stack takes; `secret` is of this boot, and serves nothing else.
#[must_use]
pub fn initial_sequence(secret: Secret) -> InitialSequence {
    InitialSequence { key: secret.0, function: number }
}

/// ISN = M + F(local, remote, secret).
fn number(key: &[u8; SECRET_BYTES], local: IpEndpoint, remote: IpEndpoint, now: Instant) -> u32 {
    let timer = (now.total_micros() / TICK_US) as u32;
    let secret = Secret(*key);
    timer.wrapping_add(secret.hash(&[&octets(local), &octets(remote)]))
}

/// An endpoint as 18 bytes: the address as IPv6, and the port.
pub(crate) fn octets(endpoint: IpEndpoint) -> [u8; 18] {
    let address = match IpAddr::from(endpoint.addr) {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let mut octets = [0; 18];
    octets[..16].copy_from_slice(&address.octets());
    octets[16..].copy_from_slice(&endpoint.port.to_be_bytes());
    octets
}
