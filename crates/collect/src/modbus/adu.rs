//! One request and its reply: MBAP header (Messaging on TCP/IP 1.0b, section 3.1.3) and PDU
//! (Application Protocol 1.1b3, sections 4.1, 6.1 to 6.4 and 7).

use core::fmt;

use noreturn_image_format::config::modbus::{Function, Read};
use noreturn_wire::Fault;

/// Bytes of the largest ADU: MBAP header and a PDU of 253 bytes.
pub const ADU_BYTES_MAX: usize = 260;
/// Bytes of the MBAP header, the unit identifier included.
pub const HEADER_BYTES: usize = 7;
/// Bytes of every request that is ever sent.
pub const REQUEST_BYTES: usize = 12;

/// Bytes in front of those that the header's length field counts.
const LENGTH_BASE: usize = 6;
const PROTOCOL_MODBUS: u16 = 0;
const EXCEPTION_BIT: u8 = 0x80;

// The length field counts unit identifier and PDU: 254 bytes at most.
const _: () = assert!(ADU_BYTES_MAX == LENGTH_BASE + 254);

/// An MBAP header whose length can be trusted as a size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Number that pairs request and reply.
    pub transaction: u16,
    /// Unit behind the device's address.
    pub unit: u8,
    /// Bytes of the whole ADU, header included: 8 to [`ADU_BYTES_MAX`].
    pub adu_bytes: usize,
}

/// Why bytes are not a reply to a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AduError {
    /// Fewer bytes than a header.
    Short,
    /// Another protocol than Modbus (0).
    Protocol(u16),
    /// A length field that is not 2 to 254, or that contradicts the bytes or what they hold.
    Length(u16),
    /// A function that is none of the four reads.
    Function(u8),
    /// A byte count that contradicts the length.
    ByteCount(u8),
}

impl fmt::Display for AduError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "shorter than {HEADER_BYTES} bytes"),
            Self::Protocol(protocol) => write!(f, "protocol {protocol}, expected {PROTOCOL_MODBUS}"),
            Self::Length(length) => write!(f, "length {length} cannot be, or does not fit what follows"),
            Self::Function(function) => write!(f, "function {function} is none that reads"),
            Self::ByteCount(count) => write!(f, "byte count {count} contradicts the length"),
        }
    }
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// [`AduError::Protocol`] or [`AduError::Length`].
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, AduError> {
        let &[t0, t1, p0, p1, l0, l1, unit] = bytes;
        let protocol = u16::from_be_bytes([p0, p1]);
        if protocol != PROTOCOL_MODBUS {
            return Err(AduError::Protocol(protocol));
        }
        let length = u16::from_be_bytes([l0, l1]);
        if !(2..=254).contains(&length) {
            return Err(AduError::Length(length));
        }
        let adu_bytes = LENGTH_BASE + usize::from(length);
        Ok(Self { transaction: u16::from_be_bytes([t0, t1]), unit, adu_bytes })
    }
}

/// A reply that does not contradict itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reply<'a> {
    /// Number that pairs request and reply.
    pub transaction: u16,
    /// Unit that answers.
    pub unit: u8,
    /// Function that is answered.
    pub function: Function,
    /// What it says.
    pub body: Body<'a>,
}

/// What a reply says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body<'a> {
    /// Bits, the first in the lowest bit of the first byte, or big-endian registers.
    Data(&'a [u8]),
    /// The exception code.
    Exception(u8),
}

impl<'a> Reply<'a> {
    /// Reads exactly one reply.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(adu: &'a [u8]) -> Result<Self, AduError> {
        let (header, pdu) = adu.split_first_chunk::<HEADER_BYTES>().ok_or(AduError::Short)?;
        let length = u16::from_be_bytes([header[4], header[5]]);
        let header = Header::parse(header)?;
        if adu.len() != header.adu_bytes {
            return Err(AduError::Length(length));
        }
        let &[code, second, ref data @ ..] = pdu else {
            return Err(AduError::Length(length));
        };
        let function = function(code & !EXCEPTION_BIT).ok_or(AduError::Function(code))?;
        let body = match (code & EXCEPTION_BIT != 0, data) {
            (true, []) => Body::Exception(second),
            (true, _) => return Err(AduError::Length(length)),
            (false, data) if data.len() == usize::from(second) => Body::Data(data),
            (false, _) => return Err(AduError::ByteCount(second)),
        };
        Ok(Self { transaction: header.transaction, unit: header.unit, function, body })
    }
}

const fn function(code: u8) -> Option<Function> {
    match code {
        1 => Some(Function::Coils),
        2 => Some(Function::DiscreteInputs),
        3 => Some(Function::HoldingRegisters),
        4 => Some(Function::InputRegisters),
        _ => None,
    }
}

/// A request to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Number that pairs request and reply.
    pub transaction: u16,
    /// Unit that is asked.
    pub unit: u8,
    /// Table to read.
    pub function: Function,
    /// First address, counted from 0.
    pub address: u16,
    /// How many bits or registers.
    pub count: u16,
}

impl Request {
    /// The request that carries out `read`.
    #[must_use]
    pub const fn new(transaction: u16, unit: u8, read: &Read) -> Self {
        Self { transaction, unit, function: read.function, address: read.address, count: read.count }
    }

    /// Writes the request as it goes on the wire.
    #[must_use]
    pub const fn emit(&self) -> [u8; REQUEST_BYTES] {
        let [t0, t1] = self.transaction.to_be_bytes();
        let [p0, p1] = PROTOCOL_MODBUS.to_be_bytes();
        let [a0, a1] = self.address.to_be_bytes();
        let [c0, c1] = self.count.to_be_bytes();
        [t0, t1, p0, p1, 0, 6, self.unit, self.function as u8, a0, a1, c0, c1]
    }

    /// Bytes of data that answer the request in full.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        let count = usize::from(self.count);
        if self.function.reads_bits() { count.div_ceil(8) } else { count * 2 }
    }

    /// The data of the reply, if it answers this request in full. Padding bits of the last byte
    /// are not looked at.
    ///
    /// # Errors
    /// [`Fault::WrongReply`], [`Fault::Exception`] or [`Fault::ShortReply`].
    pub fn accept<'a>(&self, adu: &'a [u8]) -> Result<&'a [u8], Fault> {
        let reply = Reply::parse(adu).map_err(|_| Fault::WrongReply)?;
        if (reply.transaction, reply.unit, reply.function) != (self.transaction, self.unit, self.function) {
            return Err(Fault::WrongReply);
        }
        match reply.body {
            Body::Exception(code) => Err(Fault::Exception(code)),
            Body::Data(data) if data.len() < self.data_bytes() => Err(Fault::ShortReply),
            Body::Data(data) if data.len() > self.data_bytes() => Err(Fault::WrongReply),
            Body::Data(data) => Ok(data),
        }
    }
}
