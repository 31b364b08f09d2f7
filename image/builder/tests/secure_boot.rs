//! A loader that is signed for Secure Boot: it keeps every byte, and who has only the signature builds the same.
//! That firmware accepts it is tested end to end, in `tests/tests/secure_boot.rs`.

use noreturn_image::owner::put_key;
use noreturn_image::{BuildError, Image, Owner, Parts, Programs, inspect, pe};
use noreturn_image_format::owner;

/// Where the header has its optional part.
const OPTIONAL: usize = 0x40 + 24;
const CERTIFICATES: [u8; 16] = *b"\x10\0\0\0\0\x02\x02\0sealed!!";

fn signer() -> Owner {
    Owner::from_seed([9; 32])
}

/// A program with headers, and a place for the owner's key; its length is no multiple of 8.
fn loader() -> Vec<u8> {
    let mut loader = [vec![0; 512], owner::NO_OWNER.to_vec(), vec![0xcc; 3]].concat();
    let mut put = |at: usize, bytes: &[u8]| loader[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &[0x40]);
    put(0x40, b"PE\0\0");
    put(OPTIONAL, &[0x0b, 0x02]);
    put(OPTIONAL + 108, &[16]);
    loader
}

/// What a tool that signs makes of a loader: this one makes a checksum of its own.
fn sign(loader: &[u8]) -> Vec<u8> {
    let mut signed = loader.to_vec();
    signed.resize(loader.len().next_multiple_of(8), 0);
    let place = signed.len() as u32;
    signed[OPTIONAL + 144..OPTIONAL + 148].copy_from_slice(&place.to_le_bytes());
    signed[OPTIONAL + 148..OPTIONAL + 152].copy_from_slice(&(CERTIFICATES.len() as u32).to_le_bytes());
    signed.extend(CERTIFICATES);
    let mut sum: u64 = signed.chunks(2).map(|word| u64::from(word[0]) + u64::from(word[1]) * 256).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let checksum = sum as u32 + signed.len() as u32;
    signed[OPTIONAL + 64..OPTIONAL + 68].copy_from_slice(&checksum.to_le_bytes());
    signed
}

fn build(loader: &[u8], owner: &Owner) -> Result<Image, BuildError> {
    let config = noreturn_site::parse(include_str!("site.toml"), "site.toml", |_| Ok([7; 32]))
        .expect("the site file is right");
    Image::build(&Parts { loader, kernel: b"\x7fELF kernel", config: &config, owner })
}

fn signed() -> Vec<u8> {
    sign(&put_key(&signer().public(), &loader()).expect("it has a place"))
}

#[test]
fn a_signed_loader_is_taken_from_an_image_for_its_owner_only() {
    let image = build(&signed(), &signer()).unwrap();
    let programs = Programs::of_image(&image.bytes, &signer().public()).unwrap();
    assert!(programs.loader == signed());
    assert_eq!(programs.kernel, b"\x7fELF kernel");
    let other = Programs::of_image(&image.bytes, &[1; 32]).unwrap_err().to_string();
    assert!(other.contains("signed for Secure Boot with another owner's key"), "{other}");
    let unsigned = build(&loader(), &signer()).unwrap();
    assert!(Programs::of_image(&unsigned.bytes, &[1; 32]).unwrap().loader == loader());
}

#[test]
fn a_signed_loader_stays_as_it_is() {
    let image = build(&signed(), &signer()).unwrap();
    assert!(image.bytes[image.manifest.loader.range()] == signed()[..]);
    assert_eq!(pe::certificates(&signed()), Some(&CERTIFICATES[..]));
    let text = inspect::describe(image.bytes).unwrap();
    assert!(text.contains("loader   signed for Secure Boot, in its last 16 bytes"), "{text}");
    let unsigned = build(&loader(), &signer()).unwrap();
    let text = inspect::describe(unsigned.bytes).unwrap();
    assert!(text.contains("loader   not signed for Secure Boot"), "{text}");
}

#[test]
fn a_signature_that_would_break_or_is_of_anothers_loader_is_refused() {
    assert!(matches!(build(&sign(&loader()), &signer()), Err(BuildError::LoaderSignedTooEarly)));
    let stranger = Owner::from_seed([8; 32]);
    assert!(matches!(build(&signed(), &stranger), Err(BuildError::LoaderOfAnother)));
}

#[test]
fn whoever_has_the_signatures_builds_the_same_without_any_key() {
    let released = build(&signed(), &signer()).unwrap();
    let public = Owner::from_public(signer().public(), &released.bytes).unwrap();
    for loader in [loader(), put_key(&signer().public(), &loader()).unwrap(), signed()] {
        assert!(build(&loader, &public).unwrap().bytes == released.bytes);
    }
    let mut other = loader();
    other[400] ^= 1;
    assert!(matches!(build(&other, &public), Err(BuildError::Signature)));
}

/// Wherever a header is cut or says what is not so, nothing is taken for a signature that is not all at the end.
#[test]
fn hostile_headers_are_no_trap() {
    let signed = signed();
    for bytes in 0..signed.len() {
        assert_eq!(pe::certificates(&signed[..bytes]), None, "{bytes} bytes");
    }
    for at in 0..signed.len() {
        for value in [0, 0x7f, 0xff] {
            let mut changed = signed.clone();
            changed[at] = value;
            assert!(pe::certificates(&changed).is_none_or(|found| changed.ends_with(found)), "byte {at}");
        }
    }
}
