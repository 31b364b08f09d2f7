//! The unikernel: everything that runs on the box after the loader. This file is the boot story.
//!
//! Two halves run in turns on one processor: [`inside`] collects, [`outside`] sends. What
//! they share is the ring, which only the inside writes, and nothing else: the facts of the boot are handed to each.
#![no_std]
#![no_main]

extern crate alloc;

mod attest;
mod clock;
mod crossing;
mod entropy;
mod exceptions;
mod facts;
mod fatal;
mod fence;
mod handover;
mod inside;
mod machine;
mod memory;
mod outside;
#[cfg(feature = "planted")]
mod planted;
mod protect;
mod self_test;
mod settings;
mod stop;
mod trace;

use noreturn_image_format::Config;
use noreturn_inside::random::Generator;
use noreturn_nic::bystanders::{self, Bystanders};
use noreturn_nic::{InsideCard, LinkSight, OutsideCard, StationAddress, TransmitOnly};
use noreturn_wire::{BootId, DmaFence};

use attest::Attest;
use clock::Clock;
use facts::Facts;
use fatal::{Fatal, say};
use inside::Inside;
use machine::{Machine, Ports, Watchdog};
use outside::Outside;
use stop::stop;

/// Everything that runs.
struct Running {
    clock: Clock,
    watchdog: Option<Watchdog>,
    inside: Inside,
    outside: Outside,
}

/// Hermit calls this once it runs; it never returns.
#[unsafe(no_mangle)]
extern "C" fn main(argc: i32, argv: *const *const u8, _envp: *const *const u8) -> i32 {
    match start(argc, argv) {
        Ok(running) => run(running),
        Err(fatal) => stop(fatal.cause(), format_args!("{fatal}")),
    }
}

/// Brings the box up, or says why it cannot be.
fn start(argc: i32, argv: *const *const u8) -> Result<Running, Fatal> {
    clock::learn();
    exceptions::install()?;
    protect::apply()?;
    let handover = handover::arguments(argc, argv)?;
    // First, so that whatever stops the box from here on is told by the next boot.
    let trace = trace::take(handover.trace_address);
    self_test::run()?;
    let config = handover::config(&handover)?;
    let clock = Clock::start();
    let mut machine = Machine::new();
    let cards = [config.outside.card, config.inside.card].map(machine::address);
    // The first that is done to PCI: whatever the firmware left at work reaches no memory from here on, the two cards before all others.
    let bystanders = bystanders::silence(&mut machine, &cards);
    let watchdog = noreturn_watchdog::start(&mut machine, Ports);
    let watched = watchdog.as_ref().map(|watchdog| (watchdog.model(), watchdog.has_reset()));
    let dma_fence = fence::start(&mut machine, handover.acpi_root, cards)?;
    check_bystanders(&bystanders, dma_fence)?;
    let mut random = entropy::generator()?;
    let facts = Facts::new(BootId(random.bytes()), &handover, &config, trace, watched, dma_fence)?;
    say!("diode {} \"{}\", boot {}", config.diode.id, config.diode.name, facts.boot);
    say!("image {}", handover.image_sha256);
    say!("last stop: {}; watchdog: {}", facts.last_stop, facts.watchdog.name());

    #[cfg(feature = "planted")]
    planted::choose(&config.diode.name, facts.last_stop);
    memory::check(&config)?;
    let (writer, reader) = crossing::ring(&mut machine)?;
    // Outside first: the inside looks at its card's link.
    let (mut outside, sight) = start_outside(&mut machine, &facts, &config, reader)?;
    outside.attest(Attest::start(&mut machine, handover.acpi_root, facts.boot)?);
    let inside = start_inside(&mut machine, &facts, config, sight, &clock, random, writer)?;
    // Nothing more will be given to a card.
    outside.watch(fence::Guard::new(machine.into_fence())?);
    Ok(Running { clock, watchdog, inside, outside })
}

/// Nothing but the cards may reach memory: by its own obedience, or else because of the fence.
fn check_bystanders(bystanders: &Bystanders, dma_fence: DmaFence) -> Result<(), Fatal> {
    let Bystanders { functions, were_active, stuck } = bystanders;
    say!(
        "{functions} other devices: no access to memory, no interrupts; the firmware had left {were_active} active"
    );
    if let Some(stuck) = bystanders.danger(dma_fence != DmaFence::None) {
        return Err(Fatal::Stuck(stuck));
    }
    if let Some(stuck) = stuck {
        say!("{stuck} ignores that; the DMA fence holds it");
    }
    Ok(())
}

// As `Outside::step`, a function of its own in the binary.
#[inline(never)]
fn start_outside(
    machine: &mut Machine,
    facts: &Facts,
    config: &Config,
    reader: crossing::Reader,
) -> Result<(Outside, LinkSight), Fatal> {
    let (card, firmware) =
        OutsideCard::start(machine, machine::address(config.outside.card), config.outside.card_mac)?;
    let mac = StationAddress(card.station_address());
    say!(
        "outside {} {:?} {mac}: transmit only; firmware left {firmware:?}",
        config.outside.card,
        card.model()
    );
    let sight = card.link_sight(machine)?;
    Ok((Outside::new(card, firmware, facts, config, reader)?, sight))
}

fn start_inside(
    machine: &mut Machine,
    facts: &Facts,
    config: Config,
    sight: LinkSight,
    clock: &Clock,
    random: Generator,
    writer: crossing::Writer,
) -> Result<Inside, Fatal> {
    let card = InsideCard::start(machine, machine::address(config.inside.card), config.inside.card_mac)?;
    say!(
        "inside {} {:?} {}: {}/{}",
        config.inside.card,
        card.model(),
        StationAddress(card.station_address()),
        config.inside.address,
        config.inside.prefix
    );
    Ok(Inside::new(card, sight, facts, config, clock, random, writer))
}

/// Collects and sends for ever.
fn run(running: Running) -> ! {
    let Running { clock, mut watchdog, mut inside, mut outside } = running;
    let mut quiet = clock::Quiet::default();
    let mut feed_at_us = 0;
    loop {
        let now_us = clock.uptime_us();
        if now_us >= feed_at_us {
            feed_at_us = now_us + noreturn_watchdog::FEED_US;
            watchdog.iter_mut().for_each(Watchdog::feed);
        }
        #[cfg(feature = "planted")]
        planted::act(now_us);
        let collected = inside.step(&clock);
        let busy = match outside.step(now_us) {
            Ok(sent) => sent || collected,
            Err(fatal) => stop(fatal.cause(), format_args!("{fatal}")),
        };
        let next_us = inside.poll_at(now_us).min(outside.poll_at());
        quiet.rest(now_us, next_us, busy);
    }
}
