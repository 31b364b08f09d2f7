//! A model of the 82574's transmit and receive rings.

use std::collections::BTreeMap;

use super::{Bus, Card, Config, Lie, Machine, Write};

const BASE: u64 = 0xfeb0_0000;

const CTRL: u64 = 0x0000;
const STATUS: u64 = 0x0008;
const EECD: u64 = 0x0010;
const RCTL: u64 = 0x0100;
const TCTL: u64 = 0x0400;
const RDBAL: u64 = 0x2800;
const RDH: u64 = 0x2810;
const RDT: u64 = 0x2818;
const TDBAL: u64 = 0x3800;
const TDH: u64 = 0x3810;
const TDT: u64 = 0x3818;
const GPRC: u64 = 0x4074;
const RAL: u64 = 0x5400;
const RAH: u64 = 0x5404;
const MANC: u64 = 0x5820;

/// The card.
pub struct E1000e {
    registers: BTreeMap<u64, u32>,
    sent: Vec<Vec<u8>>,
    station_address: [u8; 6],
    link_up: bool,
    stalled: bool,
    lie: Option<Lie>,
    /// Reads of CTRL until a reset is over.
    reset_reads: u32,
    hangs: bool,
    /// What registers read, whatever is written to them: not 0 for a broken card.
    pub stuck: BTreeMap<u64, u32>,
}

impl E1000e {
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
            (0x00d0, 0x1f),
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
        self.registers = BTreeMap::from([(CTRL, 1 << 26 | 1 << 27)]);
        self.reset_reads = if self.hangs { u32::MAX } else { 3 };
    }

    fn send(&mut self, bus: &mut Bus) {
        if self.register(TCTL) & 2 == 0 || !bus.mastering || self.stalled {
            return;
        }
        let entries = self.register(TDBAL + 8) / 16;
        while self.register(TDH) != self.register(TDT) {
            let ring = u64::from(self.register(TDBAL + 4)) << 32 | u64::from(self.register(TDBAL));
            let descriptor = ring + 16 * u64::from(self.register(TDH));
            let buffer = bus.memory.number(descriptor, 8);
            let bytes = bus.memory.number(descriptor + 8, 2) as usize;
            let command = bus.memory.number(descriptor + 11, 1);
            assert_eq!(command, 0b1011, "EOP, IFCS and RS");
            assert_eq!(bus.memory.number(descriptor + 12, 1), 0, "status must be cleared");
            self.sent.push(bus.memory.read(buffer, bytes));
            bus.memory.write(descriptor + 12, &[1]);
            self.registers.insert(TDH, (self.register(TDH) + 1) % entries);
        }
    }
}

impl Card for E1000e {
    fn machine() -> Machine<Self> {
        let mut config = Config::new(0x8086, 0x10d3, 2);
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
                u32::from(self.link_up) << 1 | mastering << 19
            }
            _ if self.stuck.contains_key(&offset) => self.stuck[&offset],
            EECD => u32::from(self.reset_reads == 0) << 9,
            RAL => u32::from_le_bytes([a, b, c, d]),
            RAH => 1 << 31 | u32::from(f) << 8 | u32::from(e),
            GPRC => self.registers.remove(&GPRC).unwrap_or(0),
            _ => self.register(offset),
        }
    }

    fn write(&mut self, offset: u64, value: u32, bus: &mut Bus) {
        self.registers.insert(offset, value);
        match offset {
            CTRL if value & 1 << 26 != 0 => self.reset(),
            TDT => self.send(bus),
            _ => {}
        }
    }

    fn hear(&mut self, frame: &[u8], bus: &mut Bus) {
        let (head, tail) = (self.register(RDH), self.register(RDT));
        if self.register(RCTL) & 2 == 0 || !bus.mastering || head == tail {
            return;
        }
        let ring = u64::from(self.register(RDBAL + 4)) << 32 | u64::from(self.register(RDBAL));
        let descriptor = ring + 16 * u64::from(head);
        let buffer = bus.memory.number(descriptor, 8);
        let (mut bytes, mut status, mut errors) = (frame.len() as u16, 0b11, 0);
        match self.lie.take() {
            Some(Lie::Length(length)) => bytes = length as u16,
            Some(Lie::Status { status: bits, errors: flags }) => (status, errors) = (bits, flags),
            _ => {}
        }
        bus.memory.write(buffer, &frame[..frame.len().min(2048)]);
        bus.memory.write(descriptor + 8, &bytes.to_le_bytes());
        bus.memory.write(descriptor + 13, &[errors]);
        bus.memory.write(descriptor + 12, &[status]);
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
        let Write::Register { offset, .. } = write else { return false };
        // Receive control and its rings and thresholds, receive checksums and filters, the
        // multicast, address and VLAN tables, queue redirection, packet buffer split for receiving.
        [0x0100..0x0200, 0x2000..0x3000, 0x5000..0x5800, 0x5810..0x5b00, 0x5c00..0x6000]
            .iter()
            .any(|range| range.contains(offset))
    }
}
