//! Frames thrown at the outside card while the box runs change nothing.
//!
//! Boots of their own, one for each outside card: the flood has that card's whole wire, and its registers are read at the end.

use anyhow::Result;
use noreturn_tests::card::Card;
use noreturn_tests::flood;

/// Registers of the 82574L's receive side and of wake-up (datasheet 2.5, section 10.2), which must read 0 for ever.
const RECEIVE_REGISTERS: [(&str, u64); 9] = [
    ("RCTL", 0x0100),
    ("RDBAL0", 0x2800),
    ("RDBAH0", 0x2804),
    ("RDLEN0", 0x2808),
    ("RDH0", 0x2810),
    ("RDT0", 0x2818),
    ("GPRC", 0x4074),
    ("WUC", 0x5800),
    ("WUFC", 0x5808),
];

#[test]
fn on_an_82574() -> Result<()> {
    flood::changes_nothing(Card::E1000e, &RECEIVE_REGISTERS)
}

#[test]
fn on_virtio_net() -> Result<()> {
    flood::changes_nothing(Card::VirtioNet, &[])
}
