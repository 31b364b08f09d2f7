//! Blocks that are not complete yet: their shards, until parity helps or memory runs out.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use noreturn_fec::{Coefficients, Decoder, Geometry, Shards};
use noreturn_wire::Code;

use super::Refusal;
use crate::shard::{length_prefix, without_length};

/// Blocks remembered per session, complete ones included.
const BLOCKS_MAX: usize = 1024;

#[derive(Debug)]
pub(super) struct Blocks {
    bytes_max: usize,
    bytes: usize,
    open: BTreeMap<u64, Block>,
    /// Blocks below this are over: complete, or given up.
    floor: u64,
    decoder: Option<Decoder>,
}

#[derive(Debug)]
struct Block {
    code: Code,
    /// Known once a parity shard has come.
    data_sent: Option<u8>,
    /// Data shards with their length in front, as the code sees them.
    data: BTreeMap<u8, Vec<u8>>,
    parity: BTreeMap<u8, Vec<u8>>,
    complete: bool,
}

/// A shard was new, and this many blocks were given up to make room for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Taken {
    pub(super) new: bool,
    pub(super) given_up: u64,
}

impl Blocks {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, open: BTreeMap::new(), floor: 0, decoder: None }
    }

    /// Keeps a data shard; one that was here before is not new.
    pub(super) fn add_data(
        &mut self,
        number: u64,
        code: Code,
        index: u8,
        shard: &[u8],
    ) -> Result<Taken, Refusal> {
        if number < self.floor {
            // Its block was given up or is complete; the records in it may still be news.
            return Ok(Taken { new: true, given_up: 0 });
        }
        let block = self.block(number, code)?;
        if block.data_sent.is_some_and(|sent| index >= sent) {
            return Err(Refusal::Inconsistent);
        }
        if block.complete || block.data.contains_key(&index) {
            return Ok(Taken { new: false, given_up: 0 });
        }
        let mut stored = length_prefix(shard.len()).to_vec();
        stored.extend_from_slice(shard);
        let bytes = stored.len();
        block.data.insert(index, stored);
        Ok(Taken { new: true, given_up: self.grow(bytes) })
    }

    /// Keeps a parity shard.
    pub(super) fn add_parity(
        &mut self,
        number: u64,
        code: Code,
        (row, data_sent): (u8, u8),
        shard: &[u8],
    ) -> Result<Taken, Refusal> {
        let not_new = Taken { new: false, given_up: 0 };
        if number < self.floor {
            return Ok(not_new);
        }
        let block = self.block(number, code)?;
        if block.complete || block.parity.contains_key(&row) {
            return Ok(not_new);
        }
        let contradicts = block.data_sent.is_some_and(|known| known != data_sent)
            || block.data.keys().next_back().is_some_and(|&last| last >= data_sent)
            || block.parity.values().next().is_some_and(|other| other.len() != shard.len());
        if contradicts {
            return Err(Refusal::Inconsistent);
        }
        block.data_sent = Some(data_sent);
        block.parity.insert(row, shard.to_vec());
        Ok(Taken { new: true, given_up: self.grow(shard.len()) })
    }

    /// Completes block `number` if enough of it is here: the data shards that had been missing.
    pub(super) fn complete(&mut self, number: u64) -> Vec<Vec<u8>> {
        let Some(block) = self.open.get_mut(&number) else { return Vec::new() };
        let Some(data_sent) = block.data_sent else { return Vec::new() };
        if block.complete || block.data.len() + block.parity.len() < usize::from(data_sent) {
            return Vec::new();
        }
        let recovered = if block.data.len() < usize::from(data_sent) {
            block.recover(data_sent, &mut self.decoder)
        } else {
            Vec::new()
        };
        let freed = block.bytes();
        block.complete = true;
        block.data.clear();
        block.parity.clear();
        self.bytes -= freed;
        self.raise_floor();
        recovered
    }

    fn block(&mut self, number: u64, code: Code) -> Result<&mut Block, Refusal> {
        let block = self.open.entry(number).or_insert_with(|| Block::new(code));
        if block.code == code { Ok(block) } else { Err(Refusal::Inconsistent) }
    }

    /// Accounts for new bytes and gives up the oldest blocks until they fit: how many were incomplete.
    fn grow(&mut self, bytes: usize) -> u64 {
        self.bytes += bytes;
        let mut given_up = 0;
        while self.open.len() > 1 && (self.bytes > self.bytes_max || self.open.len() > BLOCKS_MAX) {
            let Some((number, block)) = self.open.pop_first() else { break };
            self.bytes -= block.bytes();
            self.floor = number + 1;
            given_up += u64::from(block.is_incomplete());
        }
        given_up
    }

    fn raise_floor(&mut self) {
        while let Some((&number, block)) = self.open.first_key_value() {
            if number != self.floor || !block.complete {
                break;
            }
            self.open.pop_first();
            self.floor = number.saturating_add(1);
        }
    }
}

impl Block {
    const fn new(code: Code) -> Self {
        Self { code, data_sent: None, data: BTreeMap::new(), parity: BTreeMap::new(), complete: false }
    }

    fn bytes(&self) -> usize {
        self.data.values().chain(self.parity.values()).map(Vec::len).sum()
    }

    /// Whether data shards are known to be missing.
    fn is_incomplete(&self) -> bool {
        let wanted = self.data_sent.map_or_else(
            || self.data.keys().next_back().map_or(0, |&last| usize::from(last) + 1),
            usize::from,
        );
        !self.complete && self.data.len() < wanted
    }

    fn recover(&self, data_sent: u8, kept: &mut Option<Decoder>) -> Vec<Vec<u8>> {
        let Ok(geometry) = Geometry::new(self.code.data(), self.code.parity()) else { return Vec::new() };
        if kept.as_ref().is_some_and(|decoder| decoder.geometry() != geometry) {
            *kept = None;
        }
        let decoder = kept.get_or_insert_with(|| Decoder::new(Coefficients::new(geometry)));
        let data: Vec<Option<&[u8]>> =
            (0..data_sent).map(|index| self.data.get(&index).map(Vec::as_slice)).collect();
        let parity: Vec<(u8, &[u8])> =
            self.parity.iter().map(|(&row, shard)| (row, shard.as_slice())).collect();
        let recovered = decoder.recover(&Shards { data: &data, parity: &parity });
        recovered.into_iter().flatten().filter_map(|(_, shard)| without_length(shard)).collect()
    }
}
