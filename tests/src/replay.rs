//! A box that runs the same twice: QEMU counts instructions for time, and every run goes on from one snapshot, which was taken after
//! the boot, because the firmware's disk finishes when it likes.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, ObjectSymbol};

use crate::card::Card;
use crate::gdb::Debugger;
use crate::hostile::{self, OUTSIDE_MAC};
use crate::lan::capture::read_file;
use crate::machine::{InsideWire, Machine, OutsideWire, Running};
use crate::network::diode_payload;
use crate::ports::{free_udp, loopback};
use crate::process::{PATIENCE, wait_for};
use crate::random::Random;

/// Memory of the box.
const MEMORY_BYTES: u64 = 256 << 20;
/// The loader puts kernels at multiples of this.
const KERNEL_ALIGNMENT: u64 = 2 << 20;
/// Bytes of the function at which the box is stopped that tell where it is.
const CODE_BYTES: usize = 64;
/// The instruction at which the box is stopped: every frame comes by there once, of either card.
const STOP_AT: &str = "<noreturn_nic::e1000e::transmit::Transmitter<noreturn_nic::memory::MmioRegion> as noreturn_nic::transmit::TransmitOnly>::transmit";
/// Frames that are thrown while the box stands still, so that they are there when it goes on. QEMU offers a card that does not
/// receive one frame after each stop, and keeps the others back.
const FRAMES_PER_STOP: usize = 4;

/// A box that has booted and sent its first frames.
#[derive(Debug)]
pub struct Snapshot<'a> {
    image: &'a Path,
    kernel: &'a Path,
    folder: &'a Path,
    receiver_port: u16,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// Frames of the box, with the guest's time in microseconds.
    pub frames: Vec<(u64, Vec<u8>)>,
    /// Frames that were offered to its outside card.
    pub arrived: usize,
    /// The processor's registers.
    pub registers: String,
    /// Physical memory.
    pub memory: Vec<u8>,
}

impl<'a> Snapshot<'a> {
    /// Boots `image`, whose kernel is `kernel`, and keeps what has become of it in `folder`.
    ///
    /// # Errors
    /// If it does not boot, or cannot be kept.
    pub fn take(image: &'a Path, kernel: &'a Path, folder: &'a Path, receiver_port: u16) -> Result<Self> {
        let snapshot = Self { image, kernel, folder, receiver_port };
        let (wires, machine) = start(image, folder, "boot", &[])?;
        let mut frame = [0; 2048];
        let mut frames = 0;
        while frames < 3 {
            let length = wires.outside.recv(&mut frame).context("waiting for frames of the box")?;
            // Older firmware sends, too.
            frames += usize::from(diode_payload(&frame[..length], receiver_port).is_ok());
        }
        machine.monitor_command("stop")?;
        machine.monitor_command(&format!("migrate \"exec:cat > {}\"", snapshot.state().display()))?;
        wait_for_migration(&machine)?;
        Ok(snapshot)
    }

    /// Goes on from the snapshot until the box has sent `frames` more, with or without a flood of hostile frames.
    ///
    /// # Errors
    /// If it does not come so far.
    pub fn run(&self, name: &str, frames: usize, flood: bool) -> Result<Outcome> {
        let incoming = format!("exec:cat {}", self.state().display());
        let (wires, machine) = start(self.image, self.folder, name, &["-S", "-incoming", &incoming])?;
        wait_for_migration(&machine)?;
        let mut debugger = Debugger::connect(&self.file(name, "gdb"))?;
        debugger.stop_at(self.places_of(&machine, STOP_AT)?)?;
        let mut random = Random(7);
        for frame in 1..=frames {
            if flood {
                wires.flood(&mut random)?;
            }
            debugger.run()?;
            if frame < frames {
                debugger.pass()?;
            }
        }
        let memory = self.file(name, "memory");
        machine.monitor_command(&format!("pmemsave 0 {MEMORY_BYTES} \"{}\"", memory.display()))?;
        let registers = debugger.registers()?;
        drop(machine);
        let (own, others): (Vec<_>, Vec<_>) =
            read_file(&self.file(name, "pcap"))?.into_iter().partition(|(_, frame)| is_own(frame));
        Ok(Outcome { frames: own, arrived: others.len(), registers, memory: std::fs::read(memory)? })
    }

    /// Where a function of the kernel is, and where it may be after a reset, which is how a box that misbehaves ends: the firmware
    /// has other memory free then, so the loader puts the kernel into a neighbouring place.
    fn places_of(&self, machine: &Running, function: &str) -> Result<[u64; 3]> {
        let (offset, code) = self.code_of(function)?;
        for kernel in (KERNEL_ALIGNMENT..MEMORY_BYTES - KERNEL_ALIGNMENT).step_by(KERNEL_ALIGNMENT as usize) {
            let place = kernel + offset;
            if place < MEMORY_BYTES && read_memory(machine, place, code.len())? == code {
                return Ok([place - KERNEL_ALIGNMENT, place, place + KERNEL_ALIGNMENT]);
            }
        }
        anyhow::bail!("no kernel lies in memory")
    }

    /// A function's address in the kernel, and how it begins.
    fn code_of(&self, function: &str) -> Result<(u64, Vec<u8>)> {
        let bytes = std::fs::read(self.kernel)?;
        let file = object::File::parse(&*bytes)?;
        let is_meant = |symbol: &object::Symbol<'_, '_>| {
            symbol.name().is_ok_and(|name| format!("{:#}", rustc_demangle::demangle(name)) == function)
        };
        let missing = || format!("the kernel has no {function}");
        let address = file.symbols().find(is_meant).with_context(missing)?.address();
        let code = file.sections().find_map(|section| section.data_range(address, CODE_BYTES as u64).ok()?);
        Ok((address, code.with_context(missing)?.to_vec()))
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{name}.{kind}"))
    }

    /// Frames of `outcome` that are what the box may send.
    ///
    /// # Errors
    /// If there is another.
    pub fn check_frames(&self, outcome: &Outcome) -> Result<()> {
        for (_, frame) in &outcome.frames {
            let checked = diode_payload(frame, self.receiver_port);
            ensure!(checked.is_ok(), "the box has sent {checked:?}");
        }
        Ok(())
    }
}

/// Boots `image` and lets it run until it has sent so many frames; each with the guest's time in microseconds.
///
/// # Errors
/// If it does not come so far.
pub fn capture(image: &Path, folder: &Path, frames: usize) -> Result<Vec<(u64, Vec<u8>)>> {
    let (wires, machine) = start(image, folder, "capture", &[])?;
    let mut frame = [0; 2048];
    for _ in 0..frames {
        wires.outside.recv(&mut frame).context("waiting for frames of the box")?;
    }
    drop(machine);
    let all = read_file(&folder.join("capture.pcap"))?;
    Ok(all.into_iter().filter(|(_, frame)| is_own(frame)).collect())
}

fn is_own(frame: &[u8]) -> bool {
    frame.get(6..12) == Some(&OUTSIDE_MAC[..])
}

/// Starts a box that counts instructions for time, with a capture of its outside wire and a debugger port, in files of `folder`
/// that begin with `name`.
fn start(image: &Path, folder: &Path, name: &str, more: &[&str]) -> Result<(Wires, Running)> {
    let file = |kind: &str| folder.join(format!("{name}.{kind}"));
    let wires = Wires::lay()?;
    let frames = OutsideWire::Frames { card: wires.card, wire: wires.outside.local_addr()? };
    let own = file("run");
    std::fs::create_dir_all(&own)?;
    let machine = Machine::new(image, &own, frames);
    let machine = Machine {
        // It sends while the box writes to its register. A virtio-net card does when QEMU's main loop comes to it.
        inside: Card::E1000e,
        inside_wire: InsideWire::Frames { card: wires.silent, wire: wires.inside.local_addr()? },
        ..machine
    };
    let dump = format!("filter-dump,id=dump,netdev=outside,file={}", file("pcap").display());
    let debugger = format!("unix:{},server=on,wait=off", file("gdb").display());
    // A disk controller without bus mastering cannot be taken up again by QEMU.
    let same = ["-M", "sata=off", "-icount", "shift=1,sleep=off", "-seed", "7"];
    let clock = ["-rtc", "base=2026-03-04T05:06:07,clock=vm"];
    let eyes = ["-object", &dump, "-gdb", &debugger];
    let all: Vec<_> = [&same[..], &clock, &eyes, more].concat().iter().map(|&a| a.to_owned()).collect();
    let running = machine.start_with(&all)?;
    // Cards that QEMU takes up again would be announced on the wire, by QEMU and not by the box.
    running.monitor_command("migrate_set_parameter announce-rounds 0")?;
    Ok((wires, running))
}

/// Both ends of nothing: what the box sends is taken, and what comes is ours.
struct Wires {
    inside: UdpSocket,
    outside: UdpSocket,
    card: SocketAddr,
    /// Where the inside card listens, to nobody.
    silent: SocketAddr,
}

impl Wires {
    fn lay() -> Result<Self> {
        let [inside, outside] = [UdpSocket::bind(loopback(0))?, UdpSocket::bind(loopback(0))?];
        outside.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { inside, outside, card: loopback(free_udp()?), silent: loopback(free_udp()?) })
    }

    fn flood(&self, random: &mut Random) -> Result<()> {
        for _ in 0..FRAMES_PER_STOP {
            self.outside.send_to(&hostile::frame(random), self.card)?;
        }
        Ok(())
    }
}

fn wait_for_migration(machine: &Running) -> Result<()> {
    wait_for("the snapshot", || {
        let status = machine.monitor_command("info migrate")?;
        ensure!(!status.contains("failed"), "{status}");
        Ok(status.contains("completed").then_some(()))
    })
}

/// Bytes of physical memory.
fn read_memory(machine: &Running, address: u64, bytes: usize) -> Result<Vec<u8>> {
    let answer = machine.monitor_command(&format!("xp /{bytes}xb {address:#x}"))?;
    let words = answer
        .lines()
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(_, words)| words.split_whitespace());
    let byte = |word: &str| u8::from_str_radix(word.trim_start_matches("0x"), 16);
    words.map(byte).collect::<Result<_, _>>().with_context(|| format!("unexpected answer of xp: {answer:?}"))
}
