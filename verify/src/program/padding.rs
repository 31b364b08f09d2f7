//! What a linker fills with up to the alignment of the next function.

/// Functions are aligned to so many bytes at most, so padding is shorter.
const ALIGNMENT_BYTES_MAX: usize = 64;
const BREAKPOINT: u8 = 0xcc;
/// The instructions that LLVM's and GNU's assemblers fill with, the longest first (Intel SDM volume 2, `NOP`).
const NOPS: [&[u8]; 14] = [
    b"\x66\x66\x66\x66\x66\x2e\x0f\x1f\x84\0\0\0\0\0",
    b"\x66\x66\x66\x66\x2e\x0f\x1f\x84\0\0\0\0\0",
    b"\x66\x66\x66\x2e\x0f\x1f\x84\0\0\0\0\0",
    b"\x66\x66\x2e\x0f\x1f\x84\0\0\0\0\0",
    b"\x66\x2e\x0f\x1f\x84\0\0\0\0\0",
    b"\x66\x0f\x1f\x84\0\0\0\0\0",
    b"\x0f\x1f\x84\0\0\0\0\0",
    b"\x0f\x1f\x80\0\0\0\0",
    b"\x66\x0f\x1f\x44\0\0",
    b"\x0f\x1f\x44\0\0",
    b"\x0f\x1f\x40\0",
    b"\x0f\x1f\0",
    b"\x66\x90",
    b"\x90",
];

/// Whether bytes between two functions are only breakpoints and instructions that do nothing, each written as assemblers write it.
pub(super) fn is_padding(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((first, others)) = rest.split_first() {
        let nop = || NOPS.iter().find_map(|nop| rest.strip_prefix(*nop));
        match if *first == BREAKPOINT { Some(others) } else { nop() } {
            Some(following) => rest = following,
            None => return false,
        }
    }
    bytes.len() < ALIGNMENT_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::is_padding;

    #[test]
    fn only_what_assemblers_write_is_padding() {
        for padding in [&b""[..], &[0xcc; 63], b"\x66\x2e\x0f\x1f\x84\0\0\0\0\0\x66\x90", b"\x90\xcc"] {
            assert!(is_padding(padding), "{padding:x?}");
        }
        // Zeros add to memory; a displacement, another register and a longer run than any alignment need are no linker's.
        for code in [&b"\0\0"[..], b"\x0f\x1f\x40\x0f", b"\x0f\x1f\xc0", b"\xc3", &[0xcc; 64]] {
            assert!(!is_padding(code), "{code:x?}");
        }
    }
}
