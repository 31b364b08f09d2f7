//! Our code against the reference implementation, over random geometries, shortenings and losses.
#![allow(clippy::unwrap_used)]

use noreturn_fec::{Coefficients, Decoder, Encoder, Geometry, Kernel, NotEnoughShards, Shards};
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

fn parity(encoder: &Encoder, geometry: Geometry) -> Vec<Vec<u8>> {
    (0..geometry.parity()).map(|row| encoder.parity(row).unwrap().to_vec()).collect()
}

fn encode(block: &Block) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(Coefficients::new(block.geometry), 64);
    assert!(block.data.iter().all(|shard| encoder.add(shard)));
    parity(&encoder, block.geometry)
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
    fn every_kernel_gives_the_same_parity_at_once_and_in_groups(block in blocks(), before in blocks()) {
        let expected = encode(&block);
        let shards: Vec<&[u8]> = block.data.iter().map(Vec::as_slice).collect();
        for kernel in Kernel::available() {
            let mut encoder = Encoder::with_kernel(Coefficients::new(block.geometry), 64, kernel);
            // Another block before it must not leave a trace.
            before.data.iter().all(|shard| encoder.add(shard));
            for group in [1, 2, 4, 17] {
                encoder.clear();
                prop_assert!(shards.chunks(group).all(|shards| encoder.add_all(shards)));
                prop_assert_eq!(&parity(&encoder, block.geometry), &expected, "{:?} by {}", kernel, group);
            }
            prop_assert!(encoder.encode(&shards));
            prop_assert_eq!(&parity(&encoder, block.geometry), &expected, "{:?}, at once", kernel);
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
        for kernel in Kernel::available() {
            let mut decoder = Decoder::with_kernel(Coefficients::new(block.geometry), kernel);
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

/// One decoder over many blocks, of which the losses repeat, the widths change, and some cannot be recovered.
#[test]
fn a_decoder_keeps_nothing_of_the_blocks_before() {
    let coefficients = Coefficients::new(Geometry::new(10, 4).unwrap());
    let mut decoder = Decoder::new(coefficients.clone());
    for round in 0..200_usize {
        let width = [64, 1024, 7, 130][round % 4];
        let block: Vec<Vec<u8>> = (0..10)
            .map(|n| (0..width).map(|i| (((n + 3) * (i + 5) * (round + 1)) >> 2) as u8).collect())
            .collect();
        let mut encoder = Encoder::new(coefficients.clone(), 1024);
        assert!(encoder.encode(&block.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        let parity: Vec<(u8, &[u8])> = (0..4).rev().map(|row| (row, encoder.parity(row).unwrap())).collect();
        let lost = |n: usize| (n * 7 + round * round) % 10 < round % 6;
        let data: Vec<Option<&[u8]>> = (0..10).map(|n| (!lost(n)).then_some(&block[n][..])).collect();
        match decoder.recover(&Shards { data: &data, parity: &parity }) {
            Ok(recovered) => {
                let recovered: Vec<(u8, &[u8])> = recovered.collect();
                let expected: Vec<(u8, &[u8])> =
                    (0..10).filter(|&n| lost(n.into())).map(|n| (n, &block[usize::from(n)][..])).collect();
                assert_eq!(recovered, expected, "round {round}");
            }
            Err(error) => assert_eq!(error, NotEnoughShards { missing: 5, parity: 4 }, "round {round}"),
        }
    }
}

#[test]
fn the_largest_blocks_equal_the_reference_and_come_back() {
    for (k, m) in [(200_u8, 56_u8), (1, 255), (255, 1), (128, 128)] {
        let coefficients = Coefficients::new(Geometry::new(k, m).unwrap());
        let (data, total) = (usize::from(k), usize::from(k) + usize::from(m));
        let mut shards: Vec<Vec<u8>> = (0..total)
            .map(|n| (0..70).map(|i| (((n + 1) * (i + 3) * 2_654_435_761) >> 11) as u8).collect())
            .collect();
        ReedSolomon::new(data, m.into()).unwrap().encode(&mut shards).unwrap();
        let mut encoder = Encoder::new(coefficients.clone(), 70);
        assert!(encoder.encode(&shards[..data].iter().map(Vec::as_slice).collect::<Vec<_>>()));
        for row in 0..m {
            assert_eq!(encoder.parity(row).unwrap(), shards[data + usize::from(row)], "{k}, {m}: row {row}");
        }
        let missing = usize::from(m).min(data);
        let present: Vec<Option<&[u8]>> =
            (0..data).map(|n| (n >= missing).then_some(&shards[n][..])).collect();
        let parity: Vec<(u8, &[u8])> =
            (0..m).map(|row| (row, &shards[data + usize::from(row)][..])).collect();
        let mut decoder = Decoder::new(coefficients);
        let recovered = decoder.recover(&Shards { data: &present, parity: &parity }).unwrap();
        assert_eq!(recovered.len(), missing);
        for (index, shard) in recovered {
            assert_eq!(shard, shards[usize::from(index)], "{k}, {m}: shard {index}");
        }
    }
}

#[test]
fn no_code_has_more_shards_than_the_field_has_points() {
    assert!(
        Geometry::new(200, 57).is_err() && Geometry::new(255, 2).is_err() && Geometry::new(0, 4).is_err()
    );
}

#[test]
fn too_many_or_too_long_shards_are_not_encoded() {
    let mut encoder = Encoder::new(Coefficients::new(Geometry::new(2, 1).unwrap()), 4);
    assert!(encoder.encode(&[&[1], &[2, 3]]));
    assert!(!encoder.encode(&[&[1], &[2], &[3]]));
    assert!(!encoder.encode(&[&[0; 5]]));
    assert_eq!((encoder.added(), encoder.parity(0)), (0, Some(&[][..])));
}

#[test]
fn more_data_shards_than_the_geometry_has_cannot_be_recovered() {
    let mut decoder = Decoder::new(Coefficients::new(Geometry::new(2, 2).unwrap()));
    let shards = Shards { data: &[None; 300], parity: &[(0, &[3])] };
    assert!(decoder.recover(&shards).is_err());
    let shards = Shards { data: &[None, Some(&[1]), Some(&[2])], parity: &[(0, &[3])] };
    assert_eq!(decoder.recover(&shards).map(Iterator::count), Err(NotEnoughShards { missing: 1, parity: 0 }));
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
