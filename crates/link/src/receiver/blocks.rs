//! Blocks of one class that are not complete yet: their shards, until parity helps, or memory or time runs out.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use noreturn_fec::Shards;
use noreturn_wire::Code;

use super::decoders::Decoders;
use super::{Output, Refusal};
use crate::shard::{length_prefix, without_length};

/// Blocks remembered per session and class, complete ones included.
pub(super) const BLOCKS_MAX: usize = 1024;
/// What a shard is taken to cost besides its bytes: its place in a list that grows by doubling, from four.
pub(super) const SHARD_COST_BYTES: usize = 128;
/// A block that has got nothing for so long gets nothing more: senders spread a block over seconds at most.
pub(super) const BLOCK_IDLE_US: u64 = 60_000_000;

#[derive(Debug)]
pub(super) struct Blocks {
    /// What all shards cost.
    bytes: usize,
    open: BTreeMap<u64, Block>,
    /// Blocks below this are over: complete, or given up.
    floor: u64,
}

#[derive(Debug)]
pub(super) struct Block {
    code: Code,
    /// Known once a parity shard has come, or the last data shard of a full block.
    data_sent: Option<u8>,
    /// Data shards with their length in front, as the code sees them.
    data: Kept,
    parity: Kept,
    complete: bool,
    heard_us: u64,
}

/// Shards with their index, in its order.
#[derive(Default, Debug)]
struct Kept(Vec<(u8, Vec<u8>)>);

/// Where a shard belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) block: u64,
    pub(super) code: Code,
    /// Among the data shards, or among the parity shards.
    pub(super) index: u8,
}

impl Blocks {
    pub(super) const fn new() -> Self {
        Self { bytes: 0, open: BTreeMap::new(), floor: 0 }
    }

    /// Keeps a data shard; whether its messages may be news.
    pub(super) fn add_data(
        &mut self,
        place: Place,
        shard: &[u8],
        out: &mut Output<'_>,
    ) -> Result<bool, Refusal> {
        // Of a block that was given up or is complete the records may still be news; without parity nothing
        // is worth keeping.
        if place.block < self.floor || place.code.parity() == 0 {
            return Ok(true);
        }
        let block = self.block(place, out)?;
        if block.data_sent.is_some_and(|sent| place.index >= sent) {
            return Err(Refusal::Inconsistent);
        }
        let prefix = length_prefix(shard.len());
        if block.complete || !block.data.insert(place.index, &[&prefix, shard]) {
            return Ok(false);
        }
        if block.data.0.len() == usize::from(place.code.data()) {
            block.data_sent = Some(place.code.data());
        }
        self.grow(prefix.len() + shard.len(), out);
        Ok(true)
    }

    /// Keeps a parity shard of a block that was closed with `data_sent` data shards.
    pub(super) fn add_parity(
        &mut self,
        place: Place,
        data_sent: u8,
        shard: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        if place.block < self.floor {
            return Ok(());
        }
        let block = self.block(place, out)?;
        if block.complete || block.parity.get(place.index).is_some() {
            return Ok(());
        }
        let contradicts = block.data_sent.is_some_and(|known| known != data_sent)
            || block.data.0.last().is_some_and(|&(last, _)| last >= data_sent)
            || block.parity.0.first().is_some_and(|(_, other)| other.len() != shard.len());
        if contradicts {
            return Err(Refusal::Inconsistent);
        }
        block.data_sent = Some(data_sent);
        block.parity.insert(place.index, &[shard]);
        self.grow(shard.len(), out);
        Ok(())
    }

    /// Completes block `number` if enough of it is here: the data shards that had been missing.
    pub(super) fn complete(&mut self, number: u64, out: &mut Output<'_>) -> Vec<Vec<u8>> {
        let Some(block) = self.open.get_mut(&number) else { return Vec::new() };
        let Some(data_sent) = block.data_sent else { return Vec::new() };
        let wanted = usize::from(data_sent);
        if block.complete || block.data.0.len() + block.parity.0.len() < wanted {
            return Vec::new();
        }
        let missing = wanted.saturating_sub(block.data.0.len());
        let recovered = if missing > 0 { block.recover(data_sent, out.decoders) } else { Vec::new() };
        out.counters.blocks_incomplete += u64::from(recovered.len() < missing);
        self.bytes = self.bytes.saturating_sub(block.cost());
        block.complete = true;
        (block.data, block.parity) = (Kept::default(), Kept::default());
        self.raise_floor();
        recovered
    }

    /// Gives up the oldest blocks as long as they have got nothing for [`BLOCK_IDLE_US`].
    pub(super) fn give_up_idle(&mut self, out: &mut Output<'_>) {
        while let Some(block) = self.open.first_entry() {
            if block.get().heard_us.saturating_add(BLOCK_IDLE_US) > out.now_us {
                return;
            }
            self.give_up_first(out);
        }
        // An empty map may keep a node, which is more than all the rest of an idle class.
        self.open = BTreeMap::new();
    }

    /// The block of a shard, which it must agree with.
    fn block(&mut self, place: Place, out: &Output<'_>) -> Result<&mut Block, Refusal> {
        let block = self.open.entry(place.block).or_insert_with(|| Block::new(place.code));
        block.heard_us = out.now_us;
        if block.code == place.code { Ok(block) } else { Err(Refusal::Inconsistent) }
    }

    /// Accounts for a new shard of so many bytes, and gives up the oldest blocks until it fits.
    fn grow(&mut self, bytes: usize, out: &mut Output<'_>) {
        self.bytes += bytes + SHARD_COST_BYTES;
        let is_full = |blocks: &Self, out: &Output<'_>| {
            blocks.bytes > out.config.shard_bytes_max || blocks.open.len() > BLOCKS_MAX
        };
        while self.open.len() > 1 && is_full(self, out) {
            self.give_up_first(out);
        }
    }

    fn give_up_first(&mut self, out: &mut Output<'_>) {
        if let Some((number, block)) = self.open.pop_first() {
            self.bytes = self.bytes.saturating_sub(block.cost());
            self.floor = number.saturating_add(1);
            out.counters.blocks_incomplete += u64::from(block.is_incomplete());
        }
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
    fn new(code: Code) -> Self {
        let (data, parity) = (Kept::default(), Kept::default());
        Self { code, data_sent: None, data, parity, complete: false, heard_us: 0 }
    }

    fn cost(&self) -> usize {
        self.data.0.iter().chain(&self.parity.0).map(|(_, shard)| shard.len() + SHARD_COST_BYTES).sum()
    }

    /// Whether data shards are known to be missing.
    fn is_incomplete(&self) -> bool {
        let seen = self.data.0.last().map_or(0, |&(last, _)| usize::from(last) + 1);
        let wanted = self.data_sent.map_or(seen, usize::from);
        !self.complete && self.data.0.len() < wanted
    }

    fn recover(&self, data_sent: u8, decoders: &mut Decoders) -> Vec<Vec<u8>> {
        let Some(decoder) = decoders.get(self.code) else { return Vec::new() };
        let data: Vec<Option<&[u8]>> = (0..data_sent).map(|index| self.data.get(index)).collect();
        let parity: Vec<(u8, &[u8])> =
            self.parity.0.iter().map(|(row, shard)| (*row, shard.as_slice())).collect();
        let recovered = decoder.recover(&Shards { data: &data, parity: &parity });
        recovered.into_iter().flatten().filter_map(|(_, shard)| without_length(shard)).collect()
    }
}

impl Kept {
    fn get(&self, index: u8) -> Option<&[u8]> {
        let place = self.0.binary_search_by_key(&index, |&(known, _)| known).ok()?;
        self.0.get(place).map(|(_, shard)| shard.as_slice())
    }

    /// Keeps a shard, given in parts; false if there is one of this index.
    fn insert(&mut self, index: u8, parts: &[&[u8]]) -> bool {
        let Err(place) = self.0.binary_search_by_key(&index, |&(known, _)| known) else { return false };
        self.0.insert(place, (index, parts.concat()));
        true
    }
}
