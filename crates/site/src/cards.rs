//! The `[inside]` and `[outside]` tables: cards and addresses.

use std::net::{Ipv4Addr, SocketAddrV4};

use noreturn_image_format::config::{
    DESTINATIONS_MAX, Destination, Inside, Outside, PciAddress, is_card_mac,
};

use crate::section::{Kind, Section, text};

pub(crate) fn read_inside(section: &Section<'_>, neighbours: &mut Neighbours) -> Option<Inside> {
    let card = section.required("card", &pci_address());
    let card_mac = section.optional("card_mac", &card_mac());
    let network = section.required(
        "address",
        &text(
            "the address of one host with its prefix length of 1 to 30, such as \"10.1.0.2/24\"",
            parse_network,
        ),
    );
    let gateway = section.optional("gateway", &host());
    let gateway_mac = section.optional("gateway_mac", &self::card_mac());
    let ((address, prefix), gateway, gateway_mac) = (network?, gateway?, gateway_mac?);
    let inside = Inside { card: card?, card_mac: card_mac?, address, prefix, gateway, gateway_mac };
    match gateway {
        Some(gateway) => neighbours.add(section, "gateway_mac", gateway, gateway_mac, None),
        None => {
            section.refuse(&["gateway_mac"], "is the Ethernet address of a gateway, but there is no gateway")
        }
    }
    if let Some(gateway) = gateway.filter(|&gateway| !inside.is_host(gateway) || gateway == address) {
        let what = format!("{gateway} is not another host in {address}/{prefix}");
        section.fault("gateway", &what);
    }
    Some(inside)
}

pub(crate) fn read_outside(section: &Section<'_>, inside: Option<&Inside>) -> Option<Outside> {
    let card = section.required("card", &pci_address());
    if card.is_some() && card == inside.map(|inside| inside.card) {
        section.fault("card", "is the card of [inside]; each side needs a card of its own");
    }
    let card_mac = section.optional("card_mac", &card_mac());
    if card_mac.flatten().is_some() && card_mac.flatten() == inside.and_then(|inside| inside.card_mac) {
        section.fault("card_mac", "is that of the card of [inside]");
    }
    let source = section.required("source", &host_and_port());
    let tables = section.tables("destination");
    if !(1..=DESTINATIONS_MAX).contains(&tables.len()) {
        let what = format!(
            "there are {} destinations; write [[outside.destination]] 1 to {DESTINATIONS_MAX} times",
            tables.len()
        );
        section.fault("destination", &what);
    }
    let mut destinations = Vec::new();
    for table in tables {
        destinations.extend(table.read(|table| read_destination(table, &destinations)));
    }
    let (card, card_mac, source) = (card?, card_mac?, source?);
    Some(Outside { card, card_mac, source_address: *source.ip(), source_port: source.port(), destinations })
}

fn read_destination(section: &Section<'_>, before: &[Destination]) -> Option<Destination> {
    let expected = "the IPv4 address of a host or multicast group with a port, such as \"10.0.2.2:4100\"";
    let address = section.required("address", &text(expected, parse_destination));
    let group = address.map(|address| *address.ip()).filter(Ipv4Addr::is_multicast);
    let kind = text("an Ethernet address such as \"52:55:0a:00:02:02\"", parse_mac);
    let mac = match group {
        Some(group) => section.or("mac", &kind, group_mac(group)),
        None => section.required("mac", &kind),
    };
    let (mac, address) = (mac?, address?);
    let destination = Destination { mac, address: *address.ip(), port: address.port() };
    if before.iter().any(|other| (other.address, other.port) == (destination.address, destination.port)) {
        section.fault("address", &format!("{address} is a destination already"));
    }
    if let Err(what) = check_mac(&destination) {
        section.fault("mac", &what);
    }
    Some(destination)
}

/// Nobody resolves the Ethernet address, so it must fit: multicast groups have a fixed one, hosts have one with the
/// group bit (IEEE 802-2014, section 8.2) clear.
fn check_mac(destination: &Destination) -> Result<(), String> {
    let Destination { mac, address, .. } = destination;
    if address.is_multicast() {
        let expected = group_mac(*address);
        if *mac != expected {
            return Err(format!("{} is not {}, which belongs to {address}", show(mac), show(&expected)));
        }
    } else if !is_card_mac(*mac) {
        return Err(format!("{} is not the Ethernet address of one card", show(mac)));
    }
    Ok(())
}

/// The Ethernet address of a multicast group: 01:00:5e and its low 23 bits (RFC 1112, section 6.4).
fn group_mac(group: Ipv4Addr) -> [u8; 6] {
    let [_, b, c, d] = group.octets();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}

pub(crate) fn show(mac: &[u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// A PCI function as `lspci` shows it.
fn pci_address() -> Kind<PciAddress> {
    text("a PCI address as lspci shows it, such as \"00:02.0\"", parse_pci)
}

/// The Ethernet address of one card.
pub(crate) fn card_mac() -> Kind<[u8; 6]> {
    text("the Ethernet address of one card, such as \"52:54:00:12:34:56\"", |value| {
        parse_mac(value).filter(|mac| is_card_mac(*mac))
    })
}

/// One host's address.
pub(crate) fn host() -> Kind<Ipv4Addr> {
    text("the IPv4 address of one host", parse_host)
}

/// One host's address and port.
pub(crate) fn host_and_port() -> Kind<SocketAddrV4> {
    text("the IPv4 address of one host with a port, such as \"10.0.2.15:4100\"", |value| {
        parse_port(value).filter(|address| is_host(*address.ip()))
    })
}

/// The hosts inside that are named so far: address, the Ethernet address that it is pinned to, and where it is named.
#[derive(Default)]
pub(crate) struct Neighbours(Vec<(Ipv4Addr, Option<[u8; 6]>, String)>);

impl Neighbours {
    /// Adds a host that `section` names, and reports a pin, the value of `key`, that cannot be. `inside` is nothing if the host is known
    /// to be in its network.
    pub fn add(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        address: Ipv4Addr,
        mac: Option<[u8; 6]>,
        inside: Option<&Inside>,
    ) {
        if mac.is_some() && inside.is_some_and(|inside| !inside.is_local(address)) {
            let what = format!(
                "{address} is behind the gateway, which gets every frame for it; pin that, by gateway_mac of [inside]"
            );
            section.fault(key, &what);
        }
        let same = |(other, its, _): &&(Ipv4Addr, Option<[u8; 6]>, String)| *other == address && *its != mac;
        if let Some((_, _, place)) = self.0.iter().find(same) {
            let what =
                format!("{address} is named by {place}, too; both need the same Ethernet address, or none");
            section.fault(key, &what);
        }
        self.0.push((address, mac, section.path_of("")));
    }
}

/// Reports that `address`, which `key` names, cannot be reached from the inside card.
pub(crate) fn check_reachable(section: &Section<'_>, key: &'static str, address: Ipv4Addr, inside: &Inside) {
    let network = format!("{}/{}", inside.address, inside.prefix);
    if address == inside.address {
        section.fault(key, &format!("{address} is the diode's own address"));
    } else if inside.is_local(address) && !inside.is_host(address) {
        let what = format!("{address} is no host of {network}, but the network itself or all of it");
        section.fault(key, &what);
    } else if !inside.is_local(address) && inside.gateway.is_none() {
        section.fault(key, &format!("{address} is outside of {network}, and [inside] has no gateway"));
    }
}

fn is_host(address: Ipv4Addr) -> bool {
    let reserved = address.octets()[0] == 0 || address.octets()[0] >= 240;
    !(reserved || address.is_loopback() || address.is_multicast())
}

fn parse_host(value: &str) -> Option<Ipv4Addr> {
    value.parse().ok().filter(|&address| is_host(address))
}

fn parse_port(value: &str) -> Option<SocketAddrV4> {
    value.parse().ok().filter(|address: &SocketAddrV4| address.port() != 0)
}

fn parse_destination(value: &str) -> Option<SocketAddrV4> {
    parse_port(value).filter(|address| is_host(*address.ip()) || address.ip().is_multicast())
}

/// An address that is neither its network's own nor its broadcast address, and the prefix length.
fn parse_network(value: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, prefix) = value.split_once('/')?;
    let prefix: u8 = plain(prefix, 10)?;
    let address = parse_host(address)?;
    let host_mask = u32::MAX.checked_shr(u32::from(prefix))?;
    let host = address.to_bits() & host_mask;
    ((1..=30).contains(&prefix) && host != 0 && host != host_mask).then_some((address, prefix))
}

fn parse_pci(value: &str) -> Option<PciAddress> {
    let (bus, rest) = value.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    if (bus.len(), device.len(), function.len()) != (2, 2, 1) {
        return None;
    }
    let address =
        PciAddress { bus: plain(bus, 16)?, device: plain(device, 16)?, function: plain(function, 16)? };
    (address.device < 32 && address.function < 8).then_some(address)
}

fn parse_mac(value: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> =
        value.split(':').map(|byte| plain(byte, 16).filter(|_| byte.len() == 2)).collect();
    bytes?.try_into().ok()
}

/// A number without a sign.
fn plain(digits: &str, radix: u32) -> Option<u8> {
    digits.chars().all(|c| c.is_digit(radix)).then(|| u8::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pci_addresses_are_as_lspci_shows_them() {
        let expected = PciAddress { bus: 0x3a, device: 0x1f, function: 7 };
        assert_eq!(parse_pci("3a:1f.7"), Some(expected));
        assert_eq!(expected.to_string(), "3a:1f.7");
        for wrong in
            ["", "00:02", "0:02.0", "00:2.0", "00:20.0", "00:02.8", "+0:02.0", "0000:00:02.0", "00:02.0 "]
        {
            assert_eq!(parse_pci(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn networks_hold_a_host() {
        assert_eq!(parse_network("10.1.0.2/24"), Some((Ipv4Addr::new(10, 1, 0, 2), 24)));
        assert_eq!(parse_network("10.1.0.1/30"), Some((Ipv4Addr::new(10, 1, 0, 1), 30)));
        for wrong in [
            "10.1.0.2",
            "10.1.0.0/24",
            "10.1.0.255/24",
            "10.1.0.2/0",
            "10.1.0.2/31",
            "10.1.0.2/33",
            "10.1.0.2/+24",
            "224.0.0.1/24",
            "127.0.0.1/8",
        ] {
            assert_eq!(parse_network(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn macs_are_six_pairs_of_digits() {
        assert_eq!(parse_mac("52:55:0a:00:02:fF"), Some([0x52, 0x55, 0x0a, 0, 2, 0xff]));
        for wrong in [
            "",
            "52:55:0a:00:02",
            "52:55:0a:00:02:02:02",
            "52-55-0a-00-02-02",
            "52:55:0a:00:02:2",
            "52:55:0a:00:02:0g",
        ] {
            assert_eq!(parse_mac(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_multicast_group_has_its_own_mac() {
        let group = |mac| Destination { mac, address: Ipv4Addr::new(239, 129, 2, 3), port: 1 };
        assert_eq!(check_mac(&group([1, 0, 0x5e, 1, 2, 3])), Ok(()));
        assert!(check_mac(&group([1, 0, 0x5e, 0x81, 2, 3])).unwrap_err().contains("01:00:5e:01:02:03"));
        let host = |mac| Destination { mac, address: Ipv4Addr::new(10, 0, 0, 1), port: 1 };
        assert_eq!(check_mac(&host([2, 0, 0, 0, 0, 1])), Ok(()));
        assert!(check_mac(&host([0xff; 6])).is_err());
        assert!(check_mac(&host([0; 6])).is_err());
    }
}
