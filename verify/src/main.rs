//! `diode-verify`: says whether an image is what it should be. Exit code 0: it is; 1: a rule failed; 2: nobody can tell.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use noreturn_image_format::Sha256Digest;
use noreturn_image_format::layout::IMAGE_BYTES_MAX;
use noreturn_verify::{Expectations, Report, judge, pcrs};

/// Judges the diode's bootable medium without trusting its builder.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judges an image by every rule
    Check(Check),
    /// Predicts what a TPM attests of a start from an image
    Pcrs(pcrs::Arguments),
}

#[derive(clap::Args)]
struct Check {
    /// The image
    image: PathBuf,
    /// The SHA-256 that the image must have
    #[arg(long, value_name = "HEX", value_parser = parse_digest)]
    sha256: Option<Sha256Digest>,
    /// The site file that the configuration must come from; its key file is read, too
    #[arg(long)]
    site: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Check(arguments) => check(&arguments).map(|report| report.passed()),
        Command::Pcrs(arguments) => predict(&arguments).map(|()| true),
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
    let image = read(&arguments.image)?;
    let report = judge(&image, &Expectations { image_sha256: arguments.sha256, config });
    let text = if arguments.json { format!("{:#}\n", report.to_json()) } else { report.to_string() };
    io::stdout().write_all(text.as_bytes())?;
    Ok(report)
}

fn predict(arguments: &pcrs::Arguments) -> anyhow::Result<()> {
    let image = read(&arguments.image)?;
    let told = || arguments.image.display().to_string();
    let text = arguments.text(&image).map_err(anyhow::Error::msg).with_context(told)?;
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Reads an image, if it is not longer than the loader reads.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let told = || format!("{}: cannot be read", path.display());
    let mut image = Vec::new();
    File::open(path)
        .with_context(told)?
        .take(IMAGE_BYTES_MAX + 1)
        .read_to_end(&mut image)
        .with_context(told)?;
    anyhow::ensure!(
        image.len() as u64 <= IMAGE_BYTES_MAX,
        "{}: is longer than {IMAGE_BYTES_MAX} bytes, which is the most that the loader reads",
        path.display()
    );
    Ok(image)
}

fn parse_digest(text: &str) -> Result<Sha256Digest, &'static str> {
    Sha256Digest::parse(text).ok_or("expected 64 hexadecimal digits, lower case")
}
