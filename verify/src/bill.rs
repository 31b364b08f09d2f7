//! The bill of materials that comes with an image (CycloneDX 1.5, JSON), as far as it is judged.

use noreturn_image_format::Sha256Digest;
use serde_json::Value;

/// Bytes of the longest bill that is read.
pub const BILL_BYTES_MAX: u64 = 16 << 20;

/// A bill. Whoever wrote it is trusted no more than whoever built the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bill {
    /// The programs that it is of.
    pub(crate) programs: Vec<BilledProgram>,
    /// The crates that they are made of.
    pub(crate) crates: Vec<BilledCrate>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BilledProgram {
    pub name: String,
    pub sha256: Sha256Digest,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BilledCrate {
    pub name: String,
    pub version: String,
    /// An SPDX expression, which nobody has looked at yet.
    pub licence: String,
    /// Names of the programs that it is in.
    pub programs: Vec<String>,
}

impl Bill {
    /// Reads a bill.
    ///
    /// # Errors
    /// What is missing or not what it must be, and where, in words for people.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let bill: Value = serde_json::from_slice(text).map_err(|error| format!("it is not JSON: {error}"))?;
        if bill["bomFormat"] != "CycloneDX" {
            return Err("bomFormat is not \"CycloneDX\"".to_owned());
        }
        let programs = list(&bill["metadata"]["component"]["components"], "metadata.component.components")?;
        let crates = list(&bill["components"], "components")?;
        Ok(Self {
            programs: read_all(programs, "metadata.component.components", program)?,
            crates: read_all(crates, "components", billed)?,
        })
    }

    /// The digest of the program of this name.
    pub(crate) fn program(&self, name: &str) -> Result<Sha256Digest, String> {
        let mut found = self.programs.iter().filter(|program| program.name == name);
        match (found.next(), found.next()) {
            (Some(program), None) => Ok(program.sha256),
            (None, _) => Err(format!("it is of no program \"{name}\"")),
            (Some(_), Some(_)) => Err(format!("it is of two programs \"{name}\"")),
        }
    }
}

fn read_all<T>(
    entries: &[Value],
    place: &str,
    read: fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let read = |(number, entry)| read(entry).map_err(|what| format!("{place}[{number}].{what}"));
    entries.iter().enumerate().map(read).collect()
}

fn program(entry: &Value) -> Result<BilledProgram, String> {
    let hashes = list(&entry["hashes"], "hashes")?;
    let hash = hashes.iter().find(|hash| hash["alg"] == "SHA-256").ok_or("hashes has no \"SHA-256\"")?;
    let sha256 = Sha256Digest::parse(text(hash, "content")?).ok_or("hashes: content is no SHA-256")?;
    Ok(BilledProgram { name: text(entry, "name")?.to_owned(), sha256 })
}

fn billed(entry: &Value) -> Result<BilledCrate, String> {
    let licence = match list(&entry["licenses"], "licenses")? {
        [licence] => text(licence, "expression").map_err(|what| format!("licenses[0].{what}"))?,
        _ => return Err("licenses is not one expression".to_owned()),
    };
    let properties = entry["properties"].as_array().map(Vec::as_slice).unwrap_or_default();
    let programs = properties.iter().filter(|property| property["name"] == "noreturn:program");
    Ok(BilledCrate {
        name: text(entry, "name")?.to_owned(),
        version: text(entry, "version")?.to_owned(),
        licence: licence.to_owned(),
        programs: programs.filter_map(|property| property["value"].as_str()).map(str::to_owned).collect(),
    })
}

fn list<'v>(value: &'v Value, name: &str) -> Result<&'v [Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{name} is no list"))
}

fn text<'v>(entry: &'v Value, key: &str) -> Result<&'v str, String> {
    entry[key].as_str().ok_or_else(|| format!("{key} is no text"))
}
