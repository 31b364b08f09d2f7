//! Points of a reply's data: every encoding, both word orders, scale, and what is no number.

use noreturn_collect::modbus::value::decode;
use noreturn_image_format::config::modbus::{Encoding, Point, WordOrder};
use noreturn_wire::{Fault, Quality, Value};
use proptest::prelude::*;

use Encoding::{Bit, F32, I16, I32, U16, U32};
use WordOrder::{HighFirst, LowFirst};

fn point(offset: u16, encoding: Encoding, scale: f64) -> Point {
    Point { source: 0, offset, encoding, scale }
}

fn good(offset: u16, encoding: Encoding, scale: f64, data: &[u8]) -> Value {
    let (quality, value) = decode(&point(offset, encoding, scale), data);
    assert_eq!(quality, Quality::Good);
    value
}

#[test]
fn bits_are_counted_from_the_lowest_of_the_first_byte() {
    // 1.1b3, section 6.1: coils 27 to 20 are CD, 35 to 28 are 6B, 38 to 36 are 05.
    let data = [0xcd, 0x6b, 0x05];
    let bits: Vec<bool> = (0..19).map(|i| good(i, Bit, 1.0, &data) == Value::Bool(true)).collect();
    let expected = [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1].map(|bit| bit == 1);
    assert_eq!(bits, expected);
}

#[test]
fn integers_stay_integers_under_a_scale_of_one() {
    let data = [0xff, 0xfe, 0x00, 0x01];
    assert_eq!(good(0, U16, 1.0, &data), Value::U64(0xfffe));
    assert_eq!(good(0, I16, 1.0, &data), Value::I64(-2));
    assert_eq!(good(1, U16, 1.0, &data), Value::U64(1));
    assert_eq!(good(0, U32(HighFirst), 1.0, &data), Value::U64(0xfffe_0001));
    assert_eq!(good(0, U32(LowFirst), 1.0, &data), Value::U64(0x0001_fffe));
    assert_eq!(good(0, I32(HighFirst), 1.0, &data), Value::I64(-131_071));
    assert_eq!(good(0, I32(LowFirst), 1.0, &data), Value::I64(0x0001_fffe));
}

#[test]
fn a_scale_makes_floats() {
    assert_eq!(good(0, U16, 0.5, &[0, 3]), Value::F64(1.5));
    assert_eq!(good(0, I16, 0.1, &[0xff, 0xfb]), Value::F64(-0.5));
    assert_eq!(good(0, U32(LowFirst), 2.0, &[0, 1, 0x80, 0]), Value::F64(4_294_967_298.0));
    assert_eq!(good(0, I32(HighFirst), -1.0, &[0x80, 0, 0, 0]), Value::F64(2_147_483_648.0));
}

#[test]
fn floats_are_widened_before_they_are_scaled() {
    assert_eq!(good(0, F32(HighFirst), 1.0, &[0x3d, 0xcc, 0xcc, 0xcd]), Value::F64(f64::from(0.1_f32)));
    assert_eq!(good(0, F32(LowFirst), 10.0, &[0, 0, 0x3f, 0xc0]), Value::F64(15.0));
    let largest = f64::from(f32::MAX);
    assert_eq!(good(0, F32(HighFirst), 1000.0, &f32::MAX.to_be_bytes()), Value::F64(largest * 1000.0));
}

#[test]
fn what_is_no_number_is_bad() {
    let bad = (Quality::Bad(Fault::NotANumber), Value::None);
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(decode(&point(0, F32(HighFirst), 1.0), &number.to_be_bytes()), bad);
    }
    assert_eq!(decode(&point(0, U16, f64::MAX), &[0, 2]), bad);
}

#[test]
fn data_that_ends_before_the_point_is_short() {
    let short = (Quality::Bad(Fault::ShortReply), Value::None);
    assert_eq!(decode(&point(8, Bit, 1.0), &[0xff]), short);
    assert_eq!(decode(&point(0, U16, 1.0), &[1]), short);
    assert_eq!(decode(&point(0, F32(LowFirst), 1.0), &[0, 0, 0]), short);
    assert_eq!(decode(&point(u16::MAX, I32(LowFirst), 1.0), &[]), short);
}

fn encodings() -> impl Strategy<Value = Encoding> {
    prop::sample::select(vec![
        Bit,
        U16,
        I16,
        U32(HighFirst),
        U32(LowFirst),
        I32(HighFirst),
        I32(LowFirst),
        F32(HighFirst),
        F32(LowFirst),
    ])
}

proptest! {
    #[test]
    fn never_panics_and_good_floats_are_finite(
        offset in any::<u16>(), encoding in encodings(), scale in any::<f64>(),
        data in prop::collection::vec(any::<u8>(), 0..300), near in any::<bool>(),
    ) {
        let offset = if near { offset % 128 } else { offset };
        let (quality, value) = decode(&point(offset, encoding, scale), &data);
        prop_assert_eq!(quality == Quality::Good, value != Value::None);
        if let Value::F64(number) = value {
            prop_assert!(number.is_finite());
        }
    }

    #[test]
    fn word_orders_mirror_each_other(number in any::<u32>()) {
        let [a, b, c, d] = number.to_be_bytes();
        prop_assert_eq!(good(0, U32(HighFirst), 1.0, &[a, b, c, d]), Value::U64(number.into()));
        prop_assert_eq!(good(0, U32(LowFirst), 1.0, &[c, d, a, b]), Value::U64(number.into()));
        prop_assert_eq!(good(0, I32(LowFirst), 1.0, &[c, d, a, b]), Value::I64(number.cast_signed().into()));
    }
}
