//! The seeds of the corpus: for each target the inputs that people can think of.
//!
//! `cargo run -p noreturn-tests --bin fuzz-seeds` writes them anew after a format has changed.

mod device_path;
mod dmar;
mod formats;
mod receiver;
mod scripts;
mod status;
mod time;
mod tpm;
mod wire;

pub(super) use formats::config;

/// An input with a name.
pub type Seed = (&'static str, Vec<u8>);

/// The seeds of the target called `name`; none if there is no such target.
#[must_use]
pub fn of(name: &str) -> Vec<Seed> {
    match name {
        "bill" => formats::bills(),
        "config" => formats::configs(),
        "device_path" => device_path::device_paths(),
        "dmar" => dmar::dmars(),
        "fec" => scripts::fec(),
        "floor" => tpm::floors(),
        "frame" => wire::frames(),
        "handover" => formats::handovers(),
        "inside_stack" => scripts::inside_stack(),
        "kernel" => scripts::kernel(),
        "manifest" => formats::manifests(),
        "marks" => scripts::marks(),
        "medium" => scripts::medium(),
        "message" => wire::messages(),
        "modbus" => scripts::modbus(),
        "modbus_reply" => wire::modbus_replies(),
        "neighbours" => scripts::neighbours(),
        "nmea" => time::nmea(),
        "receiver" => receiver::receiver(),
        "ring" => scripts::ring(),
        "sealed" => tpm::keys(),
        "sender" => scripts::sender(),
        "site" => formats::sites(),
        "sntp" => time::sntp(),
        "status_http" => status::http(),
        "status_modbus" => status::modbus(),
        "tpm" => tpm::tpm(),
        _ => Vec::new(),
    }
}
