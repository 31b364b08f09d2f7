//! `diode-image`: builds, checks and inspects images, and makes keys.

mod evidence;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use noreturn_image::output::{self, Readers};
use noreturn_image::write::{self, Consent};
use noreturn_image::{Image, Owner, Parts, Programs, inspect, key_file, new_site, owner, record, sbom};
use noreturn_image_format::{Sha256Digest, stick};
use noreturn_site::Summary;

/// Builds and inspects the diode's bootable medium. The same inputs always give the same bytes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds an image; the last line printed is its SHA-256
    Build(Build),
    /// Says what is wrong with a site file, or what it means
    Check {
        /// The site file
        site: PathBuf,
    },
    /// Shows what lies on an image
    Inspect {
        /// The image, or the stick that it is on
        image: PathBuf,
    },
    /// Puts an owner's public key into a loader, which is then to be signed for Secure Boot, before `build`
    Loader(Loader),
    /// Makes a new key file, which diode and receiver share
    NewKey {
        /// The file to make; an existing one is never overwritten
        path: PathBuf,
    },
    /// Makes a new owner's key, which signs images, and the public key beside it
    NewOwner {
        /// The file to make, such as owner.key; existing ones are never overwritten
        path: PathBuf,
    },
    /// Starts a site file, its key and its owner's key by asking; an existing file is never overwritten
    NewSite {
        /// The site file to make
        path: PathBuf,
    },
    /// Writes the provenance of a build (in-toto, SLSA)
    Provenance(evidence::Provenance),
    /// Writes the bill of materials of kernel and loader (CycloneDX)
    Sbom(Sbom),
    /// Signs a list of digests with the owner's key
    Sign(evidence::Sign),
    /// Writes an image to a whole disk, and compares what it reads back. Everything on the disk is lost
    Write {
        /// The image
        image: PathBuf,
        /// The disk, such as /dev/sdX
        device: PathBuf,
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(clap::Args)]
struct Build {
    /// The site file
    #[arg(long, visible_alias = "config")]
    site: PathBuf,
    /// The owner's key, which signs; by default owner.key beside the site file
    #[arg(long, conflicts_with = "owner_public")]
    owner: Option<PathBuf>,
    /// The owner's public key, for whoever does not have the key itself
    #[arg(long, requires = "signature_of")]
    owner_public: Option<PathBuf>,
    /// An image that the owner built of the same parts, whose signature is taken
    #[arg(long, requires = "owner_public", value_name = "IMAGE")]
    signature_of: Option<PathBuf>,
    /// The UEFI loader
    #[arg(long, requires = "kernel")]
    loader: Option<PathBuf>,
    /// The kernel, an ELF file
    #[arg(long, requires = "loader")]
    kernel: Option<PathBuf>,
    /// An image whose loader and kernel are taken; by default, and without --loader and --kernel, diode.img beside this program
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["loader", "kernel"])]
    programs_of: Option<PathBuf>,
    /// The image to write; by default diode.img beside the site file
    #[arg(long)]
    output: Option<PathBuf>,
    /// Where to write a record of the build
    #[arg(long)]
    manifest_json: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Loader {
    /// The UEFI loader
    #[arg(long)]
    loader: PathBuf,
    /// The owner's key
    #[arg(long, required_unless_present = "owner_public")]
    owner: Option<PathBuf>,
    /// The owner's public key, which does as well
    #[arg(long, conflicts_with = "owner")]
    owner_public: Option<PathBuf>,
    /// The loader to write
    #[arg(long)]
    output: PathBuf,
}

#[derive(clap::Args)]
struct Sbom {
    /// The kernel
    #[arg(long)]
    kernel: PathBuf,
    /// What `cargo metadata` says of it
    #[arg(long)]
    kernel_metadata: PathBuf,
    /// The UEFI loader
    #[arg(long)]
    loader: PathBuf,
    /// What `cargo metadata` says of it
    #[arg(long)]
    loader_metadata: PathBuf,
    /// Version of the compiler, whose own library is in both
    #[arg(long, value_name = "VERSION")]
    rustc: String,
    /// The bill to write
    #[arg(long)]
    output: PathBuf,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Build(arguments) => build(&arguments),
        Command::Check { site } => check(&site),
        Command::Inspect { image } => inspect(&image),
        Command::Loader(arguments) => own_loader(&arguments),
        Command::NewKey { path } => key_file::create(&path),
        Command::NewOwner { path } => owner::create(&path),
        Command::NewSite { path } => new_site(&path),
        Command::Provenance(arguments) => arguments.run(),
        Command::Sbom(arguments) => write_sbom(&arguments),
        Command::Sign(arguments) => arguments.run(),
        Command::Write { image, device, yes } => {
            let consent = if yes { Consent::Given } else { Consent::Ask };
            write::run(&image, &device, consent).and_then(|text| print(&text))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("diode-image: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build(arguments: &Build) -> anyhow::Result<()> {
    let config = noreturn_site::load(&arguments.site)?;
    let owner = arguments.owner()?;
    let Programs { loader, kernel } = arguments.programs(&owner)?;
    let image = Image::build(&Parts { loader: &loader, kernel: &kernel, config: &config, owner: &owner })?;
    let path = arguments.output.clone().unwrap_or_else(|| arguments.site.with_file_name(IMAGE_FILE));
    output::write(&path, &image.bytes, Readers::Owner)?;
    if let Some(path) = &arguments.manifest_json {
        output::write(path, record::emit(&image, &config, &owner).as_bytes(), Readers::All)?;
    }
    print(&format!("{}: {} bytes\n{}\n", path.display(), image.bytes.len(), image.sha256))
}

/// The image, if it is not named otherwise.
const IMAGE_FILE: &str = "diode.img";

impl Build {
    fn programs(&self, owner: &Owner) -> anyhow::Result<Programs> {
        if let (Some(loader), Some(kernel)) = (&self.loader, &self.kernel) {
            return Ok(Programs { loader: read(loader)?, kernel: read(kernel)? });
        }
        let path = match &self.programs_of {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name(IMAGE_FILE),
        };
        let told = || format!("{}: cannot give loader and kernel", path.display());
        Programs::of_image(&read_image(&path)?.0, &owner.public()).with_context(told)
    }

    fn owner(&self) -> anyhow::Result<Owner> {
        if let (Some(key), Some(image)) = (&self.owner_public, &self.signature_of) {
            let told = || format!("{}: has no signature to take", image.display());
            return Owner::from_public(owner::read_public(key)?, &read_image(image)?.0).with_context(told);
        }
        let beside_site = || self.site.with_file_name(new_site::OWNER_FILE);
        let path = self.owner.clone().unwrap_or_else(beside_site);
        anyhow::ensure!(
            path.exists(),
            "no owner's key to sign with; `diode-image new-owner {}` makes one",
            path.display()
        );
        Owner::read(&path)
    }
}

fn own_loader(arguments: &Loader) -> anyhow::Result<()> {
    let key = match (&arguments.owner, &arguments.owner_public) {
        (Some(secret), _) => Owner::read(secret)?.public(),
        (None, Some(public)) => owner::read_public(public)?,
        (None, None) => anyhow::bail!("no owner's key was given"),
    };
    let loader = owner::put_key(&key, &read(&arguments.loader)?)?;
    output::write(&arguments.output, &loader, Readers::All)
}

fn write_sbom(arguments: &Sbom) -> anyhow::Result<()> {
    let (kernel_metadata, loader_metadata) =
        (read(&arguments.kernel_metadata)?, read(&arguments.loader_metadata)?);
    let digest = |path: &Path| read(path).map(|bytes| Sha256Digest::of(&bytes));
    let kernel =
        sbom::Program { name: "kernel", sha256: digest(&arguments.kernel)?, metadata: &kernel_metadata };
    let loader =
        sbom::Program { name: "loader", sha256: digest(&arguments.loader)?, metadata: &loader_metadata };
    output::write(
        &arguments.output,
        sbom::emit(&[kernel, loader], &arguments.rustc)?.as_bytes(),
        Readers::All,
    )
}

fn check(site: &Path) -> anyhow::Result<()> {
    print(&Summary(&noreturn_site::load(site)?).to_string())
}

fn inspect(path: &Path) -> anyhow::Result<()> {
    let (image, behind) = read_image(path)?;
    let text = inspect::describe(image)?;
    print(&if behind.bytes > 0 { format!("{text}behind   {behind}\n") } else { text })
}

/// Asks on standard error, so that answers may come from a file.
fn new_site(path: &Path) -> anyhow::Result<()> {
    new_site::run(path, &mut io::stdin().lock(), &mut io::stderr())?;
    let key_file = path.with_file_name(new_site::KEY_FILE);
    if !key_file.exists() {
        key_file::create(&key_file)?;
    }
    let owner_file = path.with_file_name(new_site::OWNER_FILE);
    if !owner_file.exists() {
        owner::create(&owner_file)?;
    }
    let (site, key, owner) = (path.display(), key_file.display(), owner_file.display());
    let public_path = owner::public_path(&owner_file);
    let public = public_path.display();
    print(&format!(
        "{site}: the site; add devices and values to it (docs/site.md), then: diode-image check {site}\n\
         {key}: the diode's key, which the receiver needs, too; keep it secret\n\
         {owner}: the owner's key, which signs images; keep it secret, and off the machines that run\n\
         {public}: the owner's public key, with which anyone can check them\n"
    ))
}

/// An image from a file or a whole disk, to the image's own end, and what lies behind it.
fn read_image(path: &Path) -> anyhow::Result<(Vec<u8>, stick::Behind)> {
    let told = || format!("{}: cannot be read", path.display());
    stick::read(fs::File::open(path).with_context(told)?).with_context(told)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}
