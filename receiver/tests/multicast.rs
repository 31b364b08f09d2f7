//! The real daemon in a multicast group, on the loopback interface.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Daemon, Diode, JSON_LINES, folder};
use rustix::process::Signal;

const GROUP: &str = "239.255.71.7";

#[test]
fn what_is_sent_to_a_group_arrives_once() {
    let folder = folder("", JSON_LINES);
    let path = folder.path().join("receiver.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("127.0.0.1:0", "0.0.0.0:0");
    let multicast = format!("multicast = [\"{GROUP}\"]\nmulticast_interface = \"127.0.0.1\"\n");
    std::fs::write(path, multicast + &text).unwrap();
    let mut daemon = Daemon::start_in(folder, |_| {});
    // A socket bound to 127.0.0.1 sends to groups on the loopback interface.
    daemon.address = daemon.address.replace("0.0.0.0", GROUP);
    let mut diode = Diode::new(1, &[("plc-1/level", "m")]);
    diode.announce();
    (0..30).for_each(|_| diode.record(0));
    let frames = diode.frames();
    daemon.send(&frames);
    let remains = daemon.stop(Signal::TERM);
    assert_eq!(remains.of_kind("record").len(), 30);
    assert_eq!(remains.summary["counters"]["datagrams"].as_u64(), Some(frames.len() as u64));
}

#[test]
fn an_interface_that_is_not_there_is_a_clear_error() {
    let folder = folder("", "");
    let path = folder.path().join("receiver.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("127.0.0.1:0", "0.0.0.0:0");
    // TEST-NET-1 (RFC 5737): nobody's address.
    let multicast = format!("multicast = [\"{GROUP}\"]\nmulticast_interface = \"192.0.2.1\"\n");
    std::fs::write(path, multicast + &text).unwrap();
    let output = common::command(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("cannot join 239.255.71.7 on interface 192.0.2.1"), "{said}");
}
