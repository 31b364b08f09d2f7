//! Where the loader's messages go: the firmware's console, and COM1 unless that console is there already.

use core::fmt::{self, Write};

use noreturn_loader::device_path;
use uefi::runtime::{self, VariableVendor};
use uefi::{cstr16, system};

use super::boot_services_active;
use super::serial::Serial;

/// Screen and serial port. Output that fails is lost: a dead console must not stop the diode.
pub struct Console {
    serial: Option<Serial>,
}

impl Console {
    /// Finds out where messages go.
    pub fn open() -> Self {
        let firmware_has_com1 = boot_services_active() && firmware_uses_com1();
        Self { serial: (!firmware_has_com1).then(Serial::open) }
    }

    /// Writes a message that starts with the loader's name, and ends the line.
    pub fn say(&mut self, message: fmt::Arguments<'_>) {
        let _ = writeln!(self, "noreturn loader: {message}");
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if boot_services_active() {
            let _ = system::with_stdout(|output| output.write_str(text));
        }
        if let Some(serial) = &mut self.serial {
            let _ = serial.write_str(text);
        }
        Ok(())
    }
}

/// Whether the firmware copies its console to COM1 (variable `ConOut`: UEFI 2.10, section 3.3).
fn firmware_uses_com1() -> bool {
    runtime::get_variable_boxed(cstr16!("ConOut"), &VariableVendor::GLOBAL_VARIABLE)
        .is_ok_and(|(consoles, _)| device_path::has_com1(&consoles))
}
