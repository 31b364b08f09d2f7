//! Whether the firmware checks signatures (UEFI 2.10, section 3.3, variable `SecureBoot`). It is told, and nothing is decided by it:
//! a firmware that lies would lie here, too, and the loader's own checks are the same either way.

use uefi::cstr16;
use uefi::runtime::{self, VariableVendor};

/// A word for the console.
pub fn state() -> &'static str {
    let mut value = [0; 1];
    let found = runtime::get_variable(cstr16!("SecureBoot"), &VariableVendor::GLOBAL_VARIABLE, &mut value);
    match found {
        Ok(([1], _)) => "on",
        Ok(([0], _)) => "off",
        _ => "unknown to this firmware",
    }
}
