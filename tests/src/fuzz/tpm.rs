//! What a TPM answers: a device that may say anything, and quotes that come over the wire.

use std::cell::Cell;

use noreturn_nic::Registers;
use noreturn_tpm::{Attestor, Interface, Statement, Transport, response};
use noreturn_wire::{Attestation, BootId};

/// Runs the input as each response and statement, and as what a device's registers read, one after another.
pub(super) fn tpm(data: &[u8]) {
    let _ = (response::key(data), response::registers(data), response::done(data));
    if let Ok((statement, _)) = response::quote(data) {
        assert!(statement.len() < data.len());
        let _ = Statement::parse(statement);
    }
    if let Some(statement) = Statement::parse(data) {
        // Everything in it is fixed or read: nothing is left over.
        assert!(data.len() == 137 && data[10..42] == statement.signer, "{statement:?}");
    }
    drive(Interface::Tis, data);
    drive(Interface::Crb, data);
}

fn drive(interface: Interface, data: &[u8]) {
    let Ok(transport) = Transport::new(interface, Hostile { data, at: Cell::new(0) }) else { return };
    let mut attestor = Attestor::new(transport, BootId([7; 16]));
    let mut now_us = 0;
    for _ in 0..data.len() + 64 {
        now_us = attestor.poll_at().max(now_us);
        if let Some(Attestation::Quoted(quote)) = attestor.poll(now_us) {
            assert!(quote.statement.len() <= data.len(), "a quote of what was not read");
        }
    }
}

/// Registers that read as the input, and then as a bus on which nobody is left.
struct Hostile<'a> {
    data: &'a [u8],
    at: Cell<usize>,
}

impl Registers for Hostile<'_> {
    fn read8(&self, _: usize) -> u8 {
        let at = self.at.replace(self.at.get() + 1);
        self.data.get(at).copied().unwrap_or(0xff)
    }

    fn read16(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.read8(offset), self.read8(offset)])
    }

    fn read32(&self, offset: usize) -> u32 {
        u32::from(self.read16(offset)) | u32::from(self.read16(offset)) << 16
    }

    fn write8(&mut self, offset: usize, _: u8) {
        assert!(offset < 4096);
    }

    fn write16(&mut self, offset: usize, _: u16) {
        assert!(offset < 4096);
    }

    fn write32(&mut self, offset: usize, _: u32) {
        assert!(offset < 4096);
    }
}
