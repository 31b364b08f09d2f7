//! The `[diode]` table.

use noreturn_image_format::config::{Diode, Key, TPM_HANDLES};

use crate::key::KeyError;
use crate::name;
use crate::section::{Section, integer, string, text};

pub(crate) fn read(
    section: &Section<'_>,
    read_key: impl FnOnce(&str) -> Result<[u8; 32], KeyError>,
) -> Option<Diode> {
    let id = section.required("id", &integer(0..=u32::MAX));
    let name = section.required("name", &name::single());
    let key = key(section, read_key);
    Some(Diode { id: id?, name: name?, key: key? })
}

/// The key itself, or where the machine's TPM keeps it.
fn key(section: &Section<'_>, read_key: impl FnOnce(&str) -> Result<[u8; 32], KeyError>) -> Option<Key> {
    let handle = section.optional("key_tpm", &text(HANDLE, parse_handle))?;
    if let Some(handle) = handle {
        section.refuse(&["key_file"], "is not for an image whose key the machine's TPM keeps (key_tpm)");
        section.pass_over(&["key_file"]);
        return Some(Key::Tpm(handle));
    }
    let path = section.required("key_file", &string("the path of a key file, relative to this file"))?;
    read_key(&path).map_err(|error| section.fault("key_file", &error.to_string())).ok().map(Key::Here)
}

const HANDLE: &str = "a handle of the TPM's owner, \"0x01800000\" to \"0x01bfffff\"";

fn parse_handle(text: &str) -> Option<u32> {
    // A sign would pass for a part of the number.
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 8 && !digits.starts_with('+'))?;
    u32::from_str_radix(digits, 16).ok().filter(|handle| TPM_HANDLES.contains(handle))
}
