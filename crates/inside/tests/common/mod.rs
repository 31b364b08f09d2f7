//! Configurations and frames for tests of the inside network.
#![allow(dead_code)]

use std::net::Ipv4Addr;

use noreturn_image_format::Config;
use noreturn_inside::arp::{Arp, Operation};
use noreturn_inside::ethernet::{self, BROADCAST, Header, MacAddress};

/// The box's own addresses.
pub const OWN_MAC: MacAddress = [0x02, 0, 0, 0, 0, 0xd0];
pub const OWN: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
pub const TIME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 3);

/// A configuration with these devices; each has one register that is read every second.
pub fn config(devices: impl IntoIterator<Item = Ipv4Addr>) -> Config {
    pinned(devices.into_iter().map(|address| (address, None)))
}

/// The same with devices of which some are pinned.
pub fn pinned(devices: impl IntoIterator<Item = (Ipv4Addr, Option<MacAddress>)>) -> Config {
    let (mut site, mut pins) = (String::new(), Vec::new());
    site += r#"
        diode = {id = 7, name = "d", key_file = "k"}
        inside = {card = "00:02.0", address = "10.1.0.2/16", gateway = "10.1.0.1"}
        time = {sources = ["sntp"], sntp = {server = "10.1.0.3"}}
        status = {modbus_port = 502}
        [outside]
        card = "00:03.0"
        source = "10.0.2.15:1"
        destination = [{mac = "02:00:00:00:00:01", address = "10.0.2.2:1"}]
        "#;
    for (place, (address, mac)) in devices.into_iter().enumerate() {
        pins.push(mac);
        site += &format!(
            "[[modbus]]\nname = \"plc-{place}\"\naddress = \"{address}:502\"\n\
             point = [{{name = \"a\", function = 3, address = 0, type = \"u16\"}}]\n"
        );
    }
    let mut config = parse(&site);
    config.devices.iter_mut().zip(pins).for_each(|(device, pin)| device.mac = pin);
    config.encode().expect("it is right");
    config
}

/// The configuration that a site file means.
pub fn parse(site: &str) -> Config {
    noreturn_site::parse(site, "site.toml", |_| Ok([1; 32])).expect("the site file is right")
}

/// The Ethernet address of host `number`.
pub fn mac(number: u8) -> MacAddress {
    [0x02, 0, 0, 0, 1, number]
}

/// A frame.
pub fn frame(destination: MacAddress, source: MacAddress, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&Header { destination, source, ether_type }.emit()[..], payload].concat()
}

/// A frame with a request of `sender` for our address, or whosoever's.
pub fn request(sender_mac: MacAddress, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let arp = Arp { operation: Operation::Request, sender_mac, sender, target_mac: [0; 6], target };
    frame(BROADCAST, sender_mac, ethernet::ARP, &arp.emit())
}

/// A frame that tells us that `sender` is at `sender_mac`.
pub fn reply(sender_mac: MacAddress, sender: Ipv4Addr) -> Vec<u8> {
    let arp = Arp { operation: Operation::Reply, sender_mac, sender, target_mac: OWN_MAC, target: OWN };
    frame(OWN_MAC, sender_mac, ethernet::ARP, &arp.emit())
}

pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;

/// A TCP segment of ours from `port` to a device; checksums are of no concern to who carries it.
pub fn segment(destination: Ipv4Addr, port: u16, flags: u8) -> Vec<u8> {
    let mut packet = vec![0; 40];
    packet[0] = 0x45;
    packet[3] = 40;
    packet[9] = 6;
    packet[12..16].copy_from_slice(&OWN.octets());
    packet[16..20].copy_from_slice(&destination.octets());
    packet[20..22].copy_from_slice(&port.to_be_bytes());
    packet[22..24].copy_from_slice(&502_u16.to_be_bytes());
    packet[33] = flags;
    packet
}
