//! What the two builds say about each other, as text and JSON, and what is kept of files that differ.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde_json::{Value, json};

use super::compare::{Compared, Place};
use super::variation::Variation;
use crate::report::visible::Visible;

/// What was built, how the builds differed, and whether that shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reproduction {
    /// How many files of the sources differ from the last commit.
    pub changes: usize,
    /// How the circumstances differed.
    pub variations: Vec<Variation>,
    /// Every pair of files.
    pub compared: Vec<Compared>,
}

impl Reproduction {
    /// Whether every file came out the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.compared.iter().all(Compared::is_same)
    }

    fn verdict(&self) -> &'static str {
        if self.is_same() { "same" } else { "different" }
    }

    /// All of it as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "verdict": self.verdict(),
            "changes_not_committed": self.changes,
            "variations": self.variations.iter().map(variation).collect::<Vec<_>>(),
            "files": self.compared.iter().map(file).collect::<Vec<_>>(),
        })
    }
}

fn variation(Variation { name, told }: &Variation) -> Value {
    json!({ "name": name, "varied": told.is_ok(), "detail": match told { Ok(how) => how.as_str(), Err(why) => why } })
}

fn file(compared: &Compared) -> Value {
    json!({
        "name": compared.name,
        "same": compared.is_same(),
        "sha256": compared.sha256.map(|digest| digest.to_string()),
        "bytes": compared.bytes,
        "differing_bytes": compared.differing,
        "places": compared.places.iter().map(place).collect::<Vec<_>>(),
        "kept": compared.kept,
    })
}

fn place(Place { offset, part, contents }: &Place) -> Value {
    json!({ "offset": offset, "part": part, "contents": contents })
}

impl fmt::Display for Reproduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes > 0 {
            writeln!(f, "the sources differ from the last commit in {} files", self.changes)?;
        }
        for Variation { name, told } in &self.variations {
            match told {
                Ok(how) => writeln!(f, "varied      {name}: {}", Visible(how))?,
                Err(why) => writeln!(f, "not varied  {name}: {why}")?,
            }
        }
        self.compared.iter().try_for_each(|compared| write_file(f, compared))?;
        writeln!(f, "verdict {}", self.verdict())
    }
}

fn write_file(f: &mut fmt::Formatter<'_>, compared: &Compared) -> fmt::Result {
    let Compared { name, sha256: [first, second], bytes: [first_bytes, second_bytes], .. } = compared;
    if compared.is_same() {
        return writeln!(f, "same        {}: {first_bytes} bytes, SHA-256 {first}", Visible(name));
    }
    writeln!(f, "different   {}: {} bytes differ", Visible(name), compared.differing)?;
    writeln!(f, "    {first_bytes} bytes, SHA-256 {first}")?;
    writeln!(f, "    {second_bytes} bytes, SHA-256 {second}")?;
    for Place { offset, part, contents: [first, second] } in &compared.places {
        writeln!(f, "    at {offset}, in {}:", Visible(part))?;
        writeln!(f, "        {first}\n        {second}")?;
    }
    compared.kept.iter().try_for_each(|kept| writeln!(f, "    {}", Visible(kept)))
}

/// Copies both files to `folder`, with diffoscope's account of them if there is one. Says what was done.
pub(super) fn keep(folder: &Path, first: &Path, second: &Path) -> anyhow::Result<String> {
    let name = second.file_name().context("a file has a name")?;
    let paths = ["first", "second"].map(|build| folder.join(build).join(name));
    for (from, to) in [first, second].into_iter().zip(&paths) {
        fs::create_dir_all(to.parent().context("a file has a folder")?)?;
        fs::copy(from, to).with_context(|| format!("{}: cannot be kept", to.display()))?;
    }
    let account = folder.join(name).with_added_extension("diffoscope.txt");
    let diffoscope = Command::new("diffoscope").arg("--text").arg(&account).args(&paths).output();
    let kept = format!("kept: {} and {}", paths[0].display(), paths[1].display());
    Ok(match diffoscope {
        Ok(_) if account.exists() => format!("{kept}; diffoscope's account: {}", account.display()),
        Ok(output) => {
            format!("{kept}; diffoscope failed: {}", String::from_utf8_lossy(&output.stderr).trim())
        }
        Err(_) => format!("{kept}; diffoscope is not installed"),
    })
}
