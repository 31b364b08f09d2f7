//! The attestor against a model of a TPM, through both interfaces, in virtual time.

mod model;

use model::{HANDLE, Tpm, key, plain, quote, registers};
use noreturn_tpm::{Attestor, COMMAND_US_MAX, Interface, QUOTE_US, RETRY_US, Transport, public_area};
use noreturn_wire::attestation::Point;
use noreturn_wire::{Attestation, BootId, TpmFault};

const BOOT: BootId = BootId([7; 16]);
const BOTH: [Interface; 2] = [Interface::Tis, Interface::Crb];

fn attestor(interface: Interface, tpm: &Tpm) -> Attestor<Tpm> {
    Attestor::new(Transport::new(interface, tpm.clone()).expect("the interface is known"), BOOT)
}

/// Polls whenever it wants to be polled, until it has news; the news, and when they came.
fn next(attestor: &mut Attestor<Tpm>, mut now_us: u64) -> (Attestation, u64) {
    for _ in 0..100_000 {
        now_us = now_us.max(attestor.poll_at());
        if let Some(news) = attestor.poll(now_us) {
            return (news, now_us);
        }
    }
    panic!("no news");
}

#[track_caller]
fn codes(tpm: &Tpm) -> Vec<u8> {
    let state = tpm.0.borrow();
    assert!(state.breaches.is_empty(), "{:?}", state.breaches);
    state.commands.iter().map(|command| command[9]).collect()
}

#[test]
fn one_key_then_registers_and_a_quote_each_time() {
    for interface in BOTH {
        for burst in [1, 7, 64, 255] {
            let statement = [9; 137];
            let tpm = Tpm::new(burst, [key(), registers(), quote(&statement), registers(), quote(&[8; 20])]);
            let mut attestor = attestor(interface, &tpm);
            let (Attestation::Quoted(first), at_us) = next(&mut attestor, 0) else { panic!("no quote") };
            assert_eq!(first.key, Point([1; 32], [2; 32]));
            assert_eq!(first.pcrs, std::array::from_fn(|number| [number as u8; 32]));
            assert_eq!(first.statement, statement);
            assert_eq!((first.signature.0[0], first.signature.0[1], first.signature.1), (0, 3, [4; 32]));
            assert_eq!(attestor.poll_at(), at_us + QUOTE_US);
            let (Attestation::Quoted(second), _) = next(&mut attestor, at_us) else { panic!("no quote") };
            assert_eq!((second.key, second.statement.len()), (first.key, 20));
            assert_eq!(codes(&tpm), [0x31, 0x7e, 0x58, 0x7e, 0x58]);
            for (command, number) in [(2, 0), (4, 1)] {
                let command = &tpm.0.borrow().commands[command];
                assert_eq!(command[10..14], HANDLE.to_be_bytes());
                assert_eq!(command[29..45], BOOT.0);
                assert_eq!(command[45..53], [0, 0, 0, 0, 0, 0, 0, number]);
            }
        }
    }
}

#[test]
fn a_key_that_is_refused_is_forgotten_and_made_again() {
    for interface in BOTH {
        let refused = plain(0x18b, &[]);
        let after = [plain(0, &[]), key(), registers(), quote(&[8; 20])];
        let tpm = Tpm::new(64, [key(), registers(), refused].into_iter().chain(after));
        let mut attestor = attestor(interface, &tpm);
        let (news, at_us) = next(&mut attestor, 0);
        assert_eq!(news, Attestation::Failed(TpmFault::Refused(0x18b)));
        assert_eq!(attestor.poll_at(), at_us + RETRY_US);
        assert!(matches!(next(&mut attestor, at_us).0, Attestation::Quoted(_)));
        assert_eq!(codes(&tpm), [0x31, 0x7e, 0x58, 0x65, 0x31, 0x7e, 0x58]);
    }
}

#[test]
fn a_tpm_that_never_answers_is_given_up_and_asked_again() {
    for interface in BOTH {
        let tpm = Tpm::new(64, []);
        let mut attestor = attestor(interface, &tpm);
        let (news, at_us) = next(&mut attestor, 0);
        assert_eq!(news, Attestation::Failed(TpmFault::Timeout));
        assert!((COMMAND_US_MAX..COMMAND_US_MAX + 1_000_000).contains(&at_us));
        tpm.0.borrow_mut().responses.extend([key(), registers(), quote(&[8; 20])]);
        let (news, _) = next(&mut attestor, at_us);
        assert!(matches!(news, Attestation::Quoted(_)), "{interface:?}: {news:?}");
    }
}

#[test]
fn answers_that_are_none_are_faults() {
    let short = key()[..60].to_vec();
    let mut long = key();
    long[3] = 0xff;
    let mut other_key = key();
    other_key[23] ^= 1;
    let mut other_registers = registers();
    other_registers[21] ^= 1;
    let fewer = plain(0, &registers()[10..28]);
    let statement = quote(&[0; 161]);
    for (what, responses) in [
        ("a response that is cut", vec![[&plain(0, &[0; 50])[..], &short].concat()]),
        ("a response that is too long", vec![long]),
        ("another key", vec![other_key]),
        ("other registers", vec![key(), other_registers]),
        ("no registers", vec![key(), fewer]),
        ("a statement that is too long", vec![key(), registers(), statement]),
    ] {
        let tpm = Tpm::new(64, responses);
        let (news, _) = next(&mut attestor(Interface::Tis, &tpm), 0);
        assert_eq!(news, Attestation::Failed(TpmFault::Malformed), "{what}");
    }
}

#[test]
fn a_buffer_elsewhere_is_not_touched() {
    for address in [0, 0xfed4_0000, 0xfed4_0ff0, 0xfed4_1000, 0x1_fed4_0080, u64::MAX] {
        let tpm = Tpm::new(64, [key()]);
        tpm.0.borrow_mut().buffer_address = address;
        let (news, _) = next(&mut attestor(Interface::Crb, &tpm), 0);
        assert_eq!(news, Attestation::Failed(TpmFault::Interface(7)), "{address:#x}");
        assert!(codes(&tpm).is_empty());
    }
}

#[test]
fn an_interface_that_is_not_known_is_named() {
    let tpm = Tpm::new(64, []);
    let transport = Transport::new(Interface::Other(2), tpm);
    assert_eq!(transport.err(), Some(TpmFault::Interface(2)));
}

#[test]
fn the_public_area_is_what_the_tpm_names() {
    let area = public_area(&Point([1; 32], [2; 32]));
    assert_eq!(area[..], key()[20..108]);
}
