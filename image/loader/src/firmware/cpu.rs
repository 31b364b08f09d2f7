//! What the loader asks the processor: the time stamp counter and the paging mode.

use core::arch::asm;
use core::arch::x86_64::_rdtsc;
use core::time::Duration;

use uefi::boot;

/// CR4.LA57: 5-level paging.
const CR4_LA57: u64 = 1 << 12;
const CALIBRATION: Duration = Duration::from_millis(10);
const CALIBRATIONS: usize = 3;

/// Time since the loader started.
pub struct Stopwatch {
    start: u64,
    /// Frequency of the time stamp counter.
    pub tsc_khz: u32,
}

impl Stopwatch {
    /// Starts, and measures the frequency of the counter against the firmware's clock.
    pub fn start() -> Self {
        let start = time_stamp();
        Self { start, tsc_khz: measure_tsc_khz() }
    }

    /// Milliseconds since the start.
    pub fn elapsed_ms(&self) -> u64 {
        (time_stamp() - self.start) / u64::from(self.tsc_khz.max(1))
    }
}

/// The shortest of several measurements: whatever interrupts one makes it longer.
///
/// Rounded to whole MHz, because Hermit cuts off the rest.
fn measure_tsc_khz() -> u32 {
    let ticks = (0..CALIBRATIONS)
        .map(|_| {
            let before = time_stamp();
            boot::stall(CALIBRATION);
            time_stamp() - before
        })
        .min()
        .unwrap_or_default();
    let mhz = (ticks + 500 * CALIBRATION.as_millis() as u64) / (1000 * CALIBRATION.as_millis() as u64);
    u32::try_from(mhz * 1000).unwrap_or(u32::MAX)
}

fn time_stamp() -> u64 {
    // SAFETY: every x86-64 processor has the counter, and reading it has no side effect; the
    // firmware leaves CR4.TSD alone, and the loader runs in ring 0, where it does not matter.
    unsafe { _rdtsc() }
}

/// Whether 5-level paging is on.
pub fn has_five_level_paging() -> bool {
    let cr4: u64;
    // SAFETY: reading CR4 has no side effect, and UEFI applications run in ring 0 (UEFI 2.10, section 2.3.4).
    unsafe {
        asm!("mov {}, cr4", out(reg) cr4, options(nomem, nostack, preserves_flags));
    }
    cr4 & CR4_LA57 != 0
}
