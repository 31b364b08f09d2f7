//! V023: ports.

use std::ops::RangeInclusive;

use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use super::KernelRule;
use super::names::{Names, all_or_first};
use crate::program::{Function, Known, Program};

/// Where the list of ports is.
const LIST: &str = "PORTS in verify/src/rules/v023_ports.rs";
const MACHINE: &str = "noreturn_kernel::machine::Machine";
const HERMIT_CONSOLE: &str = "<hermit::arch::x86_64::kernel::Console>::write";
const HERMIT_CONSOLE_START: &str =
    "<hermit::console::CONSOLE::{closure#0} as core::ops::function::FnOnce<()>>::call_once";
const HERMIT_START: &str = "hermit::arch::x86_64::kernel::boot_processor_init";
const HERMIT_FREQUENCY: &str = "<hermit::arch::x86_64::kernel::processor::CPU_FREQUENCY::{closure#0} as core::ops::function::FnOnce<()>>::call_once";
const INSIDE_START: &str = "noreturn_kernel::start_inside";

/// Ports, and which functions may use them. Everything else is refused, whoever does it.
const PORTS: [(&str, &[RangeInclusive<u64>], Names); 9] = [
    (
        "PCI configuration",
        &[0xcf8..=0xcf8, 0xcfc..=0xcfc],
        Names {
            exact: &["main", INSIDE_START, "noreturn_kernel::start_outside", HERMIT_START, "hermit::initd"],
            within: &[MACHINE, "hermit::arch::x86_64::kernel::pci::PciConfigRegion"],
        },
    ),
    (
        "console",
        &[0x3f8..=0x3ff],
        Names {
            exact: &[
                "main",
                "<noreturn_kernel::stop::LastWords as core::fmt::Write>::write_str",
                HERMIT_CONSOLE,
                HERMIT_CONSOLE_START,
            ],
            within: &[],
        },
    ),
    (
        "serial line of a satellite receiver",
        &[0x2e8..=0x2ef, 0x2f8..=0x2ff, 0x3e8..=0x3ef],
        Names { exact: &[INSIDE_START, "<noreturn_kernel::inside::Inside>::step"], within: &[] },
    ),
    ("reset", &[0xcf9..=0xcf9], Names { exact: &["noreturn_kernel::stop::stop"], within: &[] }),
    (
        "interrupt controller",
        &[0x20..=0x21, 0xa0..=0xa1],
        Names {
            exact: &[
                HERMIT_START,
                HERMIT_FREQUENCY,
                "<hermit::arch::x86_64::kernel::processor::CpuFrequency>::measure_frequency_timer_handler",
                "hermit::arch::x86_64::kernel::pic::spurious_interrupt_on_slave",
            ],
            within: &[],
        },
    ),
    ("interval timer", &[0x40..=0x43, 0x61..=0x61], Names { exact: &[HERMIT_FREQUENCY], within: &[] }),
    (
        "clock of the mainboard",
        &[0x70..=0x71],
        Names {
            exact: &[HERMIT_START, "<hermit::arch::x86_64::kernel::systemtime::Rtc>::read_all_values"],
            within: &[],
        },
    ),
    (
        "hypervisor",
        &[0x400..=0x880],
        Names { exact: &["hermit::syscalls::interfaces::uhyve::uhyve_hypercall"], within: &[] },
    ),
    (
        "QEMU's exit",
        &[0xf4..=0xf4],
        Names { exact: &["hermit::arch::x86_64::kernel::processor::shutdown"], within: &[] },
    ),
];

/// Which functions may use a port that is not written in their code: where ACPI puts the watchdog and the power button, and serial lines whose
/// place is a variable.
const COMPUTED: Names = Names {
    exact: &[
        "main",
        "noreturn_kernel::run",
        INSIDE_START,
        "<noreturn_kernel::inside::Inside>::step",
        "hermit::arch::x86_64::kernel::acpi::poweroff",
        HERMIT_CONSOLE,
        HERMIT_CONSOLE_START,
    ],
    within: &[],
};

/// Ports are used by functions that are listed for them, and by no others.
pub(super) const RULE: KernelRule =
    KernelRule { id: "V023", title: "ports are used only by functions on a list, each its own", check };

fn check(program: &Program<'_>) -> Result<String, String> {
    let mut users = 0;
    let mut refused = Vec::new();
    for (function, _) in program.functions_with(is_port_access) {
        users += 1;
        Known::of(program, function).visit(|instruction, state| {
            if is_port_access(instruction) {
                let port = named(instruction).map(|port| vec![port]);
                let computed = || Some(state.register(Register::DX).numbers()?.iter().copied().collect());
                refused.extend(judge(function, instruction, port.or_else(computed)));
            }
        });
    }
    // The console is behind a port, so there is at least one.
    if users == 0 {
        return Err("no function uses ports, which cannot be".to_owned());
    }
    all_or_first(users, refused.into_iter(), "functions use ports")
}

/// What stands against an access, if anything does.
fn judge(function: &Function, instruction: &Instruction, ports: Option<Vec<u64>>) -> Option<String> {
    let told = |port: &str| {
        format!(
            "{} at {:#x} uses {port}, which is not on the list for it ({instruction}; {LIST})",
            function.name,
            instruction.ip()
        )
    };
    let Some(ports) = ports else {
        return (!COMPUTED.has(&function.name)).then(|| told("a port that is computed"));
    };
    let is_allowed = |port: &u64| {
        PORTS.iter().any(|(_, listed, names)| {
            listed.iter().any(|range| range.contains(port)) && names.has(&function.name)
        })
    };
    let refused = ports.iter().find(|port| !is_allowed(port))?;
    let device = PORTS.iter().find(|(_, listed, _)| listed.iter().any(|range| range.contains(refused)));
    Some(told(&format!(
        "port {refused:#x}, {}",
        device.map_or("of no device that has a place here", |(device, ..)| device)
    )))
}

fn is_port_access(instruction: &Instruction) -> bool {
    use Mnemonic::{In, Insb, Insd, Insw, Out, Outsb, Outsd, Outsw};
    matches!(instruction.mnemonic(), In | Out | Insb | Insw | Insd | Outsb | Outsw | Outsd)
}

/// The port that an instruction says by itself.
fn named(instruction: &Instruction) -> Option<u64> {
    let is_constant = |&operand: &u32| instruction.op_kind(operand) == OpKind::Immediate8;
    (0..instruction.op_count()).find(is_constant).map(|operand| instruction.immediate(operand))
}
