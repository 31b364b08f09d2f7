//! How often the machine's TPM 2.0 was reset: with each start of the machine, and never back, so that a receiver can tell a new
//! boot from an old recording.
//!
//! Source: TPM 2.0 Library Specification 1.59: part 3, section 29.1 (`ReadClock`); part 2, section 10.11 (`TPMS_TIME_INFO`).

use crate::tpm::{self, Authorization, Tpm};

const READ_CLOCK: u32 = 0x181;
/// Time and clock of 64 bits each, counts of resets and of restarts of 32 bits each, and whether the clock is safe.
const TIME_INFO_BYTES: usize = 25;
const RESET_COUNT_PLACE: usize = 16;

/// The count, or nothing if the TPM does not tell.
pub fn count(tpm: &mut impl Tpm) -> Option<u32> {
    let response = tpm::submit(tpm, READ_CLOCK, &[], Authorization::None, &[]).ok()?;
    let time_info: &[u8; TIME_INFO_BYTES] = response.body().try_into().ok()?;
    let (_, counts) = time_info.split_at(RESET_COUNT_PLACE);
    counts.first_chunk().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tpm::RESPONSE_BYTES_MAX;

    /// Answers with these bytes.
    struct Answer(&'static [u8]);

    impl Tpm for Answer {
        fn submit(&mut self, command: &[u8], response: &mut [u8; RESPONSE_BYTES_MAX]) {
            assert_eq!(command, [0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x81]);
            response[..self.0.len()].copy_from_slice(self.0);
        }
    }

    const GOOD: [u8; 35] = *b"\x80\x01\0\0\0\x23\0\0\0\0\
        \0\0\0\0\0\0\x01\x02\0\0\0\0\0\x03\x04\x05\0\x01\x02\x2a\0\0\0\x07\x01";

    #[test]
    fn the_count_is_where_the_specification_has_it() {
        assert_eq!(count(&mut Answer(&GOOD)), Some(0x0001_022a));
    }

    #[test]
    fn who_does_not_tell_has_none() {
        const REFUSED: [u8; 10] = *b"\x80\x01\0\0\0\x0a\0\0\x01\x01";
        const SHORT: [u8; 35] = {
            let mut answer = GOOD;
            answer[5] = 34;
            answer
        };
        for answer in [&[][..], &REFUSED, &SHORT] {
            assert_eq!(count(&mut Answer(answer)), None, "{answer:02x?}");
        }
    }
}
