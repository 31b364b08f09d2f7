//! A model of virtio-net with its modern PCI interface.

use super::{Bus, Card, Config, Lie, Machine, Write};

/// Above 512 GiB, where UEFI likes to put 64-bit windows.
const BASE: u64 = 0xc0_0000_0000;
const DEVICE: u64 = 0x2000;
const NOTIFY: u64 = 0x3000;
const NOTIFY_MULTIPLIER: u64 = 4;

#[derive(Clone, Copy, Default)]
struct Queue {
    size: u32,
    enabled: bool,
    descriptors: u64,
    available: u64,
    used: u64,
    available_seen: u16,
    used_index: u16,
}

/// The card.
pub struct Virtio {
    features: u64,
    accepted: u64,
    feature_select: [u32; 2],
    status: u32,
    selected: u32,
    queues: [Queue; 2],
    sent: Vec<Vec<u8>>,
    station_address: [u8; 6],
    link_up: bool,
    stalled: bool,
    lie: Option<Lie>,
    hangs: bool,
    /// Descriptor numbers that transmit completions name instead of the right ones.
    pub wrong_completions: Vec<u32>,
    /// The largest queue that the card offers.
    pub queue_size_max: u32,
    /// Whether the card enables its receive queue by itself: a broken card.
    pub receive_queue_stuck: bool,
}

impl Virtio {
    fn new() -> Self {
        Self {
            // Much is offered; the drivers must take little of it.
            features: 1 << 33 | 1 << 32 | 1 << 16 | 1 << 5 | 1 << 15 | 1 << 17 | 1 << 29 | 1 << 28 | 1,
            accepted: 0,
            feature_select: [0; 2],
            status: 15,
            selected: 0,
            queues: [Queue { size: 256, enabled: true, ..Queue::default() }; 2],
            sent: Vec::new(),
            station_address: [0x52, 0x54, 0, 0x12, 0x34, 0x57],
            link_up: true,
            stalled: false,
            lie: None,
            hangs: false,
            wrong_completions: Vec::new(),
            queue_size_max: 256,
            receive_queue_stuck: false,
        }
    }

    /// Takes features back that the card would offer.
    pub fn withdraw_features(&mut self, features: u64) {
        self.features &= !features;
    }

    /// What the driver accepted.
    pub fn accepted_features(&self) -> u64 {
        self.accepted
    }

    fn reset(&mut self) {
        self.queues = [Queue { size: self.queue_size_max, ..Queue::default() }; 2];
        self.queues[0].enabled = self.receive_queue_stuck;
        (self.accepted, self.selected, self.status) = (0, 0, 0);
    }

    /// The next descriptor that the driver has made available in a queue, and its number.
    fn take_available(&mut self, queue: usize, bus: &mut Bus) -> Option<(u16, u64, usize, u16)> {
        let queue = &mut self.queues[queue];
        let works = self.status == 15 && queue.enabled && bus.mastering;
        if !works || bus.memory.number(queue.available + 2, 2) as u16 == queue.available_seen {
            return None;
        }
        assert_eq!(bus.memory.number(queue.available, 2), 1, "the driver polls");
        let place = u64::from(u32::from(queue.available_seen) % queue.size);
        let id = bus.memory.number(queue.available + 4 + 2 * place, 2) as u16;
        assert!(u32::from(id) < queue.size);
        queue.available_seen = queue.available_seen.wrapping_add(1);
        let descriptor = queue.descriptors + 16 * u64::from(id);
        let buffer = bus.memory.number(descriptor, 8);
        let bytes = bus.memory.number(descriptor + 8, 4) as usize;
        Some((id, buffer, bytes, bus.memory.number(descriptor + 12, 2) as u16))
    }

    fn put_used(&mut self, queue: usize, id: u32, bytes: u32, bus: &mut Bus) {
        let queue = &mut self.queues[queue];
        let place = u64::from(u32::from(queue.used_index) % queue.size);
        let entry = u64::from(bytes) << 32 | u64::from(id);
        bus.memory.write(queue.used + 4 + 8 * place, &entry.to_le_bytes());
        queue.used_index = queue.used_index.wrapping_add(1);
        bus.memory.write(queue.used + 2, &queue.used_index.to_le_bytes());
    }

    fn send(&mut self, bus: &mut Bus) {
        while !self.stalled {
            let Some((id, buffer, bytes, flags)) = self.take_available(1, bus) else { return };
            assert_eq!(flags, 0, "the card may not write a transmit buffer");
            let buffer = bus.memory.read(buffer, bytes);
            assert_eq!(buffer[..12], [0; 12], "no offload was negotiated");
            self.sent.push(buffer[12..].to_vec());
            let id = self.wrong_completions.pop().unwrap_or(id.into());
            self.put_used(1, id, 0, bus);
        }
    }

    fn write_common(&mut self, offset: u64, value: u32, bus: &mut Bus) {
        match offset {
            0 => self.feature_select[0] = value,
            8 => self.feature_select[1] = value,
            12 if self.feature_select[1] == 0 => {
                self.accepted = self.accepted & !0xffff_ffff | u64::from(value)
            }
            12 => self.accepted = self.accepted & 0xffff_ffff | u64::from(value) << 32,
            20 if value == 0 && self.hangs => {}
            20 if value == 0 => self.reset(),
            20 => {
                // Features cannot be agreed on without version 1.
                let refused = if self.accepted >> 32 & 1 == 0 { 8 } else { 0 };
                self.status = value & !refused;
                self.send(bus);
            }
            22 => self.selected = value,
            24..56 => self.write_queue(offset, value),
            _ => panic!("write of {value:#x} to {offset:#x}"),
        }
    }

    fn write_queue(&mut self, offset: u64, value: u32) {
        let queue = &mut self.queues[self.selected as usize];
        let half = |number: &mut u64, high: bool| {
            let shift = 32 * u32::from(high);
            *number = *number & !(0xffff_ffff << shift) | u64::from(value) << shift;
        };
        match offset {
            24 => queue.size = value,
            28 => queue.enabled = value == 1,
            32 | 36 => half(&mut queue.descriptors, offset == 36),
            40 | 44 => half(&mut queue.available, offset == 44),
            48 | 52 => half(&mut queue.used, offset == 52),
            _ => panic!("write of {value:#x} to {offset:#x}"),
        }
    }

    fn read_common(&self, offset: u64) -> u32 {
        let queue = self.queues.get(self.selected as usize);
        match offset {
            4 => (self.features >> (32 * self.feature_select[0])) as u32,
            20 => self.status,
            21 => 7,
            24 => queue.map_or(0, |queue| queue.size),
            28 => queue.map_or(0, |queue| queue.enabled.into()),
            30 => self.selected,
            _ => panic!("read of {offset:#x}"),
        }
    }
}

impl Card for Virtio {
    fn machine() -> Machine<Self> {
        let mut config = Config::new(0x1af4, 0x1041, 2);
        config.memory_bar(4, BASE, 0x4000, true);
        config.words[1] |= 1 << 20;
        // MSI-X first, then the windows; only the notify capability has a fifth word.
        config.words[0x34 / 4] = 0x40;
        config.words[0x40 / 4] = 0x50 << 8 | 0x11;
        let capabilities = [
            (0x50, 0x70, 5, 0, 0),
            (0x70, 0x88, 2, NOTIFY, 0x1000),
            (0x88, 0x98, 4, DEVICE, 0x1000),
            (0x98, 0xa8, 3, 0x1000, 0x1000),
            (0xa8, 0x00, 1, 0, 0x1000),
        ];
        for (place, next, kind, offset, bytes) in capabilities {
            let words = &mut config.words[place / 4..];
            words[0] = kind << 24 | 16 << 16 | next << 8 | 9;
            words[1] = 4;
            words[2] = offset as u32;
            words[3] = bytes;
        }
        config.words[0x80 / 4] = NOTIFY_MULTIPLIER as u32;
        Machine::new(Self::new(), config, BASE)
    }

    fn read(&mut self, offset: u64, bytes: usize) -> u32 {
        match offset {
            0..56 => {
                let width = match offset {
                    20 | 21 => 1,
                    16..32 => 2,
                    _ => 4,
                };
                assert_eq!(bytes, width, "field at {offset:#x}");
                self.read_common(offset)
            }
            DEVICE..0x2006 => self.station_address[(offset - DEVICE) as usize].into(),
            0x2006 => self.link_up.into(),
            _ => panic!("read of {offset:#x}"),
        }
    }

    fn write(&mut self, offset: u64, value: u32, bus: &mut Bus) {
        match offset {
            0..56 => self.write_common(offset, value, bus),
            NOTIFY.. => {
                assert_eq!((offset - NOTIFY) / NOTIFY_MULTIPLIER, value.into(), "doorbell of another queue");
                self.send(bus);
            }
            _ => panic!("write of {value:#x} to {offset:#x}"),
        }
    }

    fn hear(&mut self, frame: &[u8], bus: &mut Bus) {
        let Some((id, buffer, bytes, flags)) = self.take_available(0, bus) else { return };
        assert_eq!(flags, 2, "a receive buffer is the card's to write");
        assert!(12 + frame.len() <= bytes);
        bus.memory.write(buffer, &[0; 12]);
        bus.memory.write(buffer + 12, frame);
        let (mut id, mut length) = (u32::from(id), 12 + frame.len() as u32);
        match self.lie.take() {
            Some(Lie::Length(alleged)) => length = alleged,
            Some(Lie::Descriptor(alleged)) => id = alleged,
            Some(Lie::Index(more)) => {
                self.queues[0].used_index = self.queues[0].used_index.wrapping_add(more);
            }
            _ => {}
        }
        self.put_used(0, id, length, bus);
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

    fn concerns_receiving(write: &Write, selected_queue: &mut u32) -> bool {
        let Write::Register { offset, value } = *write else { return false };
        match offset {
            22 => {
                *selected_queue = value;
                false
            }
            24..56 => *selected_queue != 1,
            NOTIFY.. => value != 1 || offset != NOTIFY + NOTIFY_MULTIPLIER,
            _ => false,
        }
    }
}
