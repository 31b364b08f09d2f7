//! Ports for connections of ours.

use std::collections::BTreeSet;

use noreturn_inside::ports::{FIRST, Ports};
use noreturn_inside::random::Generator;
use proptest::prelude::*;
use smoltcp::wire::{IpAddress, IpEndpoint};

fn ports(seed: u8) -> Ports {
    Ports::new(Generator::new([seed; 32]).secret())
}

fn device(number: u8) -> IpEndpoint {
    IpEndpoint::new(IpAddress::v4(10, 0, 0, number), 502)
}

#[test]
fn a_device_sees_every_port_once_before_it_sees_one_again() {
    let mut ports = ports(1);
    let owner = ports.owner();
    let seen: BTreeSet<u16> = (0..1 << 14).map(|_| ports.take(owner, device(9))).collect();
    assert_eq!(seen.len(), 1 << 14);
    assert!(seen.first() == Some(&FIRST) && seen.last() == Some(&u16::MAX));
}

/// Who is asked by the box sees its own ports, one after the other: they say nothing of another's.
#[test]
fn the_ports_of_one_device_do_not_tell_those_of_another() {
    let distance = |seed: u8| {
        let first = |number: u8| {
            let mut ports = ports(seed);
            let owner = ports.owner();
            i32::from(ports.take(owner, device(number)))
        };
        first(8) - first(9)
    };
    let distances: BTreeSet<i32> = (0..100).map(distance).collect();
    assert!(distances.len() > 95, "{distances:?}");
}

proptest! {
    /// Any number of owners that connect in any order, to the same remote or to several.
    #[test]
    fn no_two_owners_hold_a_port_and_none_gets_the_same_twice(
        seed in any::<u8>(),
        takes in proptest::collection::vec((0..65_usize, 0..3_u8), 1..500),
    ) {
        let mut ports = ports(seed);
        let owners: Vec<_> = (0..65).map(|_| ports.owner()).collect();
        let mut held = [0; 65];
        for (owner, remote) in takes {
            let port = ports.take(owners[owner], device(remote));
            prop_assert!(port >= FIRST);
            prop_assert!(!held.contains(&port));
            held[owner] = port;
        }
    }
}
