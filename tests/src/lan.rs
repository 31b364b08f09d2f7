//! A plant of many hosts on one wire with the inside card of the box, each with its own Ethernet and IPv4 address, each healthy, off,
//! flapping, moved or odd as a test says, and one of them hostile.
//!
//! QEMU's inside wire is a stream of frames over a socket, so none of this needs root. What the box sends comes by a capture
//! ([`capture`]) that carries the guest's time: hosts live by it, requests are counted by it, and a flood is paced by it, so that a
//! machine that is busy with other things stretches a test instead of spoiling it. Every frame is shown to a [`Judge`].
//!
//! [`Lan`] is a value without sockets, threads and clocks; [`Plant`] runs it beside a machine.

pub mod bed;
pub mod capture;
mod claim;
mod host;
pub mod hostile;
mod judge;
pub mod namespaces;
mod opener;
mod running;
pub mod scenario;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

use noreturn_image_format::Config;

pub use host::{Behaviour, Host, MODBUS_PORT, PREFIX};
pub use hostile::{Hostile, Target};
pub use judge::Judge;
pub use opener::SYNS;
pub use running::Plant;

use crate::network::INSIDE_MAC;
use claim::Claim;
use opener::Opener;

/// Offences that are kept; the first tells enough.
const OFFENCES_MAX: usize = 16;

/// The wire, its hosts and its judge.
pub struct Lan {
    hosts: Vec<Host>,
    hostile: Option<Hostile>,
    claim: Option<Claim>,
    opener: Option<Opener>,
    judge: Judge,
    offences: Vec<String>,
    /// Frames of the box.
    frames: u64,
    now_us: u64,
}

/// The address of host number `number`.
#[must_use]
pub fn host_address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, 1, number as u8)
}

/// The Ethernet address of host number `number`.
#[must_use]
pub const fn host_ethernet(number: usize) -> [u8; 6] {
    [2, 0, 0, 1, 1, number as u8]
}

impl Lan {
    /// A plant of `hosts` healthy hosts, numbers 0 and up, and a box of which `config` is all that it may do.
    #[must_use]
    pub fn new(hosts: usize, config: &Config) -> Self {
        let host = |number| Host::new(host_ethernet(number), host_address(number));
        Self {
            hosts: (0..hosts).map(host).collect(),
            hostile: None,
            claim: None,
            opener: None,
            judge: Judge::new(config, INSIDE_MAC),
            offences: Vec::new(),
            frames: 0,
            now_us: 0,
        }
    }

    /// Tells the judge of hosts on another wire, numbers 0 and up, which are no part of this.
    pub fn expect(&mut self, hosts: usize) {
        for number in 0..hosts {
            self.judge.place(host_address(number), host_ethernet(number), true);
        }
    }

    /// The guest's time of the last frame, in microseconds.
    #[must_use]
    pub const fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Frames that the box has sent.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// What the box has sent that it may not.
    #[must_use]
    pub fn offences(&self) -> &[String] {
        &self.offences
    }

    /// The hosts.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Lets these hosts behave so from now on.
    pub fn set(&mut self, hosts: impl IntoIterator<Item = usize>, behaviour: Behaviour) {
        for number in hosts {
            self.hosts[number].set(behaviour, self.now_us);
        }
    }

    /// Puts another machine in the place of a host, with the same IPv4 address.
    pub fn replace(&mut self, host: usize, ethernet: [u8; 6]) {
        self.hosts[host].move_to(ethernet);
    }

    /// Has another machine, at `ethernet`, claim a host's IPv4 address once in `period_us` from now on.
    pub fn claim(&mut self, host: usize, ethernet: [u8; 6], period_us: u64) {
        self.claim = Some(Claim::new(ethernet, host_address(host), period_us, self.now_us));
    }

    /// Ends the claim; how often it was made.
    pub fn end_claim(&mut self) -> u64 {
        self.claim.take().map_or(0, |claim| claim.made())
    }

    /// Has another machine in the place of a host, which must be off, open connections where the box opens one to it.
    pub fn open_towards_box(&mut self, host: usize) {
        self.opener = Some(Opener::new(self.hosts[host].ethernet(), host_address(host)));
    }

    /// Ends that; how many SYNs it has sent.
    pub fn end_open_towards_box(&mut self) -> u64 {
        self.opener.take().map_or(0, |opener| opener.sent())
    }

    /// A flood from now on, or none; the frames of the one before.
    pub fn flood(&mut self, hostile: Option<Hostile>) -> u64 {
        std::mem::replace(&mut self.hostile, hostile).map_or(0, |hostile| hostile.sent())
    }

    /// Takes a frame that the box has sent at this time of its own, and returns what is sent to it; at most `room` frames of a flood.
    pub fn take(&mut self, now_us: u64, frame: &[u8], room: u64) -> Vec<Vec<u8>> {
        // The box's time never goes back, except if it is another box.
        self.now_us = self.now_us.max(now_us);
        let now_us = self.now_us;
        self.frames += 1;
        for host in &self.hosts {
            self.judge.place(host.address(), host.ethernet(), host.is_on(now_us));
        }
        if let Err(offence) = self.judge.look(frame)
            && self.offences.len() < OFFENCES_MAX
        {
            self.offences.push(format!("at {} us: {offence}", self.now_us));
        }
        for host in &mut self.hosts {
            host.take(now_us, frame);
        }
        let mut sent: Vec<_> = self.hosts.iter_mut().flat_map(|host| host.step(self.now_us)).collect();
        sent.extend(self.opener.iter_mut().flat_map(|opener| opener.take(frame)));
        sent.extend(self.claim.iter_mut().filter_map(|claim| claim.step(now_us)));
        sent.extend(self.hostile.iter_mut().flat_map(|hostile| hostile.step(self.now_us, room)));
        sent.iter().for_each(|frame| self.judge.hear(frame));
        sent
    }
}
