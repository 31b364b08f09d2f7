//! The loader: checks the medium that it was started from, measures it, and starts the kernel.
//!
//! What it decides is in the library of the same package; what it asks the firmware for is in `firmware`.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

extern crate alloc;

#[allow(unsafe_code)]
mod firmware;

use core::convert::Infallible;

use noreturn_image_format::handover::{TRACE_ADDRESS, TRACE_PAGE_BYTES};
use noreturn_image_format::layout::{
    CONFIG_BYTES_MAX, CONFIG_PATH, KERNEL_BYTES_MAX, KERNEL_PATH, MANIFEST_BYTES_MAX, MANIFEST_PATH,
};
use noreturn_image_format::measured::measurements;
use noreturn_image_format::{Handover, Manifest};
use noreturn_loader::{Refusal, check};
use uefi::{Status, entry};

use firmware::console::Console;
use firmware::cpu::Stopwatch;
use firmware::disk::Disk;
use firmware::launch::{self, Prepared};
use firmware::pages::{self, address_of};
use firmware::restart;
use firmware::tpm;
use firmware::volume::Volume;

/// Files from the medium that passed every check; the kernel gets these bytes and no others.
struct Checked {
    manifest: Manifest,
    manifest_bytes: &'static [u8],
    kernel: &'static [u8],
    config: &'static [u8],
}

#[entry]
fn main() -> Status {
    match boot() {
        Ok(never) => match never {},
        Err(refusal) => restart::refuse(&refusal),
    }
}

/// The boot from start to jump.
fn boot() -> Result<Infallible, Refusal> {
    let mut console = Console::open();
    console.say(format_args!("start"));
    let acpi_root = launch::find_acpi_root().ok_or(Refusal::NoAcpi)?;
    let stopwatch = Stopwatch::start(acpi_root);

    let Checked { manifest, manifest_bytes, kernel, config } = read_and_check()?;
    console.say(format_args!("measuring {} bytes of medium", manifest.image_bytes));
    let handover = Handover {
        image_sha256: Disk::open()?.measure(manifest.image_bytes)?,
        config_sha256: manifest.config.sha256,
        config_address: address_of(config),
        config_bytes: manifest.config.bytes,
        trace_address: pages::keep(TRACE_ADDRESS, TRACE_PAGE_BYTES),
        acpi_root,
    };
    console.say(format_args!("image  {}", handover.image_sha256));
    console.say(format_args!("kernel {}", manifest.kernel.sha256));
    console.say(format_args!("config {}", handover.config_sha256));

    let measured = tpm::measure(&measurements(kernel, config, manifest_bytes, &handover.image_sha256))?;
    console.say(format_args!("{measured}"));

    let prepared = Prepared::new(kernel, &handover, stopwatch.tsc_khz)?;
    console.say(format_args!("{} MHz by {}", stopwatch.tsc_khz / 1000, stopwatch.measured_by));
    console.say(format_args!("starting the kernel after {} ms", stopwatch.elapsed_ms()));
    prepared.start()
}

fn read_and_check() -> Result<Checked, Refusal> {
    let mut volume = Volume::open()?;
    let manifest_bytes = volume.read(MANIFEST_PATH, MANIFEST_BYTES_MAX)?;
    let manifest = check::manifest(manifest_bytes)?;
    let kernel = volume.read(KERNEL_PATH, KERNEL_BYTES_MAX)?;
    check::file(KERNEL_PATH, kernel, &manifest.kernel)?;
    let config = volume.read(CONFIG_PATH, CONFIG_BYTES_MAX)?;
    check::config(config, &manifest.config)?;
    Ok(Checked { manifest, manifest_bytes, kernel, config })
}
