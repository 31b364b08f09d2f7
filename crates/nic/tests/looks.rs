//! What is asked of an Intel card ten times a second while it runs: whether a negotiation of the link switched PAUSE frames on, or something
//! wake-up.

mod model;

use model::e1000e::E1000e;
use model::igb::Igb;
use model::{CARD, Card, Machine, Window, Write};
use noreturn_nic::{OutsideCard, ReceivePath, TransmitOnly};

const CONTROL: u64 = 0x0000;
const WAKE_UP_CONTROL: u64 = 0x5800;
const WAKE_UP_FILTERS: u64 = 0x5808;
const PAUSE: [u32; 3] = [1 << 27, 1 << 28, 1 << 27 | 1 << 28];

fn start<C: Card>() -> (Machine<C>, OutsideCard<Window<C>>) {
    let machine = C::machine();
    let (card, _) = OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    (machine, card)
}

fn pause_is_switched_off_again_and_nothing_else<C: Card>() {
    let (machine, mut card) = start::<C>();
    let settings = machine.with_card(|card, _| card.read(CONTROL, 4));
    for pause in PAUSE {
        machine.with_card(|card, bus| card.write(CONTROL, settings | pause, bus));
        let before = machine.state().writes.len();
        assert_eq!(card.check_receive_off(), Ok(()));
        assert_eq!(machine.state().writes[before..], [Write::Register { offset: CONTROL, value: settings }]);
        assert_eq!(card.check_receive_off(), Ok(()));
        assert_eq!(machine.state().writes.len(), before + 1, "a card that is as it should be is only read");
    }
}

#[test]
fn e1000e_pause() {
    pause_is_switched_off_again_and_nothing_else::<E1000e>();
}

#[test]
fn igb_pause() {
    pause_is_switched_off_again_and_nothing_else::<Igb>();
}

fn wake_up_that_is_switched_on_later_is_noticed<C: Card>() {
    for (register, value) in [(WAKE_UP_CONTROL, 1), (WAKE_UP_CONTROL, 1 << 3), (WAKE_UP_FILTERS, 1 << 1)] {
        let (machine, mut card) = start::<C>();
        machine.with_card(|card, bus| card.write(register, value, bus));
        let path = ReceivePath::Silenced { offset: register as usize, value };
        assert_eq!(card.check_receive_off(), Err(path));
    }
    let (machine, mut card) = start::<C>();
    machine.with_card(|card, bus| card.write(WAKE_UP_CONTROL, 1 << 2, bus));
    assert_eq!(card.check_receive_off(), Ok(()), "that it woke the machine up once is no setting");
}

#[test]
fn e1000e_wake_up() {
    wake_up_that_is_switched_on_later_is_noticed::<E1000e>();
}

#[test]
fn igb_wake_up() {
    wake_up_that_is_switched_on_later_is_noticed::<Igb>();
}
