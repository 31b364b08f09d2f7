//! The seed of this boot's random numbers, from the processor, or none: Hermit's own source falls back to the time.
//! Nothing is asked of the processor afterwards.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};

use noreturn_inside::random::{Generator, SEED_BYTES};

use crate::fatal::Fatal;

/// Tries per word; a sound RDRAND never needs more than ten (Intel SDM volume 1, section 7.3.17.1).
const TRIES: usize = 1000;

/// The generator of this boot's random numbers.
pub fn generator() -> Result<Generator, Fatal> {
    let source = source().ok_or(Fatal::NoEntropy)?;
    let mut seed = [0; SEED_BYTES];
    let mut last = None;
    for chunk in seed.chunks_exact_mut(8) {
        let word = (0..TRIES).find_map(|_| source()).ok_or(Fatal::NoEntropy)?;
        // A source that is stuck repeats itself: some processors return all ones for ever after sleep.
        if last == Some(word) {
            return Err(Fatal::NoEntropy);
        }
        last = Some(word);
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    Ok(Generator::new(seed))
}

/// The better of what the processor has.
fn source() -> Option<fn() -> Option<u64>> {
    let has_rdseed = __cpuid(0).eax >= 7 && __cpuid_count(7, 0).ebx & (1 << 18) != 0;
    let has_rdrand = __cpuid(1).ecx & (1 << 30) != 0;
    match (has_rdseed, has_rdrand) {
        (true, _) => Some(rdseed),
        (_, true) => Some(rdrand),
        _ => None,
    }
}

fn rdseed() -> Option<u64> {
    let (word, valid): (u64, u8);
    // SAFETY: CPUID said that the instruction exists; it touches only its register and the flags.
    unsafe { asm!("rdseed {}", "setc {}", out(reg) word, out(reg_byte) valid, options(nomem, nostack)) };
    (valid == 1).then_some(word)
}

fn rdrand() -> Option<u64> {
    let (word, valid): (u64, u8);
    // SAFETY: as for `rdseed`.
    unsafe { asm!("rdrand {}", "setc {}", out(reg) word, out(reg_byte) valid, options(nomem, nostack)) };
    (valid == 1).then_some(word)
}
