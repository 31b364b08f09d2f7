//! Builds the image twice under circumstances that differ in everything but the sources, the tools and the keys, and compares.
//!
//! The builds are `./scripts/build` in copies of the sources. What is compared is read here, with nothing of the builder.

mod build;
mod compare;
mod inputs;
pub(crate) mod locate;
mod output;
mod variation;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use build::Build;
pub use compare::{Compared, Place};
pub use output::Reproduction;

/// What `diode-verify reproduce` is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// The sources, a git repository; what git does not know is left out
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    source: PathBuf,
    /// What to build and compare
    #[arg(long, value_enum, default_value_t = Part::Image)]
    part: Part,
    /// The site file; by default that of the example
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    /// The owner's key; by default owner.key beside the site file
    #[arg(long, value_name = "FILE", conflicts_with = "owner_public")]
    owner: Option<PathBuf>,
    /// The owner's public key, for whoever does not have the key itself
    #[arg(long, value_name = "FILE", requires = "signature_of")]
    owner_public: Option<PathBuf>,
    /// An image that the owner built, whose signature is taken
    #[arg(long, value_name = "IMAGE", requires = "owner_public")]
    signature_of: Option<PathBuf>,
    /// Compares with this image, too, or with the image, the manifest and the bill in this folder
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// Builds once, under other circumstances than the usual, and compares with --against only
    #[arg(long, requires = "against")]
    once: bool,
    /// Keeps in this folder what differs, and what diffoscope says of it if it is installed
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// What is built.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Part {
    /// The loader alone
    Loader,
    /// The kernel alone
    Kernel,
    /// Kernel, loader, image, manifest and bill of materials
    Image,
}

const LOADER: &str = "image/loader/target/x86_64-unknown-uefi/release/loader.efi";
const KERNEL: &str = "kernel-app/target/x86_64-unknown-none/release/noreturn-kernel";
/// What the image and its account are called in a folder of a release.
const RELEASED: [&str; 3] = ["diode.img", "manifest.json", "sbom.cdx.json"];

impl Part {
    /// Its name for scripts/build.
    const fn name(self) -> &'static str {
        match self {
            Self::Loader => "loader",
            Self::Kernel => "kernel",
            Self::Image => "image",
        }
    }

    /// The files that are compared, by their paths in the sources.
    fn files(self) -> Vec<String> {
        match self {
            Self::Loader => vec![LOADER.to_owned()],
            Self::Kernel => vec![KERNEL.to_owned()],
            Self::Image => {
                let released = RELEASED.map(|name| format!("dist/{name}"));
                [LOADER, KERNEL].map(str::to_owned).into_iter().chain(released).collect()
            }
        }
    }
}

/// Builds and compares.
///
/// # Errors
/// It cannot be built, or not be compared.
pub fn run(arguments: &Arguments) -> anyhow::Result<Reproduction> {
    let part = arguments.part;
    ensure!(
        arguments.against.is_none() || part == Part::Image,
        "--against compares images: leave --part out"
    );
    let inputs = inputs::Inputs::read(arguments)?;
    let work = tempfile::Builder::new().prefix("noreturn-reproduce-").tempdir()?;
    // Another user has to get through to the folder of the second build.
    fs::set_permissions(work.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut compared = Vec::new();
    let first = if arguments.once { None } else { Some(Build::usual(&inputs, part, work.path())?) };
    let (second, variations) = Build::varied(&inputs, part, work.path())?;
    if let Some(first) = &first {
        for file in part.files() {
            compared.push(compare(arguments, &file, &first.source.join(&file), &second.source.join(&file))?);
        }
    }
    for (published, file) in published(arguments.against.as_deref()) {
        compared.push(compare(
            arguments,
            &published.display().to_string(),
            &published,
            &second.source.join(file),
        )?);
    }
    Ok(Reproduction { changes: inputs.changes, variations, compared })
}

/// Files of a release, and what they are compared with.
fn published(against: Option<&Path>) -> Vec<(PathBuf, String)> {
    match against {
        None => Vec::new(),
        Some(folder) if folder.is_dir() => {
            RELEASED.map(|name| (folder.join(name), format!("dist/{name}"))).into()
        }
        Some(image) => vec![(image.to_owned(), "dist/diode.img".to_owned())],
    }
}

fn compare(arguments: &Arguments, name: &str, first: &Path, second: &Path) -> anyhow::Result<Compared> {
    let mut compared = Compared::of(name, &read(first)?, &read(second)?);
    if let (Some(folder), false) = (&arguments.keep, compared.is_same()) {
        compared.kept = Some(output::keep(folder, first, second)?);
    }
    Ok(compared)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))
}
