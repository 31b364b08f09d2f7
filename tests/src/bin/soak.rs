//! The soak test: two boxes at once, each from a medium that refuses writes, for hours.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use noreturn_tests::card::Card;
use noreturn_tests::machine::Medium;
use noreturn_tests::soak::Soak;

/// Lets two boxes run, and judges them at the end.
#[derive(Parser)]
struct Arguments {
    /// How long.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 7200)]
    seconds: u64,
}

/// How often it says where it stands.
const WORD: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let end = Instant::now() + Duration::from_secs(Arguments::parse().seconds);
    let mut boxes = vec![
        Soak::start("USB stick", Medium::ReadOnlyStick, Card::E1000e)?,
        Soak::start("CD in a USB drive", Medium::UsbCd, Card::VirtioNet)?,
    ];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        for soak in &mut boxes {
            println!("{:>6} s left  {}", left.as_secs(), soak.watch(left.min(WORD) / 2)?);
        }
    }
    let (mut passed, mut failed) = (0, 0);
    for soak in boxes {
        let (name, records, findings) = soak.finish()?;
        println!("{name}: {records} records");
        for (what, found) in findings {
            match found {
                Ok(()) => passed += 1,
                Err(_) => failed += 1,
            }
            println!(
                "  {}  {what}",
                found.map_or_else(|error| format!("FAILED ({error:#})"), |()| "ok".to_owned())
            );
        }
    }
    println!("{passed} passed, {failed} failed");
    ensure!(failed == 0, "see above");
    Ok(())
}
