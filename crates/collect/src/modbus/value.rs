//! Points of a reply's data: encoding, word order, scale.

use noreturn_image_format::config::modbus::{Encoding, Point, WordOrder};
use noreturn_wire::{Fault, Quality, Value};

/// What `point` says, given the data of the whole read. A `Good` float is always finite.
///
/// A float register that holds no number, or a scaled value beyond all floats, is
/// [`Fault::NotANumber`]; data that ends before the point does is [`Fault::ShortReply`].
#[must_use]
pub fn decode(point: &Point, data: &[u8]) -> (Quality, Value) {
    match raw(point, data).map(|value| scaled(value, point.scale)) {
        None => (Quality::Bad(Fault::ShortReply), Value::None),
        Some(Value::F64(number)) if !number.is_finite() => (Quality::Bad(Fault::NotANumber), Value::None),
        Some(value) => (Quality::Good, value),
    }
}

fn raw(point: &Point, data: &[u8]) -> Option<Value> {
    let offset = usize::from(point.offset);
    Some(match point.encoding {
        Encoding::Bit => Value::Bool(bit(data, offset)?),
        Encoding::U16 => Value::U64(register(data, offset)?.into()),
        Encoding::I16 => Value::I64(register(data, offset)?.cast_signed().into()),
        Encoding::U32(order) => Value::U64(two_registers(data, offset, order)?.into()),
        Encoding::I32(order) => Value::I64(two_registers(data, offset, order)?.cast_signed().into()),
        Encoding::F32(order) => Value::F64(f32::from_bits(two_registers(data, offset, order)?).into()),
    })
}

/// The first bit is the lowest of the first byte (1.1b3, section 6.1).
fn bit(data: &[u8], offset: usize) -> Option<bool> {
    data.get(offset / 8).map(|byte| byte >> (offset % 8) & 1 == 1)
}

/// The more significant byte of a register comes first (1.1b3, section 4.2).
fn register(data: &[u8], offset: usize) -> Option<u16> {
    data.get(offset * 2..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn two_registers(data: &[u8], offset: usize, order: WordOrder) -> Option<u32> {
    let (first, second) = (register(data, offset)?, register(data, offset + 1)?);
    let (high, low) = match order {
        WordOrder::HighFirst => (first, second),
        WordOrder::LowFirst => (second, first),
    };
    Some(u32::from(high) << 16 | u32::from(low))
}

/// Integers stay integers under a scale of exactly 1. They have at most 32 bits, so that an F64
/// holds each exactly.
fn scaled(value: Value, scale: f64) -> Value {
    match value {
        Value::U64(number) if scale != 1.0 => Value::F64(number as f64 * scale),
        Value::I64(number) if scale != 1.0 => Value::F64(number as f64 * scale),
        Value::F64(number) => Value::F64(number * scale),
        Value::U64(_) | Value::I64(_) | Value::Bool(_) | Value::None => value,
    }
}
