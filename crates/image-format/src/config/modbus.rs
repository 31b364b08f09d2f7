//! What is polled from Modbus TCP devices (MODBUS Application Protocol 1.1b3; Messaging on TCP/IP 1.0b).

use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{ConfigError, require};

/// Bits that one request for coils or discrete inputs may ask for (1.1b3, section 6.1).
pub const BITS_MAX: u16 = 2000;
/// Registers that one request may ask for (1.1b3, section 6.3).
pub const REGISTERS_MAX: u16 = 125;

/// One device, that is one unit behind one TCP connection.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Device {
    /// Name, for people.
    pub name: String,
    /// Address in the plant network.
    pub address: Ipv4Addr,
    /// Its Ethernet address, if it is not to be asked for; never of one behind the gateway.
    pub mac: Option<[u8; 6]>,
    /// TCP port, usually 502.
    pub port: u16,
    /// Unit identifier.
    pub unit: u8,
    /// How long a connection attempt or a reply may take, in milliseconds.
    pub timeout_ms: u32,
    /// First pause after a failure, in milliseconds; doubles up to the next.
    pub backoff_ms_min: u32,
    /// Longest pause after a failure, in milliseconds.
    pub backoff_ms_max: u32,
    /// Source that carries whether the device can be reached.
    pub status: u32,
    /// What is asked, in this order.
    pub reads: Vec<Read>,
}

/// One request that is repeated.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Read {
    /// Table to read.
    pub function: Function,
    /// First address, counted from 0 as on the wire.
    pub address: u16,
    /// How many bits or registers.
    pub count: u16,
    /// Time from one request to the next, in milliseconds.
    pub period_ms: u32,
    /// What is made of the reply.
    pub points: Vec<Point>,
}

/// The four read functions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Function {
    /// Function 1.
    Coils = 1,
    /// Function 2.
    DiscreteInputs = 2,
    /// Function 3.
    HoldingRegisters = 3,
    /// Function 4.
    InputRegisters = 4,
}

impl Function {
    /// Whether the function reads bits rather than registers.
    #[must_use]
    pub const fn reads_bits(self) -> bool {
        matches!(self, Self::Coils | Self::DiscreteInputs)
    }

    /// The most that one request may ask for.
    #[must_use]
    pub const fn count_max(self) -> u16 {
        if self.reads_bits() { BITS_MAX } else { REGISTERS_MAX }
    }
}

/// One value inside a reply.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Source that carries it.
    pub source: u32,
    /// Bits or registers from the start of the read.
    pub offset: u16,
    /// How it is encoded.
    pub encoding: Encoding,
    /// Factor to engineering units; exactly 1 leaves integers integers.
    pub scale: f64,
}

/// How a value is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Encoding {
    /// One bit.
    Bit,
    /// One register, unsigned.
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers, unsigned.
    U32(WordOrder),
    /// Two registers, two's complement.
    I32(WordOrder),
    /// Two registers, IEEE 754 binary32.
    F32(WordOrder),
}

impl Encoding {
    /// How many bits or registers it takes.
    #[must_use]
    pub const fn width(self) -> u16 {
        match self {
            Self::Bit | Self::U16 | Self::I16 => 1,
            Self::U32(_) | Self::I32(_) | Self::F32(_) => 2,
        }
    }
}

/// Which of two registers comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum WordOrder {
    /// The more significant one; the usual order.
    HighFirst,
    /// The less significant one.
    LowFirst,
}

impl Device {
    pub(super) fn check(&self, sources: usize) -> Result<(), ConfigError> {
        let known = |source: u32| (source as usize) < sources;
        require(&[
            ((10..=60_000).contains(&self.timeout_ms), "a device's timeout is not 10 to 60000 ms"),
            (
                self.backoff_ms_min >= 10 && self.backoff_ms_min <= self.backoff_ms_max,
                "a device's backoff is below 10 ms or ends below its start",
            ),
            (self.backoff_ms_max <= 3_600_000, "a device's backoff is longer than 1 h"),
            (self.port != 0, "a device's port is 0"),
            (known(self.status), "a device's status names no source"),
            (!self.reads.is_empty(), "a device has nothing to read"),
            (
                self.reads.iter().all(|read| read.is_valid(sources)),
                "a device's read does not hold its points",
            ),
        ])
    }
}

impl Read {
    fn is_valid(&self, sources: usize) -> bool {
        let fits = |point: &Point| {
            (point.source as usize) < sources
                && u32::from(point.offset) + u32::from(point.encoding.width()) <= u32::from(self.count)
                && (point.encoding == Encoding::Bit) == self.function.reads_bits()
                && point.scale.is_finite()
        };
        (1..=self.function.count_max()).contains(&self.count)
            && u32::from(self.address) + u32::from(self.count) <= 0x1_0000
            && (10..=86_400_000).contains(&self.period_ms)
            && self.points.iter().all(fits)
    }
}
