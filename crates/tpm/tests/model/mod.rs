//! A TPM behind both of its interfaces, which answers what a test tells it to.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use noreturn_nic::Registers;
use noreturn_tpm::command::KEY_TEMPLATE;

/// What a TPM holds and does.
#[derive(Default)]
pub struct State {
    pub commands: Vec<Vec<u8>>,
    /// What it answers, one for each command; when there is nothing, it works for ever.
    pub responses: VecDeque<Vec<u8>>,
    /// Bytes that the FIFO takes or gives at once.
    pub burst: u8,
    /// Reads of its status until it is done with a command.
    pub work: u32,
    /// Bytes that may still go through the FIFO before the status is asked again.
    left_in_burst: u32,
    active: bool,
    ready: bool,
    command: Vec<u8>,
    response: VecDeque<u8>,
    left: u32,
    works: bool,
    /// What was done that its profile forbids.
    pub breaches: Vec<&'static str>,
    buffer: Vec<u8>,
    /// Where it says that its buffer is.
    pub buffer_address: u64,
}

/// A model, of which the test keeps a copy.
#[derive(Clone)]
pub struct Tpm(pub Rc<RefCell<State>>);

impl Tpm {
    pub fn new(burst: u8, responses: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let state = State {
            responses: responses.into_iter().collect(),
            burst,
            work: 3,
            buffer: vec![0; 4096],
            buffer_address: 0xfed4_0080,
            ..State::default()
        };
        Self(Rc::new(RefCell::new(state)))
    }
}

fn expected(command: &[u8]) -> usize {
    command
        .first_chunk()
        .map_or(usize::MAX, |[_, _, length @ ..]: &[u8; 6]| u32::from_be_bytes(*length) as usize)
}

impl State {
    fn run(&mut self, command: Vec<u8>) {
        if expected(&command) != command.len() {
            self.breaches.push("a command of another length than it says");
        }
        self.commands.push(command);
        self.left = self.work;
        self.works = true;
    }

    /// Whether it is done, asked once more.
    fn look(&mut self) -> bool {
        if self.works && self.left > 0 {
            self.left -= 1;
        } else if self.works
            && let Some(response) = self.responses.pop_front()
        {
            self.works = false;
            self.buffer[0x80..0x80 + response.len().min(1500)]
                .copy_from_slice(&response[..response.len().min(1500)]);
            self.response = response.into();
        }
        !self.works
    }

    /// A byte goes through the FIFO.
    fn pass(&mut self) {
        match self.left_in_burst.checked_sub(1) {
            Some(left) => self.left_in_burst = left,
            None => self.breaches.push("more bytes than the burst count"),
        }
    }

    /// The FIFO's status.
    fn status(&mut self) -> u32 {
        let done = self.look();
        let bit = |set: bool, number: u32| u32::from(set) << number;
        let expects = !self.command.is_empty() && self.command.len() < expected(&self.command);
        let burst = if self.works { 0 } else { u32::from(self.burst) };
        self.left_in_burst = burst;
        bit(true, 7)
            | bit(self.ready, 6)
            | bit(done && !self.response.is_empty(), 4)
            | bit(expects, 3)
            | burst << 8
    }
}

impl Registers for Tpm {
    fn read8(&self, offset: usize) -> u8 {
        let mut state = self.0.borrow_mut();
        match offset {
            0x00 => 0x81 | u8::from(state.active) << 5,
            0x24 => {
                state.pass();
                state.response.pop_front().unwrap_or_else(|| {
                    state.breaches.push("read an empty FIFO");
                    0xff
                })
            }
            0x80..0x1000 => state.buffer[offset],
            _ => panic!("no register of 8 bits at {offset:#x}"),
        }
    }

    fn read16(&self, offset: usize) -> u16 {
        panic!("no register of 16 bits at {offset:#x}")
    }

    fn read32(&self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        let address = state.buffer_address;
        match offset {
            0x00 => 0x80 | u32::from(state.active) << 1,
            0x18 => state.status(),
            0x40 => 0,
            0x4c => u32::from(!state.look()),
            0x58 | 0x64 => 0xf80,
            0x5c | 0x68 => address as u32,
            0x60 | 0x6c => (address >> 32) as u32,
            _ => panic!("no register of 32 bits at {offset:#x}"),
        }
    }

    fn write8(&mut self, offset: usize, value: u8) {
        let mut state = self.0.borrow_mut();
        match (offset, value) {
            (0x00, 0x02) => state.active = true,
            (0x18, 0x40) => {
                state.ready = true;
                state.works = false;
                state.command.clear();
                state.response.clear();
            }
            (0x18, 0x20) => {
                let command = std::mem::take(&mut state.command);
                state.run(command);
            }
            (0x24, byte) => {
                state.pass();
                if !state.active || (!state.ready && state.command.is_empty()) {
                    state.breaches.push("a command to a TPM that is not ready");
                }
                state.ready = false;
                state.command.push(byte);
            }
            (0x80..0x1000, byte) => state.buffer[offset] = byte,
            _ => panic!("nothing takes {value:#x} at {offset:#x}"),
        }
    }

    fn write16(&mut self, offset: usize, value: u16) {
        panic!("nothing takes {value:#x} at {offset:#x}")
    }

    fn write32(&mut self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        match (offset, value) {
            (0x08, 1) => state.active = true,
            (0x40, 1) => state.ready = true,
            (0x40, 2) => state.ready = false,
            (0x4c, 1) => {
                if !state.ready {
                    state.breaches.push("a start of a TPM that is not ready");
                }
                let command = state.buffer[0x80..0x80 + expected(&state.buffer[0x80..])].to_vec();
                state.run(command);
            }
            _ => panic!("nothing takes {value:#x} at {offset:#x}"),
        }
    }
}

/// A response without a session.
pub fn plain(code: u32, body: &[u8]) -> Vec<u8> {
    let length = (10 + body.len()) as u32;
    [&[0x80, 0x01][..], &length.to_be_bytes(), &code.to_be_bytes(), body].concat()
}

/// A response with a session.
pub fn with_session(handle: &[u8], parameters: &[u8]) -> Vec<u8> {
    let body = [handle, &(parameters.len() as u32).to_be_bytes(), parameters, &[0, 0, 1, 0, 0]].concat();
    let mut response = plain(0, &body);
    response[1] = 0x02;
    response
}

pub fn sized(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

pub const HANDLE: u32 = 0x8000_0000;

pub fn key() -> Vec<u8> {
    let public = [&KEY_TEMPLATE[..], &sized(&[1; 32]), &sized(&[2; 32])].concat();
    with_session(&HANDLE.to_be_bytes(), &[sized(&public), vec![0xcc; 200]].concat())
}

pub fn registers() -> Vec<u8> {
    let values: Vec<u8> = (0..6).flat_map(|number| sized(&[number; 32])).collect();
    let head = [0, 0, 0, 9, 0, 0, 0, 1, 0, 0x0b, 3, 0x95, 0x03, 0, 0, 0, 0, 6];
    plain(0, &[&head[..], &values].concat())
}

pub fn quote(statement: &[u8]) -> Vec<u8> {
    let signature = [&[0, 0x18, 0, 0x0b][..], &sized(&[3; 31]), &sized(&[4; 32])].concat();
    with_session(&[], &[sized(statement), signature].concat())
}
