//! The NMEA receiver: sentences as satellite receivers send them, and everything else.
#![allow(clippy::unwrap_used)]

use noreturn_time::Sample;
use noreturn_time::nmea::{Receiver, Reject, SENTENCE_BYTES_MAX};
use noreturn_wire::Counter;
use noreturn_wire::calendar::EARLIEST_UTC_S;
use proptest::prelude::*;

const UNCERTAINTY_US: u64 = 500_000;
const RMC: &str = "GNRMC,235959.50,A,4717.11437,N,00833.91522,E,0.004,77.52,231126,,,A,V";
const ZDA: &str = "GPZDA,120000.00,23,11,2026,00,00";
/// 2026-11-24 00:00 UTC.
const MIDNIGHT_US: u64 = 1_795_478_400_000_000;

/// A sentence of its body: dollar, checksum, end of line.
fn sentence(body: &str) -> String {
    let checksum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{checksum:02X}\r\n")
}

/// What becomes of characters that come a microsecond apart, from `start_us` on.
fn push(receiver: &mut Receiver, text: &[u8], start_us: u64) -> Vec<Result<Sample, Reject>> {
    let results = text.iter().zip(start_us..).map(|(&byte, now_us)| receiver.push(byte, now_us));
    results.filter_map(Result::transpose).collect()
}

fn read(text: &str) -> Vec<Result<Sample, Reject>> {
    push(&mut Receiver::new(UNCERTAINTY_US), text.as_bytes(), 1000)
}

/// What becomes of an RMC, with one change.
#[track_caller]
fn changed(old: &str, new: &str) -> Result<u64, Reject> {
    assert!(RMC.contains(old), "{old}");
    match read(&sentence(&RMC.replacen(old, new, 1)))[..] {
        [result] => result.map(|sample| sample.utc_us),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_sentence_tells_the_time_at_which_it_began() {
    let [result] = read(&sentence(RMC))[..] else { panic!() };
    let expected = Sample { uptime_us: 1000, utc_us: MIDNIGHT_US - 500_000, uncertainty_us: UNCERTAINTY_US };
    assert_eq!(result, Ok(expected));
    // As an old receiver sends it: no decimal places, no mode.
    let old = sentence("GPRMC,083559,A,4717.114,N,00833.915,E,000.0,000.0,010226,003.1,W");
    assert_eq!(read(&old)[0].unwrap().utc_us, 1_769_934_959_000_000);
    let end = old.len() - 4;
    assert!(read(&(old[..end].to_owned() + &old[end..].to_lowercase()))[0].is_ok(), "checksum in lower case");
    assert_eq!(changed("235959.50", "235960"), Ok(MIDNIGHT_US), "a leap second");
    assert_eq!(changed("235959.50", "235959.123456"), Ok(MIDNIGHT_US - 876_544));
}

#[test]
fn a_time_without_a_fix_is_no_time() {
    assert_eq!(changed(",A,4717", ",V,4717"), Err(Reject::Void));
    assert_eq!(read(&sentence("GNRMC,,V,,,,,,,,,,N")), [Err(Reject::Void)]);
    for mode in ["N", "E", "M", "S", "", "AA"] {
        assert_eq!(changed(",A,V", &format!(",{mode},V")), Err(Reject::Void), "{mode}");
    }
    for mode in ["D", "P", "R", "F"] {
        assert!(changed(",A,V", &format!(",{mode},V")).is_ok(), "{mode}");
    }
}

#[test]
fn a_zda_needs_a_fix_that_is_not_old() {
    let [rmc, zda] = [RMC, ZDA].map(sentence);
    let void = sentence(&RMC.replacen(",A,", ",V,", 1));
    assert_eq!(read(&zda), [Err(Reject::Void)]);
    let both = read(&(rmc.clone() + &zda));
    assert_eq!(both[1].unwrap().utc_us, MIDNIGHT_US - 43_200_000_000);
    assert_eq!(read(&(rmc.clone() + &void + &zda))[1..], [Err(Reject::Void); 2]);
    let mut receiver = Receiver::new(UNCERTAINTY_US);
    push(&mut receiver, rmc.as_bytes(), 0);
    assert!(push(&mut receiver, zda.as_bytes(), 3_000_000)[0].is_ok());
    assert_eq!(push(&mut receiver, zda.as_bytes(), 3_000_001), [Err(Reject::Void)]);
}

#[test]
fn what_cannot_be_believed_is_named() {
    assert_eq!(read("$GPRMC,1,A*00\r\n"), [Err(Reject::Checksum)]);
    assert_eq!(read("$GPRMC,1,A\r\n"), [Err(Reject::Malformed)]);
    assert_eq!(read("$\r\n$*\r\n"), [Err(Reject::Malformed); 2]);
    assert_eq!(read("$GPRMC,1,A*4G\r\n"), [Err(Reject::Malformed)]);
    assert_eq!(read(&sentence("GPRMC,235959,A,1,N,1,E")), [Err(Reject::Malformed)]);
    assert_eq!(read("$GPRMC,12$GPG"), [Err(Reject::Cut)]);
    assert_eq!(read("$GPRMC,12\u{e9}A"), [Err(Reject::Cut)]);
    for time in ["", "23595", "2359599", "235959.", "235959.1234567", "23595x", "+35959", "235959,50"] {
        assert_eq!(
            changed("235959.50", time).unwrap_err().counter(),
            match time {
                // The fields have moved, so that the status is missing.
                "235959,50" => Counter::GpsVoid,
                _ => Counter::GpsMalformed,
            },
            "{time}"
        );
    }
    for time in ["240000", "236000", "235961"] {
        assert_eq!(changed("235959.50", time), Err(Reject::Implausible), "{time}");
    }
    for date in ["310226", "001126", "231326", "311225", "010106"] {
        assert_eq!(changed("231126", date), Err(Reject::Implausible), "{date}");
    }
    assert_eq!(changed("231126", "2311026"), Err(Reject::Malformed));
    let rmc = sentence(RMC);
    for (zda, reject) in [
        ("GPZDA,120000,23,11,26,00,00", Reject::Malformed),
        ("GPZDA,120000,23,11", Reject::Malformed),
        ("GPZDA,120000,09,04,2007,00,00", Reject::Implausible),
    ] {
        assert_eq!(read(&(rmc.clone() + &sentence(zda)))[1..], [Err(reject)], "{zda}");
    }
}

#[test]
fn other_sentences_and_noise_between_them_are_passed_over() {
    let other = sentence("GPGGA,235959.50,4717.11,N,00833.91,E,1,08,1.01,499.6,M,48.0,M,,");
    let text = format!("\r\nnoise{other}!AIVDM,1*00\r\n\0\0{}{}", sentence("PUBX,04,1"), sentence(RMC));
    let [result] = read(&text)[..] else { panic!("{:?}", read(&text)) };
    assert!(result.is_ok());
}

#[test]
fn a_line_is_bounded_and_the_next_one_is_read() {
    let longest = format!("GPGSV,{}", "1".repeat(SENTENCE_BYTES_MAX - 10));
    assert_eq!(sentence(&longest).trim_end().len(), SENTENCE_BYTES_MAX);
    assert_eq!(read(&sentence(&longest)), []);
    let results = read(&(sentence(&(longest + "1")) + &"x".repeat(100_000) + "\r\n" + &sentence(RMC)));
    assert!(matches!(results[..], [Err(Reject::Long), Ok(_)]), "{results:?}");
    let mut receiver = Receiver::new(UNCERTAINTY_US);
    push(&mut receiver, &sentence(RMC).as_bytes()[..20], 0);
    receiver.reset();
    assert_eq!(push(&mut receiver, &sentence(RMC).as_bytes()[20..], 0), []);
}

proptest! {
    /// One changed character: another time would be a time that nobody said.
    #[test]
    fn a_changed_character_is_never_another_time(place in 0..70_usize, byte in any::<u8>()) {
        let mut text = sentence(RMC).into_bytes();
        let place = place % text.len();
        text[place] = byte;
        for sample in push(&mut Receiver::new(UNCERTAINTY_US), &text, 0).into_iter().flatten() {
            prop_assert_eq!(sample.utc_us, MIDNIGHT_US - 500_000);
        }
    }

    #[test]
    fn noise_is_never_an_impossible_time(
        text in prop::collection::vec(prop_oneof![Just(b'$'), Just(b','), Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..400),
    ) {
        for result in push(&mut Receiver::new(UNCERTAINTY_US), &text, 0).into_iter().flatten() {
            prop_assert!(result.utc_us >= EARLIEST_UTC_S * 1_000_000);
        }
    }

    #[test]
    fn any_fields_with_a_right_checksum_are_a_time_or_a_reject(
        is_rmc in any::<bool>(), fields in prop::collection::vec("[0-9AVN.]{0,8}", 0..15),
    ) {
        let address = if is_rmc { "GPRMC" } else { "GPZDA" };
        let rmc = sentence(RMC);
        for result in read(&(rmc + &sentence(&format!("{address},{}", fields.join(","))))).into_iter().flatten() {
            prop_assert!(result.utc_us >= EARLIEST_UTC_S * 1_000_000);
        }
    }
}
