//! Forward error correction with 1 KiB shards: gigabytes of data a second on one thread.

use std::hint::black_box;

use anyhow::Result;
use noreturn_fec::{Coefficients, Decoder, Encoder, Geometry, Shards};
use reed_solomon_erasure::galois_8::ReedSolomon;

use super::{Figure, seconds_per_round};
use crate::random::Random;

const SHARD_BYTES: usize = 1024;

/// Measures every geometry.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (data, parity) in [(10, 4), (20, 5), (32, 8)] {
        figures.extend(geometry(data, parity)?);
    }
    Ok(figures)
}

fn geometry(data: u8, parity: u8) -> Result<[Figure; 2]> {
    let mut random = Random(u64::from(data));
    let shards: Vec<Vec<u8>> =
        (0..data).map(|_| (0..SHARD_BYTES).map(|_| random.draw() as u8).collect()).collect();
    let gigabytes = shards.len() as f64 * SHARD_BYTES as f64 / 1e9;
    let reference = ReedSolomon::new(data.into(), parity.into())?;
    let (encode, parity_shards) = encode(Geometry::new(data, parity)?, &shards);
    let reference_encode = reference_encode(&reference, &shards);
    let decode = decode(Geometry::new(data, parity)?, &shards, &parity_shards, &mut random.clone());
    let reference_decode = reference_decode(&reference, &shards, &parity_shards, &mut random);
    let figure = |name: &str, ours: f64, theirs: f64| {
        let mut figure = Figure::new(format!("fec_{name}_{data}_{parity}"), gigabytes / ours, "GB/s");
        figure.beside.push(("reed-solomon-erasure", gigabytes / theirs));
        figure
    };
    Ok([figure("encode", encode, reference_encode), figure("decode", decode, reference_decode)])
}

fn encode(geometry: Geometry, shards: &[Vec<u8>]) -> (f64, Vec<Vec<u8>>) {
    let mut encoder = Encoder::new(Coefficients::new(geometry), SHARD_BYTES);
    let mut parity = Vec::new();
    let seconds = seconds_per_round(|| {
        encoder.clear();
        assert!(shards.iter().all(|shard| encoder.add(black_box(shard))));
        black_box(encoder.parity(0));
    });
    parity.extend((0..geometry.parity()).filter_map(|row| encoder.parity(row).map(<[u8]>::to_vec)));
    (seconds, parity)
}

fn reference_encode(reference: &ReedSolomon, shards: &[Vec<u8>]) -> f64 {
    let mut parity = vec![vec![0; SHARD_BYTES]; reference.parity_shard_count()];
    seconds_per_round(|| {
        let encoded = reference.encode_sep(black_box(shards), &mut parity);
        assert!(encoded.is_ok());
    })
}

/// As many data shards as there is parity, another choice every time.
fn lost(shards: usize, count: usize, random: &mut Random) -> Vec<usize> {
    let mut all: Vec<usize> = (0..shards).collect();
    (0..count)
        .map(|_| all.swap_remove(usize::try_from(random.below(all.len() as u64)).unwrap_or(0)))
        .collect()
}

fn decode(geometry: Geometry, shards: &[Vec<u8>], parity: &[Vec<u8>], random: &mut Random) -> f64 {
    let mut decoder = Decoder::new(Coefficients::new(geometry));
    let parity: Vec<(u8, &[u8])> = (0..).zip(parity).map(|(row, shard)| (row, &shard[..])).collect();
    seconds_per_round(|| {
        let mut data: Vec<Option<&[u8]>> = shards.iter().map(|shard| Some(&shard[..])).collect();
        lost(shards.len(), parity.len(), random).into_iter().for_each(|index| data[index] = None);
        let recovered = decoder.recover(black_box(&Shards { data: &data, parity: &parity }));
        assert!(recovered.is_ok());
    })
}

fn reference_decode(
    reference: &ReedSolomon,
    shards: &[Vec<u8>],
    parity: &[Vec<u8>],
    random: &mut Random,
) -> f64 {
    let mut all: Vec<(Vec<u8>, bool)> =
        shards.iter().chain(parity).map(|shard| (shard.clone(), true)).collect();
    seconds_per_round(|| {
        all.iter_mut().for_each(|(_, present)| *present = true);
        lost(shards.len(), parity.len(), random).into_iter().for_each(|index| all[index].1 = false);
        let recovered = reference.reconstruct(black_box(&mut all));
        assert!(recovered.is_ok());
    })
}
