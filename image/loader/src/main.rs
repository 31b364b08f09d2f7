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

use noreturn_image_format::config::Key;
use noreturn_image_format::handover::{TRACE_ADDRESS, TRACE_PAGE_BYTES};
use noreturn_image_format::measured::measurements;
use noreturn_image_format::{Config, Handover};
use noreturn_loader::Refusal;
use noreturn_loader::check::{self, Checked, HEAD_BYTES};
use noreturn_loader::{floor, self_test};
use uefi::{Status, entry};

use firmware::console::Console;
use firmware::cpu::Stopwatch;
use firmware::disk::Disk;
use firmware::launch::{self, Prepared};
use firmware::pages::{self, address_of};
use firmware::{owner, restart, secure_boot, tpm};

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
    console.say(format_args!("start, Secure Boot is {}", secure_boot::state()));
    self_test::run()?;
    console.say(format_args!("self tests passed: {}", self_test::NAMES.join(", ")));
    let acpi_root = launch::find_acpi_root().ok_or(Refusal::NoAcpi)?;
    let stopwatch = Stopwatch::start(acpi_root);

    let image = read_image()?;
    console.say(format_args!("measuring {} bytes of medium", image.len()));
    let owner = owner::key();
    let checked = check::medium(image, &owner)?;
    let Checked { manifest, manifest_text, kernel, config, image_sha256 } = checked;
    let Config { diode, release, .. } = check::config(config)?;
    console.say(format_args!("image  {image_sha256}"));
    console.say(format_args!("kernel {}", manifest.kernel.sha256));
    console.say(format_args!("config {}", manifest.config.sha256));

    let measured = tpm::measure(&measurements(kernel, config, manifest_text, &image_sha256))?;
    console.say(format_args!("{measured}"));
    let mut key_address = None;
    if let Key::Tpm(handle) = diode.key {
        key_address = Some(address_of(pages::place(tpm::unseal(handle)?)?));
        console.say(format_args!("the diode's key from the TPM at {handle:#010x}"));
    }
    // Last: an image that is refused its key puts none out of use, so there is a way back.
    let floor_memory = tpm::keep_floor(floor::handle(&owner, diode.id), release)?;
    console.say(format_args!("version {}, floor {}: {floor_memory}", release.version, release.floor));
    let reset_count = tpm::reset_count()?;

    let handover = Handover {
        image_sha256,
        config_sha256: manifest.config.sha256,
        config_address: address_of(config),
        config_bytes: manifest.config.bytes,
        trace_address: pages::keep(TRACE_ADDRESS, TRACE_PAGE_BYTES),
        acpi_root,
        floor_memory,
        reset_count,
        key_address,
    };
    let prepared = Prepared::new(kernel, &handover, stopwatch.tsc_khz)?;
    console.say(format_args!("{} MHz by {}", stopwatch.tsc_khz / 1000, stopwatch.measured_by));
    console.say(format_args!("starting the kernel after {} ms", stopwatch.elapsed_ms()));
    prepared.start()
}

/// The whole image in memory; how long it is stands in its first bytes, which are read again with everything else.
fn read_image() -> Result<&'static [u8], Refusal> {
    let mut disk = Disk::open()?;
    let head = disk.read(HEAD_BYTES)?;
    let head = head.first_chunk().ok_or(Refusal::OutOfMemory { bytes: HEAD_BYTES })?;
    let image_bytes = check::image_bytes(head)? as usize;
    let image = disk.read(image_bytes)?;
    image.get(..image_bytes).ok_or(Refusal::OutOfMemory { bytes: image_bytes })
}
