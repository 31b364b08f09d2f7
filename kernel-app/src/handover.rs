//! Takes what the loader handed over: its measurements and the configuration.

use core::ffi::{CStr, c_char};
use core::slice;

use noreturn_image_format::config::Key;
use noreturn_image_format::layout::CONFIG_BYTES_MAX;
use noreturn_image_format::{Config, Handover, HandoverError, Sha256Digest};

use crate::fatal::Fatal;

/// Arguments looked at; the loader gives fewer.
const ARGUMENTS_MAX: usize = 16;

/// Reads the arguments.
pub fn arguments(argc: i32, argv: *const *const u8) -> Result<Handover, Fatal> {
    let count = usize::try_from(argc).unwrap_or(0).min(ARGUMENTS_MAX);
    Ok(Handover::parse((0..count).filter_map(|index| argument(argv, index)))?)
}

/// Reads the configuration where the arguments say that it is, and checks it once more.
pub fn config(handover: &Handover) -> Result<Config, Fatal> {
    let bytes = config_bytes(handover)?;
    if Sha256Digest::of(bytes) != handover.config_sha256 {
        return Err(Fatal::ConfigChanged);
    }
    let mut config = Config::decode(bytes)?;
    if let Key::Tpm(_) = config.diode.key {
        config.diode.key = Key::Here(key(handover)?);
    }
    Ok(config)
}

fn argument(argv: *const *const u8, index: usize) -> Option<&'static str> {
    // SAFETY: Hermit passes `argc` pointers to NUL-terminated strings that live for ever, and the
    // caller stays below `argc`.
    let text = unsafe { CStr::from_ptr((*argv.add(index)).cast::<c_char>()) };
    text.to_str().ok()
}

/// The diode's key, which the loader took from the TPM.
fn key(handover: &Handover) -> Result<[u8; 32], HandoverError> {
    let address = handover.key_address.and_then(|address| usize::try_from(address).ok());
    let address = address.ok_or(HandoverError("key-address"))?;
    // SAFETY: the loader put the key into a page of its own, identity-mapped like all memory, outside the region that it gave
    // the kernel to allocate from, and nothing writes to it after it.
    Ok(unsafe { *(address as *const [u8; 32]) })
}

fn config_bytes(handover: &Handover) -> Result<&'static [u8], Fatal> {
    let length = usize::try_from(handover.config_bytes).ok().filter(|&n| n as u64 <= CONFIG_BYTES_MAX);
    let length = length.ok_or(HandoverError("config-bytes"))?;
    let address = usize::try_from(handover.config_address).ok().filter(|&address| address != 0);
    let address = address.ok_or(HandoverError("config-address"))?;
    // SAFETY: the loader allocated these pages, identity-mapped like all memory, outside the region
    // that it gave the kernel to allocate from, and nothing writes to them after it. Were its
    // statement wrong, the digest that the caller checks would not match.
    Ok(unsafe { slice::from_raw_parts(address as *const u8, length) })
}
