//! Digests and the hand-over: what is written is read, and anything else is named.

use noreturn_image_format::handover::FloorMemory;
use noreturn_image_format::{Handover, HandoverError, Sha256Digest};
use proptest::prelude::*;

fn handover() -> Handover {
    let image_sha256 = Sha256Digest::of(b"image");
    Handover {
        image_sha256,
        config_sha256: Sha256Digest::of(b"abc"),
        config_address: 0x20_0000,
        config_bytes: 166,
        trace_address: Some(0x50_0000),
        acpi_root: 0x1f77_e014,
        floor_memory: FloorMemory::Kept(6),
        reset_count: Some(300),
        key_address: Some(0x1f00_0000),
    }
}

fn parse(text: &str) -> Result<Handover, HandoverError> {
    Handover::parse(text.split(' '))
}

#[test]
fn digests_are_those_of_the_standard() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(Sha256Digest::of(b"abc").to_string(), abc);
    assert_eq!(Sha256Digest::parse(abc), Some(Sha256Digest::of(b"abc")));
    for wrong in
        ["", &abc[1..], &format!("{abc}0"), &abc.to_uppercase(), &abc.replace('b', "g"), &"é".repeat(32)]
    {
        assert_eq!(Sha256Digest::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn every_argument_must_be_there_and_right() {
    let text = handover().emit();
    for name in [
        "image-sha256",
        "config-sha256",
        "config-address",
        "config-bytes",
        "trace-address",
        "acpi-root",
        "floor-memory",
        "key-address",
    ] {
        let others: Vec<_> = text.split(' ').filter(|argument| !argument.starts_with(name)).collect();
        assert_eq!(parse(&others.join(" ")), Err(HandoverError(name)));
        assert_eq!(parse(&format!("{name}=- {}", others.join(" "))), Err(HandoverError(name)));
        assert!(HandoverError(name).to_string().contains(name));
    }
}

#[test]
fn other_arguments_are_ignored() {
    let text = format!("-freq 2400 {} config-bytes-more=1", handover().emit());
    assert_eq!(parse(&text), Ok(handover()));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        image in any::<[u8; 32]>(),
        config in any::<[u8; 32]>(),
        config_address in any::<u64>(),
        config_bytes in any::<u64>(),
        trace_address in 0..=u64::MAX,
        acpi_root in any::<u64>(),
    ) {
        let (image_sha256, config_sha256) = (Sha256Digest(image), Sha256Digest(config));
        let trace_address = (trace_address != 0).then_some(trace_address);
        let handover =
            Handover { image_sha256, config_sha256, config_address, config_bytes, trace_address, acpi_root, ..handover() };
        prop_assert_eq!(parse(&handover.emit()), Ok(handover));
    }

    #[test]
    fn a_digest_is_read_as_it_is_shown(bytes in any::<[u8; 32]>()) {
        let digest = Sha256Digest(bytes);
        prop_assert_eq!(Sha256Digest::parse(&digest.to_string()), Some(digest));
    }
}

#[test]
fn what_the_machine_remembers_is_handed_over() {
    for floor_memory in [FloorMemory::None, FloorMemory::Kept(u32::MAX), FloorMemory::Failed(0x9a2)] {
        let handover = Handover { floor_memory, ..handover() };
        assert_eq!(parse(&handover.emit()), Ok(handover));
    }
    for wrong in ["", "kept", "kept-", "kept--1", "none-1", "lost-1"] {
        let text = handover().emit().replace("kept-6", wrong);
        assert_eq!(parse(&text), Err(HandoverError("floor-memory")), "{wrong}");
    }
}

#[test]
fn how_often_the_tpm_was_reset_is_handed_over() {
    for reset_count in [None, Some(0), Some(u32::MAX)] {
        let handover = Handover { reset_count, ..handover() };
        assert_eq!(parse(&handover.emit()), Ok(handover));
    }
    for wrong in ["", "-1", "none-1", "4294967296"] {
        let text = handover().emit().replace("reset-count=300", &format!("reset-count={wrong}"));
        assert_eq!(parse(&text), Err(HandoverError("reset-count")), "{wrong}");
    }
}
