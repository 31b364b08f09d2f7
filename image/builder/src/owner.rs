//! The owner: whose key is in the loader, and who signs the manifest (Ed25519, RFC 8032).
//!
//! A signature is a function of key and text, so the owner builds the same bytes again. Whoever has only the public key
//! builds them, too, with the signature of an image that the owner built.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use ed25519_compact::{KeyPair, PublicKey, Seed, Signature};
use noreturn_image_format::layout::{LOADER_BYTES_MAX, MANIFEST_RANGE};
use noreturn_image_format::manifest::{Manifest, Parsed};
use noreturn_image_format::{Sha256Digest, owner};

use crate::error::BuildError;
use crate::output::{self, Readers};
use crate::pe;

/// Who owns an image.
#[derive(Clone)]
pub struct Owner(Kind);

#[derive(Clone)]
enum Kind {
    /// Can sign.
    Secret(KeyPair),
    /// Can only say whether a signature that somebody else brings is the owner's.
    Public {
        key: PublicKey,
        signature: [u8; 64],
        /// What the loader was signed with for Secure Boot; nothing if it was not.
        certificates: Vec<u8>,
    },
}

impl Owner {
    /// The owner with this secret.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(Kind::Secret(KeyPair::from_seed(Seed::new(seed))))
    }

    /// An owner whose secret is elsewhere; the signatures, of manifest and loader, are those of `image`, which the owner built.
    ///
    /// # Errors
    /// There is no manifest in the image.
    pub fn from_public(key: [u8; 32], image: &[u8]) -> anyhow::Result<Self> {
        let manifest = image.get(MANIFEST_RANGE).context("it ends before its manifest does")?;
        let Parsed { manifest, signature, .. } =
            Manifest::parse(manifest).map_err(|error| anyhow::anyhow!("{error}"))?;
        let loader = image.get(manifest.loader.range()).context("it ends before its loader does")?;
        let certificates = pe::certificates(loader).unwrap_or_default().to_vec();
        Ok(Self(Kind::Public { key: PublicKey::new(key), signature, certificates }))
    }

    /// Reads a file of [`create`]'s: the owner's secret.
    ///
    /// # Errors
    /// The file cannot be read, or is no such file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        read_key(path, owner::SECRET).map(Self::from_seed)
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        match &self.0 {
            Kind::Secret(pair) => *pair.pk,
            Kind::Public { key, .. } => **key,
        }
    }

    /// The loader with the owner's key in it and, if the owner signed it for Secure Boot, with that signature.
    pub(crate) fn put_into(&self, loader: &[u8]) -> Result<Vec<u8>, BuildError> {
        let loader = put_key(&self.public(), loader)?;
        let Kind::Public { certificates, .. } = &self.0 else { return Ok(loader) };
        if certificates.is_empty() || pe::certificates(&loader).is_some() {
            return Ok(loader);
        }
        // On what is no program they do not fit, and then the manifest's signature does not, either.
        let signed = pe::attach(&loader, certificates).unwrap_or(loader);
        let bytes = signed.len() as u64;
        if bytes > LOADER_BYTES_MAX {
            return Err(BuildError::TooLarge { name: "loader", bytes, bytes_max: LOADER_BYTES_MAX });
        }
        Ok(signed)
    }

    /// The signature of a text.
    ///
    /// # Errors
    /// There is only a public key, and the signature that came with it is of another text.
    pub fn sign(&self, text: &[u8]) -> Result<[u8; 64], BuildError> {
        match &self.0 {
            Kind::Secret(pair) => Ok(*pair.sk.sign(text, None)),
            Kind::Public { key, signature, .. } => match key.verify(text, &Signature::new(*signature)) {
                Ok(()) => Ok(*signature),
                Err(_) => Err(BuildError::Signature),
            },
        }
    }
}

/// Shows no secret.
impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Owner({})", Sha256Digest(self.public()))
    }
}

/// The loader with an owner's public key in it. One that holds that key already stays as it is.
///
/// # Errors
/// It has no place for a key, holds the key of another, or was signed for Secure Boot without one.
pub fn put_key(key: &[u8; 32], loader: &[u8]) -> Result<Vec<u8>, BuildError> {
    let place = owner::find(loader).ok_or(BuildError::LoaderWithoutPlace)?;
    let there = &loader[place.clone()];
    if there == key {
        return Ok(loader.to_vec());
    }
    if there.iter().any(|&byte| byte != 0) {
        return Err(BuildError::LoaderOfAnother);
    }
    if pe::certificates(loader).is_some() {
        return Err(BuildError::LoaderSignedTooEarly);
    }
    let mut loader = loader.to_vec();
    loader[place].copy_from_slice(key);
    Ok(loader)
}

/// Where the public key of the secret in `path` is written.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

/// Writes a new secret to a new file that only its owner can read, and the public key beside it.
///
/// # Errors
/// The operating system gives no random bytes, or one of the files exists already, or cannot be written.
pub fn create(path: &Path) -> anyhow::Result<()> {
    let public_path = public_path(path);
    // Before anything is written: a secret without its public key, or in place of it, would be left behind.
    ensure!(path != public_path, "{}: is the name of the public key; name it otherwise", path.display());
    ensure!(!public_path.exists(), "{}: exists, and nothing is ever overwritten", public_path.display());
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the operating system gives no random bytes")?;
    let public = Owner::from_seed(seed).public();
    output::create(path, &format!("{}{}\n", owner::SECRET, Sha256Digest(seed)), Readers::Owner)?;
    output::create(&public_path, &format!("{}{}\n", owner::PUBLIC, Sha256Digest(public)), Readers::All)
}

/// Reads a public key.
///
/// # Errors
/// The file cannot be read, or is no such file.
pub fn read_public(path: &Path) -> anyhow::Result<[u8; 32]> {
    read_key(path, owner::PUBLIC)
}

fn read_key(path: &Path, kind: &'static str) -> anyhow::Result<[u8; 32]> {
    let text = fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    owner::parse_file(&text, kind).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}
