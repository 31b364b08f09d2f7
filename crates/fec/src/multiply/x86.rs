//! The vector kernels of x86-64: which of them this machine can use, and the call into assembly (x86.s).
//!
//! The only unsafe code of this crate. docs/fec.md says why the kernel may use vector registers.
#![allow(unsafe_code)]

use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::arch::{asm, global_asm};
use core::mem::MaybeUninit;

use super::tables::NIBBLES;
use super::{Before, TERMS_MAX, Term};
use crate::field::multiply;
use crate::rows::BLOCK_BYTES;

global_asm!(include_str!("x86.s"), options(raw));

/// Of every factor: the matrix over GF(2) that multiplies by it, as `gf2p8affineqb` wants it (Intel SDM, volume
/// 2, GF2P8AFFINEQB): byte 7 − i says of which bits of the source bit i of the product is the sum.
static BIT_MATRICES: [u64; 256] = bit_matrices();

const fn bit_matrices() -> [u64; 256] {
    let mut matrices = [0; 256];
    let mut factor = 0;
    while factor < 256 {
        let mut source_bit = 0;
        while source_bit < 8 {
            let product = multiply(factor as u8, 1 << source_bit);
            let mut bit = 0;
            while bit < 8 {
                matrices[factor] |= (product as u64 >> bit & 1) << (8 * (7 - bit) + source_bit);
                bit += 1;
            }
            source_bit += 1;
        }
        factor += 1;
    }
    matrices
}

/// A set of vector instructions with kernels of its own. Only [`Set::available`] makes one, so whoever
/// has one may use it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Set(Instructions);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Instructions {
    Ssse3,
    Avx2,
    Gfni,
    Gfni512,
}

/// Computes 5, 4, 2 or 1 rows.
type Kernel = unsafe extern "sysv64" fn(*const Pass);

/// What a kernel is to do; x86.s reads it by offset.
#[repr(C)]
struct Pass {
    terms: *const Source,
    term_count: usize,
    /// Added to every pointer to factors.
    first_row: usize,
    rows: *mut u8,
    stride: usize,
    bytes: usize,
    /// The table of the set of instructions.
    table: *const u8,
    /// Not 0 if what was in the rows does not count.
    fresh: usize,
}

/// One term.
#[repr(C)]
#[derive(Clone, Copy)]
struct Source {
    bytes: *const u8,
    factors: *const u8,
}

const _: () = {
    assert!(core::mem::offset_of!(Pass, term_count) == 8 && core::mem::offset_of!(Pass, first_row) == 16);
    assert!(core::mem::offset_of!(Pass, rows) == 24 && core::mem::offset_of!(Pass, stride) == 32);
    assert!(core::mem::offset_of!(Pass, bytes) == 40 && core::mem::offset_of!(Pass, table) == 48);
    assert!(core::mem::offset_of!(Pass, fresh) == 56 && size_of::<Source>() == 16);
    assert!(core::mem::offset_of!(Source, factors) == 8);
};

unsafe extern "sysv64" {
    fn noreturn_fec_ssse3_1(pass: *const Pass);
    fn noreturn_fec_ssse3_2(pass: *const Pass);
    fn noreturn_fec_ssse3_4(pass: *const Pass);
    fn noreturn_fec_avx2_1(pass: *const Pass);
    fn noreturn_fec_avx2_2(pass: *const Pass);
    fn noreturn_fec_avx2_4(pass: *const Pass);
    fn noreturn_fec_gfni_1(pass: *const Pass);
    fn noreturn_fec_gfni_2(pass: *const Pass);
    fn noreturn_fec_gfni_4(pass: *const Pass);
    fn noreturn_fec_gfni512_1(pass: *const Pass);
    fn noreturn_fec_gfni512_2(pass: *const Pass);
    fn noreturn_fec_gfni512_4(pass: *const Pass);
    fn noreturn_fec_gfni512_5(pass: *const Pass);
}

impl Set {
    /// The sets that the processor has and the system has enabled, the fastest first.
    pub(super) fn available() -> impl Iterator<Item = Self> {
        let machine = Machine::ask();
        let all = [
            (machine.gfni512(), Instructions::Gfni512),
            (machine.gfni(), Instructions::Gfni),
            (machine.avx2(), Instructions::Avx2),
            (machine.ssse3(), Instructions::Ssse3),
        ];
        all.into_iter().filter(|(there, _)| *there).map(|(_, instructions)| Self(instructions))
    }

    pub(super) const fn name(self) -> &'static str {
        match self.0 {
            Instructions::Ssse3 => "SSSE3",
            Instructions::Avx2 => "AVX2",
            Instructions::Gfni => "GFNI",
            Instructions::Gfni512 => "GFNI, 512 bits",
        }
    }

    /// How many of `rows` rows one kernel takes: as many as it has, but better 4 and 4 than 5, 2 and 1.
    const fn rows_together(self, rows: usize) -> usize {
        match (self.0, rows) {
            (Instructions::Gfni512, 5 | 10) => 5,
            (_, 4..) => 4,
            (_, 2 | 3) => 2,
            _ => 1,
        }
    }

    /// The kernel for `rows` rows.
    fn kernel(self, rows: usize) -> Kernel {
        match (self.0, rows) {
            (Instructions::Ssse3, 4) => noreturn_fec_ssse3_4,
            (Instructions::Ssse3, 2) => noreturn_fec_ssse3_2,
            (Instructions::Ssse3, _) => noreturn_fec_ssse3_1,
            (Instructions::Avx2, 4) => noreturn_fec_avx2_4,
            (Instructions::Avx2, 2) => noreturn_fec_avx2_2,
            (Instructions::Avx2, _) => noreturn_fec_avx2_1,
            (Instructions::Gfni, 4) => noreturn_fec_gfni_4,
            (Instructions::Gfni, 2) => noreturn_fec_gfni_2,
            (Instructions::Gfni, _) => noreturn_fec_gfni_1,
            (Instructions::Gfni512, 5) => noreturn_fec_gfni512_5,
            (Instructions::Gfni512, 4) => noreturn_fec_gfni512_4,
            (Instructions::Gfni512, 2) => noreturn_fec_gfni512_2,
            (Instructions::Gfni512, _) => noreturn_fec_gfni512_1,
        }
    }

    fn table(self) -> *const u8 {
        match self.0 {
            Instructions::Ssse3 | Instructions::Avx2 => NIBBLES.as_ptr().cast(),
            Instructions::Gfni | Instructions::Gfni512 => BIT_MATRICES.as_ptr().cast(),
        }
    }

    /// Sums `bytes` bytes, whole blocks, of all terms into `count` rows, which lie `stride` bytes apart from
    /// the start of `rows`.
    ///
    /// # Panics
    /// If a row, a source or the factors are shorter than that, or there is no term, or there are too many.
    pub(super) fn sum(
        self,
        rows: &mut [u8],
        (count, stride, bytes): (usize, usize, usize),
        before: Before,
        terms: &[Term<'_>],
    ) {
        assert!(bytes.is_multiple_of(BLOCK_BYTES) && bytes <= stride && !terms.is_empty());
        assert!(count > 0 && rows.len().checked_sub(bytes).is_some_and(|last| (count - 1) * stride <= last));
        assert!(terms.iter().all(|term| term.source.len() >= bytes && term.factors.len() >= count));
        // Not filled beyond the terms: that would take as long as a small block.
        let mut sources = [const { MaybeUninit::uninit() }; TERMS_MAX];
        for (source, term) in sources[..terms.len()].iter_mut().zip(terms) {
            source.write(Source { bytes: term.source.as_ptr(), factors: term.factors.as_ptr() });
        }
        let mut first_row = 0;
        while first_row < count {
            let together = self.rows_together(count - first_row);
            let pass = Pass {
                terms: sources.as_ptr().cast(),
                term_count: terms.len(),
                first_row,
                rows: rows[first_row * stride..].as_mut_ptr(),
                stride,
                bytes,
                table: self.table(),
                fresh: usize::from(before == Before::Forget),
            };
            // SAFETY: the processor and its system have these instructions, because `self` exists only then. All
            // `term_count` sources have been written. The kernel
            // reads `bytes` bytes of every source and `together` factors from `first_row` on, and reads and writes
            // `bytes` bytes of `together` rows: the assertions above say that all of these exist, and the borrow of `rows`
            // that no one else uses them. A factor is a byte, so the table has an entry for it. The kernel
            // keeps to the calling convention, in which all vector registers belong to the callee; code without vector
            // registers, as the kernel's, has nothing in them.
            unsafe { self.kernel(together)(&raw const pass) };
            first_row += together;
        }
    }
}

/// What CPUID says (Intel SDM, volume 2, CPUID), and XCR0: the registers that the system saves.
struct Machine {
    leaf_1_ecx: u32,
    leaf_7_ebx: u32,
    leaf_7_ecx: u32,
    saved: u64,
}

/// XCR0: the registers that SSE adds; that AVX adds; that AVX-512 adds.
const SAVED_SSE: u64 = 1 << 1;
const SAVED_AVX: u64 = SAVED_SSE | 1 << 2;
const SAVED_AVX512: u64 = SAVED_AVX | 7 << 5;
/// XCR0: all that has room where Hermit saves a task's registers (`FPUState`: x87, SSE, AVX, MPX).
const SAVED_BY_HERMIT: u64 = 0x1f;

impl Machine {
    fn ask() -> Self {
        let leaf_1_ecx = __cpuid(1).ecx;
        let leaf_7 = if __cpuid(0).eax >= 7 { Some(__cpuid_count(7, 0)) } else { None };
        let (leaf_7_ebx, leaf_7_ecx) = leaf_7.map_or((0, 0), |leaf| (leaf.ebx, leaf.ecx));
        // XGETBV exists if the system has set CR4.OSXSAVE (bit 27), as every system does that saves more than SSE.
        let saved = if leaf_1_ecx >> 27 & 1 == 1 { saved_registers() } else { 0 };
        // Without a system below, nobody saves what Hermit has no room for: rather no vectors at all.
        let saved = if cfg!(target_os = "none") && saved & !SAVED_BY_HERMIT != 0 { 0 } else { saved };
        Self { leaf_1_ecx, leaf_7_ebx, leaf_7_ecx, saved }
    }

    const fn saves(&self, registers: u64) -> bool {
        self.saved & registers == registers
    }

    const fn ssse3(&self) -> bool {
        self.saves(SAVED_SSE) && self.leaf_1_ecx >> 9 & 1 == 1
    }

    const fn avx2(&self) -> bool {
        self.saves(SAVED_AVX) && self.leaf_1_ecx >> 28 & 1 == 1 && self.leaf_7_ebx >> 5 & 1 == 1
    }

    /// GFNI on registers of AVX.
    const fn gfni(&self) -> bool {
        self.avx2() && self.leaf_7_ecx >> 8 & 1 == 1
    }

    /// GFNI on registers of AVX-512F.
    const fn gfni512(&self) -> bool {
        self.gfni() && self.saves(SAVED_AVX512) && self.leaf_7_ebx >> 16 & 1 == 1
    }
}

/// XCR0.
fn saved_registers() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller has seen CR4.OSXSAVE, without which this is an invalid instruction; register 0 always
    // exists, and reading it changes nothing.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}
