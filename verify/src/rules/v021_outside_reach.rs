//! V021: what the outside half can come to.

use super::{KernelRule, outside};
use crate::program::{Function, Program, is_within, paths};

/// Crates that take what somebody sent.
const LISTENERS: [&str; 5] =
    ["noreturn_collect", "noreturn_inside", "noreturn_status", "noreturn_time", "smoltcp"];
/// The parts of the drivers and of the kernel that do.
const DRIVERS: &str = "noreturn_nic";
const KERNEL: &str = "noreturn_kernel";
const LISTENING_MODULES: [&str; 2] = ["inside", "receive"];

/// From the outside half no call leads to anything that receives, parses what was received, or is part of the inside half.
pub(super) const RULE: KernelRule =
    KernelRule { id: "V021", title: "the outside half comes to no code that receives", check };

fn check(program: &Program<'_>) -> Result<String, String> {
    let reached = outside::reach(program)?;
    // A rule that knows nothing of the inside half would find nothing outside.
    let listening = program.functions().iter().filter(|function| listens(function)).count();
    if listening == 0 {
        return Err("no code of the inside half is there, so its names have changed".to_owned());
    }
    match reached.functions().find(|function| listens(function)) {
        Some(listener) => Err(reached.way_to(listener)),
        None => Ok(format!(
            "{} of {} functions; none of the {listening} that receive",
            reached.functions().count(),
            program.functions().len()
        )),
    }
}

fn listens(function: &Function) -> bool {
    paths(&function.name).any(|path| {
        LISTENERS.iter().any(|listener| is_within(path, listener))
            || [DRIVERS, KERNEL].iter().any(|own| is_within(path, own))
                && path.split("::").any(|part| LISTENING_MODULES.contains(&part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_told_apart() {
        for (name, expected) in [
            ("<noreturn_nic::intel::receive::ReceiveRing>::take", true),
            ("<noreturn_kernel::inside::Inside>::step", true),
            ("noreturn_inside::filter::refusal", true),
            ("core::ptr::drop_in_place::<smoltcp::iface::interface::Interface>", true),
            (
                "<noreturn_nic::e1000e::transmit::Transmitter<noreturn_nic::memory::MmioRegion> as noreturn_nic::transmit::TransmitOnly>::transmit",
                false,
            ),
            ("<noreturn_kernel::outside::Outside>::step", false),
            ("<noreturn_link::sender::Sender>::poll_transmit", false),
        ] {
            assert_eq!(listens(&Function::named(name)), expected, "{name}");
        }
    }
}
