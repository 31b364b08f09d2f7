//! Our edits to hermit-kernel 0.11.0.

use crate::edit::Edit;

const NAKED: &str = "current compilers spell the attribute `#[unsafe(naked)]`";
const BUILD_TIME: &str = "the wall clock of the build would make every build different";
const UNKNOWN_STATE: &str = "the box must reset, not power off, idle or run on without a task";
const SERIAL_INPUT: &str = "the serial port is an output: nothing that arrives there may be read";

/// In the order of application.
pub const EDITS: &[Edit] = &[
    Edit {
        file: "src/arch/x86_64/kernel/scheduler.rs",
        old: "#[naked]\n",
        new: "#[unsafe(naked)]\n",
        count: 1,
        reason: NAKED,
    },
    Edit {
        file: "src/arch/x86_64/kernel/start.rs",
        old: "#[naked]\n",
        new: "#[unsafe(naked)]\n",
        count: 1,
        reason: NAKED,
    },
    Edit {
        file: "src/arch/x86_64/kernel/switch.rs",
        old: "#[naked]\n",
        new: "#[unsafe(naked)]\n",
        count: 2,
        reason: NAKED,
    },
    Edit {
        file: "src/fs/mod.rs",
        old: "build_time::build_time_utc!()",
        new: "\"not recorded\"",
        count: 1,
        reason: BUILD_TIME,
    },
    Edit {
        file: "Cargo.toml",
        old: "[dependencies.build-time]\nversion = \"0.1.3\"\n\n",
        new: "",
        count: 1,
        reason: BUILD_TIME,
    },
    // The manifest asks for a C library too, which nobody links and which takes time at every build.
    Edit {
        file: "Cargo.toml",
        old: "crate-type = [\n    \"staticlib\",\n    \"lib\",\n]",
        new: "crate-type = [\"lib\"]",
        count: 1,
        reason: "the kernel is linked as a Rust library only",
    },
    // `uart_16550::SerialPort::init` ends by writing 1 (received data available) to the interrupt enable register,
    // base + 1 (16550D datasheet, section 8.6). With 0 there the port raises no interrupt, and the handler, the only
    // caller of `buffer_input`, never runs. It stays installed, so that an interrupt that was already on its way is
    // acknowledged.
    Edit {
        file: "src/arch/x86_64/kernel/serial.rs",
        old: "\t\t\tserial.init();\n",
        new: "\t\t\tserial.init();\n\t\t\tunsafe { x86_64::instructions::port::Port::<u8>::new(base + 1).write(0) };\n",
        count: 1,
        reason: SERIAL_INPUT,
    },
    // The console's receive register is then read nowhere in the image.
    Edit {
        file: "src/arch/x86_64/kernel/serial.rs",
        old: "\t\tif let SerialInner::Uart(s) = &mut self.inner {
\t\t\tlet c = s.receive();
\t\t\tif c == b'\\r' {
\t\t\t\tself.buffer.push_back(b'\\n');
\t\t\t} else {
\t\t\t\tself.buffer.push_back(c);
\t\t\t}
\t\t\tself.waker.wake();
\t\t}
",
        new: "",
        count: 1,
        reason: SERIAL_INPUT,
    },
    // The application has a handler of its own.
    Edit {
        file: "src/lib.rs",
        old: "#[cfg(target_os = \"none\")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
\tlet core_id = crate::arch::core_local::core_id();
\tpanic_println!(\"[{core_id}][PANIC] {info}\\n\");

\tcrate::scheduler::shutdown(1);
}
",
        new: "",
        count: 1,
        reason: UNKNOWN_STATE,
    },
    // Until the application has installed its own handlers, Hermit's answer to an exception ends here.
    Edit {
        file: "src/scheduler/mod.rs",
        old: "pub(crate) fn abort() -> ! {\n\tcore_scheduler().exit(-1)\n",
        new: "pub(crate) fn abort() -> ! {\n\tunsafe extern \"C\" {\n\t\tsafe fn noreturn_task_ended() -> !;\n\t}\n\tnoreturn_task_ended()\n",
        count: 1,
        reason: UNKNOWN_STATE,
    },
];
