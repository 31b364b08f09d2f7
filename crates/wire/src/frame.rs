//! The frame: a 56-byte header, a sealed payload, and a 16-byte authentication tag.
//!
//! All integers are big-endian. The header ends with a short tag of its own under a key of the diode's, which lets a receiver
//! refuse what others made up before it does anything for it; authenticity comes from the tag at the end, which covers header
//! and payload.

use core::fmt;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

/// Bytes of the header.
pub const HEADER_BYTES: usize = HEADER_TAG_OFFSET + HEADER_TAG_BYTES;
/// Bytes of the tag that ends the header.
pub const HEADER_TAG_BYTES: usize = 8;
/// Where the header's tag is, and how many bytes it covers.
const HEADER_TAG_OFFSET: usize = 48;
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
pub const VERSION: u8 = 2;

// The layout defends itself: what the document promises is checked when this compiles.
const _: () = assert!(HEADER_BYTES == 56);
const _: () = assert!(SHARD_BYTES_MAX == 1398);

/// The cipher that seals the frames of a diode; chosen by the operator, the same in all of them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Suite {
    /// ChaCha20-Poly1305 (RFC 8439): fast and constant in time without instructions of its own.
    #[default]
    ChaCha20Poly1305 = 1,
    /// AES-256-GCM (NIST SP 800-38D): the faster one where processors have instructions for it.
    Aes256Gcm = 2,
}

impl Suite {
    /// Every suite.
    pub const ALL: [Self; 2] = [Self::ChaCha20Poly1305, Self::Aes256Gcm];

    fn parse(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&suite| suite as u8 == byte)
    }
}

/// The key of the tags that end a diode's headers.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderKey(pub [u8; 16]);

impl fmt::Debug for HeaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderKey(..)")
    }
}

impl HeaderKey {
    /// Whether a header was made by who has this key; that it was not sent before, it does not say.
    #[must_use]
    pub fn verifies(&self, header: &[u8; HEADER_BYTES]) -> bool {
        let tag = u64::from_le_bytes(array(header, HEADER_TAG_OFFSET));
        // One comparison of words: how long it takes tells nothing.
        self.tag(header) == tag
    }

    /// SipHash-2-4 (Aumasson, Bernstein: Indocrypt 2012), a pseudo-random function for short inputs.
    fn tag(&self, header: &[u8; HEADER_BYTES]) -> u64 {
        SipHasher24::new_with_key(&self.0).hash(&header[..HEADER_TAG_OFFSET])
    }
}

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
    /// What seals the payload.
    pub suite: Suite,
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
    /// No [`Suite`] that this crate knows.
    Suite(u8),
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
            Self::Suite(suite) => write!(f, "cipher suite {suite}, which is not known"),
            Self::Field => f.write_str("header fields contradict each other"),
        }
    }
}

const KIND_DATA: u8 = 0;
const KIND_PARITY: u8 = 1;
const KIND_BEACON: u8 = 2;

impl Header {
    /// Writes the header as it goes on the wire, with its tag.
    #[must_use]
    pub fn emit(&self, key: &HeaderKey) -> [u8; HEADER_BYTES] {
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
        bytes[3] = self.suite as u8;
        bytes[4..8].copy_from_slice(&self.diode.0.to_be_bytes());
        bytes[8..24].copy_from_slice(&self.boot.0);
        bytes[24..32].copy_from_slice(&self.frame.to_be_bytes());
        bytes[32..40].copy_from_slice(&block.to_be_bytes());
        bytes[40] = kind;
        bytes[41..45].copy_from_slice(&shape);
        let tag = key.tag(&bytes);
        bytes[HEADER_TAG_OFFSET..].copy_from_slice(&tag.to_le_bytes());
        bytes
    }

    /// Splits a datagram into header, header bytes (the associated data) and sealed payload with tag. Neither tag has been
    /// looked at: see [`HeaderKey::verifies`].
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
        let suite = Suite::parse(bytes[3]).ok_or(HeaderError::Suite(bytes[3]))?;
        let body = parse_body(bytes).ok_or(HeaderError::Field)?;
        let header = Self {
            suite,
            diode: DiodeId(u32::from_be_bytes(array(bytes, 4))),
            boot: BootId(array(bytes, 8)),
            frame: u64::from_be_bytes(array(bytes, 24)),
            body,
        };
        Ok((header, bytes, sealed))
    }
}

fn parse_body(bytes: &[u8; HEADER_BYTES]) -> Option<Body> {
    let block = u64::from_be_bytes(array(bytes, 32));
    let (kind, class) = (bytes[40] & 0x0f, bytes[40] >> 4);
    let [index, data_sent, data, parity] = array(bytes, 41);
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
