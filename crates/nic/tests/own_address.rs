//! Which card is which: own Ethernet addresses are read without touching a card, and a card with another than the configured one
//! stays off.

mod model;

use model::e1000e::E1000e;
use model::igb::Igb;
use model::virtio::Virtio;
use model::{CARD, Card, Machine, Write};
use noreturn_nic::{CardList, ConfigSpace, InsideCard, OutsideCard, StartError, StationAddress};

/// What the card on each side should be, and what is there.
const MEANT: [u8; 6] = [0x52, 0x54, 0, 0xaa, 0xbb, 0x01];
const THERE: [u8; 6] = [0x52, 0x54, 0, 0xaa, 0xbb, 0x02];

fn machine<C: Card>() -> Machine<C> {
    let machine = C::machine();
    machine.with_card(|card, _| card.set_station_address(THERE));
    machine
}

/// The address of a card that the firmware has used is in the list, and the card is as before.
fn the_list_tells_it_and_writes_nothing<C: Card>(shown: &str) {
    let machine = machine::<C>();
    let before = machine.state_mut().bus.memory.snapshot();
    let list = CardList::find(&mut machine.clone()).to_string();
    assert_eq!(list, format!("cards found: 00:03.0 ({shown}) 52:54:00:aa:bb:02"));
    assert!(machine.state().writes.is_empty());
    assert!(machine.state_mut().bus.memory.snapshot() == before);
}

#[test]
fn e1000e_is_read() {
    the_list_tells_it_and_writes_nothing::<E1000e>("8086:10d3");
}

#[test]
fn igb_is_read() {
    the_list_tells_it_and_writes_nothing::<Igb>("8086:10c9");
}

#[test]
fn virtio_is_read() {
    the_list_tells_it_and_writes_nothing::<Virtio>("1af4:1041");
}

/// A card that the firmware left unreachable, or that says nonsense, is listed without an address and left as it is.
fn the_list_leaves_it_out<C: Card>(change: fn(&Machine<C>)) {
    let machine = machine::<C>();
    change(&machine);
    let list = CardList::find(&mut machine.clone()).to_string();
    assert!(list.ends_with(')') && list.starts_with("cards found: 00:03.0 ("), "{list}");
    assert!(machine.state().writes.is_empty());
}

fn put<C>(machine: &Machine<C>, word: usize, change: fn(u32) -> u32)
where
    C: Card,
{
    let mut state = machine.state_mut();
    let words = &mut state.functions.get_mut(&(0, 3, 0)).expect("the card").words;
    words[word] = change(words[word]);
}

fn nobody_reads_what_cannot_be_read<C: Card>(bar: usize) {
    // The model's registers panic when they are read while they are not decoded.
    the_list_leaves_it_out::<C>(|machine| put(machine, 1, |command| command & !0b10));
    the_list_leaves_it_out::<C>(|machine| machine.with_card(|card, _| card.set_station_address([0xff; 6])));
    the_list_leaves_it_out::<C>(|machine| machine.with_card(|card, _| card.set_station_address([0; 6])));
    let machine = machine::<C>();
    for word in [4 + bar, 5 + bar] {
        put(&machine, word, |value| value & 0xf);
    }
    assert!(CardList::find(&mut machine.clone()).to_string().ends_with(')'), "no address from the firmware");
}

#[test]
fn e1000e_that_cannot_be_read() {
    nobody_reads_what_cannot_be_read::<E1000e>(0);
}

#[test]
fn igb_that_cannot_be_read() {
    nobody_reads_what_cannot_be_read::<Igb>(0);
}

#[test]
fn virtio_that_cannot_be_read() {
    nobody_reads_what_cannot_be_read::<Virtio>(4);
    // Its window would lie far behind its registers, or there is none.
    the_list_leaves_it_out::<Virtio>(|machine| put(machine, 0x90 / 4, |_| u32::MAX - 7));
    the_list_leaves_it_out::<Virtio>(|machine| put(machine, 0x90 / 4, |offset| offset + 1));
    the_list_leaves_it_out::<Virtio>(|machine| put(machine, 0x88 / 4, |header| header & 0x00ff_ffff));
}

type Start<C> = fn(&mut Machine<C>) -> Option<StartError>;

/// Nothing is switched on, not even sending, and the message tells everything that is needed.
fn another_card_stays_off<C: Card>() {
    let starts: [Start<C>; 2] = [
        |machine| InsideCard::start(machine, CARD, Some(MEANT)).map(|_| ()).err(),
        |machine| OutsideCard::start(machine, CARD, Some(MEANT)).map(|_| ()).err(),
    ];
    for start in starts {
        let machine = machine::<C>();
        let error = start(&mut machine.clone()).expect("another card");
        assert!(matches!(&error, StartError::OtherCard { address: CARD, configured, own, .. }
            if (*configured, *own) == (StationAddress(MEANT), StationAddress(THERE))));
        let told = error.to_string();
        assert!(
            told.starts_with(
                "card 00:03.0 has the Ethernet address 52:54:00:aa:bb:02, but card_mac is 52:54:00:aa:bb:01: "
            ),
            "{told}"
        );
        assert!(told.contains("cards found: 00:03.0 (") && told.contains(") 52:54:00:aa:bb:02."), "{told}");
        assert!(!machine.is_mastering() && machine.read(CARD, 4) & 0b100 == 0);
        let mut queue = 0;
        let writes = machine.state().writes.clone();
        let touches = |write: &Write| C::concerns_receiving(write, &mut queue) && !is_zero(write);
        assert!(!writes.iter().any(touches), "the receive side was touched");
        (0..10).for_each(|n| machine.hear(&model::frame(n, 100)));
        assert!(machine.sent().is_empty());
    }
}

/// Switching off is allowed.
fn is_zero(write: &Write) -> bool {
    matches!(write, Write::Register { value: 0, .. })
}

#[test]
fn e1000e_that_is_another_card() {
    another_card_stays_off::<E1000e>();
}

#[test]
fn igb_that_is_another_card() {
    another_card_stays_off::<Igb>();
}

#[test]
fn virtio_that_is_another_card() {
    another_card_stays_off::<Virtio>();
}

fn the_right_card_starts<C: Card>() {
    InsideCard::start(&mut machine::<C>(), CARD, Some(THERE)).expect("it is the one");
    OutsideCard::start(&mut machine::<C>(), CARD, Some(THERE)).expect("it is the one");
}

#[test]
fn the_card_that_was_meant_starts() {
    the_right_card_starts::<E1000e>();
    the_right_card_starts::<Igb>();
    the_right_card_starts::<Virtio>();
}
