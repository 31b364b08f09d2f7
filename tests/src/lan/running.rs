//! The wire beside a machine: a thread that takes what the box sends and sends what the plant answers.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::Lan;
use super::capture::Pipe;
use crate::machine::InsideWire;
use crate::ports::{free_udp, loopback};
use crate::process::wait_for;

/// A [`Lan`] on the inside wire of a machine.
pub struct Plant {
    lan: Arc<Mutex<Lan>>,
    card: SocketAddr,
    /// Where QEMU sends frames, too: nobody reads them.
    sink: UdpSocket,
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
        let (card, sink) = (loopback(free_udp()?), UdpSocket::bind(loopback(0))?);
        let (lan, stop) = (Arc::new(Mutex::new(lan)), Arc::new(AtomicBool::new(false)));
        let (theirs, end, socket) = (Arc::clone(&lan), Arc::clone(&stop), UdpSocket::bind(loopback(0))?);
        let thread = std::thread::spawn(move || carry(pipe, &theirs, &socket, card, &end));
        Ok(Self { lan, card, sink, arguments, stop, thread: Some(thread) })
    }

    /// The wire, as the machine has it.
    ///
    /// # Errors
    /// If the socket has no address.
    pub fn wire(&self) -> Result<InsideWire> {
        Ok(InsideWire::Frames { card: self.card, wire: self.sink.local_addr()? })
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
    socket: &UdpSocket,
    card: SocketAddr,
    stop: &AtomicBool,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let Some((now_us, frame)) = pipe.next(Duration::from_millis(50))? else { continue };
        let sent = lan.lock().unwrap_or_else(PoisonError::into_inner).take(now_us, &frame);
        for frame in sent {
            socket.send_to(&frame, card)?;
        }
    }
    Ok(())
}
