//! The `[diode]` table.

use noreturn_image_format::config::Diode;

use crate::key::KeyError;
use crate::name;
use crate::section::{Section, integer, string};

pub(crate) fn read(
    section: &Section<'_>,
    read_key: impl FnOnce(&str) -> Result<[u8; 32], KeyError>,
) -> Option<Diode> {
    let id = section.required("id", &integer(0..=u32::MAX));
    let name = section.required("name", &name::single());
    let key_file = section.required("key_file", &string("the path of a key file, relative to this file"));
    let key = key_file
        .and_then(|path| read_key(&path).map_err(|error| section.fault("key_file", &error.to_string())).ok());
    Some(Diode { id: id?, name: name?, key: key? })
}
