//! V027: instructions that change what the processor is.

use iced_x86::{Instruction, Mnemonic, Register};

use super::KernelRule;
use super::names::{Names, all_or_first};
use crate::program::{Function, Program};

const LIST: &str = "KINDS in verify/src/rules/v027_privileged.rs";
const HERMIT_START: &str = "hermit::arch::x86_64::kernel::boot_processor_init";
const HERMIT_CONSOLE: &str =
    "<hermit::console::CONSOLE::{closure#0} as core::ops::function::FnOnce<()>>::call_once";
const HERMIT_FEATURES: &str = "<hermit::arch::x86_64::kernel::processor::FEATURES::{closure#0} as core::ops::function::FnOnce<()>>::call_once";
const SWITCH: &str = "hermit::arch::x86_64::kernel::switch::switch_to_task";
const SWITCH_VECTORS: &str = "hermit::arch::x86_64::kernel::switch::switch_to_fpu_owner";
const NO_VECTORS: &str = "hermit::arch::x86_64::kernel::interrupts::device_not_available_exception";
const FREE_TASK: &str = "<alloc::rc::Rc<core::cell::RefCell<hermit::scheduler::task::Task>>>::drop_slow";
const FREE_FRAMES: &str = "hermit::arch::x86_64::mm::physicalmem::init_frame_range";
const GENERAL_PROTECTION: &str = "hermit::arch::x86_64::kernel::interrupts::general_protection_exception";
const PAGE_FAULT: &str = "hermit::arch::x86_64::mm::paging::page_fault_handler";
const MAP_PAGE: &str = "noreturn_kernel::machine::map_page";

/// What is told of a kind, which instructions are of it, and who may have them.
type Kind = (&'static str, fn(&Instruction) -> bool, Names);

/// Kinds of instructions, and which functions may have them. One that is privileged and of no kind is refused wherever it is.
const KINDS: [Kind; 10] = [
    (
        "model-specific registers",
        |i| matches!(i.mnemonic(), Mnemonic::Rdmsr | Mnemonic::Wrmsr),
        Names {
            exact: &[
                "main",
                HERMIT_START,
                HERMIT_CONSOLE,
                HERMIT_FEATURES,
                "hermit::arch::x86_64::kernel::apic::local_apic_read",
                "hermit::arch::x86_64::kernel::apic::local_apic_write",
                "hermit::arch::x86_64::kernel::apic::set_oneshot_timer",
            ],
            within: &[],
        },
    ),
    (
        "a write to a control register",
        |i| i.op0_register().is_cr() || matches!(i.mnemonic(), Mnemonic::Clts | Mnemonic::Xsetbv),
        Names { exact: &["main", "pre_init", HERMIT_START, SWITCH, NO_VECTORS], within: &[] },
    ),
    (
        "a read of a control register",
        |i| i.op1_register().is_cr(),
        Names {
            exact: &[
                "main",
                "pre_init",
                HERMIT_START,
                SWITCH,
                FREE_TASK,
                FREE_FRAMES,
                PAGE_FAULT,
                MAP_PAGE,
                "noreturn_kernel::exceptions::raised",
            ],
            within: &["hermit::arch::x86_64::mm::paging"],
        },
    ),
    (
        "the processor's tables",
        |i| {
            use Mnemonic::{Lgdt, Lidt, Lldt, Ltr};
            matches!(i.mnemonic(), Lgdt | Lidt | Lldt | Ltr) || is_segment(i.op0_register())
        },
        Names {
            exact: &["main", HERMIT_START, "hermit::arch::x86_64::kernel::processor::triple_fault"],
            within: &[],
        },
    ),
    (
        "the base of a segment",
        |i| {
            matches!(
                i.mnemonic(),
                Mnemonic::Wrfsbase | Mnemonic::Wrgsbase | Mnemonic::Rdfsbase | Mnemonic::Rdgsbase
            )
        },
        Names { exact: &[HERMIT_START, SWITCH, SWITCH_VECTORS, GENERAL_PROTECTION, PAGE_FAULT], within: &[] },
    ),
    (
        "an address that is translated anew",
        |i| i.mnemonic() == Mnemonic::Invlpg,
        Names {
            exact: &[HERMIT_START, FREE_TASK, FREE_FRAMES, MAP_PAGE],
            within: &["hermit::arch::x86_64::mm::paging"],
        },
    ),
    (
        "a halt",
        |i| matches!(i.mnemonic(), Mnemonic::Hlt | Mnemonic::Monitor | Mnemonic::Mwait),
        Names {
            exact: &[
                "pre_init",
                "<hermit::scheduler::PerCoreScheduler>::run",
                "<hermit::syscalls::interfaces::uhyve::Uhyve as hermit::syscalls::interfaces::SyscallInterface>::shutdown",
            ],
            within: &[],
        },
    ),
    (
        "a return from an interrupt or to another segment",
        |i| matches!(i.mnemonic(), Mnemonic::Iret | Mnemonic::Iretd | Mnemonic::Iretq | Mnemonic::Retf),
        Names {
            exact: &[HERMIT_START, NO_VECTORS],
            within: &[
                "hermit::arch::x86_64::kernel::interrupts",
                "hermit::arch::x86_64::kernel::processor::CpuFrequency",
                "hermit::arch::x86_64::kernel::scheduler::timer_handler",
                "hermit::arch::x86_64::kernel::serial::serial_interrupt",
            ],
        },
    ),
    (
        // Whatever calls Hermit or holds one of its locks does so; whoever else switches interrupts off can only stall the box.
        "whether interrupts come",
        |i| matches!(i.mnemonic(), Mnemonic::Cli | Mnemonic::Sti),
        Names { exact: &["main"], within: &["hermit", "hermit_sync", "interrupt_mutex", "noreturn_kernel"] },
    ),
    (
        // They are asked at start alone: a processor whose source fails later does not stop a box that runs.
        "the processor's random numbers",
        |i| matches!(i.mnemonic(), Mnemonic::Rdrand | Mnemonic::Rdseed),
        Names { exact: &[], within: &["noreturn_kernel::entropy"] },
    ),
];

/// Instructions that change what the processor is, are in functions that are listed for them, and in no others.
pub(super) const RULE: KernelRule =
    KernelRule { id: "V027", title: "privileged instructions are only in functions on a list", check };

fn check(program: &Program<'_>) -> Result<String, String> {
    let mut count = 0;
    let mut refused = Vec::new();
    for function in program.functions() {
        for instruction in program.instructions(function).filter(is_special) {
            count += 1;
            refused.extend(judge(function, &instruction));
        }
    }
    all_or_first(count, refused.into_iter(), "instructions")
}

/// What stands against an instruction, if anything does.
fn judge(function: &Function, instruction: &Instruction) -> Option<String> {
    let kind = KINDS.iter().find(|(_, is_of_kind, _)| is_of_kind(instruction));
    if kind.is_some_and(|(.., names)| names.has(&function.name)) {
        return None;
    }
    let what = kind.map_or("what no function here may do", |(what, ..)| what);
    let Function { name, .. } = function;
    Some(format!(
        "{name} at {:#x} has {what}, and is not on the list for it ({instruction}; {LIST})",
        instruction.ip()
    ))
}

/// Whether an instruction is privileged, leads into or out of privileged code, or asks for random numbers; ports are V023's.
fn is_special(instruction: &Instruction) -> bool {
    use Mnemonic::{
        In, Insb, Insd, Insw, Int, Int1, Into, Iret, Iretd, Iretq, Out, Outsb, Outsd, Outsw, Rdfsbase,
        Rdgsbase, Retf, Syscall, Sysenter, Vmcall, Vmmcall, Wrfsbase, Wrgsbase,
    };
    match instruction.mnemonic() {
        In | Insb | Insw | Insd | Out | Outsb | Outsw | Outsd => false,
        Int | Int1 | Into | Iret | Iretd | Iretq | Retf | Rdfsbase | Rdgsbase | Wrfsbase | Wrgsbase => true,
        Syscall | Sysenter | Vmcall | Vmmcall => true,
        Mnemonic::Monitor | Mnemonic::Mwait | Mnemonic::Rdrand | Mnemonic::Rdseed => true,
        _ => instruction.is_privileged() || is_segment(instruction.op0_register()),
    }
}

const fn is_segment(register: Register) -> bool {
    matches!(
        register,
        Register::CS | Register::DS | Register::ES | Register::SS | Register::FS | Register::GS
    )
}
