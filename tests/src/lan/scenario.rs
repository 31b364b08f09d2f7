//! 64 devices on one wire with the box: all healthy, ten off, five in trouble of their own kinds, and in a flood; how much of what the site
//! asks for is asked, counted at the devices by the box's own time.

use std::ops::Range;

use anyhow::{Context, Result, ensure};

use super::bed::{Bed, devices, show};
use super::{Behaviour, Host, Hostile, Target, host_address, host_ethernet};
use crate::network::{INSIDE_IPV4, INSIDE_MAC};

/// Devices of the site: as many as there may be.
pub const DEVICES: usize = noreturn_image_format::config::DEVICES_MAX;
/// Devices that are off, and where they are.
const OFF: Range<usize> = 20..30;
/// The device that flaps, once in three seconds.
const FLAPPING: usize = 40;
const HALF_PERIOD_US: u64 = 1_500_000;
/// The device that answers wrong in every way.
const ODD: usize = 41;
/// The device that is replaced by a machine with another Ethernet address, and that address.
const MOVED: usize = 42;
const MOVED_TO: [u8; 6] = [2, 0, 0, 9, 9, 9];
/// The device that the site file pins, and who claims its address, once in this time.
const PINNED: usize = 43;
const CLAIMANT: [u8; 6] = [2, 0, 0, 9, 9, 8];
const CLAIM_US: u64 = 500_000;
/// Claims of a phase at least: one is made with the next frame of the box, of which there are some in each period.
pub const CLAIMS_MIN: u64 = PHASE_US / CLAIM_US * 9 / 10;
/// The device that is off, and in whose place a machine opens connections where the box opens one to the device.
const OPENING: usize = 44;
/// Time from one request to a device to the next.
const PERIOD_US: u64 = 500_000;
/// The box's time that each phase takes, and the most that it may take until every device is asked before it.
const PHASE_US: u64 = 60_000_000;
const SETTLE_US: u64 = 30_000_000;
/// What the period asks for of one device in a phase.
pub const REQUESTS_OF_ONE: u64 = PHASE_US / PERIOD_US;
/// The box's counter of frames that its inside card has received.
const RECEIVED: &str = "inside_frames_received";
/// Frames of the flood at least in its phase: 10,000 a second. More are due, since some of them wait when this machine is busy.
pub const FLOOD_FRAMES_MIN: u64 = 10_000 * PHASE_US / 1_000_000;
const FLOOD_FRAMES_PER_S: u64 = 12_000;

/// What was asked of the devices that are on, in a phase.
#[derive(Clone, Debug)]
pub struct Phase {
    /// The box's time in which it was counted.
    pub time_us: Range<u64>,
    /// Requests of the devices that are on, as they counted them.
    pub requests: u64,
    /// What the periods ask for.
    pub asked_for: u64,
    /// Requests of the device that got the fewest.
    pub fewest: u64,
    /// Frames that the box sent outside.
    pub outside_frames: u64,
    /// The longest time without one, in microseconds.
    pub outside_silence_us: u64,
}

impl Phase {
    /// Requests as a percentage of what the periods ask for.
    #[must_use]
    pub fn percent(&self) -> f64 {
        100.0 * self.requests as f64 / self.asked_for as f64
    }
}

/// Everything that was measured in one boot.
#[derive(Debug)]
pub struct Measured {
    /// All devices are on.
    pub healthy: Phase,
    /// Ten are off.
    pub ten_off: Phase,
    /// One is switched off and on again and again, one is odd, one has moved, one that is pinned is claimed by another machine, and in the
    /// place of one that is off somebody opens connections to the box.
    pub troubled: Phase,
    /// What the box and the device that moved know of that phase.
    pub seen: Seen,
    /// Ten are off, and somebody floods the box.
    pub flood: Phase,
    /// Frames of the flood that were sent.
    pub flood_sent: u64,
    /// Frames that the inside card received meanwhile, as the box says.
    pub flood_received: u64,
}

/// What was seen of the devices that were in trouble.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Hosts that the box has found at another Ethernet address.
    pub changed: u64,
    /// ARP that the box has found to contradict the pin.
    pub conflicts: u64,
    /// How often the claimant has claimed.
    pub claims: u64,
    /// SYNs to ports from which the box was connecting, and to those that follow.
    pub opened: u64,
    /// Replies that did not belong to the request, that had too little in them, and that did not come in time.
    pub wrong_short_late: [u64; 3],
    /// Requests that the device that moved had in the second half of the phase.
    pub moved_requests: u64,
    /// Whether the console has named the alarm of the odd device, the warning of the one that moved, and where that is.
    pub said: [bool; 3],
}

/// Boots a box and takes it through all phases.
///
/// # Errors
/// If the box does anything that it may not: send something else, inside or outside, boot again, or leave a gap.
pub fn measure() -> Result<Measured> {
    let mut bed = Bed::start(devices(DEVICES, PERIOD_US, Some(PINNED)), DEVICES, None)?;
    settle(&mut bed, &all(|_| false))?;
    let healthy = phase(&mut bed, &all(|_| false))?;
    bed.plant.lan().set(OFF, Behaviour::Off);
    let ten_off = phase(&mut bed, &all(|number| OFF.contains(&number)))?;
    bed.plant.lan().set(OFF, Behaviour::Healthy);
    settle(&mut bed, &all(|_| false))?;
    let (troubled, seen) = trouble(&mut bed)?;
    bed.plant.lan().set(OFF, Behaviour::Off);
    let [before] = bed.counters([RECEIVED])?;
    bed.plant.lan().flood(Some(Hostile::new(target(), FLOOD_FRAMES_PER_S, 7)));
    let flood = phase(&mut bed, &all(|number| OFF.contains(&number)))?;
    let flood_sent = bed.plant.lan().flood(None);
    let flood_received = bed.counters([RECEIVED])?[0] - before;
    let measured = Measured { healthy, ten_off, troubled, seen, flood, flood_sent, flood_received };
    let frames = bed.finish().with_context(|| format!("without what was sent outside: {measured:#?}"))?;
    let times_us: Vec<u64> = frames.into_iter().map(|(at_us, _)| at_us).collect();
    let Measured { healthy, ten_off, troubled, seen, flood, .. } = measured;
    let [healthy, ten_off, troubled, flood] =
        [healthy, ten_off, troubled, flood].map(|phase| phase.with_outside(&times_us));
    Ok(Measured { healthy, ten_off, troubled, seen, flood, flood_sent, flood_received })
}

/// The phase of devices in trouble, which ends when they are all well.
fn trouble(bed: &mut Bed) -> Result<(Phase, Seen)> {
    const COUNTERS: [&str; 5] =
        ["arp_changed", "arp_conflict", "modbus_wrong_reply", "modbus_short_reply", "modbus_reply_timeout"];
    let before = bed.counters(COUNTERS)?;
    {
        let mut lan = bed.plant.lan();
        lan.set([FLAPPING], Behaviour::Flapping { half_period_us: HALF_PERIOD_US });
        lan.set([ODD], Behaviour::Odd);
        lan.replace(MOVED, MOVED_TO);
        lan.claim(PINNED, CLAIMANT, CLAIM_US);
        lan.set([OPENING], Behaviour::Off);
        lan.open_towards_box(OPENING);
    }
    let phase = phase(bed, &all(|number| [FLAPPING, ODD, MOVED, OPENING].contains(&number)))?;
    let second_half = phase.time_us.start + PHASE_US / 2..phase.time_us.end;
    let (claims, opened, moved_requests) = {
        let mut lan = bed.plant.lan();
        lan.set([FLAPPING, ODD, OPENING], Behaviour::Healthy);
        (lan.end_claim(), lan.end_open_towards_box(), requests(&lan.hosts()[MOVED], &second_half))
    };
    settle(bed, &all(|_| false))?;
    let after = bed.counters(COUNTERS)?;
    let [changed, conflicts, wrong, short, late] = std::array::from_fn(|place| after[place] - before[place]);
    let wrong_short_late = [wrong, short, late];
    let (said, moved) = (bed.said(), host_address(MOVED));
    let (from, to) = (show(host_ethernet(MOVED)), show(MOVED_TO));
    let said = [
        format!("alarm device_down \"device-{ODD}\" raised"),
        "warning neighbour_changed raised".to_owned(),
        format!("{moved} is now at {to}, no longer at {from}"),
    ]
    .map(|line| said.contains(&line));
    Ok((phase, Seen { changed, conflicts, claims, opened, wrong_short_late, moved_requests, said }))
}

fn requests(host: &Host, time_us: &Range<u64>) -> u64 {
    host.requests_us().iter().filter(|at| time_us.contains(at)).count() as u64
}

/// The devices, by number, but for these.
fn all(but: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..DEVICES).filter(|&number| !but(number)).collect()
}

fn target() -> Target {
    Target {
        ethernet: INSIDE_MAC,
        address: INSIDE_IPV4,
        impersonated: (0..DEVICES).map(host_address).collect(),
        silent: OFF.map(host_address).collect(),
    }
}

/// Waits until each of these devices has been asked once more.
fn settle(bed: &mut Bed, devices: &[usize]) -> Result<()> {
    const STEP_US: u64 = 500_000;
    let start_us = bed.plant.lan().now_us();
    let mut waiting = devices.to_vec();
    while !waiting.is_empty() {
        let now_us = bed.pass(STEP_US)?;
        let lan = bed.plant.lan();
        waiting.retain(|&number| lan.hosts()[number].requests_us().last().is_none_or(|&at| at < start_us));
        ensure!(
            now_us < start_us + SETTLE_US,
            "after {SETTLE_US} us of the box's time it does not ask {waiting:?}"
        );
    }
    Ok(())
}

/// The next time that is as far as can be from requests, which are due at the same moments for all devices: none falls on an edge of the phase.
fn between_requests(bed: &Bed, device: usize) -> u64 {
    let lan = bed.plant.lan();
    let last_us = lan.hosts()[device].requests_us().last().copied().unwrap_or(0);
    let middle_us = last_us + PERIOD_US / 2;
    middle_us + lan.now_us().saturating_sub(middle_us).next_multiple_of(PERIOD_US)
}

fn phase(bed: &mut Bed, on: &[usize]) -> Result<Phase> {
    let start_us = between_requests(bed, on[0]);
    bed.pass(PHASE_US + PERIOD_US)?;
    let time_us = start_us..start_us + PHASE_US;
    let lan = bed.plant.lan();
    let requests: Vec<u64> = on.iter().map(|&number| requests(&lan.hosts()[number], &time_us)).collect();
    Ok(Phase {
        requests: requests.iter().sum(),
        asked_for: on.len() as u64 * REQUESTS_OF_ONE,
        fewest: requests.iter().copied().min().unwrap_or(0),
        time_us,
        outside_frames: 0,
        outside_silence_us: 0,
    })
}

impl Phase {
    fn with_outside(mut self, times_us: &[u64]) -> Self {
        let times_us: Vec<u64> = times_us.iter().copied().filter(|at| self.time_us.contains(at)).collect();
        self.outside_frames = times_us.len() as u64;
        let ends = [&[self.time_us.start][..], &times_us, &[self.time_us.end]].concat();
        self.outside_silence_us = ends.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(u64::MAX);
        self
    }
}
