//! The compiled configuration: what the site file says, checked, in the form that the kernel reads.
//!
//! On the medium it is the magic `NRCF`, a version byte, and a postcard [`Config`].

pub mod link;
pub mod modbus;
pub mod release;
pub mod status;
pub mod time;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::Sha256Digest;
use link::Link;
use modbus::Device;
use release::Release;
use status::Status;
use time::{Time, TimeSource};

const MAGIC: &[u8] = b"NRCF\x06";

/// Sources of one site at most.
pub const SOURCES_MAX: usize = 4096;
/// Modbus devices of one site at most; each has a socket of its own on the inside.
pub const DEVICES_MAX: usize = 64;
/// Destinations of one diode at most.
pub const DESTINATIONS_MAX: usize = 8;
/// Bytes of a tag's name at most.
pub const NAME_BYTES_MAX: usize = 96;
/// Bytes of an engineering unit at most.
pub const UNIT_BYTES_MAX: usize = 16;

/// Everything that the operator decides.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Who this diode is.
    pub diode: Diode,
    /// Which of its images this is.
    pub release: Release,
    /// The inside card.
    pub inside: Inside,
    /// The outside card.
    pub outside: Outside,
    /// The one-way link.
    pub link: Link,
    /// What can be read of the box on the inside.
    pub status: Status,
    /// Where the time comes from.
    pub time: Time,
    /// What is polled.
    pub devices: Vec<Device>,
    /// Every tag; a source's number is its place here.
    pub sources: Vec<Source>,
}

/// Who this diode is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Diode {
    /// Number, unique at a receiver.
    pub id: u32,
    /// Name, for people.
    pub name: String,
    /// Secret shared with the receiver; frame keys are derived from it at every boot.
    pub key: Key,
}

/// Where the diode's secret is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Key {
    /// Here, in the image.
    Here([u8; 32]),
    /// In the machine's TPM 2.0, behind this handle, sealed to the image.
    Tpm(u32),
}

/// Handles of non-volatile memory that are for the owner of a TPM to give (TCG registry of reserved handles 1.1, section 2.2).
pub const TPM_HANDLES: RangeInclusive<u32> = 0x0180_0000..=0x01bf_ffff;

impl Key {
    fn is_valid(&self) -> bool {
        match self {
            Self::Here(_) => true,
            Self::Tpm(handle) => TPM_HANDLES.contains(handle),
        }
    }
}

/// A PCI function, as `lspci` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PciAddress {
    /// Bus.
    pub bus: u8,
    /// Device, 0 to 31.
    pub device: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.bus, self.device, self.function)
    }
}

/// The inside card and its addresses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Inside {
    /// Where the card is.
    pub card: PciAddress,
    /// The card's own Ethernet address, if the card there must be that one.
    pub card_mac: Option<[u8; 6]>,
    /// Our address in the plant network.
    pub address: Ipv4Addr,
    /// Length of the network prefix, 1 to 30.
    pub prefix: u8,
    /// Router to devices outside the prefix.
    pub gateway: Option<Ipv4Addr>,
    /// The gateway's Ethernet address, if it is not to be asked for.
    pub gateway_mac: Option<[u8; 6]>,
}

impl Inside {
    /// The bits of an address that are the network's.
    #[must_use]
    pub fn mask(&self) -> u32 {
        u32::MAX << (32 - u32::from(self.prefix.clamp(1, 32)))
    }

    /// Whether `address` is that of a host in the card's own network: neither the network's own, nor its broadcast address.
    #[must_use]
    pub fn is_host(&self, address: Ipv4Addr) -> bool {
        let host = address.to_bits() & !self.mask();
        self.is_local(address) && host != 0 && host != !self.mask()
    }

    /// Whether `address` is in the card's own network.
    #[must_use]
    pub fn is_local(&self, address: Ipv4Addr) -> bool {
        (self.address.to_bits() ^ address.to_bits()) & self.mask() == 0
    }
}

/// The outside card, and where it sends. Nothing here is ever resolved: there is no ARP.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outside {
    /// Where the card is.
    pub card: PciAddress,
    /// The card's own Ethernet address, if the card there must be that one.
    pub card_mac: Option<[u8; 6]>,
    /// Source address of every packet.
    pub source_address: Ipv4Addr,
    /// Source port of every packet.
    pub source_port: u16,
    /// Who gets every frame.
    pub destinations: Vec<Destination>,
}

/// One receiver or multicast group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Destination {
    /// Ethernet address of the receiver, or of the router in front of it.
    pub mac: [u8; 6],
    /// IPv4 address of the receiver.
    pub address: Ipv4Addr,
    /// UDP port of the receiver.
    pub port: u16,
}

/// One tag.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Unique name, such as `plc-1/tank1/level`.
    pub name: String,
    /// Engineering unit, or nothing.
    pub unit: String,
    /// How its records leave.
    pub class: Class,
}

/// Traffic class of a tag; a third one is for streams and files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Class {
    /// Few and urgent: ahead of everything else.
    Alarm,
    /// Ordinary measurements.
    Telemetry,
}

/// Why a compiled configuration is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigError {
    /// Does not start with the magic and version.
    Magic,
    /// Not postcard of a [`Config`], or bytes follow it.
    Malformed,
    /// A value that no site file produces.
    Value(&'static str),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("it does not start with \"NRCF\" and version 6"),
            Self::Malformed => f.write_str("its contents cannot be decoded"),
            Self::Value(what) => write!(f, "{what}"),
        }
    }
}

impl Config {
    /// The configuration as it lies on the medium.
    ///
    /// # Errors
    /// A value that [`Config::decode`] would refuse.
    pub fn encode(&self) -> Result<Vec<u8>, ConfigError> {
        self.check()?;
        postcard::to_extend(self, MAGIC.to_vec()).map_err(|_| ConfigError::Malformed)
    }

    /// Reads a configuration; what it returns has passed every check.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, ConfigError> {
        let body = bytes.strip_prefix(MAGIC).ok_or(ConfigError::Magic)?;
        let (config, rest) = postcard::take_from_bytes::<Self>(body).map_err(|_| ConfigError::Malformed)?;
        if !rest.is_empty() {
            return Err(ConfigError::Malformed);
        }
        config.check()?;
        Ok(config)
    }

    /// SHA-256 of the configuration as it lies on the medium, but for the diode's key, in whose place are zeros wherever it is
    /// kept. Of one site it is the same for who has the key and who has not.
    ///
    /// # Errors
    /// As [`Config::encode`].
    pub fn site_sha256(&self) -> Result<Sha256Digest, ConfigError> {
        let mut site = self.clone();
        site.diode.key = Key::Here([0; 32]);
        site.encode().map(|bytes| Sha256Digest::of(&bytes))
    }

    /// Whether both cards are pinned: none of them starts if its own Ethernet address is another.
    #[must_use]
    pub fn cards_are_pinned(&self) -> bool {
        self.inside.card_mac.is_some() && self.outside.card_mac.is_some()
    }

    fn has_valid_card_macs(&self) -> bool {
        let macs = [self.inside.card_mac, self.outside.card_mac];
        macs.into_iter().flatten().all(is_card_mac) && (macs[0].is_none() || macs[0] != macs[1])
    }

    /// The hosts on the inside that are named, gateway first, and the Ethernet address that each is pinned to. A host may
    /// come several times, with the same one.
    pub fn neighbours(&self) -> impl Iterator<Item = (Ipv4Addr, Option<[u8; 6]>)> {
        let gateway = self.inside.gateway.map(|address| (address, self.inside.gateway_mac));
        let servers = self.time.sources.iter().filter_map(|source| match source {
            TimeSource::Sntp(server) => Some((server.address, server.mac)),
            TimeSource::Gps(_) | TimeSource::Rtc => None,
        });
        let devices = self.devices.iter().map(|device| (device.address, device.mac));
        gateway.into_iter().chain(servers).chain(devices)
    }

    /// Whether each pin is one station's address, of a host in the card's own network, and the only one of that host.
    fn has_valid_pins(&self) -> bool {
        let is_valid = |(address, mac): (Ipv4Addr, Option<[u8; 6]>)| {
            mac.is_none_or(|mac| is_card_mac(mac) && self.inside.is_local(address))
                && self.neighbours().all(|(other, its)| other != address || its == mac)
        };
        (self.inside.gateway.is_some() || self.inside.gateway_mac.is_none())
            && self.neighbours().all(is_valid)
    }

    fn check(&self) -> Result<(), ConfigError> {
        require(&[
            (self.diode.key.is_valid(), "the key's handle is none of the TPM owner's"),
            (
                self.inside.card != self.outside.card,
                "the inside and the outside card are the same PCI function",
            ),
            (self.has_valid_card_macs(), "the cards' own Ethernet addresses are not those of two cards"),
            ((1..=30).contains(&self.inside.prefix), "the inside prefix length is not 1 to 30"),
            (
                (1..=DESTINATIONS_MAX).contains(&self.outside.destinations.len()),
                "there must be 1 to 8 destinations",
            ),
            (self.devices.len() <= DEVICES_MAX, "there are more than 64 devices"),
            (self.has_valid_pins(), "a host is pinned to what cannot be its Ethernet address, or to two"),
            (self.sources.len() <= SOURCES_MAX, "there are more than 4096 tags"),
            (self.sources.iter().all(Source::is_valid), "a tag's name or unit is empty or too long"),
        ])?;
        self.release.check()?;
        self.link.check()?;
        self.status.check()?;
        self.time.check()?;
        self.devices.iter().try_for_each(|device| device.check(self.sources.len()))
    }
}

impl Source {
    fn is_valid(&self) -> bool {
        (1..=NAME_BYTES_MAX).contains(&self.name.len()) && self.unit.len() <= UNIT_BYTES_MAX
    }
}

/// Whether this can be the Ethernet address of one card: not a group's (IEEE 802-2014, section 8.2), and not all zero.
#[must_use]
pub fn is_card_mac(mac: [u8; 6]) -> bool {
    mac[0] & 1 == 0 && mac != [0; 6]
}

/// The first rule that does not hold, if any.
fn require(rules: &[(bool, &'static str)]) -> Result<(), ConfigError> {
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, what)) => Err(ConfigError::Value(what)),
        None => Ok(()),
    }
}
