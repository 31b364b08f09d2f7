//! Loader and kernel out of an image that is there already, so that another site needs no compiler.

use anyhow::{Context, ensure};
use noreturn_image_format::layout::{KERNEL_NAME, LOADER_NAME, MANIFEST_RANGE};
use noreturn_image_format::{Manifest, Part, Sha256Digest, owner};

use crate::pe;

/// What is the same in the images of every site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Programs {
    /// The UEFI loader, with the key of the owner who was named or without one.
    pub loader: Vec<u8>,
    /// The kernel.
    pub kernel: Vec<u8>,
}

impl Programs {
    /// The programs on `image`, for a new image of the owner with the public key `owner`. Whether they are to be trusted is for
    /// `diode-verify` to say; here only the digests in the image's own manifest are checked.
    ///
    /// # Errors
    /// It is no image or a damaged one, or its loader is signed for Secure Boot with another owner's key in it.
    pub fn of_image(image: &[u8], owner: &[u8; 32]) -> anyhow::Result<Self> {
        let manifest = manifest(image)?;
        let kernel = part(image, &manifest.kernel, KERNEL_NAME)?.to_vec();
        let mut loader = part(image, &manifest.loader, LOADER_NAME)?.to_vec();
        let place = owner::find(&loader).context("its loader has no place for an owner's key")?;
        if loader[place.clone()] != owner[..] {
            ensure!(
                pe::certificates(&loader).is_none(),
                "its loader is signed for Secure Boot with another owner's key in it; take an image without that \
                 signature, and sign the new loader yourself (docs/image.md, Secure Boot)"
            );
            loader[place].fill(0);
        }
        Ok(Self { loader, kernel })
    }
}

/// The manifest of an image.
///
/// # Errors
/// There is none.
pub(crate) fn manifest(image: &[u8]) -> anyhow::Result<Manifest> {
    let bytes = image.get(MANIFEST_RANGE).context("it ends before its manifest does")?;
    let parsed = Manifest::parse(bytes).map_err(|error| anyhow::anyhow!("the manifest: {error}"))?;
    Ok(parsed.manifest)
}

fn part<'a>(image: &'a [u8], part: &Part, name: &str) -> anyhow::Result<&'a [u8]> {
    let bytes = image.get(part.range()).with_context(|| format!("{name} is not within the image"))?;
    let found = Sha256Digest::of(bytes);
    ensure!(
        found == part.sha256,
        "{name} has SHA-256 {found}, and its manifest says {}: it is damaged",
        part.sha256
    );
    Ok(bytes)
}
