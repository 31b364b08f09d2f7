//! One device: its poller, and the TCP socket that carries out what the poller says.

use alloc::vec;

use noreturn_collect::modbus::{Action, Poller};
use noreturn_collect::{Now, Output};
use noreturn_image_format::config::modbus::Device;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::ports::Owner;
use crate::stack::Stack;

/// A Modbus reply has at most 260 bytes; this takes several that come late.
const RECEIVE_BYTES: usize = 2048;
/// A request has 12 bytes.
const TRANSMIT_BYTES: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Connection {
    None,
    Connecting,
    Open,
}

/// One device: its poller, and its connection.
#[derive(Debug)]
pub struct DeviceConnection {
    poller: Poller,
    remote: IpEndpoint,
    socket: SocketHandle,
    connection: Connection,
    ports: Owner,
}

impl DeviceConnection {
    /// The connection to `device`.
    #[must_use]
    pub fn new(device: Device, now: Now, stack: &mut Stack) -> Self {
        let buffer = |bytes| SocketBuffer::new(vec![0; bytes]);
        let socket = stack.sockets.add(Socket::new(buffer(RECEIVE_BYTES), buffer(TRANSMIT_BYTES)));
        Self {
            remote: IpEndpoint::new(IpAddress::Ipv4(device.address), device.port),
            poller: Poller::new(device, now.uptime_us),
            socket,
            connection: Connection::None,
            ports: stack.ports.owner(),
        }
    }

    /// Tells the poller what happened to the connection, and does what it says; whether there was anything.
    pub fn step(&mut self, now: Now, stack: &mut Stack, output: &mut impl Output) -> bool {
        let mut busy = self.report(now, stack.socket(self.socket), output);
        while let Some(action) = self.poller.poll(now, output) {
            self.act(action, now, stack, output);
            busy = true;
        }
        busy
    }

    /// When [`Self::step`] must be called at the latest; 0 is at once.
    #[must_use]
    pub fn poll_at(&self) -> u64 {
        self.poller.poll_at()
    }

    fn report(&mut self, now: Now, socket: &mut Socket<'_>, output: &mut impl Output) -> bool {
        match self.connection {
            Connection::None => false,
            Connection::Connecting if socket.may_send() => {
                self.connection = Connection::Open;
                self.poller.handle_connected();
                true
            }
            Connection::Connecting if socket.state() == State::Closed => {
                self.connection = Connection::None;
                self.poller.handle_refused(now, output);
                true
            }
            Connection::Connecting => false,
            Connection::Open => self.receive(now, socket, output),
        }
    }

    fn receive(&mut self, now: Now, socket: &mut Socket<'_>, output: &mut impl Output) -> bool {
        let mut any = false;
        while socket.can_recv() {
            let poller = &mut self.poller;
            let taken = socket.recv(|bytes| {
                poller.handle_bytes(bytes, now, output);
                (bytes.len(), ())
            });
            any = true;
            if taken.is_err() {
                break;
            }
        }
        if !socket.may_recv() {
            self.connection = Connection::None;
            socket.abort();
            self.poller.handle_closed(now, output);
            any = true;
        }
        any
    }

    fn act(&mut self, action: Action, now: Now, stack: &mut Stack, output: &mut impl Output) {
        match action {
            Action::Connect => {
                stack.socket(self.socket).abort();
                match stack.connect(self.socket, self.ports, self.remote) {
                    Ok(()) => self.connection = Connection::Connecting,
                    Err(_) => self.poller.handle_refused(now, output),
                }
            }
            Action::Send(request) => {
                // One request at a time is outstanding, so the buffer is empty; if the connection is
                // gone, the poller hears of it in the next round.
                let _ = stack.socket(self.socket).send_slice(&request);
            }
            Action::Close => {
                self.connection = Connection::None;
                stack.socket(self.socket).abort();
            }
        }
    }
}
