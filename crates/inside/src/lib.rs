//! The inside network without a card, driven by frames and the time.
//!
//! A [`Stack`] is Ethernet and ARP ([`Neighbours`]) below IP, TCP and UDP (smoltcp); what carries its frames is a
//! [`Card`]. A [`DeviceConnection`] carries out on it what the poller of one Modbus device says; a
//! [`Listener`] serves clients of the status.
//!
//! Every bound is per neighbour: what is configured has places that nobody else can take, and a neighbour that is
//! silent, wrong or hostile costs the others nothing.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod arp;
mod device_connection;
mod devices;
pub mod ethernet;
pub mod filter;
mod listener;
pub mod neighbours;
mod port;
pub mod ports;
mod progress;
pub mod random;
pub mod sequence;
mod stack;

pub use device_connection::DeviceConnection;
pub use devices::Devices;
pub use listener::Listener;
pub use neighbours::Neighbours;
pub use port::Card;
pub use stack::Stack;
