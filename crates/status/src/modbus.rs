//! Modbus TCP server (MODBUS Application Protocol V1.1b3; MODBUS Messaging on TCP/IP Implementation Guide V1.0b) that
//! can be read, and nothing else: no function that writes is decoded.
//!
//! Functions 3 and 4 read the same [register map](crate::registers). Every other function is answered with exception
//! 1, an address that is not on the map with 2, a wrong count with 3. A header that cannot be ends the connection.

use crate::connection::{Outcome, Server, Took};
use crate::panel::Panel;
use crate::registers;

/// Transaction, protocol, length and unit.
const HEADER_BYTES: usize = 7;
/// The longest request or response (Messaging 1.0b, section 4.1).
const ADU_BYTES_MAX: usize = 260;
/// Bytes of header and PDU that the length field leaves out.
const LENGTH_OFFSET: usize = 6;
/// The length field counts the unit, and at least a function.
const LENGTH_MIN: usize = 2;

const READ_HOLDING_REGISTERS: u8 = 3;
const READ_INPUT_REGISTERS: u8 = 4;
const REGISTERS_MAX: u16 = 125;

/// Exception codes (1.1b3, section 7).
const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_DATA_ADDRESS: u8 = 2;
const ILLEGAL_DATA_VALUE: u8 = 3;

/// One connection's requests, one at a time.
#[derive(Clone, Debug)]
pub struct Modbus {
    request: Buffer,
    response: Buffer,
    sent: usize,
}

impl Default for Modbus {
    fn default() -> Self {
        Self::new()
    }
}

impl Modbus {
    /// Waits for a request.
    #[must_use]
    pub const fn new() -> Self {
        Self { request: Buffer::EMPTY, response: Buffer::EMPTY, sent: 0 }
    }

    /// Answers the request that is complete.
    fn answer(&mut self, panel: &Panel) -> Outcome {
        let (Some((header, pdu)), response) = (self.request.bytes().split_first_chunk(), &mut self.response)
        else {
            return Outcome::Malformed;
        };
        let [transaction_high, transaction_low, .., unit] = *header as [u8; HEADER_BYTES];
        let function = pdu.first().copied().unwrap_or(0);
        response.push(&[transaction_high, transaction_low, 0, 0, 0, 0, unit]);
        let refused = read_registers(pdu, panel, response).err();
        if let Some(exception) = refused {
            response.filled = HEADER_BYTES;
            response.push(&[function | 0x80, exception]);
        }
        let length = u16::try_from(response.filled - LENGTH_OFFSET).unwrap_or(0);
        response.set(4, length);
        self.request = Buffer::EMPTY;
        if refused.is_some() { Outcome::Refused } else { Outcome::Answered }
    }
}

/// Appends the PDU that answers `pdu`, or returns an exception code.
fn read_registers(pdu: &[u8], panel: &Panel, response: &mut Buffer) -> Result<(), u8> {
    let (function, data) = pdu.split_first().ok_or(ILLEGAL_FUNCTION)?;
    if !matches!(*function, READ_HOLDING_REGISTERS | READ_INPUT_REGISTERS) {
        return Err(ILLEGAL_FUNCTION);
    }
    let [address_high, address_low, count_high, count_low] = *data.as_array().ok_or(ILLEGAL_DATA_VALUE)?;
    let address = u16::from_be_bytes([address_high, address_low]);
    let count = u16::from_be_bytes([count_high, count_low]);
    if !(1..=REGISTERS_MAX).contains(&count) {
        return Err(ILLEGAL_DATA_VALUE);
    }
    response.push(&[*function, (count * 2) as u8]);
    for place in 0..count {
        let address = address.checked_add(place).ok_or(ILLEGAL_DATA_ADDRESS)?;
        let value = registers::read(panel, address).ok_or(ILLEGAL_DATA_ADDRESS)?;
        response.push(&value.to_be_bytes());
    }
    Ok(())
}

/// How long the whole request is, as soon as its header tells; an error if it cannot be.
fn adu_bytes(request: &[u8]) -> Option<Result<usize, ()>> {
    let [_, _, protocol_high, protocol_low, length_high, length_low] = *request.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let fits = (LENGTH_MIN..=ADU_BYTES_MAX - LENGTH_OFFSET).contains(&length);
    let is_modbus = (protocol_high, protocol_low) == (0, 0);
    Some(if fits && is_modbus { Ok(LENGTH_OFFSET + length) } else { Err(()) })
}

impl Server for Modbus {
    const PATIENCE_US: u64 = 60_000_000;

    fn take(&mut self, bytes: &[u8], panel: &Panel) -> Took {
        if !self.pending().is_empty() {
            return Took { bytes: 0, outcome: None };
        }
        for (place, byte) in bytes.iter().enumerate() {
            self.request.push(&[*byte]);
            let taken = place + 1;
            match adu_bytes(self.request.bytes()) {
                Some(Err(())) => return Took { bytes: taken, outcome: Some(Outcome::Malformed) },
                Some(Ok(whole)) if self.request.filled >= whole => {
                    return Took { bytes: taken, outcome: Some(self.answer(panel)) };
                }
                Some(Ok(_)) | None => {}
            }
        }
        Took { bytes: bytes.len(), outcome: None }
    }

    fn pending(&self) -> &[u8] {
        self.response.bytes().get(self.sent..).unwrap_or_default()
    }

    fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.pending().is_empty() {
            (self.response, self.sent) = (Buffer::EMPTY, 0);
        }
    }

    fn is_over(&self) -> bool {
        false
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// Room for one request or response.
#[derive(Clone, Debug)]
struct Buffer {
    room: [u8; ADU_BYTES_MAX],
    filled: usize,
}

impl Buffer {
    const EMPTY: Self = Self { room: [0; ADU_BYTES_MAX], filled: 0 };

    fn bytes(&self) -> &[u8] {
        self.room.get(..self.filled).unwrap_or_default()
    }

    /// Appends bytes. Requests are cut at their own length, and responses hold at most 125 registers: they fit.
    fn push(&mut self, bytes: &[u8]) {
        if let Some(place) = self.room.get_mut(self.filled..self.filled + bytes.len()) {
            place.copy_from_slice(bytes);
            self.filled += bytes.len();
        }
    }

    fn set(&mut self, offset: usize, value: u16) {
        if let Some(place) = self.room.get_mut(offset..offset + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }
}
