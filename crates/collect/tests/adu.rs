//! Requests and replies against the bytes of the specification, and every way a reply can be wrong.

use noreturn_collect::modbus::adu::{AduError, Body, Reply, Request};
use noreturn_collect::modbus::stream::Stream;
use noreturn_image_format::config::modbus::Function;
use noreturn_wire::Fault;
use proptest::prelude::*;

const REGISTERS: Request =
    Request { transaction: 0x1501, unit: 0xff, function: Function::HoldingRegisters, address: 107, count: 3 };
const COILS: Request = Request { transaction: 7, unit: 1, function: Function::Coils, address: 19, count: 19 };

/// The reply of 1.1b3, section 6.3, behind an MBAP header.
const REGISTERS_REPLY: [u8; 15] =
    [0x15, 0x01, 0, 0, 0, 9, 0xff, 0x03, 0x06, 0x02, 0x2b, 0x00, 0x00, 0x00, 0x64];

#[test]
fn requests_are_those_of_the_specification() {
    assert_eq!(REGISTERS.emit(), [0x15, 0x01, 0, 0, 0, 6, 0xff, 0x03, 0x00, 0x6b, 0x00, 0x03]);
    assert_eq!(COILS.emit(), [0, 7, 0, 0, 0, 6, 1, 0x01, 0x00, 0x13, 0x00, 0x13]);
}

#[test]
fn replies_are_those_of_the_specification() {
    assert_eq!(REGISTERS.accept(&REGISTERS_REPLY), Ok(&[0x02, 0x2b, 0, 0, 0, 0x64][..]));
    let coils = [0, 7, 0, 0, 0, 6, 1, 0x01, 0x03, 0xcd, 0x6b, 0x05];
    assert_eq!(COILS.accept(&coils), Ok(&[0xcd, 0x6b, 0x05][..]));
}

#[test]
fn an_exception_names_its_code() {
    assert_eq!(COILS.accept(&[0, 7, 0, 0, 0, 3, 1, 0x81, 0x02]), Err(Fault::Exception(2)));
}

#[test]
fn fewer_bytes_than_asked_for_is_a_short_reply() {
    assert_eq!(COILS.accept(&[0, 7, 0, 0, 0, 5, 1, 0x01, 0x02, 0xcd, 0x6b]), Err(Fault::ShortReply));
    assert_eq!(COILS.accept(&[0, 7, 0, 0, 0, 3, 1, 0x01, 0x00]), Err(Fault::ShortReply));
}

#[test]
fn what_is_not_our_reply_is_a_wrong_reply() {
    let wrong: [(&str, &[u8]); 11] = [
        ("older transaction", &[0, 6, 0, 0, 0, 6, 1, 0x01, 0x03, 0xcd, 0x6b, 0x05]),
        ("other protocol", &[0, 7, 0, 1, 0, 6, 1, 0x01, 0x03, 0xcd, 0x6b, 0x05]),
        ("other unit", &[0, 7, 0, 0, 0, 6, 2, 0x01, 0x03, 0xcd, 0x6b, 0x05]),
        ("other function", &[0, 7, 0, 0, 0, 6, 1, 0x02, 0x03, 0xcd, 0x6b, 0x05]),
        ("exception of another function", &[0, 7, 0, 0, 0, 3, 1, 0x82, 0x02]),
        ("more data than asked for", &[0, 7, 0, 0, 0, 7, 1, 0x01, 0x04, 0xcd, 0x6b, 0x05, 0]),
        ("byte count below length", &[0, 7, 0, 0, 0, 6, 1, 0x01, 0x02, 0xcd, 0x6b, 0x05]),
        ("byte count above length", &[0, 7, 0, 0, 0, 6, 1, 0x01, 0x04, 0xcd, 0x6b, 0x05]),
        ("length above bytes", &[0, 7, 0, 0, 0, 7, 1, 0x01, 0x03, 0xcd, 0x6b, 0x05]),
        ("exception with more", &[0, 7, 0, 0, 0, 4, 1, 0x81, 0x02, 0x00]),
        ("function only", &[0, 7, 0, 0, 0, 2, 1, 0x01]),
    ];
    for (what, adu) in wrong {
        assert_eq!(COILS.accept(adu), Err(Fault::WrongReply), "{what}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let parse = |adu: &[u8]| Reply::parse(adu).unwrap_err().to_string();
    assert_eq!(parse(&[0, 7]), "shorter than 7 bytes");
    assert_eq!(parse(&[0, 7, 0, 1, 0, 3, 1, 1, 0]), "protocol 1, expected 0");
    assert_eq!(parse(&[0, 7, 0, 0, 0, 255, 1, 1, 0]), "length 255 cannot be, or does not fit what follows");
    assert_eq!(parse(&[0, 7, 0, 0, 0, 3, 1, 5, 0]), "function 5 is none that reads");
    assert_eq!(parse(&[0, 7, 0, 0, 0, 3, 1, 1, 9]), "byte count 9 contradicts the length");
}

/// Everything that `bytes` holds, when it comes in pieces of `piece`.
fn cut(bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, Option<AduError>) {
    let (mut stream, mut adus) = (Stream::default(), Vec::new());
    for mut fragment in bytes.chunks(piece) {
        while !fragment.is_empty() {
            match stream.push(&mut fragment) {
                Ok(adu) => adus.extend(adu.map(<[u8]>::to_vec)),
                Err(error) => return (adus, Some(error)),
            }
        }
    }
    (adus, None)
}

#[test]
fn a_length_that_cannot_be_is_found_with_the_header() {
    for length in [0, 1, 255, 0xffff_u16] {
        let [high, low] = length.to_be_bytes();
        assert_eq!(cut(&[0, 7, 0, 0, high, low, 1], 1), (vec![], Some(AduError::Length(length))));
    }
}

#[test]
fn the_largest_adu_fits_and_what_follows_is_left() {
    let mut largest = vec![0, 1, 0, 0, 0, 254, 1, 3, 251];
    largest.resize(260, 0xab);
    let both = [&largest[..], &REGISTERS_REPLY[..]].concat();
    for piece in [1, 7, 259, 260, 261, 275] {
        let expected = vec![largest.clone(), REGISTERS_REPLY.to_vec()];
        assert_eq!(cut(&both, piece), (expected, None), "pieces of {piece}");
    }
}

fn replies() -> impl Strategy<Value = Vec<u8>> {
    (any::<u16>(), any::<u8>(), 1_u8..=4, prop::collection::vec(any::<u8>(), 0..=250)).prop_map(
        |(transaction, unit, function, data)| {
            let mut adu = transaction.to_be_bytes().to_vec();
            adu.extend([0, 0, 0, data.len() as u8 + 3, unit, function, data.len() as u8]);
            adu.extend(data);
            adu
        },
    )
}

proptest! {
    #[test]
    fn fragmentation_changes_nothing(replies in prop::collection::vec(replies(), 0..8), piece in 1_usize..300) {
        prop_assert_eq!(cut(&replies.concat(), piece), (replies, None));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_are_cut_alike(bytes in prop::collection::vec(any::<u8>(), 0..600), piece in 1_usize..300) {
        prop_assert_eq!(cut(&bytes, piece), cut(&bytes, 1));
    }

    #[test]
    fn a_parsed_reply_is_what_the_bytes_say(adu in prop_oneof![replies(), prop::collection::vec(any::<u8>(), 0..300)]) {
        if let Ok(reply) = Reply::parse(&adu) {
            let function = reply.function as u8;
            let (code, tail) = match reply.body {
                Body::Data(data) => (function, [&[data.len() as u8], data].concat()),
                Body::Exception(code) => (function | 0x80, vec![code]),
            };
            let mut again = reply.transaction.to_be_bytes().to_vec();
            again.extend([0, 0, 0, tail.len() as u8 + 2, reply.unit, code]);
            again.extend(tail);
            prop_assert_eq!(again, adu);
        }
    }

    #[test]
    fn only_the_exact_reply_is_accepted(reply in replies(), transaction in any::<u16>(), count in 1_u16..=125) {
        let request = Request { transaction, unit: reply[6], function: Function::InputRegisters, address: 0, count };
        let exact = reply[..2] == transaction.to_be_bytes() && reply[7] == 4 && u16::from(reply[8]) == count * 2;
        prop_assert_eq!(request.accept(&reply).is_ok(), exact);
    }
}
