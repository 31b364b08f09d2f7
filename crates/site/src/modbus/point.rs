//! One `[[modbus.point]]`: a value, or a run of equal values.

use noreturn_image_format::config::modbus::{Encoding, Function, WordOrder};
use noreturn_image_format::config::{Class, Source};

use super::Sources;
use crate::reads::Value;
use crate::section::{Kind, Section, choice, integer, number};
use crate::{class, name};

/// Addresses of a table, 0 to 65535.
const ADDRESSES: u32 = 0x1_0000;

const FUNCTIONS: [Function; 4] =
    [Function::Coils, Function::DiscreteInputs, Function::HoldingRegisters, Function::InputRegisters];

const TYPES: &[(&str, Type)] = &[
    ("u16", Type::One(Encoding::U16)),
    ("i16", Type::One(Encoding::I16)),
    ("u32", Type::Two(Encoding::U32)),
    ("i32", Type::Two(Encoding::I32)),
    ("f32", Type::Two(Encoding::F32)),
];

const WORD_ORDERS: &[(&str, WordOrder)] =
    &[("high_first", WordOrder::HighFirst), ("low_first", WordOrder::LowFirst)];

/// Type of a register value: one register, or two of which the order must be known.
#[derive(Clone, Copy)]
enum Type {
    One(Encoding),
    Two(fn(WordOrder) -> Encoding),
}

/// The values of one point; `device` is the first part of their names, and `class` theirs if they name none.
pub(super) fn read(
    section: &Section<'_>,
    device: &str,
    class: Class,
    sources: &mut Sources,
) -> Option<Vec<Value>> {
    let name = section.required("name", &name::levels());
    let unit = section.or("unit", &name::engineering_unit(), String::new());
    let class = section.or("class", &class::of_a_tag(), class);
    let function = section.required("function", &function());
    let address = section.required("address", &integer(0..=u16::MAX));
    let count = section.or("count", &integer(1..=2_000_u16), 1);
    let period_ms = section.or("period_ms", &integer(10..=86_400_000_u32), 1_000);
    let interpretation = read_interpretation(section, function);
    let (name, unit, class, function, period_ms) = (name?, unit?, class?, function?, period_ms?);
    let (address, count, (encoding, scale)) = (address?, count?, interpretation?);
    let addresses = addresses(section, address, count, encoding)?;
    let values = addresses.enumerate().filter_map(|(index, address)| {
        let name = if count == 1 { format!("{device}/{name}") } else { format!("{device}/{name}/{index}") };
        let source = sources.add(section, "name", Source { name, unit: unit.clone(), class })?;
        Some(Value { source, function, period_ms, address, encoding, scale })
    });
    Some(values.collect())
}

/// Encoding and scale. Without a valid function, nobody knows whether a type must be there.
fn read_interpretation(section: &Section<'_>, function: Option<Function>) -> Option<(Encoding, f64)> {
    if function.is_some_and(Function::reads_bits) {
        section
            .refuse(&["type", "word_order", "scale"], "has no meaning for bits, which function 1 and 2 read");
        return Some((Encoding::Bit, 1.0));
    }
    let kind = match function {
        Some(_) => section.required("type", &choice(TYPES)),
        None => section.optional("type", &choice(TYPES)).flatten(),
    };
    let word_order = section.optional("word_order", &choice(WORD_ORDERS));
    let scale = section.or("scale", &number("a number that is neither 0 nor infinite", is_factor), 1.0);
    let encoding = match kind? {
        Type::One(encoding) => {
            section.refuse(&["word_order"], "has no meaning for a type of one register");
            encoding
        }
        Type::Two(encoding) => encoding(word_order?.unwrap_or(WordOrder::HighFirst)),
    };
    Some((encoding, scale?))
}

fn is_factor(scale: f64) -> bool {
    scale.is_finite() && scale != 0.0
}

fn function() -> Kind<Function> {
    let number = integer(1..=4);
    let expected = "1 (coils), 2 (discrete inputs), 3 (holding registers) or 4 (input registers)".to_owned();
    let read = move |value: &toml::de::DeValue<'_>| {
        let number: u8 = (number.read)(value)?;
        FUNCTIONS.into_iter().find(|&function| function as u8 == number)
    };
    Kind { expected, read: Box::new(read) }
}

/// The first address of each value, if the last value ends within the table.
fn addresses(
    section: &Section<'_>,
    address: u16,
    count: u16,
    encoding: Encoding,
) -> Option<impl Iterator<Item = u16> + use<>> {
    let width = encoding.width();
    let end = u32::from(address) + u32::from(count) * u32::from(width);
    if end > ADDRESSES {
        let key = if count == 1 { "address" } else { "count" };
        section.fault(key, &format!("the last address that is read would be {}, more than 65535", end - 1));
        return None;
    }
    Some((0..count).map(move |index| address + index * width))
}
