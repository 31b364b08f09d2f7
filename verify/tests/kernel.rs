//! The rules about machine code: each passes the model kernel, and finds every offence against it.

use noreturn_verify::model::{
    CODE, FUNCTION_BYTES, RELOCATION, START_FUNCTION, address, kernel, kernel_with, kernel_with_other,
};
use noreturn_verify::{Outcome, judge_kernel};

/// What a rule says of a kernel.
#[track_caller]
fn assert_kernel_fails(kernel: &[u8], id: &str, message: &str) {
    let findings = judge_kernel(kernel);
    let finding = findings.iter().find(|finding| finding.id == id).expect("the rule exists");
    assert!(matches!(&finding.outcome, Outcome::Fail(why) if why.contains(message)), "{finding:?}");
}

#[test]
fn kernels_that_could_do_what_they_must_not_are_found() {
    assert!(judge_kernel(&kernel()).iter().all(|finding| matches!(finding.outcome, Outcome::Pass(_))));
    assert_kernel_fails(
        &kernel_with("embedded_sdmmc::open", b"\xc3"),
        "V020",
        "embedded_sdmmc::open is of a crate",
    );
    assert_kernel_fails(&kernel_with("noreturn_kernel::nvme::start", b"\xc3"), "V020", "nvme: ");
    let calls = |place: u8| [0xe8, place * FUNCTION_BYTES as u8 - 5, 0, 0, 0, 0xc3];
    let step = "<noreturn_kernel::outside::Outside>::step";
    let receives = "step -> <noreturn_nic::intel::receive::ReceiveRing>::take";
    assert_kernel_fails(&kernel_with_other(1, step, &calls(2)), "V021", receives);
    assert_kernel_fails(&kernel_with_other(1, step, &calls(3)), "V021", "step -> <smoltcp::iface");
    // lea rax, [rip + 79h]: the address of the receiver is taken, and may be called later.
    let takes = b"\x48\x8d\x05\x79\0\0\0\xff\xd0\xc3";
    assert_kernel_fails(&kernel_with_other(1, step, takes), "V021", receives);
    assert_kernel_fails(
        &kernel_with_other(1, "something", b"\xc3"),
        "V021",
        "there is no ::outside::Outside>::step",
    );
    assert_kernel_fails(
        &kernel_with_other(1, "something", b"\xc3"),
        "V022",
        "there is no ::outside::Outside>::step",
    );
    assert_kernel_fails(&kernel_with("noreturn_kernel::x", b"\x0f\x6e\xc0\xc3"), "V024", "movd mm0,eax");
    assert_kernel_fails(&kernel_with("noreturn_kernel::x", b"\xd8\xc1\xc3"), "V024", "fadd st");
}

/// A call, or a branch as the last act of a function at `place`, `before` bytes behind its start, to another function.
fn to(place: usize, before: usize, target: usize) -> [u8; 4] {
    let distance = (target as i32 - place as i32) * FUNCTION_BYTES as i32 - before as i32 - 4;
    distance.to_le_bytes()
}

const TRANSMIT: &str = "<noreturn_nic::e1000e::transmit::Transmitter<noreturn_nic::memory::MmioRegion> as noreturn_nic::transmit::TransmitOnly>::transmit";
const WRITE: usize = 9;

/// A driver's function in place of the one that sends, which ends with a write of a register.
fn kernel_that_sends(name: &str, code: &[u8]) -> Vec<u8> {
    kernel_with_other(2, name, &[code, &[0xe9], &to(2, code.len() + 1, WRITE)].concat())
}

#[test]
fn writes_that_are_not_on_the_list_are_found() {
    let igb = TRANSMIT.replace("e1000e", "igb");
    let sends = |place: u8| [0xba, 0, place, 0, 0]; // mov edx, place
    for (kernel, message) in [
        (
            kernel_that_sends(TRANSMIT, &sends(0x01)),
            "0x100 is not among what is written to the Intel 82574 when sending",
        ),
        (kernel_that_sends(TRANSMIT, b"\xba\x18\x28\0\0"), "writes when sending to 0x2818"),
        (
            kernel_that_sends(&igb, b"\xba\x28\xc0\0\0"),
            "0xc028 is not among what is written to the igb card when sending",
        ),
        // The place is not known: it comes from memory, or is computed from what does.
        (kernel_that_sends(TRANSMIT, b"\x8b\x16"), "it must be known where"),
        (kernel_that_sends(TRANSMIT, b"\xba\x18\x38\0\0\x03\x16"), "it must be known where"),
        // The place is computed from constants, chosen from two, or passed by the stack.
        (kernel_that_sends(TRANSMIT, b"\xba\x18\x38\0\0\x81\xea\x18\x37\0\0"), "0x100 is not among"),
        (kernel_that_sends(TRANSMIT, b"\xba\x18\x38\0\0\xb8\0\x01\0\0\x0f\x44\xd0"), "0x100 is not among"),
        (kernel_that_sends(TRANSMIT, b"\x68\0\x01\0\0\x5a"), "0x100 is not among"),
        (
            kernel_that_sends("<noreturn_nic::frame::UdpFrame>::emit", b"\xba\x18\x38\0\0"),
            "there is no  as noreturn_nic::transmit::TransmitOnly>::",
        ),
        (
            kernel_with_other(
                0,
                "noreturn_kernel::start_outside",
                &[&sends(1)[..], &[0xe9], &to(0, 6, WRITE)].concat(),
            ),
            "no code of this name may write to a device",
        ),
        // mov rax, [rdi+20h]; mov [rax+100h], ecx: without a call.
        (
            kernel_that_sends(TRANSMIT, b"\x48\x8b\x47\x20\x89\x88\0\x01\0\0\xba\x18\x38\0\0"),
            "0x100 is not among",
        ),
    ] {
        assert_kernel_fails(&kernel, "V022", message);
    }
}

/// An outside half that does this before it sends.
fn kernel_that_steps(code: &[u8]) -> Vec<u8> {
    let step = "<noreturn_kernel::outside::Outside>::step";
    kernel_with_other(1, step, &[code, &[0xe9], &to(1, code.len() + 1, 2)].concat())
}

#[test]
fn writes_of_every_kind_to_what_is_no_variable_are_found() {
    let absent = "::step at 0x1185 writes to the address 0xfeb00100, where the kernel has no variable";
    let bit = "::step at 0x1180 writes a bit whose number is in a register";
    let stack = "writes by the stack's pointer, which leads to something else than a stack";
    let counted = "writes to an address that is counted from a number";
    for (code, message) in [
        (&b"\xb8\0\x01\xb0\xfe\x89\x08"[..], absent), // mov eax, feb00100h; mov [rax], ecx
        (b"\x89\x0c\x25\0\x01\0\x40", "the address 0x40000100, where"), // mov [40000100h], ecx
        (b"\xbf\0\x01\xb0\xfe\xab", absent),          // mov edi, feb00100h; stosd
        (b"\xbf\0\x01\xb0\xfe\xa5", absent),          // movsd
        (b"\xbf\0\x01\xb0\xfe\xf3\xab", "the address 0xfeb00100 and so many places behind it"), // rep stosd
        (b"\xbb\0\x01\xb0\xfe\xf0\x0f\xc1\x0b", absent), // lock xadd [rbx], ecx
        (b"\xbb\0\x01\xb0\xfe\xf0\x0f\xb1\x0b", absent), // lock cmpxchg [rbx], ecx
        (b"\xbb\0\x01\xb0\xfe\x87\x0b", absent),      // xchg [rbx], ecx
        (b"\xbb\0\x01\xb0\xfe\x8f\x03", absent),      // pop [rbx]
        (b"\x48\x0f\xab\x07", bit),                   // bts [rdi], rax
        (b"\xf0\x48\x0f\xb3\x07", bit),               // lock btr [rdi], rax
        (b"\x0f\xbb\x07", bit),                       // btc [rdi], eax
        (b"\x48\x8b\x27\x50", stack),                 // mov rsp, [rdi]; push rax
        (b"\xbc\0\x01\xb0\xfe\x50", stack),           // mov esp, feb00100h; push rax
        (b"\x48\x8b\x27\xff\xd0", stack),             // mov rsp, [rdi]; call rax
        (b"\x48\x8b\x27\x9c", stack),                 // mov rsp, [rdi]; pushf
        (b"\x65\x48\x8b\x04\x25\x08\0\0\0\x48\x8b\x60\x28\x50", stack), // mov rax, gs:[8]; mov rsp, [rax+28h]; push rax
        (b"\xb8\0\0\xb0\xfe\x48\x03\x07\x89\x08", counted), // mov eax, feb00000h; add rax, [rdi]; mov [rax], ecx
        (b"\xb8\0\0\xb0\xfe\x0f\xb6\x0f\x89\x34\x88", counted), // movzx ecx, [rdi]; mov [rax+rcx*4], esi
        (b"\x65\x89\x08", "writes to a place in a segment that is not known"), // mov gs:[rax], ecx
        (b"\x89\x0c\x25\x80\x11\0\0", "the address 0x1180, where"), // mov [1180h], ecx: its own code
    ] {
        assert_kernel_fails(&kernel_that_steps(code), "V022", message);
    }
    for code in [
        &b"\x89\x0c\x25\xc0\x23\0\0"[..], // mov [23c0h], ecx: a variable
        b"\xbf\xc0\x23\0\0\xab",          // mov edi, 23c0h; stosd
        b"\x0f\xba\x2f\x03",              // bts dword [rdi], 3
        b"\x48\x83\xe4\xc0\x50\x58",      // and rsp, -40h; push rax; pop rax
        b"\x48\x8d\x7c\x24\xf0\xf3\xaa",  // lea rdi, [rsp-10h]; rep stosb
        b"\x65\x48\x8b\x04\x25\x08\0\0\0\x48\x8b\x60\x20\x50", // mov rax, gs:[8]; mov rsp, [rax+20h]; push rax
    ] {
        let findings = judge_kernel(&kernel_that_steps(code));
        assert!(findings.iter().all(|finding| matches!(finding.outcome, Outcome::Pass(_))), "{findings:?}");
    }
}

/// Who writes by what it was given is asked of who gives it.
#[test]
fn addresses_that_are_handed_over_are_found() {
    let message = "hands over the address 0xfeb00100, where the kernel has no variable to <noreturn_kernel::outside::Outside>::step";
    for writes in [&b"\x89\x37"[..], b"\xf3\xaa", b"\x48\x89\xfb\x89\x33"] {
        // It writes to [rdi], and calls itself: mov edi, feb00100h; call step
        let code = [writes, b"\xbf\0\x01\xb0\xfe\xe8"].concat();
        let code = [&code[..], &to(1, code.len(), 1)].concat();
        assert_kernel_fails(&kernel_that_steps(&code), "V022", message);
    }
    // mov [rdi+rsi*8], rax: an index that is not known.
    let code = [&b"\x48\x89\x04\xf7\xbf\0\x01\xb0\xfe\xe8"[..], &to(1, 10, 1)].concat();
    assert_kernel_fails(
        &kernel_that_steps(&code),
        "V022",
        "hands over an address that is counted from a number",
    );
}

/// In a loop, by a table on the stack: every place is found, and nothing is refused that is on the list.
#[test]
fn places_that_a_loop_takes_from_a_table_are_known() {
    // sub rsp, 18h; mov qword [rsp], PLACE; mov qword [rsp+8], 3818h; xor ebx, ebx
    // again: mov rdx, [rsp+rbx*8]; call write32; inc rbx; cmp rbx, 2; jne again; add rsp, 18h; mov edx, 3818h
    let looped = |place: [u8; 2]| {
        let begin = [
            b"\x48\x83\xec\x18\x48\xc7\x04\x24",
            &place[..],
            b"\0\0\x48\xc7\x44\x24\x08\x18\x38\0\0\x31\xdb",
        ]
        .concat();
        let again = [b"\x48\x8b\x14\xdc\xe8", &to(2, begin.len() + 5, WRITE)[..]].concat();
        let end = b"\x48\xff\xc3\x48\x83\xfb\x02\x75\xee\x48\x83\xc4\x18\xba\x18\x38\0\0";
        kernel_that_sends(TRANSMIT, &[&begin[..], &again, end].concat())
    };
    let findings = judge_kernel(&looped([0x18, 0x38]));
    assert!(findings.iter().all(|finding| matches!(finding.outcome, Outcome::Pass(_))), "{findings:?}");
    assert_kernel_fails(&looped([0, 1]), "V022", "writes when sending to 0x100 0x3818");
}

#[test]
fn ports_and_privileged_instructions_are_only_where_they_are_listed() {
    for (code, id, message) in [
        (
            &b"\xe4\x60\xc3"[..],
            "V023",
            "noreturn_kernel::x at 0x13c0 uses port 0x60, of no device that has a place here",
        ),
        (b"\x66\xba\xf7\x01\xec\xc3", "V023", "uses port 0x1f7"),
        (
            b"\xba\xf8\x0c\0\0\xef\xc3",
            "V023",
            "uses port 0xcf8, PCI configuration, which is not on the list for it",
        ),
        (b"\xba\xfc\x0c\0\0\xed\xc3", "V023", "uses port 0xcfc"),
        (b"\xec\xc3", "V023", "uses a port that is computed"),
        (b"\x0f\x30\xc3", "V027", "has model-specific registers, and is not on the list for it (wrmsr"),
        (b"\x0f\x22\xd8\xc3", "V027", "a write to a control register"),
        (b"\x0f\x20\xd8\xc3", "V027", "a read of a control register"),
        (b"\x0f\x23\xf8\xc3", "V027", "what no function here may do"),
        (b"\x0f\x01\x18\xc3", "V027", "the processor's tables"),
        (b"\x0f\x00\xd8\xc3", "V027", "(ltr"),
        (b"\x8e\xd8\xc3", "V027", "(mov ds,"),
        (b"\xf4\xc3", "V027", "a halt"),
        (b"\x0f\x01\xd1\xc3", "V027", "(xsetbv"),
        (b"\x0f\x01\x38\xc3", "V027", "(invlpg"),
        (b"\x0f\x09\xc3", "V027", "(wbinvd"),
        (b"\x0f\x05\xc3", "V027", "(syscall"),
        (b"\xcd\x80\xc3", "V027", "(int 80h"),
        (b"\x48\xcf", "V027", "a return from an interrupt"),
        (b"\x0f\xc7\xf0\xc3", "V027", "the processor's random numbers"),
        (b"\x48\x0f\xc7\xf8\xc3", "V027", "(rdseed"),
    ] {
        assert_kernel_fails(&kernel_with("noreturn_kernel::x", code), id, message);
    }
    assert_kernel_fails(&kernel_with("noreturn_nic::x", b"\xfa\xc3"), "V027", "whether interrupts come");
    for (name, code) in
        [("noreturn_kernel::x", &b"\xfa\xfb\xc3"[..]), ("main", b"\x0f\x30\xba\xf8\x0c\0\0\xef\xc3")]
    {
        let findings = judge_kernel(&kernel_with(name, code));
        assert!(findings.iter().all(|finding| matches!(finding.outcome, Outcome::Pass(_))), "{findings:?}");
    }
}

#[test]
fn code_that_nobody_names_or_decodes_is_found() {
    let hidden = |place: usize, bytes: &[u8]| {
        let mut kernel = kernel();
        kernel[CODE + place..CODE + place + bytes.len()].copy_from_slice(bytes);
        kernel
    };
    let behind = 3 * FUNCTION_BYTES + 8;
    assert_kernel_fails(
        &hidden(behind, b"\x90\xc3"),
        "V025",
        "are neither a function nor padding: (unnamed code at 0x1201)",
    );
    assert_kernel_fails(&hidden(behind, b"\0\0"), "V025", "are neither a function nor padding");
    assert_kernel_fails(
        &kernel_with("noreturn_kernel::x", b"\x06\xc3"),
        "V025",
        "bytes that are no instruction",
    );
    assert_kernel_fails(&kernel_with("noreturn_kernel::x", b"\xc3\xb8"), "V025", "noreturn_kernel::x");
    // jmp into the constant of another instruction, and to where nothing is executed.
    assert_kernel_fails(
        &kernel_with("noreturn_kernel::x", b"\xb8\x0f\x30\xc3\0\xeb\xfa"),
        "V025",
        "where no instruction starts",
    );
    assert_kernel_fails(
        &kernel_with("noreturn_kernel::x", b"\xe9\0\0\x10\0"),
        "V025",
        "where no instruction starts",
    );
    // An address that is written when the program is loaded.
    let mut pointed = kernel();
    pointed[RELOCATION + 16] += 1;
    assert_kernel_fails(&pointed, "V025", "leads to 0x1141, where no instruction starts");
    // A function that lies on another one.
    let mut doubled = kernel();
    let sections = u64::from_le_bytes(doubled[40..48].try_into().unwrap()) as usize;
    let symbols =
        u64::from_le_bytes(doubled[sections + 128 + 24..sections + 128 + 32].try_into().unwrap()) as usize;
    doubled[symbols + 24 + 16] = 100;
    assert_kernel_fails(&doubled, "V025", "lies on another function");
}

#[test]
fn a_kernel_that_starts_elsewhere_is_found() {
    let mut elsewhere = kernel();
    elsewhere[24..32].copy_from_slice(&address(4).to_le_bytes());
    assert_kernel_fails(
        &elsewhere,
        "V026",
        "in <smoltcp::iface::interface::Interface>::poll, and not with _start",
    );
    let mut within = kernel();
    within[24] += 2;
    assert_kernel_fails(&within, "V026", "and not with _start");
    let mut other = kernel();
    other[CODE + START_FUNCTION * FUNCTION_BYTES + 11] ^= 1;
    assert_kernel_fails(&other, "V026", "_start holds other instructions than Hermit's");
    assert_kernel_fails(
        &kernel_with_other(8, "something", b"\xc3"),
        "V026",
        "_start does not go on with pre_init",
    );
}

#[test]
fn a_kernel_that_hides_its_functions_is_found() {
    let mut stripped = kernel();
    let sections = u64::from_le_bytes(stripped[40..48].try_into().unwrap()) as usize;
    stripped[sections + 2 * 64 + 4] = 0; // the symbols are no symbols
    for id in ["V020", "V021", "V022", "V023", "V024", "V025", "V026", "V027"] {
        assert_kernel_fails(&stripped, id, "it has no symbols");
        assert_kernel_fails(b"", id, "it is no ELF file");
    }
}
