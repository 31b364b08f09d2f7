//! A model of the 82576's first transmit and receive queues.

use std::collections::BTreeMap;

use super::{Bus, Card, Config, Lie, Machine, Write};

const BASE: u64 = 0xfeb0_0000;

const CTRL: u64 = 0x0000;
const STATUS: u64 = 0x0008;
const MDIC: u64 = 0x0020;
const RCTL: u64 = 0x0100;
const TCTL: u64 = 0x0400;
const RDBAL: u64 = 0xc000;
const RDH: u64 = 0xc010;
const RDT: u64 = 0xc018;
const RXDCTL: u64 = 0xc028;
const TDBAL: u64 = 0xe000;
const TDH: u64 = 0xe010;
const TDT: u64 = 0xe018;
const TXDCTL: u64 = 0xe028;
const QUEUE_ENABLE: u32 = 1 << 25;
const GPRC: u64 = 0x4074;
const RAL: u64 = 0x5400;
const RAH: u64 = 0x5404;
const MANC: u64 = 0x5820;

/// The card.
pub struct Igb {
    registers: BTreeMap<u64, u32>,
    sent: Vec<Vec<u8>>,
    station_address: [u8; 6],
    link_up: bool,
    stalled: bool,
    lie: Option<Lie>,
    /// Reads of CTRL until a reset is over.
    reset_reads: u32,
    hangs: bool,
    /// What registers read after a reset, whatever is written to them: a broken card.
    pub stuck: BTreeMap<u64, u32>,
}

impl Igb {
    /// Offset of the receive control register.
    pub const RCTL: u64 = RCTL;
    /// Offset of the management control register.
    pub const MANC: u64 = MANC;

    fn new() -> Self {
        // The firmware has used the card: receiver on, ring set, frames counted.
        let registers = BTreeMap::from([
            (CTRL, 1 << 27 | 1 << 28),
            (RCTL, 1 << 1 | 1 << 15),
            (RDBAL, 0x1000),
            (RDBAL + 8, 4096),
            (RDT, 200),
            (GPRC, 236),
            (0x5800, 1),
            (0x5808, 0xff),
            (RXDCTL, QUEUE_ENABLE),
            (RXDCTL + 15 * 0x40, QUEUE_ENABLE),
            (0x2160, 0x8000),
        ]);
        Self {
            registers,
            sent: Vec::new(),
            station_address: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
            link_up: true,
            stalled: false,
            lie: None,
            reset_reads: 0,
            hangs: false,
            stuck: BTreeMap::new(),
        }
    }

    /// What a register holds.
    pub fn register(&self, offset: u64) -> u32 {
        self.registers.get(&offset).copied().unwrap_or(0)
    }

    fn reset(&mut self) {
        // The first queues of the card are on after a reset.
        self.registers = BTreeMap::from([(RXDCTL, QUEUE_ENABLE | 1 << 16), (TXDCTL, QUEUE_ENABLE | 1 << 16)]);
        self.registers.insert(CTRL, 1 << 26 | 1 << 27);
        self.reset_reads = if self.hangs { u32::MAX } else { 3 };
    }

    fn send(&mut self, bus: &mut Bus) {
        let is_on = self.register(TCTL) & 2 != 0 && self.register(TXDCTL) & QUEUE_ENABLE != 0;
        if !is_on || !bus.mastering || self.stalled {
            return;
        }
        let entries = self.register(TDBAL + 8) / 16;
        while self.register(TDH) != self.register(TDT) {
            let ring = u64::from(self.register(TDBAL + 4)) << 32 | u64::from(self.register(TDBAL));
            let descriptor = ring + 16 * u64::from(self.register(TDH));
            let buffer = bus.memory.number(descriptor, 8);
            let bytes = bus.memory.number(descriptor + 8, 2) as usize;
            let command = bus.memory.number(descriptor + 10, 2);
            assert_eq!(command, 0x2b30, "DEXT, RS, IFCS and EOP; data");
            let rest = bus.memory.number(descriptor + 12, 4) as usize;
            assert_eq!(rest, bytes << 14, "PAYLEN, and status cleared");
            self.sent.push(bus.memory.read(buffer, bytes));
            bus.memory.write(descriptor + 12, &[1]);
            self.registers.insert(TDH, (self.register(TDH) + 1) % entries);
        }
    }
}

impl Card for Igb {
    fn machine() -> Machine<Self> {
        let mut config = Config::new(0x8086, 0x10c9, 2);
        config.memory_bar(0, BASE, 0x2_0000, false);
        Machine::new(Self::new(), config, BASE)
    }

    fn read(&mut self, offset: u64, bytes: usize) -> u32 {
        assert_eq!(bytes, 4, "the card's registers are 32 bits wide");
        let [a, b, c, d, e, f] = self.station_address;
        match offset {
            CTRL if self.stuck.contains_key(&CTRL) && self.reset_reads == 0 => self.stuck[&CTRL],
            CTRL if self.reset_reads > 0 => {
                self.reset_reads -= u32::from(!self.hangs);
                self.register(CTRL)
            }
            CTRL => self.register(CTRL) & !(1 << 26),
            STATUS => {
                let mastering = self.register(CTRL) >> 2 & 1 ^ 1;
                let has_negotiated = self.register(MDIC) != 0;
                u32::from(self.link_up && has_negotiated) << 1 | mastering << 19
            }
            _ if self.stuck.contains_key(&offset) => self.stuck[&offset],
            RAL => u32::from_le_bytes([a, b, c, d]),
            RAH => u32::from(self.reset_reads == 0) << 31 | u32::from(f) << 8 | u32::from(e),
            GPRC => self.registers.remove(&GPRC).unwrap_or(0),
            _ => self.register(offset),
        }
    }

    fn write(&mut self, offset: u64, value: u32, bus: &mut Bus) {
        if matches!(offset, TDBAL..TDT) {
            assert_eq!(self.register(TXDCTL) & QUEUE_ENABLE, 0, "a ring is moved while its queue is on");
        }
        self.registers.insert(offset, value);
        match offset {
            MDIC => {
                assert_eq!(value, 0x0420_1200, "only to negotiate anew");
                self.registers.insert(MDIC, value | 1 << 28);
            }
            CTRL if value & 1 << 26 != 0 => self.reset(),
            TDT => self.send(bus),
            _ => {}
        }
    }

    fn hear(&mut self, frame: &[u8], bus: &mut Bus) {
        let (head, tail) = (self.register(RDH), self.register(RDT));
        let is_on = self.register(RCTL) & 2 != 0 && self.register(RXDCTL) & QUEUE_ENABLE != 0;
        if !is_on || !bus.mastering || head == tail {
            return;
        }
        let ring = u64::from(self.register(RDBAL + 4)) << 32 | u64::from(self.register(RDBAL));
        let descriptor = ring + 16 * u64::from(head);
        let buffer = bus.memory.number(descriptor, 8);
        assert_eq!(bus.memory.number(descriptor + 8, 8), 0, "no header buffer, and done is cleared");
        assert_eq!(self.register(RDBAL + 12), 1 << 25 | 2, "advanced descriptors, one buffer of 2 KiB");
        let (mut bytes, mut status) = (frame.len() as u16, 0b11_u32);
        match self.lie.take() {
            Some(Lie::Length(length)) => bytes = length as u16,
            Some(Lie::Status { status: bits, errors }) => {
                status = u32::from(bits) | u32::from(errors) << 24;
            }
            _ => {}
        }
        bus.memory.write(buffer, &frame[..frame.len().min(2048)]);
        // The card writes over the buffer's address too.
        bus.memory.write(descriptor, &[0xee; 8]);
        bus.memory.write(descriptor + 12, &bytes.to_le_bytes());
        bus.memory.write(descriptor + 8, &status.to_le_bytes());
        self.registers.insert(RDH, (head + 1) % (self.register(RDBAL + 8) / 16));
    }

    fn sent(&self) -> &[Vec<u8>] {
        &self.sent
    }

    fn stall(&mut self, stalled: bool, bus: &mut Bus) {
        self.stalled = stalled;
        self.send(bus);
    }

    fn lie_once(&mut self, lie: Lie) {
        self.lie = Some(lie);
    }

    fn set_station_address(&mut self, address: [u8; 6]) {
        self.station_address = address;
    }

    fn set_link(&mut self, up: bool) {
        self.link_up = up;
    }

    fn hang_in_reset(&mut self) {
        self.hangs = true;
    }

    fn concerns_receiving(write: &Write, _: &mut u32) -> bool {
        let Write::Register { offset, value } = write else { return false };
        let switches_off = *value == 0;
        // Flow control and the control of each receive queue may be set to zero.
        let off_only =
            [0x0170..0x0174, 0x2160..0x2170, 0x2460..0x2464].iter().any(|range| range.contains(offset))
                || (0xc000..0xc400).contains(offset) && offset % 0x40 == 0x28;
        // Receive control and its rings and thresholds, receive checksums and filters, the multicast, address and VLAN
        // tables, queue redirection, packet buffer split for receiving.
        let receive =
            [0x0100..0x0200, 0x2000..0x3000, 0x5000..0x5800, 0x5810..0x5b00, 0x5c00..0x6000, 0xc000..0xd000]
                .iter()
                .any(|range| range.contains(offset));
        receive && !(off_only && switches_off)
    }
}
