//! What the loader asks the processor: the time stamp counter and the paging mode.

use core::arch::asm;
use core::arch::x86_64::_rdtsc;
use core::time::Duration;

use noreturn_acpi::{PmTimer, find_pm_timer};
use noreturn_loader::calibrate::{Reading, tsc_khz};
use uefi::boot;

use super::tables::Tables;

/// CR4.LA57: 5-level paging.
const CR4_LA57: u64 = 1 << 12;
const CALIBRATION: Duration = Duration::from_millis(20);
/// Readings in a row of which the best counts.
const READINGS: usize = 16;

/// Time since the loader started.
pub struct Stopwatch {
    start: u64,
    /// Frequency of the time stamp counter.
    pub tsc_khz: u32,
    /// What it was measured by.
    pub measured_by: &'static str,
}

impl Stopwatch {
    /// Starts, and measures the frequency of the counter by the machine's power management timer, or, if it has none, by the
    /// firmware's idea of 20 ms.
    pub fn start(acpi_root: u64) -> Self {
        let start = time_stamp();
        let (khz, measured_by) = match measure_by_timer(acpi_root) {
            Some(khz) => (khz, "the ACPI timer"),
            None => (measure_by_stalls(), "the firmware's delays"),
        };
        // To whole MHz, because Hermit cuts off the rest.
        let tsc_khz = u32::try_from((khz + 500) / 1000 * 1000).unwrap_or(u32::MAX);
        Self { start, tsc_khz, measured_by }
    }

    /// Milliseconds since the start.
    pub fn elapsed_ms(&self) -> u64 {
        (time_stamp() - self.start) / u64::from(self.tsc_khz.max(1))
    }
}

fn measure_by_timer(acpi_root: u64) -> Option<u64> {
    let timer = find_pm_timer(&Tables::find()?, acpi_root).ok()??;
    let first = read_both(timer)?;
    boot::stall(CALIBRATION);
    tsc_khz(&first, &read_both(timer)?)
}

fn read_both(timer: PmTimer) -> Option<Reading> {
    let readings = (0..READINGS).map(|_| {
        let before = time_stamp();
        let ticks = read_port(timer.port);
        Reading { before, ticks, after: time_stamp() }
    });
    Reading::narrowest(readings)
}

/// The shortest of several measurements: whatever interrupts one makes it longer.
fn measure_by_stalls() -> u64 {
    let ticks = (0..3).map(|_| {
        let before = time_stamp();
        boot::stall(CALIBRATION);
        time_stamp() - before
    });
    ticks.min().unwrap_or_default() / CALIBRATION.as_millis() as u64
}

fn read_port(port: u16) -> u32 {
    let value: u32;
    // SAFETY: the firmware's tables say that this is the port of a counter, and reading a counter has no side effect; port
    // I/O touches no memory.
    unsafe {
        asm!("in eax, dx", in("dx") port, out("eax") value, options(nomem, nostack, preserves_flags));
    }
    value
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
