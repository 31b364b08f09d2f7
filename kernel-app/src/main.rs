//! The unikernel: everything that runs on the box after the loader. This file is the boot story.
//!
//! Two halves run in turns on one processor: [`inside`] collects, [`outside`] sends. What
//! they share is the ring, which only the inside writes, and nothing else.
#![no_std]
#![no_main]

extern crate alloc;

mod clock;
mod crossing;
mod entropy;
mod fatal;
mod handover;
mod inside;
mod machine;
mod memory;
mod outside;
mod settings;

use noreturn_image_format::{Config, Handover};
use noreturn_nic::{InsideCard, OutsideCard};
use noreturn_wire::BootId;

use clock::Clock;
use fatal::{Fatal, say, stop};
use inside::Inside;
use machine::Machine;
use outside::Outside;

/// Hermit calls this once it runs; it never returns.
#[unsafe(no_mangle)]
extern "C" fn main(argc: i32, argv: *const *const u8, _envp: *const *const u8) -> i32 {
    match start(argc, argv) {
        Ok((clock, inside, outside)) => run(&clock, inside, outside),
        Err(fatal) => stop(&fatal),
    }
}

/// Brings the box up, or says why it cannot be.
fn start(argc: i32, argv: *const *const u8) -> Result<(Clock, Inside, Outside), Fatal> {
    let (handover, config) = handover::take(argc, argv)?;
    let clock = Clock::start();
    let boot = BootId(entropy::random()?);
    say!("diode {} \"{}\", boot {boot}", config.diode.id, config.diode.name);
    say!("image {}", handover.image_sha256);

    memory::check(&config)?;
    let mut machine = Machine::new();
    let (writer, reader) = crossing::ring()?;
    // Outside first: its card is silenced before anything else is touched.
    let outside = start_outside(&mut machine, &handover, &config, boot, reader)?;
    let inside = start_inside(&mut machine, config, &clock, writer)?;
    Ok((clock, inside, outside))
}

fn start_outside(
    machine: &mut Machine,
    handover: &Handover,
    config: &Config,
    boot: BootId,
    reader: crossing::Reader,
) -> Result<Outside, Fatal> {
    let (card, firmware) = OutsideCard::start(machine, machine::address(config.outside.card))?;
    say!("outside {} {:?}: transmit only; firmware left {firmware:?}", config.outside.card, card.model());
    Outside::new(card, firmware, handover, config, boot, reader)
}

fn start_inside(
    machine: &mut Machine,
    config: Config,
    clock: &Clock,
    writer: crossing::Writer,
) -> Result<Inside, Fatal> {
    let card = InsideCard::start(machine, machine::address(config.inside.card))?;
    say!(
        "inside {} {:?}: {}/{}",
        config.inside.card,
        card.model(),
        config.inside.address,
        config.inside.prefix
    );
    Ok(Inside::new(card, config, clock.now(), entropy::random()?, writer))
}

/// Collects and sends for ever.
fn run(clock: &Clock, mut inside: Inside, mut outside: Outside) -> ! {
    let mut quiet = clock::Quiet::default();
    loop {
        let now = clock.now();
        let collected = inside.step(now);
        let sent = match outside.step(now) {
            Ok(sent) => sent,
            Err(fatal) => stop(&fatal),
        };
        let next_us = inside.poll_at(now).min(outside.poll_at());
        quiet.rest(now, next_us, collected || sent);
    }
}
