//! Ports for connections of ours, by RFC 6056, section 3.3.3 (simple hash-based selection): in turn for each remote endpoint, so that
//! one is used again as late as possible, from a place that only a secret of the boot tells.

use alloc::vec::Vec;

use smoltcp::wire::IpEndpoint;

use crate::random::Secret;
use crate::sequence::octets;

/// The first of the dynamic ports (RFC 6335, section 6), which go to the end.
pub const FIRST: u16 = 49_152;
const COUNT: u32 = 1 << 14;

/// Who has one port at a time.
#[derive(Clone, Copy, Debug)]
pub struct Owner(usize);

/// Gives out ports.
#[derive(Debug)]
pub struct Ports {
    secret: Secret,
    /// Counts up with every port that is looked at.
    next: u32,
    /// The port that each owner has, or had last; 0 before its first.
    held: Vec<u16>,
}

impl Ports {
    /// `secret` is of this boot, and serves nothing else.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self { secret, next: 0, held: Vec::new() }
    }

    /// One more owner, of far fewer than there are ports.
    pub fn owner(&mut self) -> Owner {
        self.held.push(0);
        Owner(self.held.len() - 1)
    }

    /// A port for a connection of `owner` to `remote`: one that nobody holds, and not the one that it had.
    pub fn take(&mut self, owner: Owner, remote: IpEndpoint) -> u16 {
        let offset = self.secret.hash(&[&octets(remote)]);
        loop {
            let port = FIRST + (offset.wrapping_add(self.next) % COUNT) as u16;
            self.next = self.next.wrapping_add(1);
            if !self.held.contains(&port) {
                self.held[owner.0] = port;
                return port;
            }
        }
    }
}
