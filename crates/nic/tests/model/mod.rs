//! A model machine: configuration space, memory and one model card, with a log of every write.
//! Each test file uses a part of it.
#![allow(dead_code)]

pub mod e1000e;
pub mod igb;
pub mod memory;
pub mod virtio;

use std::cell::{Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use memory::Memory;
use noreturn_nic::{ConfigSpace, DmaAccess, DmaRegion, PciAddress, Platform, Registers};

/// Where the model card is.
pub const CARD: PciAddress = PciAddress { bus: 0, device: 3, function: 0 };

/// A card under test: its registers behind one base address register.
pub trait Card: Sized {
    /// The machine with one such card, as the firmware leaves it.
    fn machine() -> Machine<Self>;
    /// What the card's register at an offset reads, `bytes` wide.
    fn read(&mut self, offset: u64, bytes: usize) -> u32;
    /// Writes a register; the card does all its work at once.
    fn write(&mut self, offset: u64, value: u32, bus: &mut Bus);
    /// Something comes out of the cable; the card may put it into memory.
    fn hear(&mut self, frame: &[u8], bus: &mut Bus);
    /// Frames that went into the cable.
    fn sent(&self) -> &[Vec<u8>];
    /// While true, the card sends nothing; afterwards it catches up.
    fn stall(&mut self, stalled: bool, bus: &mut Bus);
    /// Makes one answer of the receiver a lie.
    fn lie_once(&mut self, lie: Lie);
    /// The card's own address.
    fn set_station_address(&mut self, address: [u8; 6]);
    /// Pulls or puts in the cable.
    fn set_link(&mut self, up: bool);
    /// The card stays in its reset for ever.
    fn hang_in_reset(&mut self);
    /// Whether a write to this offset, or by this value, concerns the receive side.
    fn concerns_receiving(write: &Write, selected_queue: &mut u32) -> bool;
}

/// What a card may allege about a frame that it has received.
#[derive(Clone, Copy, Debug)]
pub enum Lie {
    /// A length other than the frame's.
    Length(u32),
    /// virtio: another descriptor; e1000e: nothing, it names none.
    Descriptor(u32),
    /// virtio: so many more entries than there are.
    Index(u16),
    /// e1000e: these error bits, with this status.
    Status {
        /// Status bits.
        status: u8,
        /// Error bits.
        errors: u8,
    },
}

/// What a card reaches over the bus.
pub struct Bus {
    /// Memory for DMA.
    pub memory: Memory,
    /// Whether the card may reach it.
    pub mastering: bool,
    /// Whether the machine fences memory, or says so.
    pub fenced: bool,
}

/// A write that the drivers made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Write {
    /// To the configuration space.
    Config {
        /// Offset.
        offset: u8,
        /// Value.
        value: u32,
    },
    /// To a register.
    Register {
        /// Offset in the base address register's window.
        offset: u64,
        /// Value.
        value: u32,
    },
}

/// A function's configuration space: values, and which bits of them can be written.
pub struct Config {
    /// Values by offset / 4.
    pub words: [u32; 64],
    /// Writable bits by offset / 4.
    pub writable: [u32; 64],
}

impl Config {
    /// A function with the usual writable command register.
    pub fn new(vendor: u16, device: u16, class: u8) -> Self {
        let mut config = Self { words: [0; 64], writable: [0; 64] };
        config.words[0] = u32::from(device) << 16 | u32::from(vendor);
        // As firmware leaves it: I/O, memory and bus mastering on.
        config.words[1] = 0b111;
        config.words[2] = u32::from(class) << 24;
        config.writable[1] = 0x0407;
        config
    }

    /// Gives it a memory window of a power of two bytes.
    pub fn memory_bar(&mut self, index: usize, physical: u64, bytes: u64, is_64_bit: bool) {
        let kind = if is_64_bit { 0b100 } else { 0 };
        self.words[4 + index] = physical as u32 | kind;
        self.writable[4 + index] = (!(bytes - 1)) as u32 & !0xf;
        if is_64_bit {
            self.words[5 + index] = (physical >> 32) as u32;
            self.writable[5 + index] = (!(bytes - 1) >> 32) as u32;
        }
    }
}

/// The machine's insides.
pub struct State<C> {
    /// The card.
    pub card: C,
    /// Where its registers start.
    pub base: u64,
    /// Memory, and whether the card may use it.
    pub bus: Bus,
    /// All functions.
    pub functions: BTreeMap<(u8, u8, u8), Config>,
    /// Every write so far.
    pub writes: Vec<Write>,
    /// Time.
    pub now_us: u64,
}

/// A handle to the machine; clones share it.
pub struct Machine<C> {
    state: Rc<RefCell<State<C>>>,
}

impl<C> Clone for Machine<C> {
    fn clone(&self) -> Self {
        Self { state: Rc::clone(&self.state) }
    }
}

impl<C: Card> Machine<C> {
    /// A machine with a card at [`CARD`] whose registers start at `base`.
    pub fn new(card: C, config: Config, base: u64) -> Self {
        let functions = BTreeMap::from([((CARD.bus, CARD.device, CARD.function), config)]);
        let bus = Bus { memory: Memory::default(), mastering: true, fenced: false };
        let state = State { card, base, bus, functions, writes: Vec::new(), now_us: 0 };
        Self { state: Rc::new(RefCell::new(state)) }
    }

    /// Looks at the machine.
    pub fn state(&self) -> Ref<'_, State<C>> {
        self.state.borrow()
    }

    /// Changes the machine.
    pub fn state_mut(&self) -> RefMut<'_, State<C>> {
        self.state.borrow_mut()
    }

    /// Changes the card.
    pub fn with_card<T>(&self, change: impl FnOnce(&mut C, &mut Bus) -> T) -> T {
        let State { card, bus, .. } = &mut *self.state_mut();
        change(card, bus)
    }

    /// A frame comes out of the cable.
    pub fn hear(&self, frame: &[u8]) {
        self.with_card(|card, bus| card.hear(frame, bus));
    }

    /// Frames that went into the cable.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.state().card.sent().to_vec()
    }

    /// Whether the card may use memory.
    pub fn is_mastering(&self) -> bool {
        self.state().bus.mastering
    }
}

impl<C: Card> ConfigSpace for Machine<C> {
    fn read(&self, address: PciAddress, offset: u8) -> u32 {
        assert!(offset.is_multiple_of(4));
        let key = (address.bus, address.device, address.function);
        let state = self.state();
        state.functions.get(&key).map_or(u32::MAX, |config| config.words[usize::from(offset / 4)])
    }

    fn write(&mut self, address: PciAddress, offset: u8, value: u32) {
        assert_eq!(address, CARD, "only the card's own configuration may be written");
        let state = &mut *self.state_mut();
        state.writes.push(Write::Config { offset, value });
        let key = (address.bus, address.device, address.function);
        let config = state.functions.get_mut(&key).expect("the card is there");
        let (word, writable) =
            (&mut config.words[usize::from(offset / 4)], config.writable[usize::from(offset / 4)]);
        *word = *word & !writable | value & writable;
        state.bus.mastering = config.words[1] & 0b100 != 0;
    }
}

impl<C: Card> Platform for Machine<C> {
    type Registers = Window<C>;

    fn map_registers(&mut self, physical: u64, bytes: usize) -> Option<Window<C>> {
        let base = self.state().base;
        Some(Window { machine: self.clone(), start: physical - base, bytes, is_read_only: false })
    }

    fn map_registers_read_only(&mut self, physical: u64, bytes: usize) -> Option<Window<C>> {
        Some(Window { is_read_only: true, ..self.map_registers(physical, bytes)? })
    }

    fn allocate_dma(&mut self, card: PciAddress, bytes: usize, access: DmaAccess) -> Option<DmaRegion> {
        assert_eq!(card, CARD, "memory for another card");
        assert!(bytes.is_power_of_two() && bytes <= 2 << 20, "what the kernel can give");
        Some(self.state_mut().bus.memory.allocate(bytes, access))
    }

    fn is_dma_fenced(&self) -> bool {
        self.state().bus.fenced
    }

    fn now_us(&self) -> u64 {
        self.state().now_us
    }

    fn sleep_us(&mut self, microseconds: u32) {
        self.state_mut().now_us += u64::from(microseconds);
    }
}

/// A mapped part of the card's registers.
pub struct Window<C> {
    machine: Machine<C>,
    start: u64,
    bytes: usize,
    is_read_only: bool,
}

impl<C: Card> Window<C> {
    fn place(&self, offset: usize, bytes: usize) -> u64 {
        assert!(offset + bytes <= self.bytes && offset.is_multiple_of(bytes), "bad register access");
        // Decoding must be on for a register to answer.
        assert!(self.machine.read(CARD, 4) & 0b10 != 0, "memory decoding is off");
        self.start + offset as u64
    }

    fn get(&self, offset: usize, bytes: usize) -> u32 {
        let place = self.place(offset, bytes);
        self.machine.with_card(|card, _| card.read(place, bytes))
    }

    fn put(&mut self, offset: usize, bytes: usize, value: u32) {
        let place = self.place(offset, bytes);
        assert!(!self.is_read_only, "a write through a mapping that is only read");
        self.machine.state_mut().writes.push(Write::Register { offset: place, value });
        self.machine.with_card(|card, bus| card.write(place, value, bus));
    }
}

impl<C: Card> Registers for Window<C> {
    fn read8(&self, offset: usize) -> u8 {
        self.get(offset, 1) as u8
    }
    fn read16(&self, offset: usize) -> u16 {
        self.get(offset, 2) as u16
    }
    fn read32(&self, offset: usize) -> u32 {
        self.get(offset, 4)
    }
    fn write8(&mut self, offset: usize, value: u8) {
        self.put(offset, 1, value.into());
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.put(offset, 2, value.into());
    }
    fn write32(&mut self, offset: usize, value: u32) {
        self.put(offset, 4, value);
    }
}

/// A frame of a length with contents that tell frames and places apart.
pub fn frame(number: usize, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|place| (place * 7 + number * 13 + number / 256 + 1) as u8).collect()
}

/// What a frame looks like on the wire.
pub fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().max(60), 0);
    frame
}
