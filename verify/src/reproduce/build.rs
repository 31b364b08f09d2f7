//! One build in a copy of the sources.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::Part;
use super::inputs::Inputs;
use super::variation::{self, Variation, Varied};

/// How much of what a failed build said is told.
const LINES_TOLD: usize = 30;
/// When the second copy's files were changed last: a day of 2001.
const LONG_AGO: Duration = Duration::from_secs(1_000_000_000);

/// A build that is done.
pub(super) struct Build {
    /// The copy of the sources, with what was built.
    pub source: PathBuf,
}

impl Build {
    /// As the person who asks builds.
    pub fn usual(inputs: &Inputs, part: Part, work: &Path) -> anyhow::Result<Self> {
        let folder = work.join("a");
        let arguments = inputs.copy(&folder, SystemTime::now())?;
        eprintln!("Building in {}", folder.display());
        let mut command = Command::new("bash");
        command.args(["scripts/build", "--only", part.name()]).args(arguments);
        run(command, &folder)
    }

    /// With everything else that can be had; and what that was.
    pub fn varied(inputs: &Inputs, part: Part, work: &Path) -> anyhow::Result<(Self, Vec<Variation>)> {
        let folder = work.join("another folder, with a longer name/below it");
        let arguments = inputs.copy(&folder, UNIX_EPOCH + LONG_AGO)?;
        for name in ["home", "tmp", "cargo"] {
            fs::create_dir(folder.join(name))?;
        }
        copy_crates(&folder.join("cargo"))?;
        let varied = Varied::find(&folder, |user| give(&folder, user))?;
        eprintln!("Building in {}: {}", folder.display(), variation::summary(&varied.told));
        let [program, wrapping @ ..] = &varied.wrappers[..] else { bail!("nothing varies") };
        let mut command = Command::new(program);
        command.args(wrapping).args(["bash", "scripts/build", "--only", part.name()]).args(arguments);
        command.envs(varied.environment);
        if let Some(user) = varied.user {
            command.uid(user).gid(user);
        }
        Ok((run(command, &folder)?, varied.told))
    }
}

fn run(mut command: Command, folder: &Path) -> anyhow::Result<Build> {
    let source = folder.join("source");
    let log = folder.join("log");
    let output = File::create(&log)?;
    let status = command
        .current_dir(&source)
        .stdin(std::process::Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .with_context(|| format!("{command:?}"))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let lines: Vec<_> = said.lines().collect();
        let end = lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n");
        bail!("the build in {} failed ({status}); its last words:\n{end}", source.display());
    }
    Ok(Build { source })
}

/// Gives another user what was copied. What is linked to somebody else's file stays that person's, and can be read.
fn give(folder: &Path, user: u32) -> anyhow::Result<()> {
    lchown(folder, Some(user), Some(user))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            give(&entry.path(), user)?;
        } else if metadata.nlink() == 1 {
            chown(entry.path(), Some(user), Some(user))?;
        }
    }
    Ok(())
}

/// What cargo has fetched for the person who asks, so that nothing is fetched twice. cargo compares it with Cargo.lock.
fn copy_crates(folder: &Path) -> anyhow::Result<()> {
    let Some(cargo) = variation::home_of("CARGO_HOME", ".cargo") else { return Ok(()) };
    for name in ["registry/cache", "registry/index"] {
        if cargo.join(name).is_dir() {
            link_all(&cargo.join(name), &folder.join(name))?;
        }
    }
    Ok(())
}

fn link_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to, metadata) = (entry.path(), to.join(entry.file_name()), entry.metadata()?);
        let is_public = metadata.permissions().mode() & 0o004 != 0;
        if metadata.is_dir() {
            link_all(&from, &to)?;
        } else if metadata.is_file() && !(is_public && fs::hard_link(&from, &to).is_ok()) {
            fs::copy(&from, &to).with_context(|| format!("{}: cannot be copied", from.display()))?;
        }
    }
    Ok(())
}
