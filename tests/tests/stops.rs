//! Whatever goes wrong, the box is reset into a verified boot, and the next beacon says what it was. A kernel that
//! misbehaves as its site's name says is built for this; it does so once, so that the second boot can tell.
//!
//! Boots of their own: each box is stopped by another fault, once in a boot, and the boot after it must tell.

use anyhow::Result;
use noreturn_tests::machine::Watchdog;
use noreturn_tests::site::idle_device;
use noreturn_tests::world::{Plan, World};

/// The box with `fault` runs, stops and runs again; the second boot says `last_stop`.
fn resets(fault: &str, watchdog: Watchdog, word: &str, last_stop: &str) -> Result<()> {
    let mut world = World::start(&Plan { fault: Some(fault), watchdog, ..Plan::new(idle_device()) })?;
    let first = world.wait_for_last_stop("unknown")?;
    assert_eq!((&first["image_check"], &first["watchdog"]), (&"match".into(), &word.into()));
    let said = world.machine.wait_for_serial(&format!("noreturn: {fault}"))?;
    assert_eq!(said.matches("noreturn loader: measuring").count(), 1, "it reset before it was told to");
    for passed in [
        "noreturn loader: self tests passed: SHA-256, Ed25519",
        "noreturn: self tests passed: SHA-256, HKDF-SHA256, SipHash-2-4, ChaCha20-Poly1305, AES-256-GCM, Reed-Solomon parity",
    ] {
        assert_eq!(said.matches(passed).count(), 1, "{passed}, in\n{said}");
    }
    let second = world.wait_for_last_stop(last_stop)?;
    assert_eq!((&second["image_check"], &second["watchdog"]), (&"match".into(), &word.into()));
    assert_ne!(first["boot"], second["boot"]);
    world.check_wire()
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
fn after_a_write_through_the_rings_reading_end() -> Result<()> {
    resets("planted write by the reader", Watchdog::Tco, "tco", "exception 14")
}

#[test]
fn after_a_write_through_the_insides_view_of_the_outside_card() -> Result<()> {
    resets("planted write to the outside card", Watchdog::Tco, "tco", "exception 14")
}

#[test]
fn after_a_transmitter_that_hangs() -> Result<()> {
    resets("planted transmit hang", Watchdog::Tco, "tco", "transmit timeout")
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
    let mut world = World::start(&Plan::new(idle_device()))?;
    let first = world.wait_for_last_stop("unknown")?;
    world.machine.monitor_command("system_reset")?;
    let second = world.wait_for_last_stop("reset")?;
    assert_ne!(first["boot"], second["boot"]);
    world.check_wire()
}
