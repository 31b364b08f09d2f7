//! The firmware's word for the TPM.

use noreturn_acpi::AcpiError;
use noreturn_acpi::model::{Memory, ROOT, table};
use noreturn_tpm::{Interface, find};

fn tpm2(start_method: u32) -> Vec<u8> {
    let body = [&[0; 4][..], &0xfed4_0040_u64.to_le_bytes(), &start_method.to_le_bytes()].concat();
    table(b"TPM2", &body)
}

#[test]
fn the_start_method_says_how_it_is_spoken_to() {
    let found = |method| find(&Memory::with_tables([(0x20_0000, tpm2(method))]), ROOT);
    assert_eq!(found(6), Ok(Some(Interface::Tis)));
    assert_eq!(found(7), Ok(Some(Interface::Crb)));
    for method in [0, 2, 8, 11, u32::MAX] {
        assert_eq!(found(method), Ok(Some(Interface::Other(method))));
    }
}

#[test]
fn a_machine_without_the_table_has_none_and_a_short_table_is_refused() {
    assert_eq!(find(&Memory::with_tables([]), ROOT), Ok(None));
    let short = table(b"TPM2", &[0; 15]);
    let found = find(&Memory::with_tables([(0x20_0000, short)]), ROOT);
    assert_eq!(found, Err(AcpiError::Length { table: "TPM2", bytes: 51 }));
}
