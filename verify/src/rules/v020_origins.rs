//! V020: where the kernel's code comes from.

use super::KernelRule;
use crate::program::{Function, Program, is_within, paths};

/// Crates of which the kernel may hold code, beside our own.
const CRATES: [&str; 56] = [
    "__rustc",
    "ahash",
    "aead",
    "aes",
    "aes_gcm",
    "align_address",
    "alloc",
    "anstyle",
    "async_lock",
    "bitfield",
    "block_buffer",
    "chacha20",
    "chacha20poly1305",
    "cipher",
    "cobs",
    "compiler_builtins",
    "core",
    "crossbeam_utils",
    "crypto_common",
    "ctr",
    "digest",
    "event_listener",
    "event_listener_strategy",
    "fdt",
    "free_list",
    "generic_once_cell",
    "ghash",
    "hashbrown",
    "heapless",
    "hermit",
    "hermit_entry",
    "hermit_sync",
    "hkdf",
    "hmac",
    "interrupt_mutex",
    "interrupts",
    "lock_api",
    "log",
    "managed",
    "memory_addresses",
    "pci_types",
    "poly1305",
    "polyval",
    "postcard",
    "raw_cpuid",
    "serde_core",
    "sha2",
    "shell_words",
    "siphasher",
    "smallvec",
    "smoltcp",
    "spinning_top",
    "talc",
    "time",
    "universal_hash",
    "x86_64",
];
const OWN: &str = "noreturn_";
/// Of what the kernel has nothing, whoever wrote it: storage, USB, keyboards, displays, and networks but those of `noreturn_nic`.
const WORDS: [&str; 18] = [
    "ahci",
    "ata",
    "atapi",
    "fuse",
    "gem",
    "ide",
    "i8042",
    "keyboard",
    "mmc",
    "nvme",
    "ps2",
    "rtl8139",
    "scsi",
    "sdhci",
    "usb",
    "virtio_blk",
    "virtio_fs",
    "vsock",
];
/// Of Hermit's drivers, only the one that lists PCI functions at the start.
const HERMIT_DRIVERS: &str = "hermit::drivers";
const HERMIT_DRIVERS_ALLOWED: &str = "hermit::drivers::pci";
/// Hermit's own network code.
const HERMIT_NETWORK: [&str; 2] = ["hermit::executor::network", "hermit::fd::socket"];

/// Every function that has a name (V025) comes from a crate that is known, and is no driver of anything but the cards.
pub(super) const RULE: KernelRule = KernelRule {
    id: "V020",
    title: "the kernel's code is of known origin, and drives neither storage nor USB nor keyboard",
    check,
};

fn check(program: &Program<'_>) -> Result<String, String> {
    let objections: Vec<_> = program.functions().iter().filter_map(objection).collect();
    match objections.first() {
        None => Ok(format!("{} functions", program.functions().len())),
        Some(first) => Err(format!("{first} ({} such functions)", objections.len())),
    }
}

fn objection(function: &Function) -> Option<String> {
    let name = &function.name;
    if let Some(stranger) = paths(name).find(|path| !is_known(path)) {
        return Some(format!("{stranger} is of a crate that is not known: {name}"));
    }
    let lower = name.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric() && c != '_');
    if let Some(word) = words.find(|word| WORDS.contains(word)) {
        return Some(format!("{word}: {name}"));
    }
    let is_hermits = |path: &str| {
        is_within(path, HERMIT_DRIVERS) && !is_within(path, HERMIT_DRIVERS_ALLOWED)
            || HERMIT_NETWORK.iter().any(|module| is_within(path, module))
    };
    paths(name).any(is_hermits).then(|| format!("Hermit's own: {name}"))
}

/// Whether a path starts with a crate that is known. What starts with no crate is a type of the language: `<str>::len`.
fn is_known(path: &str) -> bool {
    let first = path.split("::").next().unwrap_or(path);
    first.is_empty() || first.starts_with(OWN) || CRATES.contains(&first) || is_part_of_a_path(first)
}

/// What follows the `>` of a type or `{closure#0}`: a method, not a crate. The names of crates that could be meant
/// stand in front of it.
fn is_part_of_a_path(first: &str) -> bool {
    first.chars().next().is_none_or(|c| c.is_uppercase() || c.is_numeric() || c == '$' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objection_to(name: &str) -> Option<String> {
        objection(&Function::named(name))
    }

    #[test]
    fn what_has_no_place_is_found() {
        for planted in [
            "hermit::drivers::net::virtio::VirtioNetDriver::receive_packet",
            "hermit::drivers::fs::virtio_fs::init",
            "<hermit::drivers::vsock::VirtioVsockDriver as core::ops::drop::Drop>::drop",
            "hermit::executor::network::NetworkInterface::poll",
            "<hermit::fd::socket::tcp::Socket>::read",
            "noreturn_kernel::storage::nvme::start",
            "<noreturn_nic::usb::Host>::reset",
            "embedded_sdmmc::open",
            "core::ptr::drop_in_place::<embedded_sdmmc::Volume>",
        ] {
            assert!(objection_to(planted).is_some(), "{planted}");
        }
    }

    #[test]
    fn what_belongs_there_is_not() {
        for wanted in [
            "hermit::drivers::pci::PCI_DEVICES",
            "<smoltcp::socket::tcp::Socket>::ack_reply",
            "<noreturn_nic::virtio::outside::Outside<noreturn_nic::memory::MmioRegion> as noreturn_nic::transmit::TransmitOnly>::transmit",
            "memcpy",
            "<str>::trim_end_matches::<char>",
            "<&mut [u8] as core::fmt::Debug>::fmt",
        ] {
            assert_eq!(objection_to(wanted), None);
        }
    }
}
