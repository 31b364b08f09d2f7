//! The SNTP client against replies of every kind, and on both sides of the end of the era in 2036.
#![allow(clippy::unwrap_used)]

use noreturn_time::Sample;
use noreturn_time::sntp::{Client, REPLY_US_MAX, Reject};
use noreturn_wire::Counter;
use proptest::prelude::*;

const SECOND_US: u64 = 1_000_000;
const NONCE: u64 = 0x0123_4567_89ab_cdef;
const POLL_US: u64 = 64 * SECOND_US;
/// 2026-11-23 12:00 UTC.
const NOW_S: u64 = 1_795_435_200;

/// An NTP timestamp: seconds since 1900, of which 32 bits are left, and as many binary places.
fn timestamp(utc_us: u64) -> u64 {
    let seconds = (utc_us / SECOND_US + 2_208_988_800) & 0xffff_ffff;
    seconds << 32 | ((utc_us % SECOND_US) << 32).div_ceil(SECOND_US)
}

/// A reply of a server that knows the time to 3 ms: 1 ms of it on the way to its reference and back.
fn reply(received_us: u64, sent_us: u64) -> [u8; 48] {
    let mut packet = [0; 48];
    packet[..4].copy_from_slice(&[4 << 3 | 4, 2, 6, 0xec]);
    packet[4..8].copy_from_slice(&(65_536_u32 * 2 / 1000).to_be_bytes());
    packet[8..12].copy_from_slice(&(65_536_u32 * 2 / 1000).to_be_bytes());
    packet[24..32].copy_from_slice(&NONCE.to_be_bytes());
    packet[32..40].copy_from_slice(&timestamp(received_us).to_be_bytes());
    packet[40..].copy_from_slice(&timestamp(sent_us).to_be_bytes());
    packet
}

fn asked() -> Client {
    let mut client = Client::new(POLL_US, 0);
    client.request(NONCE, SECOND_US);
    client
}

/// What it makes of a reply that came 10 ms after the question, of which the server took 2 ms.
fn handle(change: impl FnOnce(&mut [u8; 48])) -> Result<Sample, Reject> {
    let mut packet = reply(NOW_S * SECOND_US + 4000, NOW_S * SECOND_US + 6000);
    change(&mut packet);
    asked().handle(&packet, SECOND_US + 10_000)
}

#[test]
fn a_request_says_nothing_but_its_nonce() {
    let packet = Client::new(POLL_US, 0).request(NONCE, 0);
    assert_eq!((packet[0], &packet[40..]), (4 << 3 | 3, &NONCE.to_be_bytes()[..]));
    assert!(packet[1..40].iter().all(|&byte| byte == 0));
}

#[test]
fn a_reply_tells_the_time_and_how_well() {
    let sample = handle(|_| {}).unwrap();
    assert_eq!(sample.uptime_us, SECOND_US + 10_000);
    // 8 ms of way, half of it back.
    assert!(sample.utc_us.abs_diff(NOW_S * SECOND_US + 10_000) <= 1, "{sample:?}");
    // Half of the way, 3 ms at the server, and 1 ms because the counter may go wrong by a tenth.
    assert!((8000..8100).contains(&sample.uncertainty_us), "{sample:?}");
}

#[test]
fn what_cannot_be_believed_is_named() {
    let at = |place: usize, byte: u8| handle(|packet| packet[place] = byte);
    assert_eq!(at(0, 3 << 3 | 4), Err(Reject::Version));
    assert_eq!(at(0, 4 << 3 | 5), Err(Reject::Mode));
    assert_eq!(at(0, 4 << 3 | 3), Err(Reject::Mode), "a reflected request");
    assert_eq!(at(0, 3 << 6 | 4 << 3 | 4), Err(Reject::Unsynchronized));
    assert_eq!(at(1, 16), Err(Reject::Unsynchronized));
    assert!(at(1, 15).is_ok());
    assert_eq!(at(31, 0), Err(Reject::NotAsked));
    assert_eq!(at(5, 2), Err(Reject::Distance), "2 s to the reference and back");
    assert_eq!(at(9, 1), Err(Reject::Distance), "1 s of dispersion");
    let kiss = handle(|packet| {
        packet[1] = 0;
        packet[12..16].copy_from_slice(b"RATE");
    });
    assert_eq!(kiss, Err(Reject::KissOfDeath(*b"RATE")));
    let times = |received_us, sent_us| {
        handle(|packet| *packet = reply(NOW_S * SECOND_US + received_us, NOW_S * SECOND_US + sent_us))
    };
    assert_eq!(times(6000, 4000), Err(Reject::Order), "sent before it was received");
    assert_eq!(times(0, 10_100), Err(Reject::Order), "it took longer than there was time");
    assert_eq!(times(0, 5_000_000_000), Err(Reject::Order));
    assert_eq!(handle(|packet| packet[32..].fill(0)), Err(Reject::Order));
    let packet = reply(0, 0);
    assert_eq!(asked().handle(&packet[..47], SECOND_US), Err(Reject::Length));
    assert_eq!(asked().handle(&[packet.to_vec(), vec![0; 209]].concat(), SECOND_US), Err(Reject::Length));
    assert_eq!(asked().handle(&[], SECOND_US), Err(Reject::Length));
}

#[test]
fn only_the_latest_question_is_answered_once_and_in_time() {
    let packet = reply(NOW_S * SECOND_US, NOW_S * SECOND_US);
    let mut client = asked();
    assert!(client.handle(&packet, SECOND_US + 1000).is_ok());
    assert_eq!(client.handle(&packet, SECOND_US + 1001), Err(Reject::NotAsked));
    assert_eq!(Client::new(POLL_US, 0).handle(&packet, 0), Err(Reject::NotAsked));
    assert_eq!(asked().handle(&packet, SECOND_US + REPLY_US_MAX + 1), Err(Reject::Late));
    let mut client = asked();
    assert!(!client.give_up(SECOND_US + REPLY_US_MAX));
    assert!(client.give_up(SECOND_US + REPLY_US_MAX + 1));
    assert_eq!(client.handle(&packet, SECOND_US + REPLY_US_MAX + 2), Err(Reject::NotAsked));
}

/// Asks whenever it is due for `seconds`, and answers with `answer`; when it asked, in seconds.
fn asks(client: &mut Client, seconds: std::ops::Range<u64>, answer: Option<&[u8]>) -> Vec<u64> {
    let mut when = Vec::new();
    for second in seconds {
        let uptime_us = second * SECOND_US;
        client.give_up(uptime_us);
        if client.is_due(uptime_us) {
            assert!(client.poll_at() <= uptime_us);
            client.request(NONCE, uptime_us);
            when.push(second);
            if let Some(answer) = answer {
                let _ = client.handle(answer, uptime_us + 1000);
            }
        }
    }
    when
}

#[test]
fn it_asks_faster_at_the_start_and_after_an_outage_and_slower_when_told_so() {
    let good = reply(NOW_S * SECOND_US, NOW_S * SECOND_US);
    let mut client = Client::new(POLL_US, 0);
    assert_eq!(asks(&mut client, 0..200, Some(&good)), [0, 2, 4, 6, 8, 72, 136]);
    assert_eq!(asks(&mut client, 200..400, None), [200, 264, 328, 392]);
    assert_eq!(asks(&mut client, 400..600, Some(&good)), [456, 459, 461, 463, 465, 467, 531, 595]);
    let mut kiss = good;
    kiss[1] = 0;
    assert_eq!(asks(&mut client, 600..3000, Some(&kiss)), [659, 788, 1045, 1558, 2583]);
    let last = asks(&mut client, 3000..40_000, Some(&kiss));
    assert!(last.windows(2).all(|pair| pair[1] - pair[0] <= 3601), "{last:?}");
    assert!(last.len() > 8, "{last:?}");
}

/// The era ends on 2036-02-07 at 06:28:16 UTC.
#[test]
fn the_end_of_the_era_is_a_second_like_any_other() {
    const END_S: u64 = 2_085_978_496;
    assert_eq!(timestamp(END_S * SECOND_US), 0);
    for utc_s in [NOW_S, END_S - 1, END_S + 1, 4_102_444_800, 1_767_225_600 + u64::from(u32::MAX)] {
        let packet = reply(utc_s * SECOND_US, utc_s * SECOND_US);
        let sample = asked().handle(&packet, SECOND_US).unwrap();
        assert_eq!(sample.utc_us, utc_s * SECOND_US);
    }
    // Received in the old one, and answered in the new one.
    let packet = reply(END_S * SECOND_US - 400, END_S * SECOND_US + 400);
    let sample = asked().handle(&packet, SECOND_US + 1000).unwrap();
    assert_eq!(sample.utc_us, END_S * SECOND_US + 500);
}

#[test]
fn every_reject_has_a_counter_of_its_kind() {
    assert_eq!(Reject::Mode.counter(), Counter::SntpMalformed);
    assert_eq!(Reject::NotAsked.counter(), Counter::SntpNotAsked);
    assert_eq!(Reject::KissOfDeath([0; 4]).counter(), Counter::SntpKissOfDeath);
    assert_eq!(Reject::Unsynchronized.counter(), Counter::SntpUnsynchronized);
    assert_eq!(Reject::Order.counter(), Counter::SntpImplausible);
}

proptest! {
    /// Whatever part of the way was the way there: the truth is within the uncertainty.
    #[test]
    fn the_truth_is_within_the_uncertainty(
        there_us in 0..400_000_u64, kept_us in 0..100_000_u64, back_us in 0..400_000_u64, utc_s in NOW_S..4_000_000_000,
    ) {
        let asked_us = utc_s * SECOND_US;
        let (received_us, sent_us) = (asked_us + there_us, asked_us + there_us + kept_us);
        let packet = reply(received_us, sent_us);
        let round_us = there_us + kept_us + back_us;
        // The timestamps are rounded up by less than a microsecond, which a server that knows its precision does not hide.
        if let Ok(sample) = asked().handle(&packet, SECOND_US + round_us) {
            prop_assert!(sample.utc_us.abs_diff(asked_us + round_us) <= sample.uncertainty_us, "{sample:?}");
        } else {
            prop_assert!(there_us + back_us <= 1, "an honest reply is refused");
        }
    }

    #[test]
    fn any_datagram_is_a_time_or_a_reject(
        bytes in prop::collection::vec(any::<u8>(), 0..300), round_us in 0..2 * SECOND_US, is_asked in any::<bool>(),
    ) {
        let mut bytes = bytes;
        if let Some(origin) = bytes.get_mut(24..32).filter(|_| is_asked) {
            origin.copy_from_slice(&NONCE.to_be_bytes());
        }
        if let Ok(sample) = asked().handle(&bytes, SECOND_US + round_us) {
            prop_assert!(is_asked && sample.uncertainty_us < 3 * SECOND_US);
            prop_assert!(sample.utc_us >= 1_767_225_600 * SECOND_US);
        }
    }
}
