//! Sources of time: characters of a serial line, and datagrams of a time server.

use noreturn_time::Sample;
use noreturn_time::nmea::Receiver;
use noreturn_time::sntp::Client;
use noreturn_wire::calendar::EARLIEST_UTC_S;

use super::script::Script;

const UNCERTAINTY_US: u64 = 500_000;
const NONCE: u64 = 0x6e6f_7265_7475_726e;

/// Runs the input as what comes over a serial line: as it is, and with each line's checksum made right, after a sentence
/// that says that there is a fix.
pub(super) fn nmea(data: &[u8]) {
    listen(data.iter().copied());
    let mut receiver = Receiver::new(UNCERTAINTY_US);
    let bodies = [&b"GPRMC,120000,A,4717.11,N,00833.91,E,,,231126,,"[..]]
        .into_iter()
        .chain(data.split(|&b| b == b'\n'));
    listen_with(&mut receiver, bodies.flat_map(sentence));
}

/// A sentence of its body.
pub(super) fn sentence(body: &[u8]) -> Vec<u8> {
    let checksum = body.iter().fold(0, |sum, byte| sum ^ byte);
    [b"$", body, format!("*{checksum:02X}\r\n").as_bytes()].concat()
}

fn listen(characters: impl Iterator<Item = u8>) {
    listen_with(&mut Receiver::new(UNCERTAINTY_US), characters);
}

fn listen_with(receiver: &mut Receiver, characters: impl Iterator<Item = u8>) {
    for (uptime_us, character) in (0..).step_by(1000).zip(characters) {
        match receiver.push(character, uptime_us) {
            Ok(Some(sample)) => {
                check(&sample, uptime_us);
                assert_eq!(sample.uncertainty_us, UNCERTAINTY_US);
                assert!(sample.uptime_us + 80 * 1000 >= uptime_us, "a sentence is longer than any is");
            }
            Ok(None) => {}
            Err(reject) => assert!(reject.counter().name().starts_with("gps_")),
        }
    }
}

/// Runs the input, after two bytes that say how long it took, as a reply: as it is, and as one to what was asked.
pub(super) fn sntp(data: &[u8]) {
    let mut script = Script(data);
    let round_us = u64::from(script.byte()) << 12 | u64::from(script.byte());
    let mut reply = script.0.to_vec();
    answer(&reply, round_us);
    if let Some(origin) = reply.get_mut(24..32) {
        origin.copy_from_slice(&NONCE.to_be_bytes());
        answer(&reply, round_us);
    }
}

fn answer(reply: &[u8], round_us: u64) {
    let mut client = Client::new(64_000_000, 0);
    client.request(NONCE, 1000);
    match client.handle(reply, 1000 + round_us) {
        Ok(sample) => {
            check(&sample, 1000 + round_us);
            assert!(sample.uncertainty_us >= sample.uptime_us.saturating_sub(1000 + round_us), "too sure");
            assert!(sample.uncertainty_us <= 2_100_000, "too unsure to be believed");
            assert!(client.handle(reply, 1000 + round_us).is_err(), "it is answered twice");
        }
        Err(reject) => assert!(reject.counter().name().starts_with("sntp_")),
    }
}

fn check(sample: &Sample, uptime_us: u64) {
    assert!(sample.utc_us >= EARLIEST_UTC_S * 1_000_000, "a time before this program was made");
    assert!(sample.uptime_us <= uptime_us, "a time that has not come yet");
}
