//! Site files for tests and the demo, and the images that are made of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::card::{INSIDE_MAC, INSIDE_PCI, OUTSIDE_MAC, OUTSIDE_PCI};
use crate::network::{
    INSIDE_ADDRESS, OUTSIDE_ADDRESS, OUTSIDE_PORT, PLANT_ADDRESS, RECEIVER_ADDRESS, RECEIVER_MAC,
};
use crate::repository;

/// Number of the diode in every site here.
pub const DIODE_ID: u32 = 7;
/// Name of the diode in every site here.
pub const DIODE_NAME: &str = "waterworks";
/// Key of the diode in every test; the demo's is random.
pub const TEST_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The secret of the owner of every image in the tests; the demo's is random.
pub const TEST_OWNER: &str = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";

/// What differs from site to site.
#[derive(Clone, Debug)]
pub struct Site {
    /// UDP port of the receiver.
    pub receiver_port: u16,
    /// The devices, as TOML.
    pub modbus: String,
}

/// One `[[modbus]]` table, to which points are added; `timing` is lines of it, or nothing.
#[must_use]
pub fn device(name: &str, port: u16, unit: u8, timing: &str) -> String {
    format!("\n[[modbus]]\nname = \"{name}\"\naddress = \"{PLANT_ADDRESS}:{port}\"\nunit = {unit}\n{timing}")
}

/// A device that never answers, for tests in which nothing needs to be collected.
#[must_use]
pub fn idle_device() -> String {
    device("plc", 9, 1, "")
        + "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n"
}

impl Site {
    /// The site file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mac = RECEIVER_MAC.map(|byte| format!("{byte:02x}")).join(":");
        let mut text = format!(
            "[diode]\nid = {DIODE_ID}\nname = \"{DIODE_NAME}\"\nkey_file = \"diode.key\"\n\n\
             [inside]\ncard = \"{INSIDE_PCI}\"\ncard_mac = \"{INSIDE_MAC}\"\naddress = \"{INSIDE_ADDRESS}\"\n\n\
             [outside]\ncard = \"{OUTSIDE_PCI}\"\ncard_mac = \"{OUTSIDE_MAC}\"\nsource = \"{OUTSIDE_ADDRESS}:{OUTSIDE_PORT}\"\n\n\
             [[outside.destination]]\nmac = \"{mac}\"\n"
        );
        // Writing to a String cannot fail.
        let _ = writeln!(text, "address = \"{RECEIVER_ADDRESS}:{}\"", self.receiver_port);
        text + &self.modbus
    }

    /// Writes `site.toml`, a key and an owner's key, if there are none yet, into `folder`, and builds `diode.img` there.
    ///
    /// # Errors
    /// If the image cannot be built, with what the builder said.
    pub fn build(&self, folder: &Path) -> Result<Image> {
        build(&self.text(), folder)
    }
}

/// Builds an image of the site file `text` in `folder`, as [`Site::build`] does.
///
/// # Errors
/// If the image cannot be built, with what the builder said.
pub fn build(text: &str, folder: &Path) -> Result<Image> {
    build_with(&repository::kernel()?, text, folder)
}

/// Builds an image as [`build`] does, with another kernel.
///
/// # Errors
/// If the image cannot be built, with what the builder said.
pub fn build_with(kernel: &Path, text: &str, folder: &Path) -> Result<Image> {
    build_of(&repository::loader()?, kernel, text, folder)
}

/// Builds an image as [`build`] does, with another loader and kernel.
///
/// # Errors
/// If the image cannot be built, with what the builder said.
pub fn build_of(loader: &Path, kernel: &Path, text: &str, folder: &Path) -> Result<Image> {
    let site = folder.join("site.toml");
    fs::write(&site, text)?;
    let key = folder.join("diode.key");
    if !key.exists() {
        fs::write(&key, format!("{TEST_KEY}\n"))?;
    }
    let owner = folder.join("owner.key");
    if !owner.exists() {
        fs::write(&owner, format!("noreturn-owner-secret {TEST_OWNER}\n"))?;
    }
    let path = folder.join("diode.img");
    let mut builder = Command::new(repository::built("dist/diode-image")?);
    builder.arg("build").arg("--site").arg(&site).arg("--output").arg(&path);
    builder.arg("--loader").arg(loader).arg("--kernel").arg(kernel);
    let output = builder.output().context("starting diode-image")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "diode-image build failed: {said}");
    let digests = String::from_utf8_lossy(&output.stdout);
    let sha256 = digests.split_whitespace().rfind(|word| word.len() == 64).context("no digest printed")?;
    Ok(Image { path, sha256: sha256.to_owned(), key })
}

/// A bootable medium.
#[derive(Clone, Debug)]
pub struct Image {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the whole file, as the builder printed it.
    pub sha256: String,
    /// Key of the diode inside.
    pub key: PathBuf,
}
