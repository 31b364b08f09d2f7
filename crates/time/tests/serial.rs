//! The serial port against a model of a 16550: it is set up to receive, and nothing is ever sent.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use noreturn_time::serial::{Damaged, Port, Registers};

/// A 16550 (PC16550D, section 8).
#[derive(Default)]
struct Uart {
    received: VecDeque<(u8, u8)>,
    sent: Vec<u8>,
    divisor: [u8; 2],
    interrupts: u8,
    queue: u8,
    line: u8,
    modem: u8,
    scratch: u8,
}

#[derive(Clone, Default)]
struct Model(Rc<RefCell<Uart>>);

impl Registers for Model {
    fn read(&self, offset: u8) -> u8 {
        let mut uart = self.0.borrow_mut();
        let sets_divisor = uart.line & 0x80 != 0;
        match offset {
            0 if !sets_divisor => uart.received.pop_front().map_or(0, |(byte, _)| byte),
            // What is sent is gone at once.
            5 => 0x60 | uart.received.front().map_or(0, |(_, errors)| 1 | errors),
            7 => uart.scratch,
            _ => panic!("nobody needs to read {offset}"),
        }
    }

    fn write(&mut self, offset: u8, value: u8) {
        let mut uart = self.0.borrow_mut();
        let sets_divisor = uart.line & 0x80 != 0;
        match offset {
            0 | 1 if sets_divisor => uart.divisor[usize::from(offset)] = value,
            0 => uart.sent.push(value),
            1 => uart.interrupts = value,
            2 => uart.queue = value,
            3 => uart.line = value,
            4 => uart.modem = value,
            7 => uart.scratch = value,
            _ => panic!("nobody needs to write {offset}"),
        }
    }
}

/// Where there is no port, everything reads as ones.
struct Nothing;

impl Registers for Nothing {
    fn read(&self, _: u8) -> u8 {
        0xff
    }

    fn write(&mut self, _: u8, _: u8) {}
}

#[test]
fn it_is_set_up_to_receive_and_never_sends() {
    let model = Model::default();
    model.0.borrow_mut().modem = 0xff;
    model.0.borrow_mut().interrupts = 0xff;
    let mut port = Port::start(model.clone(), 9600).unwrap();
    {
        let uart = model.0.borrow();
        assert_eq!((uart.divisor, uart.line), ([12, 0], 3));
        assert_eq!((uart.interrupts, uart.modem, uart.queue & 1), (0, 0, 1));
    }
    model.0.borrow_mut().received.extend([(b'$', 0), (b'G', 0)]);
    assert_eq!(port.receive(), Ok(Some(b'$')));
    assert_eq!(port.receive(), Ok(Some(b'G')));
    assert_eq!(port.receive(), Ok(None));
    for error in [0x02, 0x04, 0x08, 0x10] {
        model.0.borrow_mut().received.push_back((b'x', error));
        assert_eq!(port.receive(), Err(Damaged), "{error:#x}");
        assert_eq!(port.receive(), Ok(None), "the damaged byte is gone");
    }
    assert!(model.0.borrow().sent.is_empty());
}

#[test]
fn where_there_is_no_port_there_is_none() {
    assert!(Port::start(Nothing, 9600).is_none());
    let model = Model::default();
    assert!(Port::start(model, 0).is_none());
}
