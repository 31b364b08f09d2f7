//! A box that computes something else than it should stops by name, before it believes a medium or touches a card. The programs are those
//! of the image, with one bit of every known answer changed: for the program that is as if its machine had computed wrongly.
//!
//! Boots of their own: the programs compute wrongly, and stop at the first thing that they do.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use noreturn_tests::machine::Machine;
use noreturn_tests::repository;
use noreturn_tests::site::{Site, build_of, idle_device};
use noreturn_tests::wire::{Faults, Wire};
use tempfile::TempDir;

/// First bytes of each known answer, and of the block with known parity.
const SHA256: &[u8] = &[0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde];
const ED25519: &[u8] = &[0x62, 0x91, 0xd6, 0x57, 0xde, 0xec, 0x24, 0x02, 0x48, 0x27, 0xe6, 0x9c];
const HKDF: &[u8] = &[0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64];
const HEADER_TAG: &[u8] = &[0x51, 0xa9, 0xcb, 0x9e, 0xcb, 0xa3, 0x12, 0xe6];
const CHACHA20_POLY1305: &[u8] = &[0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09, 0xe2, 0x6a, 0x7e, 0x90, 0x2e, 0xcb];
const AES_256_GCM: &[u8] = &[0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e, 0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53];
const PARITY: &[u8] = &[0x14, 0x1a, 0x9a, 0x66, 0x62, 0x8f, 0x14, 0x5b, 0x7b, 0x72, 0xa2, 0x5d];

/// A copy of a program, with a bit of each of these changed.
fn corrupted(program: PathBuf, answers: &[&[u8]], folder: &TempDir) -> Result<PathBuf> {
    let mut bytes = fs::read(program)?;
    for answer in answers {
        let places: Vec<_> = (0..bytes.len()).filter(|place| bytes[*place..].starts_with(answer)).collect();
        ensure!(places.len() == 1, "{answer:02x?} is in the program at {places:?}");
        bytes[places[0]] ^= 0x10;
    }
    let copy = folder.path().join("program");
    fs::write(&copy, bytes)?;
    Ok(copy)
}

/// What the box says until it says `last`; it sends nothing.
fn said(loader: &Path, kernel: &Path, folder: &TempDir, last: &str) -> Result<String> {
    const RECEIVER_PORT: u16 = 9;
    let site = Site { receiver_port: RECEIVER_PORT, modbus: idle_device() };
    let image = build_of(loader, kernel, &site.text(), folder.path())?;
    let wire = Wire::lay(RECEIVER_PORT, Faults::default())?;
    let said =
        Machine::new(&image.path, folder.path(), wire.frames_to(None)?).start()?.wait_for_serial(last)?;
    wire.check_silent()?;
    Ok(said)
}

/// One start for all answers: each that is wrong is named.
#[test]
fn a_loader_with_wrong_answers_reads_no_medium() -> Result<()> {
    let folder = TempDir::new()?;
    let loader = corrupted(repository::loader()?, &[SHA256, ED25519], &folder)?;
    let said = said(&loader, &repository::kernel()?, &folder, "next try in")?;
    assert!(said.contains("NOT STARTED") && said.contains("self test failed: SHA-256, Ed25519"), "{said}");
    assert!(!said.contains("measuring") && !said.contains("self tests passed"), "{said}");
    Ok(())
}

/// One start for all answers, of a kernel, which the loader before it checks and believes.
#[test]
fn a_kernel_with_wrong_answers_touches_no_card() -> Result<()> {
    let folder = TempDir::new()?;
    let answers = [SHA256, HKDF, HEADER_TAG, CHACHA20_POLY1305, AES_256_GCM, PARITY];
    let kernel = corrupted(repository::kernel()?, &answers, &folder)?;
    let said = said(&repository::loader()?, &kernel, &folder, "nothing more is sent")?;
    let names = "SHA-256, HKDF-SHA256, SipHash-2-4, ChaCha20-Poly1305, AES-256-GCM, Reed-Solomon parity";
    assert!(said.contains(&format!("noreturn: STOP: self test failed: {names}")), "{said}");
    assert!(said.contains("noreturn loader: self tests passed: SHA-256, Ed25519"), "{said}");
    // What is said right after the first access to a card.
    assert!(!said.contains("noreturn: self tests passed") && !said.contains("other devices"), "{said}");
    Ok(())
}
