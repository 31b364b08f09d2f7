//! Harness of the end-to-end tests and of the demo: the box in QEMU, and real peers on both sides of it.
#![forbid(unsafe_code)]

pub mod bench;
pub mod broker;
pub mod card;
pub mod copies;
pub mod counting;
pub mod example;
pub mod flood;
pub mod fuzz;
pub mod gdb;
pub mod hostile;
pub mod lan;
pub mod machine;
pub mod modbus;
pub mod network;
pub mod outage;
pub mod plant;
pub mod ports;
pub mod process;
pub use noreturn_simulator::random;
pub mod receiver;
pub mod replay;
pub mod repository;
pub mod secure_boot;
pub mod site;
pub mod soak;
pub mod status;
pub mod time;
pub mod tpm;
pub mod wire;
pub mod world;
