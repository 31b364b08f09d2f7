//! The same box twice, once in a flood on its outside wire: every frame that it sends is the same and leaves at the same moment
//! of its own time, and at the end its registers and its whole memory are the same.
//!
//! Boots of their own, one for each kernel: the box is kept as a snapshot, from which both runs go on by a clock that counts instructions.

use anyhow::Result;
use noreturn_tests::ports::free_udp;
use noreturn_tests::replay::{Outcome, Snapshot};
use noreturn_tests::repository::{kernel, planted_kernel};
use noreturn_tests::site::{DIODE_NAME, Site, build_with, idle_device};
use tempfile::TempDir;

/// Frames of the box in each run, on both sides: several seconds of its time.
const FRAMES: usize = 120;
/// Inside are only some ARP requests for a device that is not there.
const FRAMES_OUTSIDE_MIN: usize = FRAMES / 4 * 3;
/// Enough that a box whose receiver is switched on notices that, resets and sends again.
const FRAMES_WITH_FAULT: usize = 40;
const PAGE_BYTES: usize = 4096;

/// Two runs from one snapshot, the second in a flood; the box misbehaves if `fault` says so.
fn quiet_and_flooded(fault: Option<&str>, frames: usize) -> Result<[Outcome; 2]> {
    let folder = TempDir::new()?;
    let receiver_port = free_udp()?;
    let site = Site { receiver_port, modbus: idle_device() };
    let kernel = if fault.is_some() { planted_kernel()? } else { kernel()? };
    let text = site.text().replace(DIODE_NAME, fault.unwrap_or(DIODE_NAME));
    let image = build_with(&kernel, &text, folder.path())?;
    let snapshot = Snapshot::take(&image.path, &kernel, folder.path(), receiver_port)?;
    let outcomes = [snapshot.run("quiet", frames, false)?, snapshot.run("flooded", frames, true)?];
    outcomes.iter().try_for_each(|outcome| snapshot.check_frames(outcome))?;
    assert_eq!(outcomes[0].arrived, 0, "the quiet wire was not quiet");
    let arrived = outcomes[1].arrived;
    // A frame for each time that the box went on, or nothing was shown.
    assert!(arrived >= frames, "only {arrived} frames of the flood reached the card");
    Ok(outcomes)
}

/// Where memory differs: of each page that does, the first such address, and what eight bytes from there were in either run.
fn changed_memory([quiet, flooded]: &[Outcome; 2]) -> Vec<(usize, [Vec<u8>; 2])> {
    let pages = quiet.memory.chunks(PAGE_BYTES).zip(flooded.memory.chunks(PAGE_BYTES)).enumerate();
    let first = |(number, (quiet, flooded)): (usize, (&[u8], &[u8]))| {
        let at = quiet.iter().zip(flooded).position(|(quiet, flooded)| quiet != flooded)?;
        let bytes = |page: &[u8]| page[at..].iter().take(8).copied().collect();
        Some((number * PAGE_BYTES + at, [bytes(quiet), bytes(flooded)]))
    };
    pages.filter_map(first).collect()
}

#[test]
fn a_flood_outside_changes_no_frame_no_moment_and_no_byte_of_memory() -> Result<()> {
    let outcomes = quiet_and_flooded(None, FRAMES)?;
    let [quiet, flooded] = &outcomes;
    assert!(quiet.frames.len() >= FRAMES_OUTSIDE_MIN, "{} frames", quiet.frames.len());
    assert_eq!(quiet.frames, flooded.frames);
    assert_eq!(quiet.registers, flooded.registers);
    assert_eq!(changed_memory(&outcomes), []);
    Ok(())
}

/// The same comparison finds a box that does receive.
#[test]
fn a_box_that_receives_is_caught() -> Result<()> {
    let outcomes = quiet_and_flooded(Some("planted receive"), FRAMES_WITH_FAULT)?;
    assert_ne!(outcomes[0].frames, outcomes[1].frames);
    assert_ne!(changed_memory(&outcomes), []);
    Ok(())
}
