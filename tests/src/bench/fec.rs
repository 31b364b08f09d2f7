//! Forward error correction with 1 KiB shards: gigabytes of data a second on one thread.
//!
//! Four figures a geometry: encoding a whole block; encoding four shards at a time, as the sender does; decoding when as many
//! data shards are lost as there is parity, others in every block; decoding when they are always the same, so that
//! the matrix is at hand.

use std::hint::black_box;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use noreturn_fec::{Coefficients, Decoder, Encoder, Geometry, Shards};
use reed_solomon_erasure::galois_8::ReedSolomon;

use super::Figure;
use super::block::{Block, SHARD_BYTES};
use super::timer::seconds_per_round;
use crate::repository::bench_program;

/// As in the sender.
const SHARDS_AT_A_TIME: usize = 4;
const REFERENCE: &str = "reed-solomon-erasure";

/// What somebody else's code does, in GB/s.
struct Peer {
    name: &'static str,
    encode: f64,
    decode: f64,
    /// With a matrix that is at hand, if that was measured.
    decode_kept: Option<f64>,
}

/// Measures every geometry.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (data, parity) in [(10, 4), (20, 5), (32, 8), (40, 16), (100, 16), (200, 56)] {
        figures.extend(geometry(data, parity)?);
    }
    Ok(figures)
}

fn geometry(data: u8, parity: u8) -> Result<[Figure; 4]> {
    let block = Block::new(data.into(), parity.into());
    let coefficients = Coefficients::new(Geometry::new(data, parity)?);
    let (encode, parity_shards) = encode(&coefficients, &block);
    let shard_by_shard = encode_shards(&coefficients, &block);
    let decode_changing = decode(&coefficients, &block, &parity_shards, block.losses.len());
    let decode_kept = decode(&coefficients, &block, &parity_shards, 1);
    let mut peers = vec![reference(&block, &parity_shards)?];
    match foreign(data, parity) {
        Ok(foreign) => peers.extend(foreign),
        Err(error) => eprintln!("bench: nothing stands beside the codes: {error:#}"),
    }
    let figure = |name: &str, seconds: f64, of: fn(&Peer) -> Option<f64>| {
        let mut figure =
            Figure::new(format!("fec_{name}_{data}_{parity}"), block.gigabytes() / seconds, "GB/s");
        figure.beside = peers.iter().filter_map(|peer| Some((peer.name, of(peer)?))).collect();
        figure
    };
    Ok([
        figure("encode", encode, |peer| Some(peer.encode)),
        figure("encode_shards", shard_by_shard, |peer| Some(peer.encode)),
        figure("decode", decode_changing, |peer| Some(peer.decode)),
        figure("decode_kept", decode_kept, |peer| peer.decode_kept),
    ])
}

fn encode(coefficients: &Coefficients, block: &Block) -> (f64, Vec<Vec<u8>>) {
    let mut encoder = Encoder::new(coefficients.clone(), SHARD_BYTES);
    let shards: Vec<&[u8]> = block.shards.iter().map(Vec::as_slice).collect();
    let seconds = seconds_per_round(|| assert!(encoder.encode(black_box(&shards))));
    let rows = 0..coefficients.geometry().parity();
    (seconds, rows.filter_map(|row| encoder.parity(row).map(<[u8]>::to_vec)).collect())
}

fn encode_shards(coefficients: &Coefficients, block: &Block) -> f64 {
    let mut encoder = Encoder::new(coefficients.clone(), SHARD_BYTES);
    let shards: Vec<&[u8]> = block.shards.iter().map(Vec::as_slice).collect();
    seconds_per_round(|| {
        encoder.clear();
        assert!(shards.chunks(SHARDS_AT_A_TIME).all(|shards| encoder.add_all(black_box(shards))));
        black_box(encoder.parity(0));
    })
}

/// Goes through the first `losses` choices of lost shards in turn.
fn decode(coefficients: &Coefficients, block: &Block, parity: &[Vec<u8>], losses: usize) -> f64 {
    let mut decoder = Decoder::new(coefficients.clone());
    let parity: Vec<(u8, &[u8])> = (0..).zip(parity).map(|(row, shard)| (row, &shard[..])).collect();
    let arrived: Vec<Vec<Option<&[u8]>>> = block.losses[..losses]
        .iter()
        .map(|lost| {
            (0..).zip(&block.shards).map(|(n, shard)| (!lost.contains(&n)).then_some(&shard[..])).collect()
        })
        .collect();
    let mut round = 0;
    seconds_per_round(|| {
        let recovered = decoder.recover(black_box(&Shards { data: &arrived[round], parity: &parity }));
        assert_eq!(recovered.map(Iterator::count), Ok(parity.len()));
        round = (round + 1) % losses;
    })
}

/// reed-solomon-erasure as everybody gets it; its parity must be ours.
fn reference(block: &Block, ours: &[Vec<u8>]) -> Result<Peer> {
    let reference = ReedSolomon::new(block.shards.len(), ours.len())?;
    let mut parity = vec![vec![0; SHARD_BYTES]; ours.len()];
    let encode = seconds_per_round(|| {
        let encoded = reference.encode_sep(black_box(&block.shards), &mut parity);
        assert!(encoded.is_ok());
    });
    ensure!(parity == ours, "our parity is not that of {REFERENCE}");
    let mut all: Vec<(Vec<u8>, bool)> =
        block.shards.iter().chain(&parity).map(|shard| (shard.clone(), true)).collect();
    let mut losses = block.losses.iter().cycle();
    let decode = seconds_per_round(|| {
        all.iter_mut().for_each(|(_, present)| *present = true);
        losses.next().into_iter().flatten().for_each(|&index| all[index].1 = false);
        let recovered = reference.reconstruct_data(black_box(&mut all));
        assert!(recovered.is_ok());
    });
    let gigabytes = block.gigabytes();
    Ok(Peer { name: REFERENCE, encode: gigabytes / encode, decode: gigabytes / decode, decode_kept: None })
}

/// The codes that a program of its own measures (tests/fec-peers).
fn foreign(data: u8, parity: u8) -> Result<Vec<Peer>> {
    let program = bench_program("fec-peers/target/release/noreturn-fec-peers")?;
    let output = Command::new(program).args([data.to_string(), parity.to_string()]).output()?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "fec-peers failed: {}", String::from_utf8_lossy(&output.stderr));
    said.lines().map(|line| parse(line).with_context(|| format!("fec-peers said \"{line}\""))).collect()
}

fn parse(line: &str) -> Option<Peer> {
    let mut fields = line.split('\t');
    let name = match fields.next()? {
        "reed-solomon-erasure, simd-accel" => "reed-solomon-erasure, simd-accel",
        "ISA-L 2.31" => "ISA-L 2.31",
        "ISA-L of the system" => "ISA-L of the system",
        _ => return None,
    };
    let mut number = || fields.next()?.parse::<f64>().ok();
    let (encode, decode, kept) = (number()?, number()?, number()?);
    Some(Peer { name, encode, decode, decode_kept: (kept > 0.0).then_some(kept) })
}
