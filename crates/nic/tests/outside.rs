//! The outside drivers against model cards: what is sent arrives, and nothing can come in.

mod model;

use model::e1000e::E1000e;
use model::igb::Igb;
use model::virtio::Virtio;
use model::{CARD, Card, Lie, Machine, Write, frame, padded};
use noreturn_nic::{
    CardModel, DmaAccess, FirmwareState, OutsideCard, PciAddress, ReceivePath, StartError, TransmitError,
    TransmitOnly,
};

type Started<C> = (Machine<C>, OutsideCard<model::Window<C>>, FirmwareState);

fn start<C: Card>() -> Started<C> {
    let machine = C::machine();
    let (card, firmware) = OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    (machine, card, firmware)
}

fn start_error<C: Card>(machine: &Machine<C>) -> StartError {
    OutsideCard::start(&mut machine.clone(), CARD, None).map(|_| ()).expect_err("the card must not start")
}

fn frames_arrive_exactly<C: Card>() {
    let (machine, mut card, _) = start::<C>();
    let lengths = [14, 15, 42, 59, 60, 61, 63, 64, 999, 1513, 1514];
    // Long ones first, so that padding over stale bytes would show.
    let sent: Vec<_> = lengths.iter().rev().enumerate().map(|(n, bytes)| frame(n, *bytes)).collect();
    for _ in 0..60 {
        sent.iter().for_each(|frame| card.transmit(frame).expect("room"));
    }
    let expected: Vec<_> = sent.into_iter().map(padded).collect();
    assert!(machine.sent() == vec![expected; 60].concat());
    assert_eq!(card.counters().frames_sent, 660);
    assert_eq!(card.counters().answers_invalid, 0);
}

#[test]
fn e1000e_frames_arrive_exactly() {
    frames_arrive_exactly::<E1000e>();
}

#[test]
fn igb_frames_arrive_exactly() {
    frames_arrive_exactly::<Igb>();
}

#[test]
fn virtio_frames_arrive_exactly() {
    frames_arrive_exactly::<Virtio>();
}

fn a_full_ring_refuses_and_recovers<C: Card>(capacity: usize) {
    let (machine, mut card, _) = start::<C>();
    // Not at the ring's start, so that it is full across its end.
    (0..100).for_each(|n| card.transmit(&frame(n, 60)).expect("room"));
    machine.with_card(|card, bus| card.stall(true, bus));
    let accepted = (100..1000).find(|n| card.transmit(&frame(*n, 60)).is_err()).expect("a full ring") - 100;
    assert_eq!(accepted, capacity);
    assert_eq!(card.transmit(&frame(0, 60)), Err(TransmitError::RingFull));
    assert_eq!(card.counters().ring_full, 2);
    machine.with_card(|card, bus| card.stall(false, bus));
    card.transmit(&frame(100 + capacity, 60)).expect("room again");
    let expected: Vec<_> = (0..=100 + capacity).map(|n| frame(n, 60)).collect();
    assert_eq!(machine.sent(), expected);
}

#[test]
fn e1000e_full_ring() {
    a_full_ring_refuses_and_recovers::<E1000e>(255);
}

#[test]
fn igb_full_ring() {
    a_full_ring_refuses_and_recovers::<Igb>(255);
}

#[test]
fn virtio_full_ring() {
    a_full_ring_refuses_and_recovers::<Virtio>(256);
}

fn wrong_lengths_are_refused<C: Card>() {
    let (machine, mut card, _) = start::<C>();
    for bytes in [0, 1, 13, 1515, 2048, 65_536] {
        assert_eq!(card.transmit(&frame(0, bytes)), Err(TransmitError::Length { bytes }));
    }
    assert_eq!(card.counters().length_invalid, 6);
    assert!(machine.sent().is_empty());
}

#[test]
fn e1000e_wrong_lengths() {
    wrong_lengths_are_refused::<E1000e>();
}

#[test]
fn igb_wrong_lengths() {
    wrong_lengths_are_refused::<Igb>();
}

#[test]
fn virtio_wrong_lengths() {
    wrong_lengths_are_refused::<Virtio>();
}

/// The promise of the whole machine: after the start and much sending, under a storm of frames from
/// the cable, no write ever concerned the receive side and no byte of memory was written by it.
fn nothing_comes_in<C: Card>() {
    let (machine, mut card, firmware) = start::<C>();
    assert!(firmware.receiver_on, "the model's firmware had left it on, or this test shows nothing");
    let before = machine.state_mut().bus.memory.snapshot();
    (0..100).for_each(|n| machine.hear(&frame(n, 60 + n)));
    assert_eq!(machine.state_mut().bus.memory.snapshot(), before);
    for n in 0..1000 {
        card.transmit(&frame(n, 60)).expect("room");
        machine.hear(&frame(n, 600));
        assert_eq!(card.check_receive_off(), Ok(()));
    }
    let mut selected = 0;
    let writes = machine.state().writes.clone();
    let concerning: Vec<_> =
        writes.iter().filter(|write| C::concerns_receiving(write, &mut selected)).collect();
    assert_eq!(concerning, Vec::<&Write>::new());
    assert_eq!(machine.sent().len(), 1000);
}

#[test]
fn e1000e_nothing_comes_in() {
    nothing_comes_in::<E1000e>();
}

#[test]
fn igb_nothing_comes_in() {
    nothing_comes_in::<Igb>();
}

#[test]
fn virtio_nothing_comes_in() {
    nothing_comes_in::<Virtio>();
}

/// Offsets of the registers that a start wrote, in their order, without repetitions in a row.
fn registers_written(writes: &[Write]) -> Vec<u64> {
    let offsets = writes.iter().filter_map(|write| match write {
        Write::Register { offset, .. } => Some(*offset),
        Write::Config { .. } => None,
    });
    let mut offsets: Vec<_> = offsets.collect();
    offsets.dedup();
    offsets
}

#[test]
fn e1000e_start_is_in_order() {
    let (machine, mut card, firmware) = start::<E1000e>();
    assert_eq!(firmware, FirmwareState { receiver_on: true, frames_received: Some(236) });
    card.transmit(&frame(0, 60)).expect("room");
    let writes = machine.state().writes.clone();
    let silence = [0x00d8, 0x0000, 0x00d8, 0x5800, 0x5808, 0x0000];
    let errata = [0x0018, 0x5b00, 0x5b64, 0x3840];
    let ring = [0x3800, 0x3804, 0x3808, 0x3810, 0x3818, 0x3828, 0x0410];
    let enable_and_send = [0x0400, 0x3818];
    let expected = [&silence[..], &errata, &ring, &enable_and_send].concat();
    assert_eq!(registers_written(&writes), expected);
    let model = machine.state();
    let card = &model.card;
    assert_eq!(card.register(0x0000) & (1 << 27 | 1 << 28), 0, "PAUSE frames change nothing");
    assert_eq!((card.register(0x5800), card.register(0x5808)), (0, 0));
    assert_eq!(card.register(E1000e::RCTL), 0);
    let masked = Write::Register { offset: 0x00d8, value: u32::MAX };
    assert_eq!(writes.iter().filter(|write| **write == masked).count(), 2);
}

#[test]
fn virtio_start_is_in_order() {
    let (machine, _, firmware) = start::<Virtio>();
    assert_eq!(firmware, FirmwareState { receiver_on: true, frames_received: None });
    let status: Vec<_> = machine
        .state()
        .writes
        .iter()
        .filter_map(|write| match write {
            Write::Register { offset: 20, value } => Some(*value),
            _ => None,
        })
        .collect();
    assert_eq!(status, [0, 1, 3, 11, 15]);
    assert_eq!(machine.state().card.accepted_features(), 1 << 33 | 1 << 32 | 1 << 16 | 1 << 5);
}

/// Bus mastering goes off before the first register is written, and on once, after the ring is set.
fn bus_mastering_is_off_meanwhile<C: Card>(last_before: u64) {
    let (machine, _, _) = start::<C>();
    let state = machine.state();
    let commands: Vec<_> = state
        .writes
        .iter()
        .enumerate()
        .filter_map(|(place, write)| match write {
            Write::Config { offset: 4, value } => Some((place, *value)),
            _ => None,
        })
        .collect();
    let first_register = state.writes.iter().position(|write| matches!(write, Write::Register { .. }));
    let ring_set = state
        .writes
        .iter()
        .rposition(|write| matches!(write, Write::Register { offset, .. } if *offset == last_before));
    let (last, earlier) = commands.split_last().expect("commands");
    assert_eq!(commands[0], (0, 0x0402), "off, and no INTx, first of all");
    assert!(earlier.iter().all(|(place, value)| value & 4 == 0 && Some(*place) < first_register));
    assert!(last.1 & 4 != 0 && Some(last.0) > ring_set);
}

#[test]
fn e1000e_bus_mastering() {
    bus_mastering_is_off_meanwhile::<E1000e>(0x3828);
}

#[test]
fn igb_bus_mastering() {
    bus_mastering_is_off_meanwhile::<Igb>(0xe028);
}

#[test]
fn virtio_bus_mastering() {
    bus_mastering_is_off_meanwhile::<Virtio>(28);
}

/// Each thing by which something could still come in, and how it is named.
#[test]
fn e1000e_that_does_not_read_back_is_refused() {
    let receiver = |receive_control| ReceivePath::Receiver { receive_control };
    let pause = |control| ReceivePath::Pause { control };
    let silenced = |offset, value| ReceivePath::Silenced { offset, value };
    let cases = [
        (E1000e::RCTL, receiver(2), 2),
        (E1000e::RCTL, receiver(1 << 15), 1 << 15),
        (E1000e::MANC, ReceivePath::Management { management_control: 1 << 17 }, 1 << 17),
        (0x0000, pause(1 << 27), 1 << 27),
        (0x0000, pause(1 << 28), 1 << 28),
        (0x5800, silenced(0x5800, 1), 1),
        (0x5808, silenced(0x5808, 2), 2),
    ];
    for (register, path, value) in cases {
        let machine = E1000e::machine();
        machine.with_card(|card, _| card.stuck.insert(register, value));
        let refused = StartError::CanReceive { address: CARD, path };
        assert_eq!(start_error(&machine), refused, "{register:#x}");
        assert!(!machine.is_mastering());
    }
}

#[test]
fn igb_start_is_in_order() {
    let (machine, mut card, firmware) = start::<Igb>();
    assert_eq!(firmware, FirmwareState { receiver_on: true, frames_received: Some(236) });
    card.transmit(&frame(0, 60)).expect("room");
    let writes = machine.state().writes.clone();
    let reset = [0x150c, 0x1528, 0x0000, 0x150c, 0x1528];
    let queues: Vec<_> = (0..16).map(|queue| 0xc028 + 0x40 * queue).collect();
    let silence = [0x0170, 0x2160, 0x2168, 0x2460, 0x5800, 0x5808, 0x0000, 0x0020];
    let ring = [0xe028, 0xe000, 0xe004, 0xe008, 0xe010, 0xe018];
    let enable_and_send = [0xe028, 0x0400, 0xe018];
    let expected = [&reset[..], &queues, &silence, &ring, &enable_and_send].concat();
    assert_eq!(registers_written(&writes), expected);
    let model = machine.state();
    assert_eq!(model.card.register(0x0000) & (1 << 27 | 1 << 28), 0, "PAUSE frames change nothing");
    assert_eq!(model.card.register(Igb::RCTL), 0);
}

/// Each thing by which something could still come in, and how it is named.
#[test]
fn igb_that_does_not_read_back_is_refused() {
    let pause = |control| ReceivePath::Pause { control };
    let silenced = |offset, value| ReceivePath::Silenced { offset, value };
    let queue = |queue| ReceivePath::CardQueue { queue, control: 1 << 25 };
    let cases = [
        (Igb::RCTL, ReceivePath::Receiver { receive_control: 2 }, 2),
        (Igb::MANC, ReceivePath::Management { management_control: 1 << 17 }, 1 << 17),
        (0xc028, queue(0), 1 << 25),
        (0xc028 + 15 * 0x40, queue(15), 1 << 25),
        (0x0000, pause(1 << 27), 1 << 27),
        (0x0000, pause(1 << 28), 1 << 28),
        (0x0170, silenced(0x0170, 1), 1),
        (0x2160, silenced(0x2160, 8), 8),
        (0x2168, silenced(0x2168, 8), 8),
        (0x2460, silenced(0x2460, 1), 1),
        (0x5800, silenced(0x5800, 1), 1),
        (0x5808, silenced(0x5808, 2), 2),
    ];
    for (register, path, value) in cases {
        let machine = Igb::machine();
        machine.with_card(|card, _| card.stuck.insert(register, value));
        let refused = StartError::CanReceive { address: CARD, path };
        assert_eq!(start_error(&machine), refused, "{register:#x}");
        assert!(!machine.is_mastering());
    }
}

/// Having once woken the machine up is no way in, and a card with fewer queues has no more to switch off.
#[test]
fn cards_that_woke_the_machine_up_are_used() {
    let machine = E1000e::machine();
    machine.with_card(|card, _| card.stuck.insert(0x5800, 1 << 2));
    OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    let machine = Igb::machine();
    machine.with_card(|card, _| card.stuck.insert(0x5800, 1 << 2));
    OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    let machine = Igb::machine();
    machine.state_mut().functions.get_mut(&(0, 3, 0)).expect("the card").words[0] = 0x1533 << 16 | 0x8086;
    OutsideCard::start(&mut machine.clone(), CARD, None).expect("an I210 starts");
    let state = machine.state();
    let last = state.writes.iter().filter_map(|write| match write {
        Write::Register { offset, .. } if (0xc000..0xd000).contains(offset) => Some(*offset),
        _ => None,
    });
    assert_eq!(last.max(), Some(0xc028 + 3 * 0x40));
}

#[test]
fn igb_whose_transmit_queue_stays_off_is_an_error() {
    let machine = Igb::machine();
    machine.with_card(|card, _| card.stuck.insert(0xe028, 0));
    assert!(matches!(start_error(&machine), StartError::Missing { .. }));
    assert!(!machine.is_mastering());
}

#[test]
fn igb_receiver_that_wakes_up_later_is_noticed() {
    let (machine, mut card, _) = start::<Igb>();
    assert_eq!(card.check_receive_off(), Ok(()));
    machine.with_card(|card, bus| card.write(0xc028 + 0x40, 1 << 25, bus));
    let path = ReceivePath::CardQueue { queue: 1, control: 1 << 25 };
    assert_eq!(card.check_receive_off(), Err(path));
}

#[test]
fn virtio_whose_receive_queue_stays_on_is_refused() {
    let machine = Virtio::machine();
    machine.with_card(|card, _| card.receive_queue_stuck = true);
    let refused = StartError::CanReceive { address: CARD, path: ReceivePath::Queue };
    assert_eq!(start_error(&machine), refused);
    let mastering = |write: &Write| matches!(write, Write::Config { offset: 4, value } if value & 4 != 0);
    assert!(!machine.state().writes.iter().any(mastering), "not for a moment");
    assert!(refused.to_string().contains("00:03.0 could receive, so it stays off"), "{refused}");
}

#[test]
fn a_receiver_that_wakes_up_later_is_noticed() {
    let (machine, mut card, _) = start::<E1000e>();
    assert_eq!(card.check_receive_off(), Ok(()));
    machine.with_card(|card, bus| card.write(E1000e::RCTL, 2, bus));
    assert_eq!(card.check_receive_off(), Err(ReceivePath::Receiver { receive_control: 2 }));
}

fn a_card_that_hangs_is_an_error<C: Card>() {
    let machine = C::machine();
    machine.with_card(|card, _| card.hang_in_reset());
    assert_eq!(start_error(&machine), StartError::ResetTimeout { address: CARD });
    assert!(!machine.is_mastering());
}

#[test]
fn e1000e_that_hangs() {
    a_card_that_hangs_is_an_error::<E1000e>();
}

#[test]
fn igb_that_hangs() {
    a_card_that_hangs_is_an_error::<Igb>();
}

#[test]
fn virtio_that_hangs() {
    a_card_that_hangs_is_an_error::<Virtio>();
}

fn addresses_and_link_are_the_cards<C: Card>(model: CardModel) {
    let machine = C::machine();
    machine.with_card(|card, _| card.set_station_address([2, 0x1b, 0xff, 0x80, 1, 0xfe]));
    let (card, _) = OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    assert_eq!(card.station_address(), [2, 0x1b, 0xff, 0x80, 1, 0xfe]);
    assert_eq!(card.model(), model);
    assert!(card.link_up());
    machine.with_card(|card, _| card.set_link(false));
    assert!(!card.link_up());
    for no_address in [[0; 6], [1, 0, 0, 0, 0, 0], [0xff; 6]] {
        let machine = C::machine();
        machine.with_card(|card, _| card.set_station_address(no_address));
        assert!(matches!(start_error(&machine), StartError::Missing { .. }));
    }
}

#[test]
fn e1000e_address_and_link() {
    addresses_and_link_are_the_cards::<E1000e>(CardModel::IntelE1000e);
}

#[test]
fn igb_address_and_link() {
    addresses_and_link_are_the_cards::<Igb>(CardModel::IntelIgb);
}

#[test]
fn virtio_address_and_link() {
    addresses_and_link_are_the_cards::<Virtio>(CardModel::VirtioNet);
}

#[test]
fn virtio_without_a_link_state_is_taken_to_have_one() {
    let machine = Virtio::machine();
    machine.with_card(|card, _| {
        card.withdraw_features(1 << 16);
        card.set_link(false);
    });
    let (card, _) = OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
    assert!(card.link_up());
}

#[test]
fn virtio_that_is_only_legacy_is_refused() {
    let machine = Virtio::machine();
    machine.with_card(|card, _| card.withdraw_features(1 << 32));
    let missing = StartError::Missing { address: CARD, what: "virtio version 1" };
    assert_eq!(start_error(&machine), missing);
}

/// Frames can only be read by an outside card; what it may write is a page of completions.
#[test]
fn what_an_outside_card_may_do_with_its_memory() {
    let (machine, _, _) = start::<E1000e>();
    let given = machine.state().bus.memory.given();
    assert_eq!(given, [(4096, DmaAccess::ReadWrite), (256 * 2048, DmaAccess::Read)]);
    let (machine, _, _) = start::<Igb>();
    let given = machine.state().bus.memory.given();
    assert_eq!(given, [(4096, DmaAccess::ReadWrite), (256 * 2048, DmaAccess::Read)]);
    let (machine, _, _) = start::<Virtio>();
    let given = machine.state().bus.memory.given();
    let told_and_used = [(8192, DmaAccess::Read), (4096, DmaAccess::ReadWrite)];
    assert_eq!(given, [&told_and_used[..], &[(256 * 2048, DmaAccess::Read)]].concat());
}

#[test]
fn virtio_that_would_go_past_the_fence_is_refused() {
    let bypassing = |fenced: bool| {
        let machine = Virtio::machine();
        machine.with_card(|card, bus| {
            card.withdraw_features(1 << 33);
            bus.fenced = fenced;
        });
        machine
    };
    assert!(matches!(start_error(&bypassing(true)), StartError::Missing { what, .. }
        if what.contains("ACCESS_PLATFORM")));
    OutsideCard::start(&mut bypassing(false), CARD, None)
        .expect("without a fence there is nothing to go past");
    let machine = Virtio::machine();
    machine.state_mut().bus.fenced = true;
    OutsideCard::start(&mut machine.clone(), CARD, None).expect("it accepts the fence");
}

#[test]
fn virtio_queues_of_other_sizes_work() {
    for (offered, used) in [(1, 1), (2, 2), (100, 64), (255, 128), (1024, 256), (32_768, 256)] {
        let machine = Virtio::machine();
        machine.with_card(|card, _| card.queue_size_max = offered);
        let (mut card, _) = OutsideCard::start(&mut machine.clone(), CARD, None).expect("the card starts");
        machine.with_card(|card, bus| card.stall(true, bus));
        let accepted = (0..1000).find(|n| card.transmit(&frame(*n, 60)).is_err());
        assert_eq!(accepted, Some(used), "of {offered}");
        machine.with_card(|card, bus| card.stall(false, bus));
        (used..1000).for_each(|n| card.transmit(&frame(n, 60)).expect("room"));
        let expected: Vec<_> = (0..1000).map(|n| frame(n, 60)).collect();
        assert_eq!(machine.sent(), expected);
    }
    let machine = Virtio::machine();
    machine.with_card(|card, _| card.queue_size_max = 0);
    assert_eq!(start_error(&machine), StartError::Missing { address: CARD, what: "transmit queue" });
}

#[test]
fn virtio_completions_that_name_no_frame_are_counted() {
    let (machine, mut card, _) = start::<Virtio>();
    machine.with_card(|card, _| card.wrong_completions = vec![256, 65_535, u32::MAX, 200]);
    (0..10).for_each(|n| card.transmit(&frame(n, 60)).expect("room"));
    assert_eq!(card.counters().answers_invalid, 4);
    assert_eq!(machine.sent().len(), 10);
}

#[test]
fn virtio_index_that_runs_away_is_counted() {
    let (machine, mut card, _) = start::<Virtio>();
    card.transmit(&frame(0, 60)).expect("room");
    // The used ring's index lies 2 bytes into the second memory that the driver got.
    machine.state_mut().bus.memory.write((1 << 32) + (4 << 20) + 2, &30_000_u16.to_le_bytes());
    card.transmit(&frame(1, 60)).expect("room");
    assert_eq!(card.counters().answers_invalid, 1);
    assert_eq!(machine.sent().len(), 2);
}

#[test]
fn a_wrong_address_is_answered_with_the_right_ones() {
    let mut machine = E1000e::machine();
    let card = model::Config::new(0x1af4, 0x1041, 2);
    machine.state_mut().functions.insert((0, 2, 0), card);
    let wrong = PciAddress { bus: 0, device: 9, function: 0 };
    let error = OutsideCard::start(&mut machine, wrong, None).map(|_| ()).expect_err("nothing there");
    assert_eq!(
        error.to_string(),
        "no card at 00:09.0; cards found: 00:02.0 (1af4:1041), 00:03.0 (8086:10d3) 52:54:00:12:34:56. \
         Put one of them into the configuration"
    );
    assert!(machine.state().writes.is_empty());
}

#[test]
fn a_device_without_driver_is_left_alone() {
    let mut machine = E1000e::machine();
    machine.state_mut().functions.insert((0, 31, 2), model::Config::new(0x8086, 0x2922, 1));
    let disk = PciAddress { bus: 0, device: 31, function: 2 };
    let error = OutsideCard::start(&mut machine, disk, None).map(|_| ()).expect_err("a disk");
    assert!(
        error.to_string().starts_with("no driver for 00:1f.2 (8086:2922); cards found: 00:03.0"),
        "{error}"
    );
    assert!(machine.state().writes.is_empty());
}

#[test]
fn lies_about_receiving_find_nobody() {
    let (machine, mut card, _) = start::<Virtio>();
    machine.with_card(|card, _| card.lie_once(Lie::Length(u32::MAX)));
    machine.hear(&frame(0, 60));
    card.transmit(&frame(1, 60)).expect("room");
    assert_eq!(card.counters().answers_invalid, 0);
}
