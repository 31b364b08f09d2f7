//! TCP's initial sequence numbers: RFC 6528.

use std::collections::BTreeSet;

use noreturn_inside::random::Generator;
use noreturn_inside::sequence::initial_sequence;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

/// The number for the connection from one of our ports to one of a device's, under the secret of a boot.
fn number(boot: u8, port: u16, remote: (u8, u16), us: i64) -> u32 {
    let sequence = initial_sequence(Generator::new([boot; 32]).secret());
    let endpoint = |host, port| IpEndpoint::new(IpAddress::v4(10, 0, 0, host), port);
    (sequence.function)(
        &sequence.key,
        endpoint(2, port),
        endpoint(remote.0, remote.1),
        Instant::from_micros(us),
    )
}

/// The timer of 4 microseconds, over its end after 4 h 46 min, too.
#[test]
fn the_numbers_of_one_connection_advance_with_the_time() {
    let at = |us| number(1, 50_000, (9, 502), us);
    let start = at(0);
    assert_eq!(at(3), start);
    for us in [4, 1_000_000, 17_179_869_180, 17_179_869_188, 1 << 50] {
        assert_eq!(at(us).wrapping_sub(start), (us / 4) as u32, "{us}");
    }
}

/// All that a host learns from its own connections is where these are. Each part of the other's connection, and the boot,
/// moves it to somewhere else, and nothing is the same distance away twice.
#[test]
fn the_numbers_of_other_connections_cannot_be_told_from_these() {
    let own = number(1, 50_000, (9, 502), 0);
    let others = (1..=1000).flat_map(|step: u16| {
        [
            number(1, 50_000 + step, (9, 502), 0),
            number(1, 50_000, (9, 502 + step), 0),
            number(1, 50_000, (10 + (step % 240) as u8, 502 + step / 240), 0),
        ]
    });
    let distances: BTreeSet<u32> = others.map(|other| other.wrapping_sub(own)).collect();
    // Of 2^32 places, 3000 are hardly one twice.
    assert!(distances.len() >= 2998, "{}", distances.len());
    // As often odd as even, as often in the upper half as in the lower: within six standard deviations.
    for bit in 0..32 {
        let set = distances.iter().filter(|distance| **distance >> bit & 1 == 1).count();
        assert!(set.abs_diff(distances.len() / 2) < 165, "bit {bit}: {set}");
    }
    let boots: BTreeSet<u32> = (0..=255).map(|boot| number(boot, 50_000, (9, 502), 0)).collect();
    assert_eq!(boots.len(), 256);
}
