//! The wire beside a machine: a thread that takes what the box sends and sends what the plant answers.

use std::io::{self, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::Lan;
use super::capture::Pipe;
use crate::machine::InsideWire;
use crate::process::wait_for;

/// Frames that wait for QEMU before a flood does: an answer of a device waits for no more than these.
const WAITING_MAX: u64 = 1024;

/// A [`Lan`] on the inside wire of a machine.
pub struct Plant {
    lan: Arc<Mutex<Lan>>,
    wire: PathBuf,
    arguments: [String; 2],
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Plant {
    /// Starts a thread for `lan`, which waits for the machine's frames; the pipe is made in `folder`.
    ///
    /// # Errors
    /// If there is no pipe or socket to be had.
    pub fn start(lan: Lan, folder: &Path) -> Result<Self> {
        let pipe = Pipe::make(folder.join("inside.pipe"))?;
        let arguments = pipe.arguments("inside");
        let wire = folder.join("inside.socket");
        let listener = UnixListener::bind(&wire)?;
        let (lan, stop) = (Arc::new(Mutex::new(lan)), Arc::new(AtomicBool::new(false)));
        let (theirs, end, (sender, frames)) = (Arc::clone(&lan), Arc::clone(&stop), channel());
        let waiting = Arc::new(AtomicU64::new(0));
        let still_waiting = Arc::clone(&waiting);
        std::thread::spawn(move || send(&listener, &frames, &still_waiting));
        let thread = std::thread::spawn(move || carry(pipe, &theirs, &sender, &waiting, &end));
        Ok(Self { lan, wire, arguments, stop, thread: Some(thread) })
    }

    /// The wire, as the machine has it.
    #[must_use]
    pub fn wire(&self) -> InsideWire {
        InsideWire::Stream(self.wire.clone())
    }

    /// What QEMU is told, besides.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// The plant as it stands; the wire waits while this is held.
    pub fn lan(&self) -> MutexGuard<'_, Lan> {
        self.lan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so much of the guest's time has passed, and its first frame has come; the time then.
    ///
    /// # Errors
    /// If the box is silent for long, or `check` fails meanwhile.
    pub fn pass(&self, guest_us: u64, mut check: impl FnMut() -> Result<()>) -> Result<u64> {
        let end_us = self.lan().now_us() + guest_us;
        while self.lan().frames() == 0 || self.lan().now_us() < end_us {
            self.next_frame(&mut check)?;
        }
        Ok(self.lan().now_us())
    }

    fn next_frame(&self, check: &mut impl FnMut() -> Result<()>) -> Result<()> {
        let before = self.lan().frames();
        wait_for("a frame of the box on the inside wire", || {
            check()?;
            ensure!(self.thread.as_ref().is_some_and(|thread| !thread.is_finished()), "the wire has ended");
            Ok((self.lan().frames() > before).then_some(()))
        })
    }

    /// Fails if the box has sent anything into the plant that it may not.
    ///
    /// # Errors
    /// With the first of such frames.
    pub fn check(&self) -> Result<()> {
        let lan = self.lan();
        if let [first, ..] = lan.offences() {
            bail!("on the inside wire were at least {} forbidden frames: {first}", lan.offences().len());
        }
        ensure!(lan.frames() > 0, "the box has sent nothing into the plant, so nothing was judged");
        Ok(())
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed already, and the machine is gone.
            let _ = thread.join();
        }
    }
}

fn carry(
    mut pipe: Pipe,
    lan: &Mutex<Lan>,
    sender: &Sender<Vec<u8>>,
    waiting: &AtomicU64,
    stop: &AtomicBool,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let Some((now_us, frame)) = pipe.next(Duration::from_millis(50))? else { continue };
        let room = WAITING_MAX.saturating_sub(waiting.load(Ordering::Relaxed));
        let sent = lan.lock().unwrap_or_else(PoisonError::into_inner).take(now_us, &frame, room);
        for frame in sent {
            waiting.fetch_add(1, Ordering::Relaxed);
            sender.send(frame)?;
        }
    }
    Ok(())
}

/// Sends frames to QEMU, which connects when it starts, each behind its length. A thread of its own: QEMU may wait for the one that takes
/// the box's frames while this one waits for QEMU. What QEMU sends here, too, is in the pipe already.
fn send(listener: &UnixListener, frames: &Receiver<Vec<u8>>, waiting: &AtomicU64) -> Result<()> {
    let first = frames.recv()?;
    let (mut stream, _) = listener.accept()?;
    let mut taken = stream.try_clone()?;
    std::thread::spawn(move || io::copy(&mut taken, &mut io::sink()));
    for frame in std::iter::once(first).chain(frames) {
        stream.write_all(&[&(frame.len() as u32).to_be_bytes()[..], &frame].concat())?;
        waiting.fetch_sub(1, Ordering::Relaxed);
    }
    Ok(())
}
