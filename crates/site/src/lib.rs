//! The site file: what an operator writes (TOML) becomes what the kernel reads ([`Config`]).
//!
//! `docs/site.md` describes the file. Everything is checked here, so that a mistake is found at a
//! desk, with its line, and not in a plant. [`parse`] is pure; [`load`] reads the file and its key.
#![forbid(unsafe_code)]

mod cards;
mod class;
mod diode;
mod error;
mod key;
mod link;
mod modbus;
mod name;
mod reads;
mod release;
mod section;
mod status;
mod summary;
mod time;

use std::path::Path;

use noreturn_image_format::Config;
use toml::de::DeTable;

pub use error::{Error, Errors, LoadError};
pub use key::{KeyError, read_key};
pub use name::is_plain;
pub use summary::Summary;

use section::{Fault, Reports, Section};

/// Makes a configuration of the text of a site file.
///
/// `file_name` only serves error messages. `key` turns the value of `diode.key_file` into the 32
/// bytes of the diode's key, or says why it cannot.
///
/// # Errors
/// Everything that is wrong with the text, in the order of the file. Text that is not TOML is
/// reported alone, since nothing behind the mistake can be trusted.
pub fn parse(
    text: &str,
    file_name: &str,
    key: impl FnOnce(&str) -> Result<[u8; 32], KeyError>,
) -> Result<Config, Errors> {
    let document = DeTable::parse(text).map_err(|error| Errors::syntax(text, file_name, &error))?;
    let reports = Reports::default();
    let config = Section::root(document.get_ref(), &reports).read(|root| read_config(root, key));
    let faults = reports.into_inner();
    let Some(config) = config.filter(|_| faults.is_empty()) else {
        return Err(Errors::locate(text, file_name, faults));
    };
    // The kernel's own check has the last word. It finds nothing that was not found above, with its line.
    match config.encode() {
        Ok(_) => Ok(config),
        Err(error) => Err(Errors::locate(text, file_name, vec![Fault::of_all(&error)])),
    }
}

/// Reads a site file and the key file that it names, relative to itself.
///
/// # Errors
/// The file cannot be read, or [`parse`] refuses it.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    let bytes =
        std::fs::read(path).map_err(|why| LoadError::Read { path: path.display().to_string(), why })?;
    let text =
        String::from_utf8(bytes).map_err(|_| LoadError::NotText { path: path.display().to_string() })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(parse(&text, &path.display().to_string(), |key_file| read_key(&folder.join(key_file)))?)
}

fn read_config(root: &Section<'_>, key: impl FnOnce(&str) -> Result<[u8; 32], KeyError>) -> Option<Config> {
    let diode = root.table("diode").and_then(|section| section.read(|s| diode::read(s, key)));
    let release = root.optional_table("image").read(release::read);
    let mut neighbours = cards::Neighbours::default();
    let inside =
        root.table("inside").and_then(|section| section.read(|s| cards::read_inside(s, &mut neighbours)));
    let outside =
        root.table("outside").and_then(|section| section.read(|s| cards::read_outside(s, inside.as_ref())));
    let link = root.optional_table("link").read(link::read);
    let status = root.optional_table("status").read(status::read);
    let time =
        root.optional_table("time").read(|section| time::read(section, inside.as_ref(), &mut neighbours));
    let (devices, sources) = modbus::read(root, inside.as_ref(), &mut neighbours);
    Some(Config {
        diode: diode?,
        release: release?,
        inside: inside?,
        outside: outside?,
        link: link?,
        status: status?,
        time: time?,
        devices,
        sources,
    })
}
