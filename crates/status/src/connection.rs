//! One connection of somebody inside: what it may take of our time.
//!
//! There are few connections, so nobody may keep one for nothing. A connection must be made, a request must be
//! complete and its answer must be taken, each within a time; who is slower is cut off. While an answer waits to be
//! taken nothing more is read.

use noreturn_wire::{Counter, Counters};

use crate::panel::Panel;

/// A connection must be established within so long.
const HANDSHAKE_US: u64 = 3_000_000;

/// What became of bytes that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Took {
    /// How many of them were taken; all, unless an answer waits.
    pub bytes: usize,
    /// What they made, if anything.
    pub outcome: Option<Outcome>,
}

/// What a request came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// It was answered with a refusal, and changed nothing.
    Refused,
    /// It cannot be answered: the connection must be closed.
    Malformed,
}

/// A protocol that answers one request at a time.
pub trait Server {
    /// How long a client may take for a request and for its answer, each counted from what was before, in
    /// microseconds.
    const PATIENCE_US: u64;

    /// Takes bytes that came, until a request is complete. Takes none while an answer is pending or it is over.
    fn take(&mut self, bytes: &[u8], panel: &Panel) -> Took;

    /// What is still to be sent of the answer.
    fn pending(&self) -> &[u8];

    /// So many bytes of it were sent.
    fn sent(&mut self, bytes: usize);

    /// Whether nothing comes after what is pending.
    fn is_over(&self) -> bool;

    /// Makes it ready for the next connection.
    fn reset(&mut self);
}

/// What the caller must do with the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Go on.
    Keep,
    /// Send what was given, then close.
    Close,
    /// Reset it.
    Abort,
}

/// A protocol with time limits and counters.
#[derive(Debug)]
pub struct Connection<S> {
    server: S,
    /// Nothing while nobody is connected.
    deadline_us: Option<u64>,
    established: bool,
    /// It was refused what it wanted in a way that ends it.
    malformed: bool,
    /// Bytes of a request that is not complete have come, or an answer was not taken.
    busy: bool,
}

impl<S: Server> Connection<S> {
    /// Waits for somebody.
    pub const fn new(server: S) -> Self {
        Self { server, deadline_us: None, established: false, malformed: false, busy: false }
    }

    /// Forgets who was connected, if anybody was.
    pub fn reset(&mut self) {
        if self.deadline_us.take().is_some() {
            self.server.reset();
            (self.established, self.malformed, self.busy) = (false, false, false);
        }
    }

    /// Takes bytes that came; how many of them.
    pub fn take(&mut self, bytes: &[u8], now_us: u64, panel: &Panel, counters: &mut Counters) -> usize {
        if self.malformed {
            return bytes.len();
        }
        let took = self.server.take(bytes, panel);
        self.busy |= took.bytes > 0;
        match took.outcome {
            None => return took.bytes,
            Some(Outcome::Answered) => counters.add(Counter::StatusRequests, 1),
            Some(Outcome::Refused) => counters.add(Counter::StatusRefused, 1),
            Some(Outcome::Malformed) => {
                counters.add(Counter::StatusCut, 1);
                self.malformed = true;
            }
        }
        self.deadline_us = Some(now_us.saturating_add(S::PATIENCE_US));
        took.bytes
    }

    /// What is to be sent.
    pub fn pending(&self) -> &[u8] {
        self.server.pending()
    }

    /// So many bytes of it were sent.
    pub fn sent(&mut self, bytes: usize, now_us: u64) {
        self.server.sent(bytes);
        if bytes > 0 && self.server.pending().is_empty() {
            self.busy = false;
            self.deadline_us = Some(now_us.saturating_add(S::PATIENCE_US));
        }
    }

    /// What to do with a connection that is being made, or is `established`. To be called several times a second.
    pub fn verdict(&mut self, established: bool, now_us: u64, counters: &mut Counters) -> Verdict {
        if established && !self.established {
            self.established = true;
            self.deadline_us = Some(now_us.saturating_add(S::PATIENCE_US));
        }
        let deadline_us = *self.deadline_us.get_or_insert(now_us.saturating_add(HANDSHAKE_US));
        if now_us >= deadline_us {
            // Who was idle has lost nothing.
            counters.add(Counter::StatusCut, u64::from(self.busy || !self.established));
            return Verdict::Abort;
        }
        match self.server.pending().is_empty() && (self.server.is_over() || self.malformed) {
            true => Verdict::Close,
            false => Verdict::Keep,
        }
    }
}
