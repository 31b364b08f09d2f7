//! reed-solomon-erasure with vector instructions.

use std::hint::black_box;

use anyhow::Result;
use reed_solomon_erasure::galois_8::ReedSolomon;

use crate::block::{Block, SHARD_BYTES};
use crate::timer::seconds_per_round;
use crate::{Speeds, check};

/// Its decoder keeps matrices by itself and is not measured for one loss alone.
pub(crate) fn measure(block: &Block, parity: usize) -> Result<Speeds> {
    let code = ReedSolomon::new(block.shards.len(), parity)?;
    let mut parity_shards = vec![vec![0; SHARD_BYTES]; parity];
    let encode = seconds_per_round(|| {
        let encoded = code.encode_sep(black_box(&block.shards), &mut parity_shards);
        assert!(encoded.is_ok());
    });
    let mut all: Vec<(Vec<u8>, bool)> =
        block.shards.iter().chain(&parity_shards).map(|shard| (shard.clone(), true)).collect();
    let mut losses = block.losses.iter().cycle();
    let decode = seconds_per_round(|| {
        all.iter_mut().for_each(|(_, present)| *present = true);
        losses.next().into_iter().flatten().for_each(|&index| all[index].1 = false);
        let recovered = code.reconstruct_data(black_box(&mut all));
        assert!(recovered.is_ok());
    });
    let lost = &block.losses[0];
    lost.iter().for_each(|&index| all[index] = (vec![0; SHARD_BYTES], false));
    all.iter_mut().enumerate().filter(|(n, _)| !lost.contains(n)).for_each(|(_, shard)| shard.1 = true);
    code.reconstruct_data(&mut all)?;
    let recovered: Vec<Vec<u8>> = lost.iter().map(|&index| all[index].0.clone()).collect();
    check(&recovered, lost, block)?;
    let gigabytes = block.gigabytes();
    Ok(Speeds { encode: gigabytes / encode, decode: gigabytes / decode, decode_kept: 0.0 })
}
