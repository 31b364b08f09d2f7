//! Folders and their entries (section 6).

use crate::bytes::{array, first_used, u16_at, u32_at};

const ENTRY_BYTES: usize = 32;
const DELETED: u8 = 0xe5;
const LONG_NAME: u8 = 0x0f;
const LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;
/// Read-only and archive say nothing about what an entry is.
const ATTRIBUTES_IGNORED: u8 = 0x21;

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    File,
    Folder,
    Label,
    /// The entry "." of a folder.
    Own,
    /// The entry "..".
    Parent,
}

/// One entry of a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub name: String,
    pub kind: Kind,
    pub cluster: u16,
    pub bytes: u32,
}

/// Every entry of the folder `path`.
pub(super) fn entries(path: &str, contents: &[u8]) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for (index, raw) in contents.chunks_exact(ENTRY_BYTES).enumerate() {
        if raw[0] == 0 {
            // The first free entry ends the folder; what follows is never looked at by others.
            return match first_used(&contents[index * ENTRY_BYTES..]) {
                None => Ok(entries),
                Some(_) => Err(format!("the folder /{path} hides bytes behind its end")),
            };
        }
        let place = || format!("entry {index} of the folder /{path}");
        entries.push(
            parse(raw).ok_or_else(|| format!("{} is deleted, has a long name, or is damaged", place()))?,
        );
    }
    Ok(entries)
}

fn parse(raw: &[u8]) -> Option<Entry> {
    let name: [u8; 11] = array(raw, 0)?;
    let attributes = *raw.get(11)?;
    let kind = match attributes & !ATTRIBUTES_IGNORED {
        _ if name[0] == DELETED || attributes == LONG_NAME => return None,
        0 => Kind::File,
        FOLDER if name == *b".          " => Kind::Own,
        FOLDER if name == *b"..         " => Kind::Parent,
        FOLDER => Kind::Folder,
        LABEL => Kind::Label,
        _ => return None,
    };
    let name = match kind {
        Kind::Own => ".".to_owned(),
        Kind::Parent => "..".to_owned(),
        Kind::Label => String::from_utf8_lossy(&name).into_owned(),
        Kind::File | Kind::Folder => join_name(&name)?,
    };
    // A FAT12 has no upper half of a cluster's number.
    let cluster = u16_at(raw, 26).filter(|_| u16_at(raw, 20) == Some(0))?;
    Some(Entry { name, kind, cluster, bytes: u32_at(raw, 28)? })
}

/// "KERNEL  ELF" is `KERNEL.ELF`; only capital letters and digits are in names here.
fn join_name(name: &[u8; 11]) -> Option<String> {
    let part = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?.trim_end_matches(' ');
        text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).then(|| text.to_owned())
    };
    let (stem, extension) = (part(&name[..8])?, part(&name[8..])?);
    match (stem.is_empty(), extension.is_empty()) {
        (true, _) => None,
        (false, true) => Some(stem),
        (false, false) => Some(format!("{stem}.{extension}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(name: &[u8; 11], attributes: u8) -> [u8; 32] {
        let mut raw = [0; 32];
        raw[..11].copy_from_slice(name);
        raw[11] = attributes;
        raw[26..28].copy_from_slice(&2_u16.to_le_bytes());
        raw[28..].copy_from_slice(&3_u32.to_le_bytes());
        raw
    }

    #[test]
    fn an_entry_is_read() {
        let expected = Entry { name: "KERNEL.ELF".to_owned(), kind: Kind::File, cluster: 2, bytes: 3 };
        assert_eq!(parse(&raw(b"KERNEL  ELF", 0x21)), Some(expected));
        assert_eq!(parse(&raw(b"EFI        ", 0x10)).unwrap().kind, Kind::Folder);
        assert_eq!(parse(&raw(b"..         ", 0x10)).unwrap().kind, Kind::Parent);
    }

    #[test]
    fn what_images_never_have_is_refused() {
        for (name, attributes) in [
            (b"\xe5ERNEL  ELF", 0),
            (b"KERNEL  ELF", 0x0f),
            (b"KERNEL  ELF", 0x02),
            (b"KERNEL  ELF", 0x18),
            (b"kernel  ELF", 0),
            (b"KER EL  ELF", 0),
            (b"        ELF", 0),
            (b".          ", 0),
        ] {
            assert_eq!(parse(&raw(name, attributes)), None, "{name:?} {attributes:#x}");
        }
    }

    #[test]
    fn a_cluster_that_does_not_fit_is_refused() {
        let mut entry = raw(b"KERNEL  ELF", 0);
        entry[20] = 1;
        assert_eq!(parse(&entry), None);
    }

    #[test]
    fn nothing_may_follow_the_end() {
        let mut folder = [[0; 32]; 4].concat();
        assert_eq!(entries("", &folder), Ok(Vec::new()));
        folder[64] = 1;
        assert!(entries("", &folder).unwrap_err().contains("behind its end"));
    }
}
