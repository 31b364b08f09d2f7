//! Time: the processor's counter since the start, and the box's idea of UTC.

use hermit::syscalls::{sys_clock_gettime, sys_usleep};
use hermit::time::timespec;
use noreturn_collect::Now;
use noreturn_wire::{TimeQuality, TimeSource};

const CLOCK_REALTIME: i32 = 1;
const CLOCK_MONOTONIC: i32 = 4;

/// UTC is read once, at the start; from then on both clocks run by the processor's counter.
pub struct Clock {
    started_clock_us: u64,
    started_counter_us: u64,
}

impl Clock {
    pub fn start() -> Self {
        Self { started_clock_us: read_us(CLOCK_REALTIME), started_counter_us: counter_us() }
    }

    pub fn now(&self) -> Now {
        let uptime_us = counter_us().saturating_sub(self.started_counter_us);
        let time_quality = TimeQuality::new(TimeSource::Rtc, None);
        Now { uptime_us, clock_us: self.started_clock_us + uptime_us, time_quality }
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
    pub fn rest(&mut self, now: Now, next_us: u64, was_busy: bool) {
        if was_busy {
            self.since_us = None;
            return;
        }
        let since_us = *self.since_us.get_or_insert(now.uptime_us);
        let quiet = now.uptime_us.saturating_sub(since_us) >= AWAKE_US;
        if quiet && next_us.saturating_sub(now.uptime_us) >= REST_US {
            sleep_us(REST_US);
        } else {
            core::hint::spin_loop();
        }
    }
}
