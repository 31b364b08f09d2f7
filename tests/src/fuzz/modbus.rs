//! Modbus: one device's poller under any script, and replies in any bytes.

use noreturn_collect::modbus::adu::{ADU_BYTES_MAX, Body, HEADER_BYTES, Reply, Request};
use noreturn_collect::modbus::exercise::{device, exercise};
use noreturn_collect::modbus::stream::Stream;
use noreturn_collect::modbus::value;
use noreturn_wire::{Quality, Value};

use super::script::Script;

/// Runs the input as a script of everything that can happen to a poller.
pub(super) fn poller(data: &[u8]) {
    exercise(data);
}

/// Runs the input as one reply, and, after a byte that says how TCP cuts it, as a stream of replies.
pub(super) fn reply(data: &[u8]) {
    check_reply(data);
    let mut script = Script(data);
    let fragment = 1 + script.below(32);
    let whole = cut([script.0]);
    assert_eq!(cut(script.0.chunks(fragment)), whole, "fragments make a difference");
    whole.0.iter().for_each(|adu| check_reply(adu));
}

/// Every ADU of a stream, and whether the stream must be given up.
fn cut<'a>(fragments: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let (mut stream, mut adus) = (Stream::default(), Vec::new());
    for mut fragment in fragments {
        loop {
            let before = fragment.len();
            match stream.push(&mut fragment) {
                Ok(Some(adu)) => {
                    assert!((HEADER_BYTES + 1..=ADU_BYTES_MAX).contains(&adu.len()), "no ADU is that long");
                    adus.push(adu.to_vec());
                    assert!(fragment.len() < before, "an ADU of no bytes");
                }
                Ok(None) => break,
                Err(_) => return (adus, true),
            }
        }
        assert!(fragment.is_empty(), "bytes were left without an ADU");
    }
    (adus, false)
}

fn check_reply(adu: &[u8]) {
    let Ok(reply) = Reply::parse(adu) else { return };
    let Body::Data(data) = reply.body else { return };
    for (place, read) in device().reads.iter().enumerate() {
        let request = Request::new(reply.transaction, reply.unit, read);
        let accepted = request.accept(adu);
        let fits = reply.function == read.function && data.len() == request.data_bytes();
        assert_eq!(accepted.is_ok(), fits, "read {place}");
        for point in &read.points {
            let (quality, value) = value::decode(point, data);
            assert_eq!(quality == Quality::Good, value != Value::None, "value and quality disagree");
            assert!(
                !fits || quality != Quality::Bad(noreturn_wire::Fault::ShortReply),
                "a full reply is short"
            );
            assert!(!matches!(value, Value::F64(number) if !number.is_finite()), "no number: {value:?}");
        }
    }
}
