//! The inside's look at the outside card's link: it sees the cable, and has no way to do anything.

mod model;

use model::e1000e::E1000e;
use model::igb::Igb;
use model::virtio::Virtio;
use model::{CARD, Card, Machine, Window};
use noreturn_nic::{ConfigSpace, DmaAccess, DmaRegion, LinkSight, OutsideCard, PciAddress, Platform};

/// The machine, noting what is mapped.
struct Noting<C> {
    machine: Machine<C>,
    mapped: Vec<(u64, usize)>,
}

impl<C: Card> ConfigSpace for Noting<C> {
    fn read(&self, address: PciAddress, offset: u8) -> u32 {
        self.machine.read(address, offset)
    }
    fn write(&mut self, _: PciAddress, offset: u8, value: u32) {
        panic!("write of {value:#x} to {offset:#x} of the configuration space");
    }
}

impl<C: Card> Platform for Noting<C> {
    type Registers = Window<C>;

    fn map_registers(&mut self, physical: u64, bytes: usize) -> Option<Window<C>> {
        panic!("{bytes} bytes at {physical:#x} are mapped to be written");
    }
    fn map_registers_read_only(&mut self, physical: u64, bytes: usize) -> Option<Window<C>> {
        self.mapped.push((physical - self.machine.state().base, bytes));
        self.machine.map_registers_read_only(physical, bytes)
    }
    fn allocate_dma(&mut self, _: PciAddress, _: usize, _: DmaAccess) -> Option<DmaRegion> {
        panic!("memory for a card");
    }
    fn is_dma_fenced(&self) -> bool {
        self.machine.is_dma_fenced()
    }
    fn now_us(&self) -> u64 {
        self.machine.now_us()
    }
    fn sleep_us(&mut self, microseconds: u32) {
        self.machine.sleep_us(microseconds);
    }
}

fn sees_the_cable_through_one_word_and_writes_nothing<C: Card>(place: u64) {
    let machine = C::machine();
    let (card, _) = OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    let writes = machine.state().writes.len();
    let mut noting = Noting { machine: machine.clone(), mapped: Vec::new() };
    let sight: LinkSight<_> = card.link_sight(&mut noting).expect("it is mapped");
    assert_eq!(noting.mapped, [(place, 4)], "the word with the status, and no other");
    for up in [true, false, true, false] {
        machine.with_card(|card, _| card.set_link(up));
        assert_eq!(sight.link_up(), up);
    }
    assert_eq!(machine.state().writes.len(), writes);
}

#[test]
fn e1000e_link() {
    sees_the_cable_through_one_word_and_writes_nothing::<E1000e>(0x0008);
}

#[test]
fn igb_link() {
    sees_the_cable_through_one_word_and_writes_nothing::<Igb>(0x0008);
}

#[test]
fn virtio_link() {
    sees_the_cable_through_one_word_and_writes_nothing::<Virtio>(0x2004);
}

#[test]
fn virtio_that_does_not_tell_is_taken_to_have_a_link() {
    let machine = Virtio::machine();
    machine.with_card(|card, _| {
        card.withdraw_features(1 << 16);
        card.set_link(false);
    });
    let (card, _) = OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    let mut noting = Noting { machine, mapped: Vec::new() };
    let sight = card.link_sight(&mut noting).expect("there is nothing to map");
    assert!(sight.link_up());
    assert_eq!(noting.mapped, []);
}
