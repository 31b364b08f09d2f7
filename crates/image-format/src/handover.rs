//! What the loader hands the kernel: one line of arguments, beside the boot protocol's own.

use alloc::string::String;
use core::fmt;

use crate::digest::Sha256Digest;

/// Physical address of the page in which a boot leaves its trace for the next (`noreturn_wire::Trace`): conventional memory
/// on PCs, which firmware uses late if at all.
pub const TRACE_ADDRESS: u64 = 0x50_0000;
/// Bytes that are kept for the trace.
pub const TRACE_PAGE_BYTES: usize = 4096;

/// What the loader measured and where it put the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handover {
    /// Digest of the whole medium, measured at this boot.
    pub image_sha256: Sha256Digest,
    /// Digest of the configuration, measured at this boot.
    pub config_sha256: Sha256Digest,
    /// Physical address of the configuration, outside the memory given to the kernel.
    pub config_address: u64,
    /// Length of the configuration in bytes.
    pub config_bytes: u64,
    /// Physical address of the trace: [`TRACE_ADDRESS`]; `None` if the firmware uses that memory itself.
    pub trace_address: Option<u64>,
    /// Physical address of the ACPI root pointer.
    pub acpi_root: u64,
    /// What the machine remembers of floors.
    pub floor_memory: FloorMemory,
    /// How often the machine's TPM was reset; `None` if it has none, or it does not tell.
    pub reset_count: Option<u32>,
    /// Physical address of the diode's key, 32 bytes, if the TPM kept it.
    pub key_address: Option<u64>,
}

/// What the machine remembers of the floors of the images that ran on it (`config::release`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FloorMemory {
    /// Nothing: it has no TPM 2.0.
    None,
    /// The highest floor; 0 if none had one.
    Kept(u32),
    /// Nothing: the TPM refused, with this response code.
    Failed(u32),
}

impl fmt::Display for FloorMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Kept(floor) => write!(f, "kept-{floor}"),
            Self::Failed(code) => write!(f, "failed-{code}"),
        }
    }
}

impl FloorMemory {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('-') {
            None => (text == "none").then_some(Self::None),
            Some(("kept", floor)) => floor.parse().ok().map(Self::Kept),
            Some(("failed", code)) => code.parse().ok().map(Self::Failed),
            Some(_) => None,
        }
    }
}

/// A hand-over argument that is missing or not understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HandoverError(
    /// Its name.
    pub &'static str,
);

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the loader handed over no valid \"{}\"; write the medium again", self.0)
    }
}

impl Handover {
    /// The arguments, as the kernel gets them after `--`.
    #[must_use]
    pub fn emit(&self) -> String {
        alloc::format!(
            "image-sha256={} config-sha256={} config-address={} config-bytes={} trace-address={} acpi-root={} floor-memory={} reset-count={} key-address={}",
            self.image_sha256,
            self.config_sha256,
            self.config_address,
            self.config_bytes,
            self.trace_address.unwrap_or(0),
            self.acpi_root,
            self.floor_memory,
            self.reset_count.map_or_else(|| "none".into(), |count| alloc::format!("{count}")),
            self.key_address.unwrap_or(0)
        )
    }

    /// Reads the arguments; others are ignored.
    ///
    /// # Errors
    /// Names the first argument that is missing or malformed.
    pub fn parse<'a>(arguments: impl Iterator<Item = &'a str> + Clone) -> Result<Self, HandoverError> {
        let find = |name: &'static str| {
            arguments
                .clone()
                .find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
                .ok_or(HandoverError(name))
        };
        let digest = |name| find(name).and_then(|text| Sha256Digest::parse(text).ok_or(HandoverError(name)));
        let number = |name| find(name).and_then(|text| text.parse().map_err(|_| HandoverError(name)));
        Ok(Self {
            image_sha256: digest("image-sha256")?,
            config_sha256: digest("config-sha256")?,
            config_address: number("config-address")?,
            config_bytes: number("config-bytes")?,
            trace_address: Some(number("trace-address")?).filter(|&address| address != 0),
            acpi_root: number("acpi-root")?,
            floor_memory: find("floor-memory")
                .and_then(|text| FloorMemory::parse(text).ok_or(HandoverError("floor-memory")))?,
            reset_count: find("reset-count").and_then(|text| match text {
                "none" => Ok(None),
                count => count.parse().map(Some).map_err(|_| HandoverError("reset-count")),
            })?,
            key_address: Some(number("key-address")?).filter(|&address| address != 0),
        })
    }
}
