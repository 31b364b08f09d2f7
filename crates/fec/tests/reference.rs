//! Our code against the reference implementation, over random geometries, shortenings and losses.
#![allow(clippy::unwrap_used)]

use noreturn_fec::{Coefficients, Decoder, Encoder, Geometry, NotEnoughShards, Shards};
use proptest::prelude::*;
use reed_solomon_erasure::galois_8::ReedSolomon;

#[derive(Debug, Clone)]
struct Block {
    geometry: Geometry,
    data: Vec<Vec<u8>>,
    lost: Vec<bool>,
}

fn blocks() -> impl Strategy<Value = Block> {
    (1_u8..=40, 0_u8..=20).prop_flat_map(|(data, parity)| {
        let shards = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..48), 1..=usize::from(data));
        (Just(Geometry::new(data, parity).unwrap()), shards, prop::collection::vec(any::<bool>(), 60))
            .prop_map(|(geometry, data, lost)| Block { geometry, data, lost })
    })
}

fn encode(block: &Block) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(Coefficients::new(block.geometry), 64);
    assert!(block.data.iter().all(|shard| encoder.add(shard)));
    (0..block.geometry.parity()).map(|row| encoder.parity(row).unwrap().to_vec()).collect()
}

fn padded(shard: &[u8], width: usize) -> Vec<u8> {
    let mut shard = shard.to_vec();
    shard.resize(width, 0);
    shard
}

proptest! {
    #[test]
    fn parity_equals_the_reference_on_zero_padded_shards(block in blocks()) {
        prop_assume!(block.geometry.parity() > 0);
        let width = block.data.iter().map(Vec::len).max().unwrap().max(1);
        let (k, m) = (usize::from(block.geometry.data()), usize::from(block.geometry.parity()));
        let mut shards: Vec<Vec<u8>> = block.data.iter().map(|shard| padded(shard, width)).collect();
        shards.resize(k + m, vec![0; width]);
        ReedSolomon::new(k, m).unwrap().encode(&mut shards).unwrap();
        for (ours, reference) in encode(&block).iter().zip(&shards[k..]) {
            prop_assert_eq!(&padded(ours, width), reference);
        }
    }

    #[test]
    fn whatever_lost_no_more_than_parity_arrived_comes_back(block in blocks()) {
        let parity = encode(&block);
        let width = block.data.iter().map(Vec::len).max().unwrap();
        let (lost_data, lost_parity) = block.lost.split_at(block.data.len());
        let data: Vec<Option<&[u8]>> =
            block.data.iter().zip(lost_data).map(|(shard, lost)| (!lost).then_some(&shard[..])).collect();
        let parity: Vec<(u8, &[u8])> = (0..)
            .zip(&parity)
            .zip(lost_parity)
            .filter(|(_, lost)| !**lost)
            .map(|((row, shard), _)| (row, &shard[..]))
            .collect();
        let missing = data.iter().filter(|shard| shard.is_none()).count();
        let mut decoder = Decoder::new(Coefficients::new(block.geometry));
        match decoder.recover(&Shards { data: &data, parity: &parity }) {
            Ok(recovered) => {
                prop_assert!(missing <= parity.len());
                prop_assert_eq!(recovered.len(), missing);
                for (index, shard) in recovered {
                    prop_assert_eq!(shard, padded(&block.data[usize::from(index)], width));
                }
            }
            Err(error) => {
                prop_assert_eq!(error.missing, missing);
                prop_assert!(missing > parity.len());
            }
        }
    }

    #[test]
    fn nonsense_is_refused_without_panic(
        lengths in prop::collection::vec(prop::option::of(0_usize..40), 1..12),
        parity in prop::collection::vec((any::<u8>(), 0_usize..40), 0..8),
    ) {
        let bytes = [0x5a_u8; 64];
        let data: Vec<Option<&[u8]>> = lengths.iter().map(|n| n.map(|n| &bytes[..n])).collect();
        let parity: Vec<(u8, &[u8])> = parity.iter().map(|(row, n)| (*row, &bytes[..*n])).collect();
        let mut decoder = Decoder::new(Coefficients::new(Geometry::new(10, 4).unwrap()));
        let _ = decoder.recover(&Shards { data: &data, parity: &parity }).map(Iterator::count);
    }
}

#[test]
fn an_encoder_is_as_good_as_new_after_clear() {
    let geometry = Geometry::new(4, 2).unwrap();
    let mut used = Encoder::new(Coefficients::new(geometry), 32);
    assert!(used.add(&[0xff; 32]) && used.add(&[0x11; 7]));
    used.clear();
    let mut fresh = Encoder::new(Coefficients::new(geometry), 32);
    assert!(used.add(&[1, 2, 3]) && fresh.add(&[1, 2, 3]));
    assert_eq!(used.parity(0), fresh.parity(0));
    assert_eq!(used.parity(1).unwrap().len(), 3);
    assert_eq!(used.parity(2), None);
}

#[test]
fn a_full_block_and_a_long_shard_are_refused() {
    let mut encoder = Encoder::new(Coefficients::new(Geometry::new(1, 1).unwrap()), 4);
    assert!(!encoder.add(&[0; 5]));
    assert!(encoder.add(&[0; 4]));
    assert!(!encoder.add(&[0; 4]));
    assert_eq!(encoder.added(), 1);
}

#[test]
fn repeated_and_foreign_rows_count_once_or_not_at_all() {
    let data: [Option<&[u8]>; 2] = [None, None];
    let shard: &[u8] = &[0; 8];
    let mut decoder = Decoder::new(Coefficients::new(Geometry::new(4, 2).unwrap()));
    let shards = Shards { data: &data, parity: &[(0, shard), (0, shard), (9, shard)] };
    assert_eq!(decoder.recover(&shards).map(Iterator::count), Err(NotEnoughShards { missing: 2, parity: 1 }));
}

#[test]
fn the_share_of_parity_is_rounded_up() {
    let geometry = Geometry::new(10, 4).unwrap();
    assert_eq!([1, 2, 3, 5, 6, 10].map(|sent| geometry.parity_for(sent)), [1, 1, 2, 2, 3, 4]);
}
