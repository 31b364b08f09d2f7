//! What must not be in the kernel: storage, Hermit's own network code, any driver of Hermit's but its PCI list, and
//! what other tests plant.

use anyhow::Result;
use noreturn_tests::repository;
use object::{Object, ObjectSymbol};

/// Words of things that have no place in the image, wherever they come from.
const FORBIDDEN: [&str; 10] =
    ["ahci", "nvme", "usb", "sdhci", "virtio_blk", "virtio_fs", "fuse", "vsock", "rtl8139", "gem"];
/// The only part of `hermit::drivers` that may be there: it lists PCI functions at the start.
const HERMIT_DRIVERS: &str = "hermit::drivers::";
const HERMIT_DRIVERS_ALLOWED: &str = "hermit::drivers::pci::";
/// The network stack may be used by the inside half and by nothing of Hermit's.
const HERMIT_NETWORK: [&str; 2] = ["hermit::executor::network", "hermit::fd::socket"];

/// Why a symbol may not be in the kernel.
fn objection(symbol: &str) -> Option<String> {
    let lower = symbol.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric() && c != '_');
    if let Some(word) = words.find(|word| FORBIDDEN.contains(word)) {
        return Some(format!("{word}: {symbol}"));
    }
    let foreign_driver =
        symbol.match_indices(HERMIT_DRIVERS).any(|(at, _)| !symbol[at..].starts_with(HERMIT_DRIVERS_ALLOWED));
    let network = HERMIT_NETWORK.iter().any(|module| symbol.contains(module));
    (foreign_driver || network).then(|| format!("Hermit's own: {symbol}"))
}

#[test]
fn the_kernel_holds_no_storage_and_no_network_code_of_hermits() -> Result<()> {
    let bytes = std::fs::read(repository::kernel()?)?;
    let file = object::File::parse(&*bytes)?;
    let symbols: Vec<String> = file
        .symbols()
        .filter_map(|symbol| Some(format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?))))
        .collect();
    assert!(symbols.iter().any(|symbol| symbol.contains("noreturn_nic")), "the kernel has lost its symbols");
    let objections: Vec<String> = symbols.iter().filter_map(|symbol| objection(symbol)).collect();
    assert!(objections.is_empty(), "{objections:#?}");
    Ok(())
}

/// What misbehaves is in the kernel that is made for that, and in no other.
#[test]
fn the_kernel_holds_nothing_that_was_planted() -> Result<()> {
    let is_planted = |kernel: std::path::PathBuf| -> Result<bool> {
        let bytes = std::fs::read(kernel)?;
        Ok(bytes.windows(b"planted".len()).any(|window| window == b"planted"))
    };
    assert!(is_planted(repository::planted_kernel()?)?);
    assert!(!is_planted(repository::kernel()?)?);
    Ok(())
}

#[test]
fn planted_symbols_are_found() {
    for planted in [
        "hermit::drivers::net::virtio::VirtioNetDriver::receive_packet",
        "hermit::drivers::fs::virtio_fs::init",
        "<hermit::drivers::vsock::VirtioVsockDriver as Drop>::drop",
        "hermit::executor::network::NetworkInterface::poll",
        "hermit::fd::socket::tcp::Socket::read",
        "storage_crate::nvme::Controller::new",
        "<usb::Host>::reset",
    ] {
        assert!(objection(planted).is_some(), "{planted}");
    }
    for wanted in [
        "hermit::drivers::pci::PCI_DEVICES",
        "<smoltcp::socket::tcp::Socket>::ack_reply",
        "<noreturn_nic::virtio::outside::Outside as noreturn_nic::outside::TransmitOnly>::transmit",
    ] {
        assert_eq!(objection(wanted), None);
    }
}
