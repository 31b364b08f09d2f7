//! The archive of a crate: its checksum in a Cargo.lock, its file among those that cargo fetched, its contents.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::tree::Tree;

/// Bound on an unpacked archive, in bytes: hermit-kernel 0.11.0 has under a megabyte, smoltcp 0.14.0 under three.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;

/// A crate at one version.
#[derive(Clone, Copy, Debug)]
pub struct Crate {
    /// Its name in the registry.
    pub name: &'static str,
    /// Its exact version.
    pub version: &'static str,
}

impl Crate {
    fn folder(self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// The SHA-256 (lower-case hexadecimal) that the Cargo.lock with the text `lock` gives for the crate's archive.
    ///
    /// # Errors
    /// When it is no lock file, or does not name the crate at this version with a checksum.
    pub fn checksum(self, lock: &str) -> Result<String> {
        let lock: toml::Table = lock.parse().context("not a Cargo.lock")?;
        let packages = lock.get("package").and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
        let field = |package: &toml::Value, name: &str| package.get(name)?.as_str().map(str::to_owned);
        packages
            .iter()
            .find(|p| {
                field(p, "name").as_deref() == Some(self.name)
                    && field(p, "version").as_deref() == Some(self.version)
            })
            .and_then(|p| field(p, "checksum"))
            .with_context(|| format!("no package {} {} with a checksum", self.name, self.version))
    }

    /// The archives of this crate below `cargo_home`, one for each registry that it was fetched from.
    #[must_use]
    pub fn fetched(self, cargo_home: &Path) -> Vec<PathBuf> {
        let Ok(registries) = fs::read_dir(cargo_home.join("registry/cache")) else { return Vec::new() };
        let mut archives: Vec<PathBuf> = registries
            .filter_map(Result::ok)
            .map(|registry| registry.path().join(format!("{}.crate", self.folder())))
            .filter(|archive| archive.is_file())
            .collect();
        archives.sort();
        archives
    }

    /// Unpacks `archive`, which must hold nothing but plain files below the crate's own folder.
    ///
    /// # Errors
    /// When the checksum differs, or the archive is damaged or holds anything else.
    pub fn unpack(self, archive: &[u8], checksum: &str) -> Result<Tree> {
        let found = sha256(archive);
        ensure!(found == checksum, "expected SHA-256 {checksum}, found {found}");
        let mut entries = tar::Archive::new(GzDecoder::new(archive).take(UNPACKED_BYTES_MAX));
        let mut tree = Tree::new();
        for entry in entries.entries().context("not a tar archive")? {
            let mut entry = entry.context("damaged")?;
            let path = entry.path().context("damaged path")?.into_owned();
            ensure!(entry.header().entry_type().is_file(), "{}: not a plain file", path.display());
            let name = self.name_inside(&path)?;
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).with_context(|| format!("{}: damaged", path.display()))?;
            ensure!(tree.insert(name, contents).is_none(), "{}: there twice", path.display());
        }
        ensure!(!tree.is_empty(), "holds no file");
        Ok(tree)
    }

    /// The part of `path` below the crate's own folder.
    fn name_inside(self, path: &Path) -> Result<String> {
        let inside = path.strip_prefix(self.folder()).ok().and_then(Path::to_str);
        let plain = path.components().all(|component| matches!(component, Component::Normal(_)));
        match inside {
            Some(name) if plain && !name.is_empty() => Ok(name.to_owned()),
            _ => bail!("{}: not a path below {}/", path.display(), self.folder()),
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const EXAMPLE: Crate = Crate { name: "example", version: "1.2.3" };

    /// A gzipped tar with these paths (written as they are, even bad ones) and contents.
    fn packed(files: &[(&str, &str)], kind: tar::EntryType) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, contents) in files {
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(kind);
            header.set_size(contents.len() as u64);
            header.set_cksum();
            builder.append(&header, contents.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn unpack(archive: &[u8]) -> Result<Tree> {
        EXAMPLE.unpack(archive, &sha256(archive))
    }

    fn message(archive: &[u8]) -> String {
        format!("{:#}", unpack(archive).unwrap_err())
    }

    #[test]
    fn finds_the_checksum() {
        let lock = "version = 4\n[[package]]\nname = \"example\"\nversion = \"1.2.2\"\nchecksum = \"aa\"\n\
                    [[package]]\nname = \"example\"\nversion = \"1.2.3\"\nchecksum = \"bb\"\n";
        assert_eq!(EXAMPLE.checksum(lock).unwrap(), "bb");
    }

    #[test]
    fn refuses_a_lock_without_the_checksum() {
        for lock in ["", "version = 4", "[[package]]\nname = \"example\"\nversion = \"1.2.3\"", "="] {
            assert!(EXAMPLE.checksum(lock).is_err(), "{lock}");
        }
    }

    #[test]
    fn finds_what_cargo_fetched() {
        let home = tempfile::tempdir().unwrap();
        assert!(EXAMPLE.fetched(home.path()).is_empty());
        let registry = home.path().join("registry/cache/some-registry");
        fs::create_dir_all(&registry).unwrap();
        fs::write(registry.join("example-1.2.4.crate"), "").unwrap();
        assert!(EXAMPLE.fetched(home.path()).is_empty());
        fs::write(registry.join("example-1.2.3.crate"), "").unwrap();
        assert_eq!(EXAMPLE.fetched(home.path()), [registry.join("example-1.2.3.crate")]);
    }

    #[test]
    fn unpacks_plain_files() {
        let archive = packed(
            &[("example-1.2.3/Cargo.toml", "a"), ("example-1.2.3/src/lib.rs", "b")],
            tar::EntryType::Regular,
        );
        let expected =
            Tree::from([("Cargo.toml".into(), b"a".to_vec()), ("src/lib.rs".into(), b"b".to_vec())]);
        assert_eq!(unpack(&archive).unwrap(), expected);
    }

    #[test]
    fn refuses_another_checksum() {
        let archive = packed(&[("example-1.2.3/a", "a")], tar::EntryType::Regular);
        let error = EXAMPLE.unpack(&archive, "00").unwrap_err().to_string();
        assert!(error.starts_with("expected SHA-256 00, found "), "{error}");
    }

    #[test]
    fn refuses_paths_that_leave_the_crate() {
        for path in ["other-1.0.0/a", "example-1.2.3/../../a", "/example-1.2.3/a", "example-1.2.3"] {
            let error = message(&packed(&[(path, "a")], tar::EntryType::Regular));
            assert!(error.contains("not a path below example-1.2.3/"), "{error}");
        }
    }

    #[test]
    fn refuses_links_duplicates_and_emptiness() {
        assert!(
            message(&packed(&[("example-1.2.3/a", "")], tar::EntryType::Symlink))
                .contains("not a plain file")
        );
        let twice = packed(&[("example-1.2.3/a", "a"), ("example-1.2.3/a", "b")], tar::EntryType::Regular);
        assert!(message(&twice).contains("there twice"));
        assert!(message(&packed(&[], tar::EntryType::Regular)).contains("holds no file"));
    }

    #[test]
    fn refuses_a_cut_archive() {
        let archive = packed(&[("example-1.2.3/a", &"a".repeat(5000))], tar::EntryType::Regular);
        assert!(unpack(&archive[..archive.len() / 2]).is_err());
    }
}
