//! Fuzzing of everything that reads what somebody else wrote: each target is a function of bytes that panics
//! if a promise is broken.
//!
//! `./scripts/fuzz` runs the targets guided by coverage; `tests/tests/fuzz.rs` runs the committed corpus and
//! seeded mutations of it with any toolchain. Inputs that are guarded by a checksum or a key are made valid
//! here, so that what lies behind the guard is reached.

mod bill;
pub mod corpus;
mod device_path;
mod dmar;
mod fec;
mod floor;
mod formats;
mod frame;
pub mod hunt;
mod inside_stack;
mod kernel;
mod marks;
mod medium;
mod message;
mod modbus;
pub mod mutate;
mod neighbours;
mod receiver;
mod ring;
mod script;
pub mod seeds;
mod sender;
mod site;
mod status;
mod time;
mod tpm;

/// Something that is fuzzed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, as in `./scripts/fuzz NAME SECONDS`.
    pub name: &'static str,
    /// Runs one input.
    pub run: fn(&[u8]),
    /// How many mutations a plain test run tries; what is slow gets fewer.
    pub mutations: u32,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "bill", run: bill::bill, mutations: 20_000 },
    Target { name: "config", run: formats::config, mutations: 200_000 },
    Target { name: "device_path", run: device_path::device_path, mutations: 200_000 },
    Target { name: "dmar", run: dmar::dmar, mutations: 100_000 },
    Target { name: "fec", run: fec::fec, mutations: 8000 },
    Target { name: "floor", run: floor::floor, mutations: 100_000 },
    Target { name: "frame", run: frame::frame, mutations: 200_000 },
    Target { name: "handover", run: formats::handover, mutations: 200_000 },
    Target { name: "inside_stack", run: inside_stack::inside_stack, mutations: 10_000 },
    Target { name: "kernel", run: kernel::kernel_code, mutations: 2000 },
    Target { name: "manifest", run: formats::manifest, mutations: 100_000 },
    Target { name: "marks", run: marks::marks, mutations: 5000 },
    Target { name: "medium", run: medium::medium, mutations: 40 },
    Target { name: "message", run: message::message, mutations: 200_000 },
    Target { name: "modbus", run: modbus::poller, mutations: 50_000 },
    Target { name: "modbus_reply", run: modbus::reply, mutations: 200_000 },
    Target { name: "neighbours", run: neighbours::neighbours, mutations: 50_000 },
    Target { name: "nmea", run: time::nmea, mutations: 100_000 },
    Target { name: "receiver", run: receiver::receiver, mutations: 5000 },
    Target { name: "ring", run: ring::ring, mutations: 200_000 },
    Target { name: "sealed", run: floor::sealed, mutations: 100_000 },
    Target { name: "sender", run: sender::sender, mutations: 300 },
    Target { name: "site", run: site::site, mutations: 20_000 },
    Target { name: "sntp", run: time::sntp, mutations: 200_000 },
    Target { name: "status_http", run: status::http, mutations: 10_000 },
    Target { name: "status_modbus", run: status::modbus, mutations: 20_000 },
    Target { name: "tpm", run: tpm::tpm, mutations: 100_000 },
];

/// Runs one input of the target called `name`, for programs that have nothing else to do.
///
/// # Panics
/// If a promise is broken, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let target = target(name).expect("the table holds every target");
    (target.run)(data);
}

/// The target called `name`.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
