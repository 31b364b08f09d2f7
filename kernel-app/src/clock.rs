//! Time since the start, by the processor's counter, and the machine's own clock.

use hermit::syscalls::{sys_clock_gettime, sys_usleep};
use hermit::time::timespec;

const CLOCK_REALTIME: i32 = 1;
const CLOCK_MONOTONIC: i32 = 4;

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
pub fn counter_us() -> u64 {
    read_us(CLOCK_MONOTONIC)
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
