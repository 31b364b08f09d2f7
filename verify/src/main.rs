//! `diode-verify`: says whether an image is what it should be. Exit code 0: it is; 1: a rule failed; 2: nobody can tell.
//! `docs/verify.md` tells people the same.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::AutoStream;
use anyhow::Context;
use clap::{ColorChoice, Parser, Subcommand};
use noreturn_image_format::stick::{self, Behind};
use noreturn_image_format::{Sha256Digest, owner};
use noreturn_verify::{
    BILL_BYTES_MAX, Bill, Certificate, Expectations, PROOF_BYTES_MAX, Proof, Report, judge, pcrs, release,
    reproduce,
};

const EXIT_CODES: &str = "Exit code: 0 if no rule is broken, 1 if one is, 2 if nobody can tell.";

/// Judges the diode's bootable medium with code that its builder does not share.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judges an image by every rule: a lint, or with --rebuilt and --proof a check
    Check(Check),
    /// Predicts what a TPM attests of a start from an image
    Pcrs(pcrs::Arguments),
    /// Judges a folder of a release: digests, the owner's signature, provenance, bill of materials
    Dist(release::Arguments),
    /// Builds twice under different circumstances and says where the results differ
    Reproduce(reproduce::Arguments),
}

#[derive(clap::Args)]
#[command(after_help = EXIT_CODES)]
struct Check {
    /// The image, or the stick that it is on
    image: PathBuf,
    /// The SHA-256 that the image must have
    #[arg(long, value_name = "HEX", value_parser = parse_digest)]
    sha256: Option<Sha256Digest>,
    /// The site file that the configuration must come from; its key file is read, too
    #[arg(long)]
    site: Option<PathBuf>,
    /// The owner's public key, a file that `diode-image new-owner` wrote
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The certificate that firmware must know the loader's signature by, such as db.crt of scripts/secure-boot-keys
    #[arg(long, value_name = "FILE")]
    secure_boot_cert: Option<PathBuf>,
    /// The bill of materials that came with the image, which `scripts/build` writes as sbom.cdx.json
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,
    /// An image that somebody else built from the same sources, such as with `diode-verify reproduce --keep`; without it and --proof
    /// this is a lint
    #[arg(long, value_name = "IMAGE")]
    rebuilt: Option<PathBuf>,
    /// The report of `scripts/prove --report` on the kernel; without it and --rebuilt this is a lint
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Writes an HTML page for auditors, which needs no other file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// When to colour the text
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Check(arguments) => check(&arguments).map(|report| report.passed()),
        Command::Pcrs(arguments) => predict(&arguments).map(|()| true),
        Command::Dist(arguments) => judge_release(&arguments),
        Command::Reproduce(arguments) => run_reproduce(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("diode-verify: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn check(arguments: &Check) -> anyhow::Result<Report> {
    let config = arguments.site.as_deref().map(noreturn_site::load).transpose()?;
    let owner = arguments.key.as_deref().map(read_key).transpose()?;
    let secure_boot = arguments.secure_boot_cert.as_deref().map(read_certificate).transpose()?;
    let bill = arguments.sbom.as_deref().map(read_bill).transpose()?;
    let rebuilt =
        arguments.rebuilt.as_deref().map(|path| read_rebuilt(path, &arguments.image)).transpose()?;
    let proof = arguments.proof.as_deref().map(read_proof).transpose()?;
    let (image, behind) = read(&arguments.image)?;
    let image_sha256 = arguments.sha256;
    let expectations = Expectations { image_sha256, owner, config, secure_boot, bill, rebuilt, proof };
    let report = Report { behind, ..judge(&image, &expectations) };
    // The page first: whoever sees a verdict may count on the page.
    arguments.html.as_deref().map(|page| write_page(arguments, page, &report)).transpose()?;
    print(arguments, &report)?;
    Ok(report)
}

fn print(arguments: &Check, report: &Report) -> io::Result<()> {
    if arguments.json {
        return io::stdout().write_all(format!("{:#}\n", report.to_json()).as_bytes());
    }
    let choice = match arguments.color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::AlwaysAnsi,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    AutoStream::new(io::stdout(), choice).write_all(report.in_colour().as_bytes())
}

/// Writes the page for auditors, over nothing that was judged.
fn write_page(arguments: &Check, page: &Path, report: &Report) -> anyhow::Result<()> {
    let Check { site, key, secure_boot_cert, sbom, rebuilt, proof, .. } = arguments;
    let asked = [site, key, secure_boot_cert, sbom, rebuilt, proof];
    spare(page, [&arguments.image].into_iter().chain(asked.into_iter().flatten()))?;
    let image_name = arguments.image.file_name().unwrap_or(arguments.image.as_os_str()).to_string_lossy();
    std::fs::write(page, report.to_html(&image_name))
        .with_context(|| format!("{}: cannot be written", page.display()))
}

/// Refuses to write over what was read.
fn spare<'p>(output: &Path, mut inputs: impl Iterator<Item = &'p PathBuf>) -> anyhow::Result<()> {
    let same =
        |input: &PathBuf| matches!((output.canonicalize(), input.canonicalize()), (Ok(a), Ok(b)) if a == b);
    anyhow::ensure!(!inputs.any(same), "{}: is what is to be judged, and not written over", output.display());
    Ok(())
}

fn predict(arguments: &pcrs::Arguments) -> anyhow::Result<()> {
    let (image, _) = read(&arguments.image)?;
    let told = || arguments.image.display().to_string();
    let pcrs = pcrs::predict(&image).map_err(anyhow::Error::msg).with_context(told)?;
    let (json, text) = match &arguments.found {
        None => (pcrs.to_json(), pcrs.to_string()),
        Some(found) => {
            let sealing = seal(&pcrs, found, arguments)?;
            (sealing.to_json(), sealing.to_string())
        }
    };
    let text = if arguments.json { format!("{json:#}\n") } else { text };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// The registers of a start on the machine that `found` tells of; writes their policy if that is asked for.
fn seal(pcrs: &pcrs::Pcrs, found: &Path, arguments: &pcrs::Arguments) -> anyhow::Result<pcrs::Sealing> {
    let told = || found.display().to_string();
    let bytes = read_at_most(found, pcrs::FOUND_BYTES_MAX)?;
    // A console's log holds whatever else was on the line.
    let registers = pcrs::found::parse(&String::from_utf8_lossy(&bytes)).with_context(told)?;
    let sealing = pcrs.on_machine(&registers).map_err(anyhow::Error::msg).with_context(told)?;
    if let Some(file) = &arguments.policy {
        spare(file, [&arguments.image, &found.to_owned()].into_iter())?;
        std::fs::write(file, sealing.policy().0)
            .with_context(|| format!("{}: cannot be written", file.display()))?;
    }
    Ok(sealing)
}

fn judge_release(arguments: &release::Arguments) -> anyhow::Result<bool> {
    let found = release::judge(&arguments.read()?, &read_key(&arguments.key)?);
    let text = if arguments.json { format!("{:#}\n", found.to_json()) } else { found.to_string() };
    io::stdout().write_all(text.as_bytes())?;
    Ok(found.passed())
}

fn run_reproduce(arguments: &reproduce::Arguments) -> anyhow::Result<bool> {
    let found = reproduce::run(arguments)?;
    let text = if arguments.json { format!("{:#}\n", found.to_json()) } else { found.to_string() };
    io::stdout().write_all(text.as_bytes())?;
    Ok(found.is_same())
}

/// Reads an image from a file or a whole disk, to the image's own end.
fn read(path: &Path) -> anyhow::Result<(Vec<u8>, Behind)> {
    let told = || format!("{}: cannot be read", path.display());
    stick::read(File::open(path).with_context(told)?).with_context(told)
}

fn read_bill(path: &Path) -> anyhow::Result<Bill> {
    let text = read_at_most(path, BILL_BYTES_MAX)?;
    Bill::parse(&text).map_err(|what| anyhow::anyhow!("{}: {what}", path.display()))
}

/// Reads an image that was built elsewhere, which the image itself is not.
fn read_rebuilt(path: &Path, image: &Path) -> anyhow::Result<Vec<u8>> {
    let is_same = matches!((path.canonicalize(), image.canonicalize()), (Ok(a), Ok(b)) if a == b);
    anyhow::ensure!(!is_same, "{}: is the image itself, and no rebuild", path.display());
    Ok(read(path)?.0)
}

fn read_proof(path: &Path) -> anyhow::Result<Proof> {
    let text = read_at_most(path, PROOF_BYTES_MAX)?;
    Proof::parse(&text).map_err(|what| anyhow::anyhow!("{}: {what}", path.display()))
}

fn read_at_most(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let told = || format!("{}: cannot be read", path.display());
    let mut contents = Vec::new();
    let file = File::open(path).with_context(told)?;
    file.take(bytes_max + 1).read_to_end(&mut contents).with_context(told)?;
    anyhow::ensure!(
        contents.len() as u64 <= bytes_max,
        "{}: is longer than {bytes_max} bytes",
        path.display()
    );
    Ok(contents)
}

fn read_key(path: &Path) -> anyhow::Result<[u8; 32]> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    owner::parse_file(&text, owner::PUBLIC).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

fn read_certificate(path: &Path) -> anyhow::Result<Certificate> {
    let contents = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Certificate::parse(&contents).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

fn parse_digest(text: &str) -> Result<Sha256Digest, &'static str> {
    Sha256Digest::parse(text).ok_or("expected 64 hexadecimal digits, lower case")
}
