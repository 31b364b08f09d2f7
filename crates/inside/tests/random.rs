//! Random numbers against the vectors of the standards that they are made by.

use noreturn_inside::random::{Generator, Secret};

#[test]
fn the_generator_is_the_key_stream_of_chacha20() {
    let mut generator = Generator::new([0; 32]);
    // RFC 8439, appendix A.1, test vector 1.
    assert_eq!(generator.bytes(), [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]);
    assert_eq!(generator.bytes(), [0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28]);
    let _: [u8; 48] = generator.bytes();
    // Test vector 2: the next block.
    assert_eq!(generator.bytes(), [0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a]);
}

#[test]
fn the_function_is_hmac_sha_256() {
    // RFC 4231, test cases 1 and 2; shorter keys are filled up with zeros (RFC 2104, section 2).
    let secret = |key: &[u8]| {
        let mut secret = [0; 64];
        secret[..key.len()].copy_from_slice(key);
        Secret(secret)
    };
    assert_eq!(secret(&[0x0b; 20]).hash(&[b"Hi There"]), 0xb034_4c61);
    assert_eq!(secret(b"Jefe").hash(&[b"what do ya want ", b"for nothing?"]), 0x5bdc_c146);
}

#[test]
fn secrets_of_one_boot_differ_and_are_not_told() {
    let mut generator = Generator::new([7; 32]);
    let (one, other) = (generator.secret(), generator.secret());
    assert_ne!(one.0, other.0);
    assert_ne!(one.hash(&[b"x"]), other.hash(&[b"x"]));
    assert_eq!(format!("{one:?} {generator:?}"), "Secret(..) Generator(..)");
    assert_eq!(Generator::new([7; 32]).secret().0, one.0);
}
