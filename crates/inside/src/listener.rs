//! A TCP port on which a server answers clients, one at a time.

use alloc::vec;

use noreturn_status::connection::Verdict;
use noreturn_status::{Connection, Panel, Server};
use noreturn_wire::Counters;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};

use crate::stack::Stack;

/// Room for what a client sends: a few requests of Modbus, a part of a browser's.
const RECEIVE_BYTES: usize = 1024;

/// A socket that listens, and the client that is connected to it. As many clients are served at once as there are listeners of a port.
#[derive(Debug)]
pub struct Listener<S> {
    socket: SocketHandle,
    port: u16,
    connection: Connection<S>,
}

impl<S: Server> Listener<S> {
    /// Listens on `port`, which is not 0, with room for `transmit_bytes` of an answer.
    #[must_use]
    pub fn new(port: u16, transmit_bytes: usize, server: S, stack: &mut Stack) -> Self {
        let buffer = |bytes| SocketBuffer::new(vec![0; bytes]);
        let socket = stack.sockets.add(Socket::new(buffer(RECEIVE_BYTES), buffer(transmit_bytes)));
        Self { socket, port, connection: Connection::new(server) }
    }

    /// Answers at most one request; whether anything happened.
    pub fn step(&mut self, now_us: u64, stack: &mut Stack, panel: &Panel, counters: &mut Counters) -> bool {
        let socket = stack.socket(self.socket);
        match socket.state() {
            State::Listen => {
                // A client that reset a handshake leaves no time limit to the next one.
                self.connection.reset();
                false
            }
            // Who closed first would wait for stray segments; the next client does not have the time.
            State::Closed | State::TimeWait => self.listen(stack),
            // Both have closed and the client has everything. What is missing is its acknowledgment of our close, which some
            // give with their own close only, and smoltcp does not take a close twice.
            State::Closing if socket.send_queue() == 0 => {
                socket.abort();
                self.listen(stack)
            }
            State::SynReceived => !self.keep(now_us, false, socket, counters),
            _ => self.keep(now_us, true, socket, counters) && self.exchange(now_us, socket, panel, counters),
        }
    }

    /// Takes the next client; whether it can.
    fn listen(&mut self, stack: &mut Stack) -> bool {
        self.connection.reset();
        // The port is not 0, and the socket is not open: it listens.
        stack.socket(self.socket).listen(self.port).is_ok()
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
