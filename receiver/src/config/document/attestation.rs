//! The table `[diode.attestation]`: the enrolled key, and values of registers as `diode-verify pcrs` prints them.

use serde::Deserialize;
use toml::Spanned;

use super::{Spot, secret, wrong};
use crate::attestation::Expected;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttestationTable {
    key_sha256: Spanned<String>,
    pcr_0: Option<Spanned<String>>,
    pcr_2: Option<Spanned<String>>,
    pcr_4: Option<Spanned<String>>,
    pcr_7: Option<Spanned<String>>,
    pcr_8: Spanned<String>,
    pcr_9: Spanned<String>,
}

impl AttestationTable {
    pub(super) fn check(&self) -> Result<Expected, Spot> {
        let optional =
            |name, digits: &Option<_>| digits.as_ref().map(|digits| digest(name, digits)).transpose();
        Ok(Expected {
            key: digest("key_sha256", &self.key_sha256)?,
            // In the order of `QUOTED_PCRS`.
            registers: [
                optional("pcr_0", &self.pcr_0)?,
                optional("pcr_2", &self.pcr_2)?,
                optional("pcr_4", &self.pcr_4)?,
                optional("pcr_7", &self.pcr_7)?,
                Some(digest("pcr_8", &self.pcr_8)?),
                Some(digest("pcr_9", &self.pcr_9)?),
            ],
        })
    }
}

fn digest(name: &str, digits: &Spanned<String>) -> Result<[u8; 32], Spot> {
    secret::parse_hex(digits.get_ref()).ok_or_else(|| {
        wrong(digits, format!("diode.attestation.{name}: expected exactly 64 hexadecimal digits"))
    })
}
