//! One block, as its shards are seen to leave.

use noreturn_fec::{Coefficients, Encoder, Kernel};
use noreturn_link::BlockConfig;
use noreturn_wire::frame::{SHARD_BYTES_MAX, SHARD_LENGTH_BYTES};

pub(super) struct Block {
    config: BlockConfig,
    /// The slow and obvious code.
    encoder: Encoder,
    opened_us: Option<u64>,
    last_us: u64,
    parity: u8,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { opened_us, last_us, parity, .. } = self;
        write!(f, "{} + {parity} shards since {opened_us:?}, last {last_us}", self.encoder.added())
    }
}

impl Block {
    pub(super) fn new(config: BlockConfig) -> Self {
        let coefficients = Coefficients::new(config.geometry);
        let encoder =
            Encoder::with_kernel(coefficients, SHARD_LENGTH_BYTES + SHARD_BYTES_MAX, Kernel::PORTABLE);
        Self { config, encoder, opened_us: None, last_us: 0, parity: 0 }
    }

    /// A data shard has left; whether the block is over.
    pub(super) fn data(&mut self, now_us: u64, index: u8, shard: &[u8]) -> bool {
        assert_eq!(index, self.encoder.added(), "indices have holes");
        assert_eq!(self.parity, 0, "data after parity");
        assert!(self.opened_us.is_none_or(|_| now_us < self.closes_us()), "the block should be closed");
        self.opened_us.get_or_insert(now_us);
        self.last_us = now_us;
        let length = u16::try_from(shard.len()).expect("shards are short").to_be_bytes();
        assert!(self.encoder.add(&[&length[..], shard].concat()), "too many data shards");
        self.config.geometry.parity() == 0 && self.is_full()
    }

    /// A parity shard has left; whether the block is over.
    pub(super) fn parity(&mut self, now_us: u64, (index, data_sent): (u8, u8), shard: &[u8]) -> bool {
        assert_eq!((index, data_sent), (self.parity, self.encoder.added()), "row, data shards");
        assert!(self.parity > 0 || self.is_full() || now_us >= self.closes_us(), "closed early");
        assert!(self.wants_parity(), "more parity than there should be");
        assert_eq!(self.encoder.parity(index).expect("there is such a row"), shard, "wrong parity");
        self.parity += 1;
        self.last_us = now_us;
        !self.wants_parity()
    }

    /// Whether more parity must follow, now or later.
    pub(super) fn wants_parity(&self) -> bool {
        self.parity < self.parity_for(self.encoder.added())
    }

    /// Whether parity should leave now.
    pub(super) fn is_due(&self, now_us: u64) -> bool {
        let is_closed = self.parity > 0 || self.is_full() || now_us >= self.closes_us();
        self.wants_parity() && is_closed && now_us >= self.last_us.saturating_add(self.spacing_us())
    }

    fn is_full(&self) -> bool {
        self.encoder.added() == self.config.geometry.data()
    }

    fn spacing_us(&self) -> u64 {
        let geometry = self.config.geometry;
        self.config.span_us / (u64::from(geometry.data()) + u64::from(geometry.parity()))
    }

    /// After the latency, or the data part of the span.
    fn closes_us(&self) -> u64 {
        let data_span_us = self.spacing_us() * u64::from(self.config.geometry.data());
        let open_us = data_span_us.max(self.config.latency_us_max);
        let quiet_us = self.last_us.saturating_add(self.config.latency_us_max);
        quiet_us.min(self.opened_us.unwrap_or(u64::MAX).saturating_add(open_us))
    }

    /// The straight line of the protocol's document, in whole numbers.
    fn parity_for(&self, sent: u8) -> u8 {
        let geometry = self.config.geometry;
        let (data, parity) = (u32::from(geometry.data()), u32::from(geometry.parity()));
        if parity == 0 || u32::from(sent) == data {
            return geometry.parity();
        }
        let least = u32::from(self.config.parity_min).clamp(1, parity);
        let more = ((parity - least) * (u32::from(sent) - 1)).div_ceil(data - 1);
        u8::try_from(least + more).expect("no more than a full block")
    }
}
