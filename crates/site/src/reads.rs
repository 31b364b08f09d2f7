//! Values to requests: as few requests as possible, without reading an address that nobody named.
//!
//! Devices answer a request that touches an undefined address with an exception for all of it
//! (MODBUS Application Protocol 1.1b3, section 7), so gaps are never read across.

use std::collections::BTreeMap;

use noreturn_image_format::config::modbus::{Encoding, Function, Point, Read};

/// One value of a device.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Value {
    pub source: u32,
    pub function: Function,
    pub period_ms: u32,
    pub address: u16,
    pub encoding: Encoding,
    pub scale: f64,
}

impl Value {
    /// One past its last address.
    fn end(&self) -> u32 {
        u32::from(self.address) + u32::from(self.encoding.width())
    }
}

/// Merges values with the same function and period whose addresses touch or overlap, up to what
/// one request may ask for. A value is never split.
pub(crate) fn merge(values: Vec<Value>) -> Vec<Read> {
    let mut groups: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for value in values {
        groups.entry((value.period_ms, value.function)).or_default().push(value);
    }
    groups.into_values().flat_map(merge_group).collect()
}

fn merge_group(mut values: Vec<Value>) -> Vec<Read> {
    values.sort_by_key(|value| (value.address, value.end(), value.source));
    let mut reads: Vec<Read> = Vec::new();
    for value in values {
        match reads.last_mut().and_then(|read| Some((extended_count(read, &value)?, read))) {
            Some((count, read)) => {
                read.points.push(point(&value, read.address));
                read.count = count;
            }
            None => reads.push(Read {
                function: value.function,
                address: value.address,
                count: value.encoding.width(),
                period_ms: value.period_ms,
                points: vec![point(&value, value.address)],
            }),
        }
    }
    reads
}

/// How many addresses `read` covers with `value`, if it may cover it. Values come in the order of
/// their addresses.
fn extended_count(read: &Read, value: &Value) -> Option<u16> {
    let end = u32::from(read.address) + u32::from(read.count);
    let count = u16::try_from(end.max(value.end()) - u32::from(read.address)).ok()?;
    (u32::from(value.address) <= end && count <= read.function.count_max()).then_some(count)
}

fn point(value: &Value, read_address: u16) -> Point {
    Point {
        source: value.source,
        offset: value.address - read_address,
        encoding: value.encoding,
        scale: value.scale,
    }
}

#[cfg(test)]
mod tests;
