//! What can be read of the box on the inside network and on the serial console. Sockets only: what is told is put
//! together in `noreturn_status`, which has no way to change anything.

use alloc::vec;
use alloc::vec::Vec;

use noreturn_collect::Now;
use noreturn_image_format::Config;
use noreturn_nic::LinkSight;
use noreturn_status::connection::Verdict;
use noreturn_status::http::Http;
use noreturn_status::modbus::Modbus;
use noreturn_status::{Backlog, Connection, Look, Panel, Server};
use noreturn_wire::Counters;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};

use crate::facts::Facts;
use crate::fatal::say;

/// Connections at once for each protocol.
const DOORS: usize = 4;
/// Room for what a client sends: a few requests of Modbus, a part of a browser's.
const RECEIVE_BYTES: usize = 1024;
const MODBUS_TRANSMIT_BYTES: usize = 512;
const HTTP_TRANSMIT_BYTES: usize = 4096;

/// Time from one look at the hardware to the next.
const LOOK_US: u64 = 100_000;

pub struct Status {
    pub panel: Panel,
    pub backlog: Backlog,
    sight: LinkSight,
    modbus: Vec<Door<Modbus>>,
    http: Vec<Door<Http>>,
    look_at_us: u64,
}

impl Status {
    /// Listens where the configuration says; nowhere if it does not.
    pub fn new(facts: &Facts, config: &Config, sight: LinkSight, sockets: &mut SocketSet<'static>) -> Self {
        let facts = noreturn_status::Facts {
            image_sha256: facts.image_sha256,
            config_sha256: facts.config_sha256,
            boot: facts.boot,
            last_stop: facts.last_stop,
            watchdog: facts.watchdog,
            dma_fence: facts.dma_fence,
            release: facts.release,
        };
        let ports = config.status;
        Self {
            panel: Panel::new(facts, config),
            backlog: Backlog::new(config),
            sight,
            modbus: doors(ports.modbus_port, MODBUS_TRANSMIT_BYTES, Modbus::new, sockets),
            http: doors(ports.http_port, HTTP_TRANSMIT_BYTES, Http::new, sockets),
            look_at_us: 0,
        }
    }

    /// Looks at the hardware and says on the console what is new, one line at a time.
    pub fn look(&mut self, now: Now, inside_link_up: bool, counters: &Counters) {
        if now.uptime_us < self.look_at_us {
            return;
        }
        self.look_at_us = now.uptime_us + LOOK_US;
        let outside_link_up = self.sight.link_up();
        self.backlog.look(now.uptime_us, outside_link_up);
        let look = Look { outside_link_up, inside_link_up, history_percent: self.backlog.percent() };
        self.panel.look(now, &look, counters);
        if let Some(line) = self.panel.line(now.uptime_us) {
            say!("{line}");
        }
    }

    /// Answers who asks; whether anybody did.
    pub fn serve(&mut self, now: Now, sockets: &mut SocketSet<'static>, counters: &mut Counters) -> bool {
        let mut busy = false;
        for door in &mut self.modbus {
            busy |= door.step(now.uptime_us, sockets, &self.panel, counters);
        }
        for door in &mut self.http {
            busy |= door.step(now.uptime_us, sockets, &self.panel, counters);
        }
        busy
    }

    /// When there is something to do at the latest; time limits of connections are looked at as often as the hardware.
    pub fn poll_at(&self) -> u64 {
        self.look_at_us
    }
}

fn doors<S: Server>(
    port: Option<u16>,
    transmit_bytes: usize,
    server: fn() -> S,
    sockets: &mut SocketSet<'static>,
) -> Vec<Door<S>> {
    let Some(port) = port else { return Vec::new() };
    let buffer = |bytes| SocketBuffer::new(vec![0; bytes]);
    let mut door = || {
        let socket = sockets.add(Socket::new(buffer(RECEIVE_BYTES), buffer(transmit_bytes)));
        Door { socket, port, connection: Connection::new(server()) }
    };
    (0..DOORS).map(|_| door()).collect()
}

/// A socket that listens, and who is connected to it.
struct Door<S> {
    socket: SocketHandle,
    port: u16,
    connection: Connection<S>,
}

impl<S: Server> Door<S> {
    /// Answers at most one request; whether anything happened.
    fn step(
        &mut self,
        now_us: u64,
        sockets: &mut SocketSet<'static>,
        panel: &Panel,
        counters: &mut Counters,
    ) -> bool {
        let socket = sockets.get_mut::<Socket<'_>>(self.socket);
        match socket.state() {
            State::Listen => false,
            // Who closed first would wait for stray segments; the next client does not have the time.
            State::Closed | State::TimeWait => {
                self.connection.reset();
                // The port is not 0, and the socket is not open: it listens.
                socket.listen(self.port).is_ok()
            }
            State::SynReceived => self.keep(now_us, false, socket, counters),
            _ => self.keep(now_us, true, socket, counters) && self.exchange(now_us, socket, panel, counters),
        }
    }

    /// Does what the time limits say; whether the connection lives on.
    fn keep(
        &mut self,
        now_us: u64,
        established: bool,
        socket: &mut Socket<'_>,
        counters: &mut Counters,
    ) -> bool {
        match self.connection.verdict(established, now_us, counters) {
            Verdict::Keep => return true,
            Verdict::Close => socket.close(),
            Verdict::Abort => socket.abort(),
        }
        false
    }

    fn exchange(
        &mut self,
        now_us: u64,
        socket: &mut Socket<'_>,
        panel: &Panel,
        counters: &mut Counters,
    ) -> bool {
        let mut busy = false;
        while socket.can_recv() {
            let connection = &mut self.connection;
            let taken = socket.recv(|bytes| {
                let taken = connection.take(bytes, now_us, panel, counters);
                (taken, taken)
            });
            if !taken.is_ok_and(|taken| taken > 0) {
                break;
            }
            busy = true;
        }
        if let Ok(sent) = socket.send_slice(self.connection.pending()) {
            self.connection.sent(sent, now_us);
            busy |= sent > 0;
        }
        if !socket.may_recv() && self.connection.pending().is_empty() {
            socket.close();
        }
        busy
    }
}
