//! The commands that write what is said about a release: its provenance, and the signature of its digests.

use std::path::{Path, PathBuf};

use anyhow::Context;
use noreturn_image::output::{self, Readers};
use noreturn_image::provenance::{Build, File};
use noreturn_image::{Owner, checksums};
use noreturn_image_format::{Manifest, Sha256Digest, owner};

use super::read;

#[derive(clap::Args)]
pub(super) struct Sign {
    /// The list, as sha256sum writes it
    list: PathBuf,
    /// The owner's key
    #[arg(long)]
    owner: PathBuf,
    /// The signature to write: 64 bytes
    #[arg(long)]
    output: PathBuf,
}

impl Sign {
    pub fn run(&self) -> anyhow::Result<()> {
        let told = || self.list.display().to_string();
        let signature = checksums::sign(&read(&self.list)?, &Owner::read(&self.owner)?).with_context(told)?;
        output::write(&self.output, &signature, Readers::All)
    }
}

#[derive(clap::Args)]
pub(super) struct Provenance {
    /// What was made for others, the image among it
    #[arg(required = true)]
    subjects: Vec<PathBuf>,
    /// What was made on the way
    #[arg(long, value_name = "FILE")]
    byproduct: Vec<PathBuf>,
    /// The image, whose loader tells the owner
    #[arg(long)]
    image: PathBuf,
    /// The commit of the sources
    #[arg(long)]
    commit: String,
    /// The sources were changed after that commit
    #[arg(long)]
    changed: bool,
    /// The site file
    #[arg(long)]
    site: PathBuf,
    /// A list of crates; it is named as it is given here
    #[arg(long, value_name = "FILE")]
    lock: Vec<PathBuf>,
    /// The tools, in the form of image/toolchain.lock
    #[arg(long)]
    toolchain: PathBuf,
    /// It was built in the root that `./scripts/build --official` makes
    #[arg(long)]
    official: bool,
    /// The statement to write
    #[arg(long)]
    output: PathBuf,
}

impl Provenance {
    pub fn run(&self) -> anyhow::Result<()> {
        let toolchain = std::fs::read_to_string(&self.toolchain)
            .with_context(|| format!("{}: cannot be read", self.toolchain.display()))?;
        let statement = Build {
            subjects: &files(&self.subjects, file_name)?,
            byproducts: &files(&self.byproduct, file_name)?,
            commit: &self.commit,
            is_changed: self.changed,
            site: Sha256Digest::of(&read(&self.site)?),
            owner: owner_of(&read(&self.image)?)?,
            locks: &files(&self.lock, |path| path.display().to_string())?,
            toolchain: &toolchain,
            is_official: self.official,
        };
        output::write(&self.output, statement.emit()?.as_bytes(), Readers::All)
    }
}

fn files(paths: &[PathBuf], name: impl Fn(&Path) -> String) -> anyhow::Result<Vec<File>> {
    paths.iter().map(|path| Ok(File { name: name(path), sha256: Sha256Digest::of(&read(path)?) })).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn owner_of(image: &[u8]) -> anyhow::Result<[u8; 32]> {
    let manifest = image.get(noreturn_image_format::layout::MANIFEST_RANGE).unwrap_or_default();
    let parsed = Manifest::parse(manifest).map_err(|error| anyhow::anyhow!("the image: {error}"))?;
    let loader = image.get(parsed.manifest.loader.range()).unwrap_or_default();
    owner::read(loader).context("the image's loader has no owner")
}
