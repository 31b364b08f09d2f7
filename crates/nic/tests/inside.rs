//! The inside drivers against model cards, and cards that lie.

mod model;

use model::e1000e::E1000e;
use model::igb::Igb;
use model::virtio::Virtio;
use model::{CARD, Card, Lie, Machine, frame, padded};
use noreturn_nic::ethernet::FRAME_BYTES_MAX;
use noreturn_nic::{CardModel, InsideCard, StartError};

type Inside<C> = InsideCard<model::Window<C>>;

fn start<C: Card>() -> (Machine<C>, Inside<C>) {
    let machine = C::machine();
    let card = InsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    (machine, card)
}

fn receive<C: Card>(card: &mut Inside<C>) -> Option<Vec<u8>> {
    let mut frame = [0; FRAME_BYTES_MAX];
    card.receive(&mut frame).map(|bytes| frame[..bytes].to_vec())
}

fn send<C: Card>(card: &mut Inside<C>, frame: &[u8]) -> bool {
    let has_room = card.has_room();
    assert!(!has_room || card.transmit(frame).is_ok(), "there was room");
    has_room
}

fn frames_come_and_go_exactly<C: Card>(model: CardModel) {
    let (machine, mut card) = start::<C>();
    assert_eq!(card.model(), model);
    assert!(card.link_up());
    for n in 0..1000 {
        let incoming = frame(n, 60 + n % 1455);
        machine.hear(&incoming);
        assert_eq!(receive(&mut card), Some(incoming), "frame {n}");
        assert_eq!(receive(&mut card), None);
        assert!(send(&mut card, &frame(n, 14 + n % 1501)));
    }
    let expected: Vec<_> = (0..1000).map(|n| padded(frame(n, 14 + n % 1501))).collect();
    assert!(machine.sent() == expected);
    let counters = card.counters();
    assert_eq!((counters.frames_received, counters.transmit.frames_sent), (1000, 1000));
    assert_eq!((counters.frames_damaged, counters.receive_answers_invalid), (0, 0));
}

#[test]
fn e1000e_frames_come_and_go() {
    frames_come_and_go_exactly::<E1000e>(CardModel::IntelE1000e);
}

#[test]
fn igb_frames_come_and_go() {
    frames_come_and_go_exactly::<Igb>(CardModel::IntelIgb);
}

#[test]
fn virtio_frames_come_and_go() {
    frames_come_and_go_exactly::<Virtio>(CardModel::VirtioNet);
}

/// The card drops what the ring has no room for; what it took arrives, and the ring goes on.
fn a_burst_fills_the_ring<C: Card>(capacity: usize) {
    let (machine, mut card) = start::<C>();
    for round in 0..3 {
        (0..400).for_each(|n| machine.hear(&frame(n + round, 100)));
        let received: Vec<_> = std::iter::from_fn(|| receive(&mut card)).collect();
        let expected: Vec<_> = (0..capacity).map(|n| frame(n + round, 100)).collect();
        assert!(received == expected, "round {round}: {} frames", received.len());
    }
}

#[test]
fn e1000e_burst() {
    a_burst_fills_the_ring::<E1000e>(255);
}

#[test]
fn igb_burst() {
    a_burst_fills_the_ring::<Igb>(255);
}

#[test]
fn virtio_burst() {
    a_burst_fills_the_ring::<Virtio>(256);
}

/// After each lie the card is heard again, exactly.
fn lies_are_counted<C: Card>(lies: &[Lie], damaged: u64, invalid: u64) {
    let (machine, mut card) = start::<C>();
    for (n, lie) in lies.iter().enumerate() {
        machine.with_card(|card, _| card.lie_once(*lie));
        machine.hear(&frame(n, 200));
        assert_eq!(receive(&mut card), None, "{lie:?}");
        machine.hear(&frame(n, 300));
        assert_eq!(receive(&mut card), Some(frame(n, 300)), "after {lie:?}");
    }
    let counters = card.counters();
    assert_eq!((counters.frames_damaged, counters.receive_answers_invalid), (damaged, invalid));
    assert_eq!(counters.frames_received, lies.len() as u64);
}

#[test]
fn e1000e_lies_are_counted() {
    let lengths = [0, 13, 1515, 2047, 2048, 2049, 65_535].map(Lie::Length);
    let errors = [0, 1, 2, 4, 7].map(|bit| Lie::Status { status: 0b11, errors: 1 << bit });
    let no_end = [Lie::Status { status: 0b01, errors: 0 }];
    lies_are_counted::<E1000e>(&[&lengths[..], &errors, &no_end].concat(), 13, 0);
}

#[test]
fn igb_lies_are_counted() {
    let lengths = [0, 13, 1515, 2047, 2048, 2049, 65_535].map(Lie::Length);
    let others = [Lie::Status { status: 0b11, errors: 1 << 7 }, Lie::Status { status: 0b01, errors: 0 }];
    lies_are_counted::<Igb>(&[&lengths[..], &others].concat(), 9, 0);
}

#[test]
fn igb_whose_receive_queue_stays_off_is_an_error() {
    let machine = Igb::machine();
    machine.with_card(|card, _| card.stuck.insert(0xc028, 0));
    let error = InsideCard::start(&mut machine.clone(), CARD, None).map(|_| ()).expect_err("no queue");
    assert!(matches!(error, StartError::Missing { .. }), "{error}");
    assert!(!machine.is_mastering());
}

#[test]
fn virtio_false_lengths_are_counted() {
    let lengths = [0, 11, 12, 25, 1527, 2048, 2049, 65_535, 1 << 31, u32::MAX];
    lies_are_counted::<Virtio>(&lengths.map(Lie::Length), 10, 0);
}

#[test]
fn virtio_false_descriptors_are_counted() {
    lies_are_counted::<Virtio>(&[256, 65_535, 1 << 31, u32::MAX].map(Lie::Descriptor), 0, 4);
}

/// Which of its own descriptors a card names is its affair: only the contents are then wrong.
#[test]
fn virtio_another_descriptor_of_the_cards_is_believed() {
    let (machine, mut card) = start::<Virtio>();
    machine.with_card(|card, _| card.lie_once(Lie::Descriptor(1)));
    machine.hear(&frame(0, 100));
    assert_eq!(receive(&mut card), Some(vec![0; 100]), "nothing had been written there");
    machine.hear(&frame(1, 100));
    assert_eq!(receive(&mut card), Some(frame(1, 100)));
    assert_eq!(card.counters().receive_answers_invalid, 0);
}

#[test]
fn virtio_index_that_runs_away_is_counted() {
    for more in [256, 1000, 32_767, 65_534] {
        let (machine, mut card) = start::<Virtio>();
        machine.with_card(|card, _| card.lie_once(Lie::Index(more)));
        machine.hear(&frame(0, 100));
        assert_eq!(receive(&mut card), None);
        assert_eq!(card.counters().receive_answers_invalid, 1, "index ahead by {more}");
        machine.hear(&frame(1, 100));
        assert_eq!(receive(&mut card), Some(frame(1, 100)));
    }
}

/// A card that answers at random: never a panic, and at most one outcome for each answer. Each wrong
/// descriptor costs a buffer, so every card is used for a while only.
#[test]
fn virtio_random_answers_do_not_stop_us() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..50 {
        let (machine, mut card) = start::<Virtio>();
        for round in 0..200_u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let [number, length] = [(seed >> 33) as u32, (seed >> 11) as u32];
            let lie = match round % 4 {
                0 => Lie::Descriptor(number % 300),
                1 => Lie::Length(length % 2100),
                2 => Lie::Index(number as u16),
                _ => Lie::Length(length),
            };
            machine.with_card(|card, _| card.lie_once(lie));
            machine.hear(&frame(round as usize, 80));
            receive(&mut card);
        }
        let counters = card.counters();
        assert!(counters.receive_answers_invalid > 0 && counters.frames_damaged > 0, "{counters:?}");
    }
}

fn a_full_transmit_ring_does_not_stop_hearing<C: Card>(capacity: usize) {
    let (machine, mut card) = start::<C>();
    machine.with_card(|card, bus| card.stall(true, bus));
    let accepted = (0..1000).find(|n| !send(&mut card, &frame(*n, 60)));
    assert_eq!(accepted, Some(capacity));
    machine.hear(&frame(7, 60));
    assert_eq!(receive(&mut card), Some(frame(7, 60)));
    assert!(card.transmit(&frame(7, 60)).is_err());
    assert_eq!(card.counters().transmit.ring_full, 1);
    machine.with_card(|card, bus| card.stall(false, bus));
    assert!(send(&mut card, &frame(8, 60)));
    assert_eq!(machine.sent().len(), capacity + 1);
}

#[test]
fn e1000e_full_transmit_ring() {
    a_full_transmit_ring_does_not_stop_hearing::<E1000e>(255);
}

#[test]
fn igb_full_transmit_ring() {
    a_full_transmit_ring_does_not_stop_hearing::<Igb>(255);
}

#[test]
fn virtio_full_transmit_ring() {
    a_full_transmit_ring_does_not_stop_hearing::<Virtio>(256);
}

#[test]
fn the_cards_own_address_is_known() {
    let (_, card) = start::<E1000e>();
    assert_eq!(card.station_address(), [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
}

#[test]
fn a_card_that_hangs_is_an_error() {
    let machine = Virtio::machine();
    machine.with_card(|card, _| card.hang_in_reset());
    let error = InsideCard::start(&mut machine.clone(), CARD, None).map(|_| ()).expect_err("it hangs");
    assert_eq!(error, StartError::ResetTimeout { address: CARD });
}
