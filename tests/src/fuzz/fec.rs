//! Forward error correction: what enough shards arrived of comes back as it was; nonsense ends.

use noreturn_fec::{Coefficients, Decoder, Encoder, Geometry, NotEnoughShards, Shards};

use super::script::Script;

const SHARD_BYTES_MAX: usize = 48;

/// Runs the input as one honest block that loses shards, then as blocks of nonsense.
pub(super) fn fec(data: &[u8]) {
    let mut script = Script(data);
    let geometry = Geometry::new(1 + script.byte() % 24, script.byte() % 9).expect("at most 33 shards");
    let mut decoder = Decoder::new(Coefficients::new(geometry));
    honest(geometry, &mut decoder, &mut script);
    for _ in 0..8 {
        if script.is_empty() {
            break;
        }
        nonsense(geometry, &mut decoder, &mut script);
    }
}

/// A block as a sender makes it, and a network that loses some of it.
fn honest(geometry: Geometry, decoder: &mut Decoder, script: &mut Script<'_>) {
    let mut encoder = Encoder::new(Coefficients::new(geometry), SHARD_BYTES_MAX);
    let sent = 1 + script.byte() % geometry.data();
    let mut shards = Vec::new();
    for number in 0..sent {
        let length = script.below(SHARD_BYTES_MAX + 1);
        let fill = script.byte();
        let shard: Vec<u8> =
            (0..length as u8).map(|at| fill.wrapping_add(at).wrapping_mul(number | 1)).collect();
        assert!(encoder.add(&shard), "there is room");
        shards.push(shard);
    }
    let data: Vec<Option<&[u8]>> =
        shards.iter().map(|shard| (script.below(3) != 0).then_some(shard.as_slice())).collect();
    let rows = (0..geometry.parity()).filter(|_| script.below(4) != 0);
    let parity: Vec<(u8, &[u8])> = rows.filter_map(|row| Some((row, encoder.parity(row)?))).collect();
    let missing: Vec<u8> = (0..sent).filter(|&index| data[usize::from(index)].is_none()).collect();
    match decoder.recover(&Shards { data: &data, parity: &parity }) {
        Ok(recovered) => {
            assert!(parity.len() >= missing.len(), "recovered out of nothing");
            let mut indices = Vec::new();
            for (index, shard) in recovered {
                let original = &shards[usize::from(index)];
                assert_eq!(shard[..original.len()], original[..], "shard {index} came back as another");
                assert!(shard[original.len()..].iter().all(|&byte| byte == 0), "shard {index} does not end");
                indices.push(index);
            }
            assert_eq!(indices, missing);
        }
        Err(NotEnoughShards { .. }) => {
            assert!(
                parity.len() < missing.len(),
                "{} of {} missing, {} parity",
                missing.len(),
                sent,
                parity.len()
            );
        }
    }
}

/// Shards that no sender made: repeated rows, rows that do not exist, lengths that contradict each other.
fn nonsense(geometry: Geometry, decoder: &mut Decoder, script: &mut Script<'_>) {
    let count = script.below(usize::from(geometry.data()) + 1);
    let data: Vec<Option<&[u8]>> = (0..count)
        .map(|_| match script.below(64) {
            length @ 0..32 => Some(script.take(length)),
            _ => None,
        })
        .collect();
    let rows = script.below(12);
    let parity: Vec<(u8, &[u8])> = (0..rows)
        .map(|_| {
            let (row, length) = (script.byte(), script.below(32));
            (if row < 0xf0 { row % 10 } else { row }, script.take(length))
        })
        .collect();
    let missing = data.iter().filter(|shard| shard.is_none()).count();
    let width = parity.first().map_or(0, |(_, shard)| shard.len());
    match decoder.recover(&Shards { data: &data, parity: &parity }) {
        Ok(recovered) => {
            assert_eq!(recovered.len(), missing);
            for (index, shard) in recovered {
                assert!(data[usize::from(index)].is_none(), "what was there was recovered");
                assert_eq!(shard.len(), width);
            }
        }
        Err(error) => assert!(error.parity < error.missing && error.missing == missing, "{error:?}"),
    }
}
