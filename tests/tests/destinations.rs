//! Several destinations: every frame goes to the receiver and to a multicast group, and nowhere else.

use anyhow::Result;
use noreturn_tests::counting::CountingDevice;
use noreturn_tests::ports::free_tcp;
use noreturn_tests::site::device;
use noreturn_tests::world::{Plan, World};

/// 239.1.2.3, and the Ethernet address that RFC 1112, section 6.4, gives it, as they stand in a frame.
const GROUP: &str = "[[outside.destination]]\naddress = \"239.1.2.3:4101\"\n";
const GROUP_MAC: &str = "[01, 00, 5e, 01, 02, 03";
const GROUP_ADDRESS: &str = "ef, 01, 02, 03";

#[test]
fn every_frame_goes_to_the_receiver_and_to_the_group() -> Result<()> {
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let point =
        "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 50\n";
    let mut world = World::start(&Plan::new(GROUP.to_owned() + &device("plc", port, 1, "") + point))?;
    world.wait_for_records(50)?;
    let before = world.wire.frames();
    // What is not for the receiver is foreign to its wire.
    let foreign = world.wire.foreign();
    let after = world.wire.frames();
    assert!(
        (before - 1..=after + 1).contains(&(foreign.len() as u64)),
        "{} of {before} frames went to the group",
        foreign.len()
    );
    for frame in &foreign {
        assert!(
            frame.contains(GROUP_MAC) && frame.contains(GROUP_ADDRESS),
            "neither receiver nor group: {frame}"
        );
    }
    Ok(())
}
