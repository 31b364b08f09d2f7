//! Whatever goes wrong, the box is reset into a verified boot, and the next beacon says what it was. A kernel that
//! misbehaves as its site's name says is built for this; it does so once, so that the second boot can tell.

use anyhow::Result;
use noreturn_tests::card::Card;
use noreturn_tests::machine::{Machine, OutsideWire, PROCESSOR, Remapping, Running, Watchdog};
use noreturn_tests::ports::{free_udp, loopback};
use noreturn_tests::process::wait_for;
use noreturn_tests::receiver::{ReceiverSettings, RunningReceiver};
use noreturn_tests::repository::planted_kernel;
use noreturn_tests::site::{DIODE_NAME, Image, Site, build_with, device};
use noreturn_tests::wire::{Faults, Wire};
use serde_json::Value;
use tempfile::TempDir;

const POINT: &str =
    "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n";

/// A box with a fault, and the receiver that it sends to.
struct Trial {
    machine: Running,
    receiver: RunningReceiver,
    _wire: Wire,
    _folder: TempDir,
}

impl Trial {
    fn start(fault: &str, watchdog: Watchdog) -> Result<Self> {
        let folder = TempDir::new()?;
        let receiver_port = free_udp()?;
        let site = Site { receiver_port, modbus: device("plc", 9, 1, "") + POINT };
        let text = site.text().replace(DIODE_NAME, fault);
        let image = build_with(&planted_kernel()?, &text, folder.path())?;
        let receiver = start_receiver(&folder, receiver_port, &image)?;
        let wire = Wire::lay(receiver_port, Faults::default())?;
        let machine = Machine {
            image: &image.path,
            folder: folder.path(),
            processor: PROCESSOR,
            inside: Card::VirtioNet,
            outside: Card::E1000e,
            wire: OutsideWire::Frames { card: loopback(free_udp()?), wire: wire.address },
            watchdog,
            remapping: Remapping::None,
        };
        let machine = machine.start()?;
        Ok(Self { machine, receiver, _wire: wire, _folder: folder })
    }

    /// What the receiver knows of the diode, once its beacon says that the boot before ended like this.
    fn wait_for_last_stop(&mut self, last_stop: &str) -> Result<Value> {
        let known = wait_for(&format!("a beacon after {last_stop:?}"), || {
            self.machine.check_running()?;
            let known = self.receiver.summary()?["diodes"][0].take();
            Ok((known["last_stop"] == last_stop).then_some(known))
        });
        known
            .map_err(|error| error.context(std::fs::read_to_string(&self.machine.serial).unwrap_or_default()))
    }
}

fn start_receiver(folder: &TempDir, port: u16, image: &Image) -> Result<RunningReceiver> {
    RunningReceiver::start(folder.path(), &ReceiverSettings { port, broker: None, image, live: false })
}

/// The box with `fault` runs, stops and runs again; the second boot says `last_stop`.
fn resets(fault: &str, watchdog: Watchdog, word: &str, last_stop: &str) -> Result<()> {
    let mut trial = Trial::start(fault, watchdog)?;
    let first = trial.wait_for_last_stop("unknown")?;
    assert_eq!((&first["image_check"], &first["watchdog"]), (&"match".into(), &word.into()));
    let said = trial.machine.wait_for_serial(&format!("noreturn: {fault}"))?;
    assert_eq!(said.matches("noreturn loader: measuring").count(), 1, "it reset before it was told to");
    let second = trial.wait_for_last_stop(last_stop)?;
    assert_eq!((&second["image_check"], &second["watchdog"]), (&"match".into(), &word.into()));
    assert_ne!(first["boot"], second["boot"]);
    Ok(())
}

#[test]
fn after_a_panic() -> Result<()> {
    resets("planted panic", Watchdog::Tco, "tco", "panicked")
}

#[test]
fn after_an_exhausted_heap() -> Result<()> {
    resets("planted heap exhaustion", Watchdog::Tco, "tco", "out of memory")
}

#[test]
fn after_an_invalid_instruction() -> Result<()> {
    resets("planted invalid opcode", Watchdog::Tco, "tco", "exception 6")
}

#[test]
fn after_an_access_to_nowhere() -> Result<()> {
    resets("planted page fault", Watchdog::Tco, "tco", "exception 14")
}

#[test]
fn after_a_use_of_address_0() -> Result<()> {
    resets("planted use of address 0", Watchdog::Tco, "tco", "exception 14")
}

#[test]
fn after_a_change_of_code() -> Result<()> {
    resets("planted change of code", Watchdog::Tco, "tco", "exception 14")
}

#[test]
fn after_an_execution_of_data() -> Result<()> {
    resets("planted execution of data", Watchdog::Tco, "tco", "exception 14")
}

#[test]
fn after_a_stack_overflow() -> Result<()> {
    resets("planted stack overflow", Watchdog::Tco, "tco", "exception 14")
}

#[test]
fn after_a_stall() -> Result<()> {
    resets("planted stall", Watchdog::I6300esb, "i6300esb", "stalled")
}

#[test]
fn after_a_stall_without_interrupts() -> Result<()> {
    resets("planted stall without interrupts", Watchdog::Tco, "tco", "stalled")
}

#[test]
fn after_somebody_pressed_the_reset_button() -> Result<()> {
    let mut trial = Trial::start("planted nothing", Watchdog::I6300esb)?;
    let first = trial.wait_for_last_stop("unknown")?;
    trial.machine.monitor_command("system_reset")?;
    let second = trial.wait_for_last_stop("reset")?;
    assert_ne!(first["boot"], second["boot"]);
    Ok(())
}
