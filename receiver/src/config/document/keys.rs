//! The keys of a diode: one file, or tables with times for when one takes over from another.

use std::path::Path;

use noreturn_link::DiodeKey;
use noreturn_link::receiver::KEYS_PER_DIODE_MAX;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::super::{KeyConfig, secret};
use super::{Spot, wrong};
use crate::rfc3339;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyTable {
    file: Spanned<String>,
    valid_from: Option<Spanned<Datetime>>,
    valid_until: Option<Spanned<Datetime>>,
}

/// The keys of the diode called `name`, at least one.
pub(super) fn check(
    name: &Spanned<String>,
    file: Option<&Spanned<String>>,
    tables: &[KeyTable],
    folder: &Path,
    warnings: &mut Vec<String>,
) -> Result<Vec<KeyConfig>, Spot> {
    match (file, tables) {
        (Some(file), []) => {
            let key = read("diode.key_file", file, folder, warnings)?;
            Ok(vec![KeyConfig { key, from_us: 0, until_us: u64::MAX }])
        }
        (Some(file), _) => Err(wrong(
            file,
            "diode.key_file: not beside [[diode.key]]; move it into a [[diode.key]] of its own",
        )),
        (None, []) => Err(wrong(
            name,
            format!("diode \"{}\" has no key: expected key_file, or [[diode.key]] tables", name.get_ref()),
        )),
        (None, tables) if tables.len() > KEYS_PER_DIODE_MAX => Err(wrong(
            &tables[KEYS_PER_DIODE_MAX].file,
            format!("diode.key: {} keys, at most {KEYS_PER_DIODE_MAX} are possible", tables.len()),
        )),
        (None, tables) => tables.iter().map(|table| table.check(folder, warnings)).collect(),
    }
}

impl KeyTable {
    fn check(&self, folder: &Path, warnings: &mut Vec<String>) -> Result<KeyConfig, Spot> {
        let from_us = time("diode.key.valid_from", self.valid_from.as_ref(), 0)?;
        let until_us = time("diode.key.valid_until", self.valid_until.as_ref(), u64::MAX)?;
        if let Some(until) = self.valid_until.as_ref().filter(|_| until_us <= from_us) {
            return Err(wrong(until, "diode.key.valid_until: is not after valid_from"));
        }
        let key = read("diode.key.file", &self.file, folder, warnings)?;
        Ok(KeyConfig { key, from_us, until_us })
    }
}

fn read(
    name: &str,
    file: &Spanned<String>,
    folder: &Path,
    warnings: &mut Vec<String>,
) -> Result<DiodeKey, Spot> {
    let path = folder.join(file.get_ref());
    let key = secret::read_key(&path).map_err(|what| wrong(file, format!("{name}: {what}")))?;
    warnings.extend(secret::exposure(&path));
    Ok(DiodeKey(key))
}

fn time(name: &str, time: Option<&Spanned<Datetime>>, default: u64) -> Result<u64, Spot> {
    let Some(time) = time else { return Ok(default) };
    rfc3339::unix_us(time.get_ref()).ok_or_else(|| {
        wrong(
            time,
            format!(
                "{name}: \"{}\" is not a time with date and offset from 1970 on, such as 2026-12-01T00:00:00Z",
                time.get_ref()
            ),
        )
    })
}
