//! Commands to the machine's TPM 2.0, as bytes; whoever calls brings the TPM.
//!
//! Source: TPM 2.0 Library Specification 1.59: part 1, section 18 (headers and authorization); part 2, section 6 (constants).

use alloc::vec::Vec;

/// Bytes of the longest answer that is read.
pub const RESPONSE_BYTES_MAX: usize = 128;

/// Whoever takes a command to the TPM.
pub trait Tpm {
    /// Sends a command, and fills `response` from its start. An answer that was not given leaves zeros, which is none.
    fn submit(&mut self, command: &[u8], response: &mut [u8; RESPONSE_BYTES_MAX]);
}

/// Nothing is defined behind the first handle.
pub const NOT_DEFINED: u32 = 0x18b;
/// It is defined, and has never been written.
pub const NOT_WRITTEN: u32 = 0x14a;
/// The firmware gave no answer at all, or one that is none.
pub const NO_ANSWER: u32 = u32::MAX;

/// How a command is authorized.
#[derive(Clone, Copy)]
pub(crate) enum Authorization {
    /// It needs none.
    None,
    /// The empty password.
    Password,
    /// A policy session, which ends with the command.
    Policy(u32),
}

impl Authorization {
    const PASSWORD: u32 = 0x4000_0009;

    /// Tag of the command.
    const fn tag(self) -> u16 {
        match self {
            Self::None => 0x8001,
            Self::Password | Self::Policy(_) => 0x8002,
        }
    }

    /// The authorization area: session, no nonce, no attributes, no digest.
    fn area(self) -> Vec<u8> {
        let session = match self {
            Self::None => return Vec::new(),
            Self::Password => Self::PASSWORD,
            Self::Policy(session) => session,
        };
        let area_bytes = 9_u32.to_be_bytes();
        [&area_bytes[..], &session.to_be_bytes(), &[0, 0, 0, 0, 0]].concat()
    }
}

/// An answer that says that all went well.
pub(crate) struct Response {
    bytes: [u8; RESPONSE_BYTES_MAX],
    length: usize,
}

impl Response {
    /// What follows the header: handles, then parameters, behind their length if there was an authorization.
    pub fn body(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..self.length]
    }
}

const HEADER_BYTES: usize = 10;

/// Gives one command.
///
/// # Errors
/// The response code if that is not success, or [`NO_ANSWER`].
pub(crate) fn submit(
    tpm: &mut impl Tpm,
    code: u32,
    handles: &[u32],
    authorization: Authorization,
    parameters: &[u8],
) -> Result<Response, u32> {
    let area = authorization.area();
    let length = HEADER_BYTES + 4 * handles.len() + area.len() + parameters.len();
    let mut command = Vec::with_capacity(length);
    command.extend(authorization.tag().to_be_bytes());
    command.extend((length as u32).to_be_bytes());
    command.extend(code.to_be_bytes());
    handles.iter().for_each(|handle| command.extend(handle.to_be_bytes()));
    command.extend(area);
    command.extend(parameters);
    let mut response = [0; RESPONSE_BYTES_MAX];
    tpm.submit(&command, &mut response);
    match response[..HEADER_BYTES] {
        [0x80, _, 0, 0, 0, bytes, a, b, c, d]
            if (HEADER_BYTES..=RESPONSE_BYTES_MAX).contains(&usize::from(bytes)) =>
        {
            match u32::from_be_bytes([a, b, c, d]) {
                0 => Ok(Response { bytes: response, length: bytes.into() }),
                code => Err(code),
            }
        }
        _ => Err(NO_ANSWER),
    }
}

const NV_READ: u32 = 0x14e;

/// Reads `N` bytes from the start of the index behind `handle` (part 3, section 31.13).
///
/// # Errors
/// As [`submit`].
pub(crate) fn read<const N: usize>(
    tpm: &mut impl Tpm,
    handle: u32,
    authorization: Authorization,
) -> Result<[u8; N], u32> {
    const { assert!(N + 64 <= RESPONSE_BYTES_MAX) };
    let size = (N as u16).to_be_bytes();
    let response = submit(tpm, NV_READ, &[handle, handle], authorization, &[size, [0, 0]].concat())?;
    let (lengths, data) = response.body().split_at_checked(6).ok_or(NO_ANSWER)?;
    // The length of the parameters, which are the length of the data, and the data.
    let expected = [&(N as u32 + 2).to_be_bytes()[..], &size].concat();
    data.first_chunk().filter(|_| lengths == expected).copied().ok_or(NO_ANSWER)
}
