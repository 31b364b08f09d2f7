//! Forward error correction: what enough shards arrived of comes back as it was; nonsense ends, and is the same
//! nonsense with and without vector instructions.

use noreturn_fec::{Coefficients, Decoder, Encoder, Geometry, Kernel, Shards};

use super::script::Script;

const SHARD_BYTES_MAX: usize = 200;
const BLOCKS_MAX: usize = 8;

/// Runs the input as blocks of one geometry, honest ones that lose shards and nonsense, through one decoder.
pub(super) fn fec(data: &[u8]) {
    let mut script = Script(data);
    let geometry = Geometry::new(1 + script.byte() % 24, script.byte() % 9).expect("at most 33 shards");
    let kernels: Vec<Kernel> = Kernel::available().collect();
    let kernel = script.choose(&kernels);
    let mut code = Code {
        encoder: Encoder::with_kernel(Coefficients::new(geometry), SHARD_BYTES_MAX, kernel),
        decoder: Decoder::with_kernel(Coefficients::new(geometry), kernel),
        twin: Decoder::with_kernel(Coefficients::new(geometry), Kernel::PORTABLE),
    };
    for _ in 0..BLOCKS_MAX {
        if script.is_empty() {
            break;
        }
        match script.below(2) {
            0 => code.honest(geometry, &mut script),
            _ => code.nonsense(geometry, &mut script),
        }
    }
}

struct Code {
    encoder: Encoder,
    decoder: Decoder,
    twin: Decoder,
}

impl Code {
    /// A block as a sender makes it, and a network that loses some of it.
    fn honest(&mut self, geometry: Geometry, script: &mut Script<'_>) {
        let shards: Vec<Vec<u8>> = (0..=script.byte() % geometry.data()).map(|_| shard(script)).collect();
        self.encoder.clear();
        shards.iter().for_each(|shard| assert!(self.encoder.add(shard), "there is room"));
        let data: Vec<Option<&[u8]>> =
            shards.iter().map(|shard| (script.below(3) != 0).then_some(shard.as_slice())).collect();
        let rows = (0..geometry.parity()).filter(|_| script.below(4) != 0);
        let parity: Vec<(u8, &[u8])> =
            rows.map(|row| (row, self.encoder.parity(row).expect("there is such a row"))).collect();
        let missing = data.iter().filter(|shard| shard.is_none()).count();
        let Ok(recovered) = self.decoder.recover(&Shards { data: &data, parity: &parity }) else {
            return assert!(parity.len() < missing, "{missing} missing, and {} parity", parity.len());
        };
        assert!(parity.len() >= missing && recovered.len() == missing, "recovered out of nothing");
        for (index, shard) in recovered {
            let original = &shards[usize::from(index)];
            assert!(data[usize::from(index)].is_none(), "what was there was recovered");
            assert_eq!(shard[..original.len()], original[..], "shard {index} came back as another");
            assert!(shard[original.len()..].iter().all(|&byte| byte == 0), "shard {index} does not end");
        }
    }

    /// Shards that no sender made: repeated rows, rows that do not exist, lengths that contradict each other.
    fn nonsense(&mut self, geometry: Geometry, script: &mut Script<'_>) {
        let count = script.below(usize::from(geometry.data()) + 2);
        let data: Vec<Option<&[u8]>> = (0..count)
            .map(|_| match script.below(128) {
                length @ 0..80 => Some(script.take(length)),
                _ => None,
            })
            .collect();
        let rows = script.below(12);
        let parity: Vec<(u8, &[u8])> = (0..rows)
            .map(|_| {
                let (row, length) = (script.byte(), script.below(80));
                (if row < 0xf0 { row % 10 } else { row }, script.take(length))
            })
            .collect();
        let shards = Shards { data: &data, parity: &parity };
        let missing = data.iter().filter(|shard| shard.is_none()).count();
        match (self.decoder.recover(&shards), self.twin.recover(&shards)) {
            (Ok(recovered), Ok(twin)) => {
                assert_eq!(recovered.len(), missing);
                assert!(recovered.eq(twin), "vector instructions make a difference");
            }
            (Err(error), Err(twin)) => {
                assert_eq!(error, twin);
                assert!(error.parity < error.missing && error.missing == missing, "{error:?}");
            }
            (recovered, _) => panic!("vector instructions make a difference: {}", recovered.is_ok()),
        }
    }
}

fn shard(script: &mut Script<'_>) -> Vec<u8> {
    let (length, first, step) = (script.below(SHARD_BYTES_MAX + 1), script.byte(), script.byte());
    (0..length as u8).map(|at| first.wrapping_add(at.wrapping_mul(step))).collect()
}
