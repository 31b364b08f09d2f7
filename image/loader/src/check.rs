//! Judges a medium that was read once into memory, by its manifest; there is no second read to answer differently.

use ed25519_compact::{PublicKey, Signature};
use noreturn_image_format::layout::MANIFEST_RANGE;
use noreturn_image_format::manifest::{self, Manifest, Part};
use noreturn_image_format::{Config, Sha256Digest};

use crate::Refusal;

/// Bytes at the start of the medium that hold the manifest, and so the image's length.
pub const HEAD_BYTES: usize = MANIFEST_RANGE.end;

/// A medium that passed every check, and the bytes that may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked<'a> {
    /// What the owner signed.
    pub manifest: Manifest,
    /// The manifest's text.
    pub manifest_text: &'a [u8],
    /// The kernel.
    pub kernel: &'a [u8],
    /// The configuration; see [`config`].
    pub config: &'a [u8],
    /// What `sha256sum` prints for the image.
    pub image_sha256: Sha256Digest,
}

/// How long the image says that it is; nothing else of the head is believed, and the length only until [`medium`] has
/// looked at what was read.
///
/// # Errors
/// [`Refusal::Manifest`].
pub fn image_bytes(head: &[u8; HEAD_BYTES]) -> Result<u64, Refusal> {
    let manifest = Manifest::parse(&head[MANIFEST_RANGE]).map_err(Refusal::Manifest)?;
    Ok(manifest.manifest.image_bytes)
}

/// Judges a whole image by the manifest in it, which the owner with the public key `owner` must have signed.
///
/// # Errors
/// The first thing that is wrong.
pub fn medium<'a>(image: &'a [u8], owner: &[u8; 32]) -> Result<Checked<'a>, Refusal> {
    if *owner == [0; 32] {
        return Err(Refusal::NoOwner);
    }
    let found = image.len() as u64;
    let (manifest, manifest_text) = signed_manifest(image, owner)?;
    if found != manifest.image_bytes {
        return Err(Refusal::Length { expected: manifest.image_bytes, found });
    }
    part(image, "the loader", &manifest.loader)?;
    let kernel = part(image, "the kernel", &manifest.kernel)?;
    let config = part(image, "the configuration", &manifest.config)?;
    let rest = manifest::medium_digest(image).ok_or_else(|| too_short(found))?;
    compare("the rest of the medium", manifest.medium, rest)?;
    let image_sha256 = Sha256Digest::of(image);
    Ok(Checked { manifest, manifest_text, kernel, config, image_sha256 })
}

/// Reads the configuration, and holds it to the rules that a site file is held to.
///
/// # Errors
/// [`Refusal::Config`].
pub fn config(contents: &[u8]) -> Result<Config, Refusal> {
    Config::decode(contents).map_err(Refusal::Config)
}

/// Reads the manifest, and believes nothing in it before the signature is the owner's.
fn signed_manifest<'a>(image: &'a [u8], owner: &[u8; 32]) -> Result<(Manifest, &'a [u8]), Refusal> {
    let bytes = image.get(MANIFEST_RANGE).ok_or_else(|| too_short(image.len() as u64))?;
    let parsed = Manifest::parse(bytes).map_err(Refusal::Manifest)?;
    if !is_signed(owner, parsed.signed, parsed.signature) {
        return Err(Refusal::Signature { owner: *owner });
    }
    Ok((parsed.manifest, parsed.text))
}

/// Whether `signature` is an Ed25519 signature of `message` by who has the secret key to `public` (RFC 8032).
pub(crate) fn is_signed(public: &[u8; 32], message: &[u8], signature: [u8; 64]) -> bool {
    PublicKey::new(*public).verify(message, &Signature::new(signature)).is_ok()
}

fn part<'a>(image: &'a [u8], name: &'static str, part: &Part) -> Result<&'a [u8], Refusal> {
    let contents = image.get(part.range()).ok_or_else(|| too_short(image.len() as u64))?;
    compare(name, part.sha256, Sha256Digest::of(contents))?;
    Ok(contents)
}

fn compare(part: &'static str, expected: Sha256Digest, found: Sha256Digest) -> Result<(), Refusal> {
    if expected == found { Ok(()) } else { Err(Refusal::Digest { part, expected, found }) }
}

fn too_short(found: u64) -> Refusal {
    Refusal::Length { expected: HEAD_BYTES as u64, found }
}

#[cfg(test)]
mod tests;
