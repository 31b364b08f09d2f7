//! What the kernels know of every factor, computed when this is compiled.

use crate::field::multiply;

/// Of every factor: its products with 0 to 15, then with 16 times these.
pub(super) static NIBBLES: [[u8; 32]; 256] = nibbles();

const fn nibbles() -> [[u8; 32]; 256] {
    let mut tables = [[0; 32]; 256];
    let mut factor = 0;
    while factor < 256 {
        let mut nibble = 0;
        while nibble < 16 {
            tables[factor][nibble] = multiply(factor as u8, nibble as u8);
            tables[factor][16 + nibble] = multiply(factor as u8, (nibble as u8) << 4);
            nibble += 1;
        }
        factor += 1;
    }
    tables
}
