//! Merging, by example and against the plain set of addresses.

use std::collections::{BTreeMap, BTreeSet};

use noreturn_image_format::config::modbus::WordOrder;
use proptest::prelude::*;

use super::*;

const PAIR: Encoding = Encoding::U32(WordOrder::HighFirst);

fn value(source: u32, address: u16, encoding: Encoding) -> Value {
    Value { source, function: Function::HoldingRegisters, period_ms: 1000, address, encoding, scale: 1.0 }
}

fn extents(reads: &[Read]) -> Vec<(u16, u16)> {
    reads.iter().map(|read| (read.address, read.count)).collect()
}

#[test]
fn touching_and_overlapping_values_share_a_request() {
    let reads = merge(vec![value(0, 12, Encoding::U16), value(1, 10, PAIR), value(2, 11, PAIR)]);
    assert_eq!(extents(&reads), [(10, 3)]);
    let offsets: BTreeMap<_, _> = reads[0].points.iter().map(|point| (point.source, point.offset)).collect();
    assert_eq!(offsets, BTreeMap::from([(0, 2), (1, 0), (2, 1)]));
}

#[test]
fn a_gap_is_never_read() {
    let reads = merge(vec![value(0, 10, Encoding::U16), value(1, 12, Encoding::U16)]);
    assert_eq!(extents(&reads), [(10, 1), (12, 1)]);
}

#[test]
fn another_period_or_function_is_another_request() {
    let other_period = Value { period_ms: 500, ..value(1, 11, Encoding::U16) };
    let other_function = Value { function: Function::InputRegisters, ..value(2, 12, Encoding::U16) };
    let reads = merge(vec![value(0, 10, Encoding::U16), other_period, other_function]);
    assert_eq!(extents(&reads), [(11, 1), (10, 1), (12, 1)]);
}

#[test]
fn a_value_is_not_split_where_a_request_is_full() {
    let pairs = (0..63).map(|index| value(u32::from(index), index * 2, PAIR)).collect();
    assert_eq!(extents(&merge(pairs)), [(0, 124), (124, 2)]);
    let singles = (0..250).map(|index| value(u32::from(index), index, Encoding::U16)).collect();
    assert_eq!(extents(&merge(singles)), [(0, 125), (125, 125)]);
}

#[test]
fn the_last_address_can_be_read() {
    let reads = merge(vec![value(0, 65_534, PAIR), value(1, 65_535, Encoding::U16)]);
    assert_eq!(extents(&reads), [(65_534, 2)]);
}

/// Values near one another, so that they touch, overlap and leave gaps; some at the end of the table.
fn values() -> impl Strategy<Value = Vec<Value>> {
    let value = (0..4_usize, 0..2_u32, prop_oneof![0..400_u16, 65_400..=65_534_u16], any::<bool>()).prop_map(
        |(function, period, address, wide)| {
            let function = [
                Function::Coils,
                Function::DiscreteInputs,
                Function::HoldingRegisters,
                Function::InputRegisters,
            ][function];
            let encoding = match (function.reads_bits(), wide) {
                (true, _) => Encoding::Bit,
                (false, false) => Encoding::I16,
                (false, true) => PAIR,
            };
            Value { source: 0, function, period_ms: 1000 + period, address, encoding, scale: 1.0 }
        },
    );
    proptest::collection::vec(value, 0..600).prop_map(|mut values| {
        (0..).zip(&mut values).for_each(|(source, value)| value.source = source);
        values
    })
}

type Addresses = BTreeMap<(u32, Function), BTreeSet<u32>>;

fn addresses_of_values(values: &[Value]) -> Addresses {
    let mut addresses = Addresses::new();
    for value in values {
        let range = u32::from(value.address)..value.end();
        addresses.entry((value.period_ms, value.function)).or_default().extend(range);
    }
    addresses
}

fn addresses_of_reads(reads: &[Read]) -> Addresses {
    let mut addresses = Addresses::new();
    for read in reads {
        let range = u32::from(read.address)..u32::from(read.address) + u32::from(read.count);
        addresses.entry((read.period_ms, read.function)).or_default().extend(range);
    }
    addresses
}

proptest! {
    #[test]
    fn requests_cover_exactly_the_addresses_of_the_values(values in values()) {
        prop_assert_eq!(addresses_of_reads(&merge(values.clone())), addresses_of_values(&values));
    }

    #[test]
    fn every_value_lies_whole_in_one_request_within_limits(values in values()) {
        let reads = merge(values.clone());
        let mut seen = BTreeSet::new();
        for read in &reads {
            prop_assert!((1..=read.function.count_max()).contains(&read.count));
            for point in &read.points {
                let value = values[point.source as usize];
                prop_assert!(seen.insert(point.source), "source {} twice", point.source);
                prop_assert_eq!(u32::from(read.address) + u32::from(point.offset), u32::from(value.address));
                prop_assert!(point.offset + point.encoding.width() <= read.count);
                prop_assert_eq!((read.function, read.period_ms), (value.function, value.period_ms));
            }
        }
        prop_assert_eq!(seen.len(), values.len());
    }
}
