//! `[files]` and `[streams]`: where they are put.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::super::ObjectsConfig;
use super::{Spot, bounded, wrong};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectsTable {
    directory: Spanned<String>,
    bytes_max: Option<Spanned<u64>>,
}

/// The tables of files and of streams.
pub(super) fn check(
    files: Option<ObjectsTable>,
    streams: Option<ObjectsTable>,
    folder: &Path,
) -> Result<(Option<ObjectsConfig>, Option<ObjectsConfig>), Spot> {
    let streams_at = streams.as_ref().map(|table| table.directory.clone());
    let files = files.map(|table| table.check("files", 1 << 30, folder)).transpose()?;
    let streams = streams.map(|table| table.check("streams", 1 << 40, folder)).transpose()?;
    match (&files, &streams, streams_at) {
        (Some(files), Some(streams), Some(at)) if files.directory == streams.directory => {
            Err(wrong(&at, "streams.directory: is that of files; give each its own"))
        }
        _ => Ok((files, streams)),
    }
}

impl ObjectsTable {
    fn check(self, name: &str, bytes_max: u64, folder: &Path) -> Result<ObjectsConfig, Spot> {
        if self.directory.get_ref().is_empty() {
            return Err(wrong(&self.directory, format!("{name}.directory: expected a directory")));
        }
        // File systems count in signed 64 bits.
        let range = 1..=(1 << 62);
        let bytes_max = bounded(&format!("{name}.bytes_max"), self.bytes_max.as_ref(), bytes_max, range)?;
        Ok(ObjectsConfig { directory: folder.join(self.directory.get_ref()), bytes_max })
    }
}
