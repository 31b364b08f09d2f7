//! Asks for a quote soon after the start, and then at a slow pace.

use noreturn_nic::Registers;
use noreturn_wire::attestation::{QUOTED_PCRS, qualifying_data};
use noreturn_wire::{Attestation, BootId, Quote, TpmFault};

use crate::command::Command;
use crate::response::{self, Key, RESPONSE_BYTES_MAX};
use crate::transport::Transport;

/// Time from one quote to the beginning of the next, in microseconds.
pub const QUOTE_US: u64 = 60_000_000;
/// Time from a fault to the next attempt, in microseconds.
pub const RETRY_US: u64 = 10_000_000;
/// Time that a command may take, in microseconds: making a key takes slow TPMs some seconds.
pub const COMMAND_US_MAX: u64 = 30_000_000;
/// Time from one step of an exchange to the next, in microseconds.
const STEP_US: u64 = 5_000;

/// Asks a TPM for quotes, for one boot.
#[derive(Debug)]
pub struct Attestor<R> {
    transport: Transport<R>,
    boot: BootId,
    /// Number of the next quote.
    number: u64,
    key: Option<Key>,
    /// A key from before a fault, which the TPM may still hold.
    doubted: Option<Key>,
    registers: [[u8; 32]; QUOTED_PCRS.len()],
    task: Option<Task>,
    command: Command,
    response: [u8; RESPONSE_BYTES_MAX],
    deadline_us: u64,
    step_at_us: u64,
}

/// What the command under way is for.
#[derive(Clone, Copy, Debug)]
enum Task {
    Forget(Key),
    Key,
    Registers,
    Quote(Key),
}

impl<R: Registers> Attestor<R> {
    /// Asks through `transport`; its first quote is begun when it is first polled.
    #[must_use]
    pub fn new(transport: Transport<R>, boot: BootId) -> Self {
        Self {
            transport,
            boot,
            number: 0,
            key: None,
            doubted: None,
            registers: Default::default(),
            task: None,
            command: Command::read_registers(),
            response: [0; RESPONSE_BYTES_MAX],
            deadline_us: 0,
            step_at_us: 0,
        }
    }

    /// When it wants to be polled.
    #[must_use]
    pub const fn poll_at(&self) -> u64 {
        self.step_at_us
    }

    /// Takes a step, if it is time; what is to be told, if that is new: [`Attestation::Quoted`] or [`Attestation::Failed`].
    pub fn poll(&mut self, now_us: u64) -> Option<Attestation> {
        if now_us < self.step_at_us {
            return None;
        }
        self.step_at_us = now_us + STEP_US;
        match self.step(now_us) {
            Ok(None) => None,
            Ok(Some(quote)) => {
                self.task = None;
                self.step_at_us = now_us + QUOTE_US;
                Some(Attestation::Quoted(quote))
            }
            Err(fault) => {
                self.transport.abandon();
                self.task = None;
                // Nobody knows whether the TPM still has the key, and it has room for few.
                self.doubted = self.key.take().or(self.doubted);
                self.step_at_us = now_us + RETRY_US;
                Some(Attestation::Failed(fault))
            }
        }
    }

    fn step(&mut self, now_us: u64) -> Result<Option<Quote>, TpmFault> {
        let Some(task) = self.task else {
            self.begin(self.first_task(), now_us);
            return Ok(None);
        };
        if now_us > self.deadline_us {
            return Err(TpmFault::Timeout);
        }
        let Some(length) = self.transport.step(self.command.bytes(), &mut self.response)? else {
            return Ok(None);
        };
        self.finish(task, length, now_us)
    }

    fn first_task(&self) -> Task {
        match (self.key, self.doubted) {
            (Some(_), _) => Task::Registers,
            (None, Some(key)) => Task::Forget(key),
            (None, None) => Task::Key,
        }
    }

    fn begin(&mut self, task: Task, now_us: u64) {
        self.command = match task {
            Task::Forget(key) => Command::forget(key.handle),
            Task::Key => Command::create_key(),
            Task::Registers => Command::read_registers(),
            Task::Quote(key) => Command::quote(key.handle, &qualifying_data(self.boot, self.number)),
        };
        self.task = Some(task);
        self.deadline_us = now_us + COMMAND_US_MAX;
    }

    /// Reads the response, and begins what comes next.
    fn finish(&mut self, task: Task, length: usize, now_us: u64) -> Result<Option<Quote>, TpmFault> {
        let response = &self.response[..length];
        let next = match task {
            // Whether there was anything to forget does not matter.
            Task::Forget(_) => {
                self.doubted = None;
                Task::Key
            }
            Task::Key => {
                self.key = Some(response::key(response)?);
                Task::Registers
            }
            Task::Registers => {
                self.registers = response::registers(response)?;
                self.key.map_or(Task::Key, Task::Quote)
            }
            Task::Quote(key) => {
                let (statement, signature) = response::quote(response)?;
                let statement = noreturn_wire::attestation::Statement::from_slice(statement);
                let statement = statement.map_err(|_| TpmFault::Malformed)?;
                self.number += 1;
                return Ok(Some(Quote { key: key.point, pcrs: self.registers, statement, signature }));
            }
        };
        self.begin(next, now_us);
        Ok(None)
    }
}
