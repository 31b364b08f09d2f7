//! What a receiver must be able to deliver: kept by counting shards, without any of the receiver's code.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use noreturn_link::DiodeKey;
use noreturn_wire::{Body, BootId, Class, Header, Message};

use crate::judge::{Item, Line};
use crate::seal::Seal;

/// A block: boot, class, number.
type BlockId = (BootId, Class, u64);

/// What the sender put where.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Per data shard: the items that it holds.
    items: HashMap<(BlockId, u8), Vec<Item>>,
    keys: BTreeMap<BootId, Seal>,
    /// Frames in all, and data and parity bytes of them.
    pub(crate) frames: u64,
    pub(crate) data_bytes: u64,
    pub(crate) parity_bytes: u64,
}

impl Sent {
    /// Takes a frame as the sender sent it.
    pub(crate) fn record(&mut self, key: &DiodeKey, frame: &[u8]) {
        let Ok((header, bytes, sealed)) = Header::parse(frame) else {
            panic!("the sender sent what is no frame")
        };
        self.frames += 1;
        match header.body {
            Body::Beacon => {}
            Body::Parity { .. } => self.parity_bytes += frame.len() as u64,
            Body::Data { class, block, index, .. } => {
                self.data_bytes += if class == Class::History { 0 } else { frame.len() as u64 };
                let seal = self.keys.entry(header.boot).or_insert_with(|| Seal::of(key, &header));
                let Some(shard) = seal.open(&header, bytes, sealed) else { panic!("a frame does not open") };
                let before = self.items.insert(((header.boot, class, block), index), items(&shard));
                assert!(before.is_none(), "a place in a block was used twice: {header:?}");
            }
        }
    }
}

fn items(shard: &[u8]) -> Vec<Item> {
    let item = |message| match message {
        Ok(Message::Record(record)) => Some((Line::Source(record.source.0), record.sequence)),
        Ok(Message::Stream(part)) if Message::Stream(part).is_kept() => {
            Some((Line::Stream(part.stream.0), part.sequence))
        }
        Ok(_) => None,
        Err(error) => panic!("the sender sent what is no message: {error:?}"),
    };
    Message::decode_all(shard).filter_map(item).collect()
}

/// What has come to one receiver.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    blocks: HashMap<BlockId, Block>,
    /// Items that came, or that parity must give back.
    pub(crate) due: Vec<(BootId, Item)>,
    /// Data shards that parity must give back, history included.
    pub(crate) recoverable: u64,
}

#[derive(Debug, Default)]
struct Block {
    data: BTreeSet<u8>,
    parity: BTreeSet<u8>,
    data_sent: Option<u8>,
    is_complete: bool,
}

impl Arrived {
    /// The receiver has taken a genuine frame.
    pub(crate) fn take(&mut self, header: &Header, sent: &Sent) {
        let (class, number) = match header.body {
            Body::Data { class, block, .. } | Body::Parity { class, block, .. } => (class, block),
            Body::Beacon => return,
        };
        let id = (header.boot, class, number);
        let block = self.blocks.entry(id).or_default();
        if let Body::Data { index, .. } = header.body {
            block.data.insert(index);
            self.due.extend(sent.items.get(&(id, index)).into_iter().flatten().map(|&item| (id.0, item)));
        }
        if block.is_complete {
            return;
        }
        if let Body::Parity { index, data_sent, .. } = header.body {
            block.parity.insert(index);
            block.data_sent = Some(data_sent);
        }
        let Some(data_sent) = block.data_sent else { return };
        if block.data.len() + block.parity.len() >= usize::from(data_sent) {
            block.is_complete = true;
            for index in (0..data_sent).filter(|index| !block.data.contains(index)) {
                self.recoverable += 1;
                self.due.extend(sent.items.get(&(id, index)).into_iter().flatten().map(|&item| (id.0, item)));
            }
        }
    }

    /// The receiver was restarted: shards of open blocks are gone.
    pub(crate) fn restart(&mut self) {
        self.blocks.clear();
    }
}
