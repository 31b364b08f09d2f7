//! The frame: a 48-byte checked header, a sealed payload, and a 16-byte authentication tag.
//!
//! All integers are big-endian. The header's own CRC lets a reader (a capture tool without
//! the key, too) trust the header's fields as what was sent, before any other work is done;
//! authenticity comes from the tag, which covers header and payload.

use core::fmt;

use crc::{CRC_32_ISCSI, Crc, Table};
use serde::{Deserialize, Serialize};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 48;
/// Bytes of the authentication tag that ends every frame.
pub const TAG_BYTES: usize = 16;
/// The largest frame: what an Ethernet frame of 1500 bytes leaves for an IPv4 UDP payload.
pub const FRAME_BYTES_MAX: usize = 1472;
/// The smallest frame that can carry anything.
pub const FRAME_BYTES_MIN: usize = HEADER_BYTES + TAG_BYTES + 1;
/// The largest sealed payload.
pub const PAYLOAD_BYTES_MAX: usize = FRAME_BYTES_MAX - HEADER_BYTES - TAG_BYTES;
/// Bytes that a parity shard spends on the lengths of the data shards.
pub const SHARD_LENGTH_BYTES: usize = 2;
/// The largest data shard; its parity shards are [`SHARD_LENGTH_BYTES`] longer.
pub const SHARD_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - SHARD_LENGTH_BYTES;

/// First two bytes of every frame, `NR`.
pub const MAGIC: [u8; 2] = *b"NR";
/// Version of the frame format that this crate speaks.
pub const VERSION: u8 = 1;

/// With 16 tables, because both ends do this for every frame, also for those that they refuse.
static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
const CRC_OFFSET: usize = 44;

// The layout defends itself: what the document promises is checked when this compiles.
const _: () = assert!(CRC_OFFSET + 4 == HEADER_BYTES);
const _: () = assert!(SHARD_BYTES_MAX == 1406);

/// Which diode a frame comes from; chosen by the operator, unique per receiver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct DiodeId(pub u32);

/// 128 random bits drawn at every boot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BootId(pub [u8; 16]);

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootId({self})")
    }
}

/// Traffic class of a block; each class has blocks, geometry and a share of the link of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Class {
    /// Alarms: few, and first.
    Alarm = 0,
    /// Ordinary measurements.
    Telemetry = 1,
    /// Streams and files.
    Bulk = 2,
    /// What was sent before, in any class, and is sent again.
    History = 3,
}

impl Class {
    /// Every class, in wire order.
    pub const ALL: [Self; 4] = [Self::Alarm, Self::Telemetry, Self::Bulk, Self::History];

    fn parse(bits: u8) -> Option<Self> {
        Self::ALL.get(usize::from(bits)).copied()
    }
}

/// The code of a block: `data` data shards to `parity` parity shards when full.
///
/// A block that closes early is the same code, shortened: the data shards that were never
/// sent count as zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code {
    data: u8,
    parity: u8,
}

impl Code {
    /// A code over GF(2^8): at least one data shard, at most 256 shards in all, one for each of its elements.
    #[must_use]
    pub const fn new(data: u8, parity: u8) -> Option<Self> {
        if data == 0 || data as u16 + parity as u16 > 256 {
            return None;
        }
        Some(Self { data, parity })
    }

    /// Data shards of a full block.
    #[must_use]
    pub const fn data(self) -> u8 {
        self.data
    }

    /// Parity shards of a full block.
    #[must_use]
    pub const fn parity(self) -> u8 {
        self.parity
    }
}

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// A data shard: whole messages, one after another.
    Data {
        /// Class of the block.
        class: Class,
        /// Number of the block, counted per boot and class.
        block: u64,
        /// Place of this shard among the block's data shards.
        index: u8,
        /// Code of the block.
        code: Code,
    },
    /// A parity shard; it is sent when the block is closed and so knows how much was in it.
    Parity {
        /// Class of the block.
        class: Class,
        /// Number of the block.
        block: u64,
        /// Place of this shard among the block's parity shards.
        index: u8,
        /// How many data shards the block was closed with.
        data_sent: u8,
        /// Code of the block.
        code: Code,
    },
    /// A [`crate::Beacon`].
    Beacon,
}

/// A header whose fields make sense together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Sender.
    pub diode: DiodeId,
    /// Boot of the sender.
    pub boot: BootId,
    /// Number of this frame, counted from 0 per boot over all kinds. Never used twice.
    pub frame: u64,
    /// What follows.
    pub body: Body,
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderError {
    /// Fewer than [`FRAME_BYTES_MIN`] bytes.
    Short,
    /// More than [`FRAME_BYTES_MAX`] bytes.
    Long,
    /// Does not start with [`MAGIC`].
    Magic,
    /// Another version than [`VERSION`].
    Version(u8),
    /// The header's CRC does not match.
    Checksum,
    /// A field, or two fields together, that no sender writes.
    Field,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "shorter than {FRAME_BYTES_MIN} bytes"),
            Self::Long => write!(f, "longer than {FRAME_BYTES_MAX} bytes"),
            Self::Magic => f.write_str("does not start with \"NR\""),
            Self::Version(v) => write!(f, "version {v}, expected {VERSION}"),
            Self::Checksum => f.write_str("header checksum does not match"),
            Self::Field => f.write_str("header fields contradict each other"),
        }
    }
}

const KIND_DATA: u8 = 0;
const KIND_PARITY: u8 = 1;
const KIND_BEACON: u8 = 2;

impl Header {
    /// Writes the header as it goes on the wire.
    #[must_use]
    pub fn emit(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let (kind, block, shape) = match self.body {
            Body::Data { class, block, index, code } => {
                (KIND_DATA | (class as u8) << 4, block, [index, 0, code.data, code.parity])
            }
            Body::Parity { class, block, index, data_sent, code } => {
                (KIND_PARITY | (class as u8) << 4, block, [index, data_sent, code.data, code.parity])
            }
            Body::Beacon => (KIND_BEACON, 0, [0; 4]),
        };
        bytes[0..2].copy_from_slice(&MAGIC);
        bytes[2] = VERSION;
        bytes[3] = kind;
        bytes[4..8].copy_from_slice(&self.diode.0.to_be_bytes());
        bytes[8..24].copy_from_slice(&self.boot.0);
        bytes[24..32].copy_from_slice(&self.frame.to_be_bytes());
        bytes[32..40].copy_from_slice(&block.to_be_bytes());
        bytes[40..44].copy_from_slice(&shape);
        let crc = CRC.checksum(&bytes[..CRC_OFFSET]);
        bytes[CRC_OFFSET..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Splits a datagram into header, header bytes (the associated data) and sealed payload with tag.
    ///
    /// # Errors
    /// The first thing that is wrong, cheapest check first.
    pub fn parse(datagram: &[u8]) -> Result<(Self, &[u8; HEADER_BYTES], &[u8]), HeaderError> {
        if datagram.len() < FRAME_BYTES_MIN {
            return Err(HeaderError::Short);
        }
        if datagram.len() > FRAME_BYTES_MAX {
            return Err(HeaderError::Long);
        }
        let (bytes, sealed) = datagram.split_first_chunk::<HEADER_BYTES>().ok_or(HeaderError::Short)?;
        if bytes[0..2] != MAGIC {
            return Err(HeaderError::Magic);
        }
        if bytes[2] != VERSION {
            return Err(HeaderError::Version(bytes[2]));
        }
        if CRC.checksum(&bytes[..CRC_OFFSET]).to_be_bytes() != bytes[CRC_OFFSET..] {
            return Err(HeaderError::Checksum);
        }
        let body = parse_body(bytes).ok_or(HeaderError::Field)?;
        let header = Self {
            diode: DiodeId(u32::from_be_bytes(array(bytes, 4))),
            boot: BootId(array(bytes, 8)),
            frame: u64::from_be_bytes(array(bytes, 24)),
            body,
        };
        Ok((header, bytes, sealed))
    }
}

fn parse_body(bytes: &[u8; HEADER_BYTES]) -> Option<Body> {
    let (kind, class) = (bytes[3] & 0x0f, bytes[3] >> 4);
    let block = u64::from_be_bytes(array(bytes, 32));
    let [index, data_sent, data, parity] = array(bytes, 40);
    if kind == KIND_BEACON {
        return (class == 0 && block == 0 && [index, data_sent, data, parity] == [0; 4])
            .then_some(Body::Beacon);
    }
    let (class, code) = (Class::parse(class)?, Code::new(data, parity)?);
    match kind {
        KIND_DATA => (index < data && data_sent == 0).then_some(Body::Data { class, block, index, code }),
        KIND_PARITY => (index < parity && (1..=data).contains(&data_sent)).then_some(Body::Parity {
            class,
            block,
            index,
            data_sent,
            code,
        }),
        _ => None,
    }
}

/// `N` bytes at a constant offset inside the header.
fn array<const N: usize>(bytes: &[u8; HEADER_BYTES], offset: usize) -> [u8; N] {
    core::array::from_fn(|i| bytes[offset + i])
}
