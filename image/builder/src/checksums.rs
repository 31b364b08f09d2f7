//! The list of digests of a release, and the owner's signature of it.
//!
//! The key that signs manifests signs the list, too. So nothing but a list is ever signed here: a text that the loader would take
//! for a manifest must not get a signature in this way.

use anyhow::ensure;
use noreturn_image_format::Sha256Digest;

use crate::Owner;

/// Signs a list as `sha256sum` writes it: 64 bytes, what `openssl pkeyutl -verify -rawin` takes.
///
/// # Errors
/// It is no such list, or there is only a public key.
pub fn sign(list: &[u8], owner: &Owner) -> anyhow::Result<[u8; 64]> {
    ensure!(is_list(list), "it is no list of digests as sha256sum writes it, and nothing else is signed");
    Ok(owner.sign(list)?)
}

/// Whether every line is a digest, two spaces and the name of a file.
fn is_list(list: &[u8]) -> bool {
    let lines = std::str::from_utf8(list).ok().and_then(|text| text.strip_suffix('\n'));
    lines.is_some_and(|lines| lines.split('\n').all(is_line))
}

fn is_line(line: &str) -> bool {
    let parts = line.split_once("  ");
    parts.is_some_and(|(digest, name)| {
        Sha256Digest::parse(digest).is_some()
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_signed_and_nothing_else() {
        let owner = Owner::from_seed([9; 32]);
        let line = format!("{}  diode.img\n", Sha256Digest::of(b"it"));
        assert_eq!(
            sign(line.as_bytes(), &owner).expect("a list"),
            owner.sign(line.as_bytes()).expect("it signs")
        );
        assert!(sign(line.repeat(2).as_bytes(), &owner).is_ok());
        for text in ["", "\n", "noreturn-manifest 2\n", line.trim_end(), &line.replace("  ", " *")] {
            assert!(sign(text.as_bytes(), &owner).is_err(), "{text:?}");
        }
        let elsewhere = line.replace("diode.img", "../diode.img");
        assert!(sign(elsewhere.as_bytes(), &owner).is_err());
        assert!(sign(format!("{line}noreturn-manifest 2\n").as_bytes(), &owner).is_err());
    }
}
