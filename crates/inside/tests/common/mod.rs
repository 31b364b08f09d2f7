//! Frames of a plant network, and a device that holds them, for an interface of smoltcp.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use etherparse::{PacketBuilder, TcpHeader};
use smoltcp::iface::{Config, Interface};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

/// The box and a device of the plant.
pub const BOX: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(10, 0, 0, 2));
pub const DEVICE: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 0, 9], Ipv4Addr::new(10, 0, 0, 9));

/// A cable without anybody at the other end but the test.
#[derive(Default)]
pub struct Cable {
    pub to_box: VecDeque<Vec<u8>>,
    pub from_box: Vec<Vec<u8>>,
}

pub struct Frame(Vec<u8>);

impl RxToken for Frame {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

pub struct Room<'a>(&'a mut Vec<Vec<u8>>);

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, bytes: usize, write: F) -> R {
        let mut frame = vec![0; bytes];
        let result = write(&mut frame);
        self.0.push(frame);
        result
    }
}

impl Device for Cable {
    type RxToken<'a> = Frame;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Frame, Room<'_>)> {
        let frame = self.to_box.pop_front()?;
        Some((Frame(frame), Room(&mut self.from_box)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        Some(Room(&mut self.from_box))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        (capabilities.medium, capabilities.max_transmission_unit) = (Medium::Ethernet, 1514);
        capabilities
    }
}

/// The box's interface.
pub fn interface(cable: &mut Cable) -> Interface {
    let mut interface =
        Interface::new(Config::new(EthernetAddress(BOX.0).into()), cable, Instant::from_millis(0));
    interface.update_ip_addrs(|addresses| {
        addresses.push(IpCidr::new(BOX.1.into(), 24)).expect("the list is empty");
    });
    interface
}

/// A TCP segment from the device to the box.
pub fn tcp_frame(segment: TcpHeader) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(DEVICE.0, BOX.0)
        .ipv4(DEVICE.1.octets(), BOX.1.octets(), 64)
        .tcp_header(segment)
        .write(&mut frame, &[])
        .expect("a vector takes it");
    frame
}
