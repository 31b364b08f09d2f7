//! Names that cannot reach out of their place, whoever made them up.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::disk::regular::{Links, Opening};

const LOCK: &str = ".lock";
/// Bytes of a safe name at most; file systems allow 255, and something may be appended.
const NAME_BYTES_MAX: usize = 200;
/// Of the SHA-256 that tells long names apart: nobody finds two names with the same.
const DIGEST_BYTES: usize = 16;

/// A name for the file system, another for every name: letters and digits of any script and a few signs stay; everything else is
/// written as the bytes of its UTF-8, `%3A`, a leading sign too, so that nothing is hidden, a path, or an option. At most 200 bytes;
/// what would be longer ends in `%-` and a digest instead. Nothing at all is `%`.
pub(super) fn safe_name(name: &str) -> String {
    let ending = place_of_ending(name);
    let mut safe = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        if is_safe(c) && (at > 0 || c.is_alphanumeric()) && Some(at) != ending {
            safe.push(c);
        } else {
            let mut bytes = [0; 4];
            safe.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    match safe.len() {
        0 => "%".to_owned(),
        1..=NAME_BYTES_MAX => safe,
        _ => shorten(safe, name),
    }
}

/// The name of a file whose own name is taken: no other file's [`safe_name`] looks like that.
pub(super) fn name_with_origin(safe: &str, boot: &str, file: u32) -> String {
    format!("{safe}.{boot}-{file}")
}

/// Where the dot is of an ending that looks as [`name_with_origin`] makes it.
fn place_of_ending(name: &str) -> Option<usize> {
    let (stem, ending) = name.rsplit_once('.')?;
    let (boot, file) = ending.split_once('-')?;
    let is_boot = boot.len() == 32 && boot.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_file = !file.is_empty() && file.bytes().all(|byte| byte.is_ascii_digit());
    (is_boot && is_file).then_some(stem.len())
}

fn shorten(mut safe: String, name: &str) -> String {
    let digest = Sha256::digest(name);
    let digits: String = digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let ending = format!("%-{digits}");
    safe.truncate(safe.floor_char_boundary(NAME_BYTES_MAX - ending.len()));
    safe + &ending
}

fn is_safe(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ',' | '+' | '=' | '@' | '(' | ')')
}

/// Renames without ever replacing anything; whether the new name was free.
///
/// # Errors
/// It cannot be renamed for another reason.
pub(super) fn rename_to_free(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes what was renamed in `folder` last.
pub(super) fn synchronise_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a directory that no other receiver writes to as long as the file lives.
///
/// # Errors
/// It cannot be made, or another uses it. `table` is the configuration's table that names it.
pub(super) fn lock_directory(table: &str, directory: &Path) -> anyhow::Result<File> {
    let name = directory.display();
    fs::create_dir_all(directory).with_context(|| format!("{table}.directory: cannot make \"{name}\""))?;
    let lock = Opening { mode: 0o666, links: Links::Refused }.append_to(&directory.join(LOCK));
    let lock = lock.with_context(|| format!("{table}.directory: cannot open \"{name}/{LOCK}\""))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("{table}.directory: \"{name}\" is in use by another receiver: stop it, or give each its own");
    }
    Ok(lock)
}

/// The folder of a diode, made if need be.
pub(super) fn diode_folder(directory: &Path, diode: &str) -> io::Result<PathBuf> {
    let folder = directory.join(safe_name(diode));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_names() {
        for (name, safe) in [
            ("trend 2026-11.csv", "trend 2026-11.csv"),
            ("Zähler №1", "Zähler %E2%84%961"),
            ("../x", "%2E.%2Fx"),
            ("-rf", "%2Drf"),
            (".part", "%2Epart"),
            ("_", "%5F"),
            ("", "%"),
            ("%", "%25"),
            ("a\0b\\c:d|e", "a%00b%5Cc%3Ad%7Ce"),
            ("evil\u{202e}txt", "evil%E2%80%AEtxt"),
        ] {
            assert_eq!(safe_name(name), safe);
        }
        let taken = name_with_origin("trend", &"0a".repeat(16), 3);
        assert_eq!(taken, format!("trend.{}-3", "0a".repeat(16)));
        assert_eq!(safe_name(&taken), format!("trend%2E{}-3", "0a".repeat(16)));
        let long = safe_name(&"ä".repeat(127));
        assert_eq!((long.len(), &long[..166]), (200, &*"ä".repeat(83)));
        assert_eq!(safe_name(&format!("a{}", "ä".repeat(127))).len(), 199, "cut between characters");
        assert_eq!(safe_name(&"x".repeat(200)), "x".repeat(200));
    }

    /// What a name that was not shortened was made of.
    fn name_of(safe: &str) -> String {
        let (mut bytes, mut rest) = (Vec::new(), safe.as_bytes());
        while let Some((&first, after)) = rest.split_first() {
            let digits = if first == b'%' { after.get(..2) } else { None };
            match digits.and_then(|digits| std::str::from_utf8(digits).ok()) {
                Some(digits) => {
                    bytes.push(u8::from_str_radix(digits, 16).unwrap());
                    rest = &after[2..];
                }
                None => {
                    bytes.extend((first != b'%').then_some(first));
                    rest = after;
                }
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    fn any_name() -> impl Strategy<Value = String> {
        let odd = "[-a%_.:/\u{0}25EF]{0,12}(\\.[0-9a-f]{32}-[0-9]{1,3})?";
        prop_oneof![any::<String>(), odd, "[ä:]{60,127}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A name can be told from that of its file, so two names are never one file.
        #[test]
        fn every_name_has_a_file_of_its_own(name in any_name(), other in any_name(), boot in "[0-9a-f]{32}", file: u32) {
            let safe = safe_name(&name);
            prop_assert!(safe.len() <= NAME_BYTES_MAX && !safe.contains('/') && !safe.starts_with(['.', '-']));
            if !safe.contains("%-") {
                prop_assert_eq!(name_of(&safe), &*name);
            }
            prop_assert_eq!(safe == safe_name(&other), name == other);
            let taken = name_with_origin(&safe, &boot, file);
            prop_assert!(taken.len() <= 255);
            // Neither the name that it looks like nor any other has this file.
            prop_assert!(safe_name(&taken) != taken && safe_name(&other) != taken);
        }

        /// Nor are two names that begin with the same 200 bytes.
        #[test]
        fn long_names_that_differ_at_their_end_have_files_of_their_own(one in "[a-c:]{1,40}", other in "[a-c:]{1,40}") {
            let long = |end: &str| safe_name(&("x".repeat(200) + end));
            prop_assert_eq!(long(&one) == long(&other), one == other);
        }
    }
}
