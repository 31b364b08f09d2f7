//! What goes into both builds: the sources as git knows them, the site with its key, and the owner.

use std::fs::{self, FileTimes, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, ensure};

use super::{Arguments, Part};

/// What goes into both builds.
pub(super) struct Inputs {
    source: PathBuf,
    files: Vec<PathBuf>,
    /// How many files differ from the last commit.
    pub changes: usize,
    /// Files that scripts/build is told of, each with its option; none for parts that know no site.
    told: Vec<(&'static str, PathBuf)>,
    /// The key that diode and receiver share, and its path from the site file.
    key: Option<(PathBuf, PathBuf)>,
}

impl Inputs {
    pub fn read(arguments: &Arguments) -> anyhow::Result<Self> {
        let source =
            arguments.source.canonicalize().with_context(|| arguments.source.display().to_string())?;
        ensure!(source.join("scripts/build").is_file(), "{}: holds no scripts/build", source.display());
        let listed = git(&source, &["ls-files", "-z", "--cached"])?;
        let files = listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
        let changes = git(&source, &["status", "--porcelain"])?.lines().count();
        let mut inputs = Self { source, files, changes, told: Vec::new(), key: None };
        if arguments.part == Part::Image {
            inputs.read_site(arguments)?;
        }
        Ok(inputs)
    }

    fn read_site(&mut self, arguments: &Arguments) -> anyhow::Result<()> {
        let example = || self.source.join("sites/example/site.toml");
        let site = arguments.site.clone().unwrap_or_else(example);
        // Says what is wrong with the site before minutes are spent.
        noreturn_site::load(&site)?;
        let mut key = PathBuf::new();
        noreturn_site::parse(&fs::read_to_string(&site)?, "", |path| {
            key = PathBuf::from(path);
            Ok([0; 32])
        })?;
        let is_below = key.is_relative() && !key.components().any(|part| part.as_os_str() == "..");
        ensure!(is_below, "{}: its key must lie beside it, to be copied with it", site.display());
        self.key = Some((site.with_file_name(&key), key));
        let beside = site.with_file_name("owner.key");
        self.told.push(("--site", site));
        match (&arguments.owner_public, &arguments.signature_of) {
            (Some(key), Some(image)) => {
                self.told.extend([("--owner-public", key.clone()), ("--signature-of", image.clone())]);
            }
            _ => self.told.push(("--owner", arguments.owner.clone().unwrap_or(beside))),
        }
        Ok(())
    }

    /// Copies everything into `folder`, the sources with this time of their last change, and returns what scripts/build
    /// is told.
    pub fn copy(&self, folder: &Path, modified: SystemTime) -> anyhow::Result<Vec<String>> {
        for file in &self.files {
            let (from, to) = (self.source.join(file), folder.join("source").join(file));
            // Removed and not yet committed.
            if from.symlink_metadata().is_err() {
                continue;
            }
            copy(&from, &to)?;
            OpenOptions::new().append(true).open(&to)?.set_times(FileTimes::new().set_modified(modified))?;
        }
        if let Some((from, to)) = &self.key {
            copy(from, &folder.join("site").join(to))?;
        }
        let mut arguments = Vec::new();
        for (option, from) in &self.told {
            let to = folder.join("site").join(from.file_name().context("a file has a name")?);
            copy(from, &to)?;
            arguments.extend([(*option).to_owned(), to.display().to_string()]);
        }
        Ok(arguments)
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to.parent().context("a file has a folder")?)?;
    fs::copy(from, to).with_context(|| format!("{}: cannot be copied", from.display()))?;
    Ok(())
}

fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().context("git")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: git cannot tell its files: {}", folder.display(), said.trim());
    Ok(String::from_utf8(output.stdout)?)
}
