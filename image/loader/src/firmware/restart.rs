//! The end of a boot that must not go on: a message, a visible countdown, then a reset, which is another try.

use core::fmt::{self, Write};
use core::time::Duration;

use noreturn_loader::Refusal;
use uefi::runtime::{self, ResetType};
use uefi::{Status, boot};

use super::boot_services_active;
use super::console::Console;

const COUNTDOWN_SECONDS: u32 = 30;

/// Says why the kernel is not started, counts down, and resets the machine.
pub fn refuse(refusal: &Refusal) -> ! {
    give_up(format_args!("{refusal}"))
}

fn give_up(reason: fmt::Arguments<'_>) -> ! {
    let mut console = Console::open();
    console.say(format_args!("NOT STARTED"));
    let _ = writeln!(console, "{reason}");
    if boot_services_active() {
        count_down(&mut console);
    }
    console.say(format_args!("reset"));
    runtime::reset(ResetType::COLD, Status::ABORTED, None)
}

fn count_down(console: &mut Console) {
    for seconds in (1..=COUNTDOWN_SECONDS).rev() {
        let _ = write!(console, "\rnoreturn loader: next try in {seconds:2} s ");
        boot::stall(Duration::from_secs(1));
    }
    let _ = writeln!(console);
}

/// A mistake in the loader, or a kernel that cannot be taken apart although its digest is right.
///
/// Lints on the host also look at this program as a test, which has a handler already.
#[cfg(not(test))]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    give_up(format_args!("internal error: {info}"))
}
