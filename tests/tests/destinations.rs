//! Several destinations: every payload goes to the receiver and to a multicast group, and nothing anywhere else.
//!
//! A boot of its own: its site has two destinations, and every other test lets the box send to one. Its frames are sealed with AES-256-GCM, those of all
//! others with ChaCha20-Poly1305.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Result, bail};
use noreturn_tests::counting::CountingDevice;
use noreturn_tests::network::{diode_payload, payload_to};
use noreturn_tests::ports::free_tcp;
use noreturn_tests::site::device;
use noreturn_tests::world::{Plan, World};

const GROUP: &str = "[[outside.destination]]\naddress = \"239.1.2.3:4101\"\n";
const AES: &str = "[link]\nsuite = \"aes-256-gcm\"\n";
const GROUP_ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 1, 2, 3), 4101);
/// The Ethernet address that RFC 1112, section 6.4, gives the group.
const GROUP_MAC: [u8; 6] = [0x01, 0x00, 0x5e, 0x01, 0x02, 0x03];

#[test]
fn every_frame_goes_to_the_receiver_and_to_the_group() -> Result<()> {
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let point =
        "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 50\n";
    let mut world = World::start(&Plan {
        other_destination: Some((GROUP_MAC, GROUP_ADDRESS)),
        ..Plan::new(GROUP.to_owned() + AES + &device("plc", port, 1, "") + point)
    })?;
    let frames = world.wire.tap();
    world.wait_for_records(50)?;
    let (mut to_receiver, mut to_group) = (Vec::new(), Vec::new());
    for frame in frames.try_iter() {
        match diode_payload(&frame, world.receiver_port) {
            Ok(payload) => to_receiver.push(payload.to_vec()),
            Err(_) => match payload_to(&frame, GROUP_MAC, GROUP_ADDRESS) {
                Ok(payload) => to_group.push(payload.to_vec()),
                Err(what) => bail!("neither to the receiver nor to the group: {what}"),
            },
        }
    }
    // The copy of the last one may be on its way.
    let both = to_receiver.len().min(to_group.len());
    let all = to_receiver.len().max(to_group.len());
    assert!(
        both >= 20 && all - both <= 1,
        "{} to the receiver, {} to the group",
        to_receiver.len(),
        to_group.len()
    );
    for (number, (receiver, group)) in to_receiver.iter().zip(&to_group).enumerate() {
        assert_eq!(receiver, group, "payload {number} differs between receiver and group");
    }
    let different: BTreeSet<_> = to_receiver.iter().collect();
    assert_eq!(different.len(), to_receiver.len(), "no payload is sent twice to one destination");
    Ok(())
}
