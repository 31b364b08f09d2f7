//! Every fuzz target on its committed corpus and on seeded mutations of it; no special toolchain, no time limits.
//!
//! `NORETURN_FUZZ_SEED=N` tries other mutations. `./scripts/fuzz` is the same, guided by coverage.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};
use noreturn_tests::fuzz::hunt::{Finding, hunt};
use noreturn_tests::fuzz::{TARGETS, corpus, target};
use noreturn_tests::repository;

const INPUT_BYTES_MAX: usize = 2048;
const INPUTS_MAX: usize = 64;

fn seed() -> Result<u64> {
    match std::env::var("NORETURN_FUZZ_SEED") {
        Ok(text) => text.parse().context("NORETURN_FUZZ_SEED is not a number"),
        Err(_) => Ok(0x6e6f_7265_7475_726e),
    }
}

/// Runs a target; a finding is kept as a file that reproduces it.
fn run(name: &str) -> Result<()> {
    let target = target(name).with_context(|| format!("there is no target {name}"))?;
    let inputs: Vec<Vec<u8>> = corpus::read(name)?.into_iter().map(|(_, input)| input).collect();
    let seed = seed()?;
    eprintln!("{name}: {} inputs, {} mutations, seed {seed}", inputs.len(), target.mutations);
    let Err(Finding { input, message }) = hunt(target.run, &inputs, target.mutations, seed) else {
        return Ok(());
    };
    let folder = repository::root().join("tests/fuzz/artifacts");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}-seed-{seed}"));
    fs::write(&file, &input)?;
    bail!("seed {seed}: {message}\nto reproduce: ./scripts/fuzz {name} {}", file.display());
}

macro_rules! targets {
    ($($name:ident),+) => {
        const TESTED: &[&str] = &[$(stringify!($name)),+];

        $(#[test]
        fn $name() -> Result<()> {
            run(stringify!($name))
        })+
    };
}

targets!(
    bill,
    config,
    device_path,
    dmar,
    fec,
    floor,
    frame,
    handover,
    inside_stack,
    kernel,
    manifest,
    marks,
    medium,
    message,
    modbus,
    modbus_reply,
    neighbours,
    nmea,
    receiver,
    ring,
    sealed,
    sender,
    site,
    sntp,
    status_http,
    status_modbus,
    tpm
);

/// The table, the tests here, the programs for libFuzzer and the corpus name the same targets.
#[test]
fn no_target_is_forgotten() -> Result<()> {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED);
    let programs = fs::read_dir(repository::root().join("tests/fuzz/fuzz_targets"))?;
    let programs: BTreeSet<String> = programs
        .map(|entry| Ok(entry?.file_name().to_string_lossy().replace(".rs", "")))
        .collect::<Result<_>>()?;
    assert_eq!(programs, names.iter().map(ToString::to_string).collect());
    let folders = fs::read_dir(corpus::folder(""))?;
    let folders: BTreeSet<String> =
        folders.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<Result<_>>()?;
    assert_eq!(folders, programs);
    Ok(())
}

#[test]
fn the_seeds_are_of_todays_formats_and_the_corpus_is_small() -> Result<()> {
    for target in TARGETS {
        let inputs = corpus::read(target.name)?;
        assert!(inputs.len() <= INPUTS_MAX, "{}: {} inputs", target.name, inputs.len());
        for (name, input) in &inputs {
            assert!(input.len() <= INPUT_BYTES_MAX, "{}: {name} has {} bytes", target.name, input.len());
        }
        let seeds: Vec<_> = inputs.into_iter().filter(|(name, _)| corpus::is_seed(name)).collect();
        let expected = corpus::seed_files(target.name);
        let same = seeds == expected && !expected.is_empty();
        assert!(same, "{}: run `cargo run -p noreturn-tests --bin fuzz-seeds`", target.name);
    }
    Ok(())
}

/// A parser with the mistake of mistakes: a length from the wire, used as the bound of a slice.
fn trusting(data: &[u8]) {
    if let [b'L', high, low, rest @ ..] = data {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let _ = &rest[..length];
    }
}

#[test]
fn a_planted_mistake_is_found() {
    let corpus = [b"L\x00\x02ab".to_vec(), b"L\x00\x00".to_vec()];
    let finding = hunt(trusting, &corpus, 1000, 1).expect_err("the mistake was not found");
    assert!(finding.message.contains("out of range"), "{}", finding.message);
    assert!(hunt(trusting, &corpus, 0, 1).is_ok(), "the corpus itself is harmless");
}

#[test]
fn the_same_seed_finds_the_same_input() {
    let corpus = [b"L\x00\x02ab".to_vec()];
    assert_eq!(hunt(trusting, &corpus, 1000, 7), hunt(trusting, &corpus, 1000, 7));
}
