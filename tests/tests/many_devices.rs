//! A site of as many devices as there may be, each a host of its own, some in trouble, and a host that floods the box.
//!
//! One boot for all phases, and none of another file's: it is the only one with many hosts on the inside wire, and QEMU counts instructions
//! for time, so that what is counted does not depend on what else this machine does.

use anyhow::{Result, ensure};
use noreturn_tests::lan::scenario::{FLOOD_FRAMES_MIN, Phase, REQUESTS_OF_ONE, Seen, measure};

/// Fails unless so many percent of what the periods ask for was asked of all devices that are on, and 90 of each.
fn is_asked(name: &str, phase: &Phase, percent_min: f64) -> Result<()> {
    ensure!(
        phase.percent() >= percent_min,
        "{name}: {:.1} % were asked, not {percent_min} %: {phase:?}",
        phase.percent()
    );
    ensure!(phase.fewest * 100 >= REQUESTS_OF_ONE * 90, "{name}: a device was forgotten: {phase:?}");
    Ok(())
}

/// Fails unless each trouble was counted and told, and the device that moved is asked as if nothing had been.
fn is_seen(seen: &Seen) -> Result<()> {
    ensure!(seen.changed == 1 && seen.said == [true; 3], "{seen:?}");
    ensure!(seen.claims > 0 && seen.conflicts >= seen.claims, "{seen:?}");
    ensure!(seen.wrong_short_late.iter().all(|&count| count > 0), "{seen:?}");
    ensure!(seen.moved_requests * 100 >= REQUESTS_OF_ONE / 2 * 99, "{seen:?}");
    Ok(())
}

#[test]
fn every_device_that_is_on_is_asked_in_time_whatever_the_others_do() -> Result<()> {
    let measured = measure()?;
    println!("{measured:#?}");
    is_asked("all healthy", &measured.healthy, 99.0)?;
    is_asked("ten off", &measured.ten_off, 99.0)?;
    is_asked("some in trouble", &measured.troubled, 99.0)?;
    is_seen(&measured.seen)?;
    is_asked("flood", &measured.flood, 95.0)?;
    // As many frames leave outside as with the same devices and no flood.
    ensure!(measured.flood.outside_frames * 100 >= measured.ten_off.outside_frames * 90, "{measured:?}");
    // The flood reached the card; what the devices send is a twentieth of it.
    ensure!(measured.flood_received >= measured.flood_sent, "{measured:?}");
    ensure!(measured.flood_sent >= FLOOD_FRAMES_MIN, "{measured:?}");
    Ok(())
}
