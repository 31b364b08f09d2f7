//! Every kernel that this machine has against the field's slow multiplication.

extern crate std;

use alloc::vec;
use alloc::vec::Vec;

use super::{BLOCK_BYTES, Before, Kernel, TERMS_MAX, Term};
use crate::field::multiply;
use crate::rows::Rows;

/// Bytes that show no pattern to a kernel: a multiplicative congruence.
fn noise(length: usize, seed: usize) -> Vec<u8> {
    (1..=length).map(|n| ((n * 2_654_435_761 + seed * 40_503) >> 9) as u8).collect()
}

/// The obvious twin: one byte at a time, nothing looked up.
fn twin(row: usize, width: usize, old: &[u8], terms: &[Term<'_>]) -> Vec<u8> {
    let mut sum = old[..width].to_vec();
    for term in terms {
        for (sum, byte) in sum.iter_mut().zip(term.source) {
            *sum ^= multiply(term.factors[row], *byte);
        }
    }
    sum
}

/// Runs a kernel on rows that held noise, and compares all that it may have written with the twin.
fn check(kernel: Kernel, rows: usize, width: usize, before: Before, terms: &[Term<'_>]) {
    let padded = width.next_multiple_of(BLOCK_BYTES);
    let spare = BLOCK_BYTES;
    let mut computed = Rows::new(rows, width + spare);
    let stride = computed.stride();
    let mut old = noise(rows * stride, width);
    if before == Before::Add {
        old.chunks_exact_mut(stride).for_each(|row| row[width..padded].fill(0));
    }
    computed.bytes_mut().copy_from_slice(&old);
    kernel.sum(&mut computed, width, before, terms.iter().copied());
    for (row, old) in old.chunks_exact(stride).enumerate() {
        let start = if before == Before::Add { old.to_vec() } else { vec![0; stride] };
        let computed = computed.row(row).unwrap();
        let what = (kernel, rows, width, before, terms.len(), row);
        assert_eq!(computed[..width], twin(row, width, &start, terms), "{what:?}");
        assert!(computed[width..padded].iter().all(|&byte| byte == 0), "{what:?}");
        assert_eq!(computed[padded..], old[padded..], "nothing is written behind the last block: {what:?}");
    }
}

#[test]
fn the_portable_kernel_is_always_there_and_last() {
    assert_eq!(Kernel::available().last(), Some(Kernel::PORTABLE));
    assert_eq!(Kernel::available().next(), Some(Kernel::best()));
}

#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn the_kernels_are_those_that_the_standard_library_finds() {
    use std::arch::is_x86_feature_detected as has;
    let gfni = has!("gfni") && has!("avx2");
    let expected = [
        (gfni && has!("avx512f"), "GFNI, 512 bits"),
        (gfni, "GFNI"),
        (has!("avx2"), "AVX2"),
        (has!("ssse3"), "SSSE3"),
        (true, "portable"),
    ];
    let expected: Vec<&str> =
        expected.into_iter().filter(|(there, _)| *there).map(|(_, name)| name).collect();
    assert_eq!(Kernel::available().map(Kernel::name).collect::<Vec<_>>(), expected);
}

#[test]
fn every_factor_times_every_byte() {
    let source: Vec<u8> = (0..=255).collect();
    for kernel in Kernel::available() {
        for factors in (0..=255).collect::<Vec<u8>>().chunks_exact(4) {
            check(kernel, 4, 256, Before::Forget, &[Term { factors, source: &source }]);
        }
    }
}

#[test]
fn every_length_at_every_alignment_of_the_source() {
    let bytes = noise(700, 1);
    let factors = noise(3 * 7, 2);
    for kernel in Kernel::available() {
        for length in (0..150).chain([255, 256, 257, 319, 320, 321, 511, 512, 513, 600]) {
            for shift in [0, 1, 15, 31, 63] {
                let term =
                    |n: usize| Term { factors: &factors[7 * n..], source: &bytes[shift + n..][..length] };
                check(kernel, 7, length, Before::Add, &[term(0), term(1), term(2)]);
                check(kernel, 1, length, Before::Forget, &[term(0)]);
            }
        }
    }
}

#[test]
fn every_number_of_rows_and_terms() {
    let factors = noise(70 * 11, 3);
    let sources: Vec<Vec<u8>> = (0..70).map(|n| noise(321, n)).collect();
    for kernel in Kernel::available() {
        for rows in 0..=11 {
            for count in [0, 1, 2, 5, TERMS_MAX - 1, TERMS_MAX, TERMS_MAX + 1, 2 * TERMS_MAX, 70] {
                let terms: Vec<Term<'_>> =
                    (0..count).map(|n| Term { factors: &factors[11 * n..], source: &sources[n] }).collect();
                check(kernel, rows, 321, Before::Forget, &terms);
                check(kernel, rows, 321, Before::Add, &terms);
            }
        }
    }
}

#[test]
fn sources_of_different_lengths_count_as_ending_in_zeros() {
    let factors = noise(40 * 5, 4);
    let sources: Vec<Vec<u8>> = (0..40).map(|n| noise(n * 37 % 301, n)).collect();
    let terms: Vec<Term<'_>> = sources
        .iter()
        .zip(factors.chunks_exact(5))
        .map(|(source, factors)| Term { factors, source })
        .collect();
    for kernel in Kernel::available() {
        for terms in [&terms[..], &terms[20..], &terms[5..8], &terms[3..4]] {
            check(kernel, 5, 301, Before::Forget, terms);
            check(kernel, 5, 301, Before::Add, terms);
        }
    }
}
