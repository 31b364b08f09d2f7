//! Time since the start, by the processor's counter, and the machine's own clock.
//!
//! The counter is read here and not through Hermit, whose every call switches interrupts on again: whoever stops the box has
//! switched them off.

use core::arch::x86_64::_rdtsc;
use core::sync::atomic::{AtomicU64, Ordering};

use hermit::syscalls::{sys_clock_gettime, sys_usleep};
use hermit::time::timespec;

const CLOCK_REALTIME: i32 = 1;
const CLOCK_MONOTONIC: i32 = 4;

/// Ticks of the processor's counter in a microsecond; 0 until [`learn`] has asked.
static TICKS_PER_US: AtomicU64 = AtomicU64::new(0);
/// Taken before that, by who stops the box: more than any processor has, so that a message stays long enough.
const TICKS_PER_US_UNKNOWN: u64 = 6000;
/// Tries to read both counters within half a microsecond for each that has passed, which fails if a host pauses the machine between.
const LEARN_TRIES: usize = 16;

/// Learns from Hermit, which counts in whole megahertz, how fast the processor's counter runs. To be called first of all.
pub fn learn() {
    for _ in 0..LEARN_TRIES {
        let before = ticks();
        let us = read_us(CLOCK_MONOTONIC).max(1);
        let [first, last] = [before, ticks()].map(|ticks| (ticks + us / 2) / us);
        TICKS_PER_US.store(last, Ordering::Relaxed);
        if first == last {
            return;
        }
    }
}

/// The uptime. UTC is the inside half's business: see `inside/time.rs`.
pub struct Clock {
    started_counter_us: u64,
}

impl Clock {
    pub fn start() -> Self {
        Self { started_counter_us: counter_us() }
    }

    /// Microseconds since the start.
    pub fn uptime_us(&self) -> u64 {
        counter_us().saturating_sub(self.started_counter_us)
    }

    /// What the machine's own clock showed at the start, in microseconds since 1970: Hermit has read it once, and counts on.
    pub fn rtc_us(&self) -> u64 {
        read_us(CLOCK_REALTIME).saturating_sub(self.uptime_us())
    }
}

/// Microseconds since the processor's counter started, which was before the firmware.
// A function of its own in the binary: the proof of what the outside driver writes takes its result for any time (docs/proof.md).
#[inline(never)]
pub fn counter_us() -> u64 {
    match TICKS_PER_US.load(Ordering::Relaxed) {
        0 => ticks() / TICKS_PER_US_UNKNOWN,
        known => ticks() / known,
    }
}

fn ticks() -> u64 {
    // SAFETY: it reads a counter, which every processor has that runs 64-bit code, and touches no memory.
    unsafe { _rdtsc() }
}

/// Waits for at least so long.
pub fn sleep_us(microseconds: u64) {
    sys_usleep(microseconds);
}

fn read_us(clock: i32) -> u64 {
    let mut time = timespec::default();
    // SAFETY: the pointer is to a live timespec of our own, which is all that the call asks for.
    let result = unsafe { sys_clock_gettime(clock, &raw mut time) };
    if result != 0 {
        return 0;
    }
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1000
}

/// Lets the processor rest when there is nothing to do, but stays awake while answers are expected.
#[derive(Default)]
pub struct Quiet {
    since_us: Option<u64>,
}

/// A connection that was busy a moment ago usually is again: stay awake that long.
const AWAKE_US: u64 = 20_000;
/// The shortest sleep in which Hermit really lets the processor rest.
const REST_US: u64 = 10_000;

impl Quiet {
    /// Rests until `next_us` at the latest, if it is worth it.
    pub fn rest(&mut self, now_us: u64, next_us: u64, was_busy: bool) {
        if was_busy {
            self.since_us = None;
            return;
        }
        let since_us = *self.since_us.get_or_insert(now_us);
        let quiet = now_us.saturating_sub(since_us) >= AWAKE_US;
        if quiet && next_us.saturating_sub(now_us) >= REST_US {
            sleep_us(REST_US);
        } else {
            core::hint::spin_loop();
        }
    }
}
