//! Hosts that the configuration does not name, such as those who read the status. They are answered and never asked:
//! an answer goes to the Ethernet address from which its host was heard.

use core::net::Ipv4Addr;

use alloc::vec::Vec;

use super::answers::Answers;
use crate::ethernet::MacAddress;

/// Places.
pub const OTHERS_MAX: usize = 256;
/// Neither a place that was used so recently nor the Ethernet address that was heard so recently goes to somebody else.
const KEEP_US: u64 = 1_000_000;

#[derive(Debug)]
struct Other {
    address: Ipv4Addr,
    mac: MacAddress,
    /// When it was last heard from that Ethernet address.
    heard_us: u64,
    /// When it was last heard or answered.
    used_us: u64,
    answers: Answers,
}

/// Those who were heard last, up to [`OTHERS_MAX`] of them.
#[derive(Debug)]
pub(super) struct Others(Vec<Other>);

impl Others {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(OTHERS_MAX))
    }

    /// Where it was heard.
    pub(super) fn mac(&self, address: Ipv4Addr) -> Option<MacAddress> {
        Some(self.0.iter().find(|other| other.address == address)?.mac)
    }

    /// Where a packet for it goes now.
    pub(super) fn send(&mut self, address: Ipv4Addr, now_us: u64) -> Option<MacAddress> {
        let other = self.0.iter_mut().find(|other| other.address == address)?;
        other.used_us = now_us;
        Some(other.mac)
    }

    /// Takes that `address` was heard from `mac`; nothing if every place is in use.
    pub(super) fn hear(&mut self, address: Ipv4Addr, mac: MacAddress, now_us: u64) -> Option<&mut Answers> {
        let place = self.0.iter().position(|other| other.address == address);
        let place = place.or_else(|| self.free_place(address, mac, now_us))?;
        let other = &mut self.0[place];
        other.used_us = now_us;
        if other.mac == mac || now_us.saturating_sub(other.heard_us) >= KEEP_US {
            (other.mac, other.heard_us) = (mac, now_us);
        }
        Some(&mut other.answers)
    }

    /// A new place, if need be that of who was used longest ago.
    fn free_place(&mut self, address: Ipv4Addr, mac: MacAddress, now_us: u64) -> Option<usize> {
        let new = Other { address, mac, heard_us: now_us, used_us: now_us, answers: Answers::default() };
        if self.0.len() < OTHERS_MAX {
            self.0.push(new);
            return Some(self.0.len() - 1);
        }
        let (place, oldest) = self.0.iter_mut().enumerate().min_by_key(|(_, other)| other.used_us)?;
        let is_free = now_us.saturating_sub(oldest.used_us) >= KEEP_US;
        is_free.then(|| {
            *oldest = new;
            place
        })
    }
}
