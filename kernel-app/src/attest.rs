//! The machine's TPM, found and given to whoever tells of it.

use noreturn_image_format::Sha256Digest;
use noreturn_nic::{MmioRegion, Platform};
use noreturn_tpm::{Attestor, REGISTERS_ADDRESS, REGISTERS_BYTES, Transport};
use noreturn_wire::{Attestation, BootId, TpmFault};

use crate::fatal::{Fatal, say};
use crate::fence::Tables;
use crate::machine::Machine;

/// Asks for quotes, and keeps the latest. It reads nothing that either half writes, and only beacons tell what it has.
#[derive(Default)]
pub struct Attest {
    attestor: Option<Attestor<MmioRegion>>,
    /// What is known.
    pub known: Attestation,
}

impl Attest {
    /// Finds the TPM, if the firmware tells of one.
    pub fn start(machine: &mut Machine, acpi_root: u64, boot: BootId) -> Result<Self, Fatal> {
        let Some(interface) = noreturn_tpm::find(&Tables, acpi_root)? else {
            say!("no TPM 2.0: nothing attests what runs here");
            return Ok(Self::default());
        };
        let registers = machine.map_registers(REGISTERS_ADDRESS, REGISTERS_BYTES).ok_or(Fatal::Protection)?;
        Ok(match Transport::new(interface, registers) {
            Ok(transport) => {
                let attestor = Some(Attestor::new(transport, boot));
                Self { attestor, known: Attestation::Pending }
            }
            Err(fault) => {
                tell_fault(fault);
                Self { attestor: None, known: Attestation::Failed(fault) }
            }
        })
    }

    /// When there is something to do.
    pub fn poll_at(&self) -> u64 {
        self.attestor.as_ref().map_or(u64::MAX, Attestor::poll_at)
    }

    /// Takes a step; it never waits.
    pub fn poll(&mut self, now_us: u64) {
        let Some(news) = self.attestor.as_mut().and_then(|attestor| attestor.poll(now_us)) else { return };
        match (&self.known, &news) {
            (Attestation::Quoted(_), Attestation::Quoted(_)) => {}
            (_, Attestation::Quoted(quote)) => {
                let fingerprint = Sha256Digest::of(&noreturn_tpm::public_area(&quote.key));
                say!("attestation key {fingerprint}");
            }
            (Attestation::Failed(before), Attestation::Failed(fault)) if before == fault => {}
            (_, Attestation::Failed(fault)) => tell_fault(*fault),
            _ => {}
        }
        self.known = news;
    }
}

fn tell_fault(fault: TpmFault) {
    say!("the TPM attests nothing: {fault}");
}
