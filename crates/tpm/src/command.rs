//! The commands that are given, and no others: make the key, read the registers, quote them, forget the key.
//!
//! Source: TPM 2.0 Library Specification 1.59, part 3: sections 24.1 (`CreatePrimary`), 22.4 (`PCR_Read`), 18.4 (`Quote`),
//! 28.4 (`FlushContext`); constants: part 2, section 6.

use noreturn_wire::attestation::{Point, QUALIFYING_BYTES, QUOTED_PCRS};

/// Bytes of the longest command.
pub const COMMAND_BYTES_MAX: usize = 96;

const TAG_NO_SESSIONS: u16 = 0x8001;
const TAG_SESSIONS: u16 = 0x8002;
const CREATE_PRIMARY: u32 = 0x131;
const QUOTE: u32 = 0x158;
const FLUSH_CONTEXT: u32 = 0x165;
const PCR_READ: u32 = 0x17e;

/// The endorsement hierarchy: its seed stays when an owner clears the TPM, so the key is the same for the TPM's life, and
/// what its keys sign tells the counter of resets in clear (part 1, section 36.7).
pub const HIERARCHY: u32 = 0x4000_000b;
/// A session that is a password, here the empty one.
const EMPTY_PASSWORD: [u8; 9] = [0x40, 0, 0, 9, 0, 0, 0, 0, 0];
/// What stands before a SHA-256 that is a name.
pub(crate) const NAME_SHA256: [u8; 2] = [0, 0x0b];
const ALG_NULL: [u8; 2] = [0, 0x10];

/// The public area of the key before its point: P-256, ECDSA with SHA-256, restricted to sign what the TPM itself has stated,
/// made by the TPM and unable to leave it. Together with the seed of the hierarchy it determines the key.
pub const KEY_TEMPLATE: [u8; 20] = [
    0, 0x23, // TPM_ALG_ECC
    0, 0x0b, // its name is a SHA-256
    0, 5, 4, 0x72, // fixedTPM fixedParent sensitiveDataOrigin userWithAuth noDA restricted sign
    0, 0, // no policy
    0, 0x10, // no symmetric algorithm
    0, 0x18, 0, 0x0b, // ECDSA, SHA-256
    0, 3, // P-256
    0, 0x10, // no key derivation
];

/// Bytes of [`public_area`].
pub const PUBLIC_AREA_BYTES: usize = KEY_TEMPLATE.len() + 68;

/// The key's public area (`TPMT_PUBLIC`), whose SHA-256 is the key's name and, here, its fingerprint.
#[must_use]
pub fn public_area(key: &Point) -> [u8; PUBLIC_AREA_BYTES] {
    const COORDINATE_BYTES: [u8; 2] = [0, 32];
    let mut area = [0; PUBLIC_AREA_BYTES];
    let mut rest = &mut area[..];
    for part in [&KEY_TEMPLATE[..], &COORDINATE_BYTES, &key.0, &COORDINATE_BYTES, &key.1] {
        let (place, after) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = after;
    }
    area
}

/// What the SHA-256 of a key's qualified name is taken over: the hierarchy that it is of, and its name (part 1, section 16).
#[must_use]
pub fn qualified_name(fingerprint: &[u8; 32]) -> [u8; 38] {
    let mut name = [0; 38];
    name[..4].copy_from_slice(&HIERARCHY.to_be_bytes());
    name[4..6].copy_from_slice(&NAME_SHA256);
    name[6..].copy_from_slice(fingerprint);
    name
}

/// [`QUOTED_PCRS`] in the bank of SHA-256, as `TPML_PCR_SELECTION`.
pub const SELECTION: [u8; 10] = {
    let mut selection = [0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 0];
    let mut i = 0;
    while i < QUOTED_PCRS.len() {
        selection[7 + QUOTED_PCRS[i] as usize / 8] |= 1 << (QUOTED_PCRS[i] % 8);
        i += 1;
    }
    selection
};

/// A command, ready to be sent.
#[derive(Clone, Debug)]
pub struct Command {
    bytes: [u8; COMMAND_BYTES_MAX],
    length: usize,
}

impl Command {
    fn new(tag: u16, code: u32, parts: &[&[u8]]) -> Self {
        let mut command = Self { bytes: [0; COMMAND_BYTES_MAX], length: 0 };
        command.append(&tag.to_be_bytes());
        let length = 10 + parts.iter().map(|part| part.len()).sum::<usize>();
        command.append(&(length as u32).to_be_bytes());
        command.append(&code.to_be_bytes());
        parts.iter().for_each(|part| command.append(part));
        command
    }

    fn append(&mut self, part: &[u8]) {
        // Room for the longest command; were there none, this would stop in the first test.
        self.bytes[self.length..self.length + part.len()].copy_from_slice(part);
        self.length += part.len();
    }

    /// Makes the key, or rather the same key again.
    #[must_use]
    pub fn create_key() -> Self {
        let handle = HIERARCHY.to_be_bytes();
        let session_bytes = (EMPTY_PASSWORD.len() as u32).to_be_bytes();
        let public_bytes = (KEY_TEMPLATE.len() as u16 + 4).to_be_bytes();
        // No password and no data for the key, an empty point, no outside data, no registers to note.
        let (sensitive, point, rest) = ([0, 4, 0, 0, 0, 0], [0; 4], [0; 6]);
        let parts: [&[u8]; 8] = [
            &handle,
            &session_bytes,
            &EMPTY_PASSWORD,
            &sensitive,
            &public_bytes,
            &KEY_TEMPLATE,
            &point,
            &rest,
        ];
        Self::new(TAG_SESSIONS, CREATE_PRIMARY, &parts)
    }

    /// Reads the registers.
    #[must_use]
    pub fn read_registers() -> Self {
        Self::new(TAG_NO_SESSIONS, PCR_READ, &[&SELECTION])
    }

    /// Has the registers quoted by the key behind `handle`.
    #[must_use]
    pub fn quote(handle: u32, qualifying: &[u8; QUALIFYING_BYTES]) -> Self {
        let session_bytes = (EMPTY_PASSWORD.len() as u32).to_be_bytes();
        let qualifying_bytes = (QUALIFYING_BYTES as u16).to_be_bytes();
        let parts: [&[u8]; 7] = [
            &handle.to_be_bytes(),
            &session_bytes,
            &EMPTY_PASSWORD,
            &qualifying_bytes,
            qualifying,
            &ALG_NULL, // the key's own scheme
            &SELECTION,
        ];
        Self::new(TAG_SESSIONS, QUOTE, &parts)
    }

    /// Makes room for another key.
    #[must_use]
    pub fn forget(handle: u32) -> Self {
        Self::new(TAG_NO_SESSIONS, FLUSH_CONTEXT, &[&handle.to_be_bytes()])
    }

    /// The command as it is sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
