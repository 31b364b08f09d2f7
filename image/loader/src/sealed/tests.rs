//! The sealed key, against a model TPM that reads commands by the specification.

use alloc::vec::Vec;

use super::*;
use crate::tpm::RESPONSE_BYTES_MAX;

const HANDLE: u32 = 0x0180_0010;
const SESSION_HANDLE: u32 = 0x0300_0000;

/// A TPM that gives a key to a policy session over the right registers, read by the specification.
struct Model {
    key: [u8; 32],
    /// Refuses the read with this code.
    refusal: Option<u32>,
    /// What the session has shown.
    selected: Option<Vec<u8>>,
    /// Answers each question for a register with so many of them.
    registers_told: u8,
}

impl Model {
    const fn new() -> Self {
        Self { key: [0x5a; 32], refusal: None, selected: None, registers_told: 1 }
    }

    fn run(&mut self, code: u32, rest: &[u8]) -> Result<Vec<u8>, u32> {
        match code {
            0x176 => {
                let no_handles = [[0x40, 0, 0, 7], [0x40, 0, 0, 7]].concat();
                let parameters = [&[0, 16][..], &[0; 16], &[0, 0], &[1], &[0, 0x10], &[0, 0x0b]].concat();
                assert_eq!(rest, [no_handles, parameters].concat());
                Ok([&SESSION_HANDLE.to_be_bytes()[..], &[0, 16], &[7; 16]].concat())
            }
            // Each register is 32 times its number.
            0x17e => {
                let (list, bits) = rest.split_at(7);
                assert_eq!(list, [0, 0, 0, 1, 0, 0x0b, 3], "one bank, SHA-256, of three bytes");
                let bits = bits.iter().rev().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
                assert_eq!(bits.count_ones(), 1);
                let value = [&[0, 32][..], &[bits.trailing_zeros() as u8; 32]].concat();
                let told = self.registers_told;
                let values = value.repeat(usize::from(told));
                Ok([&[0, 0, 0, 77][..], rest, &[0, 0, 0, told], &values].concat())
            }
            0x17f => {
                let (session, selection) = rest.split_at(4);
                assert_eq!((session, &selection[..2]), (&SESSION_HANDLE.to_be_bytes()[..], &[0, 0][..]));
                self.selected = Some(selection[2..].to_vec());
                Ok(Vec::new())
            }
            0x14e => {
                let handles = [HANDLE.to_be_bytes(), HANDLE.to_be_bytes()].concat();
                let session = [&[0, 0, 0, 9][..], &SESSION_HANDLE.to_be_bytes(), &[0, 0, 0, 0, 0]].concat();
                assert_eq!(rest, [&handles[..], &session, &[0, 32, 0, 0]].concat());
                if let Some(code) = self.refusal {
                    return Err(code);
                }
                // Registers 0, 2, 4, 7, 8 and 9 of the bank of SHA-256.
                let right = self.selected.as_deref() == Some(&[0, 0, 0, 1, 0, 0x0b, 3, 0x95, 3, 0]);
                let answer = [&[0, 0, 0, 34, 0, 32][..], &self.key, &[0, 16], &[8; 16], &[0, 0, 0]].concat();
                if right { Ok(answer) } else { Err(0x99d) }
            }
            _ => panic!("{code:x}"),
        }
    }
}

impl Tpm for Model {
    fn submit(&mut self, command: &[u8], response: &mut [u8; RESPONSE_BYTES_MAX]) {
        let number = |at: usize| u32::from_be_bytes(command[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(number(2) as usize, command.len());
        assert_eq!(command[1] == 2, number(6) == 0x14e, "only the read is authorized");
        let (code, body) = match self.run(number(6), &command[10..]) {
            Ok(body) => (0, body),
            Err(code) => (code, Vec::new()),
        };
        let header =
            [&[0x80, 2][..], &(10 + body.len() as u32).to_be_bytes(), &u32::to_be_bytes(code)].concat();
        response[..10].copy_from_slice(&header);
        response[10..10 + body.len()].copy_from_slice(&body);
    }
}

#[test]
fn the_key_comes_out_of_a_session_over_everything_that_ran_before_the_kernel() {
    assert_eq!(unseal(&mut Model::new(), HANDLE), Ok([0x5a; 32]));
}

#[test]
fn without_the_key_nothing_is_started() {
    let registers = [0, 2, 4, 7, 8, 9].map(|pcr| Sha256Digest([pcr; 32])).to_vec();
    let refused = |code| Err(Refusal::Key { handle: HANDLE, code: Some(code), registers: registers.clone() });
    // Other registers, nothing there, never written.
    for code in [0x99d, 0x18b, 0x14a] {
        assert_eq!(unseal(&mut Model { refusal: Some(code), ..Model::new() }, HANDLE), refused(code));
    }
    assert_eq!(unseal(&mut Model { key: [0; 32], ..Model::new() }, HANDLE), refused(NO_ANSWER));
    struct Silent;
    impl Tpm for Silent {
        fn submit(&mut self, _: &[u8], _: &mut [u8; RESPONSE_BYTES_MAX]) {}
    }
    let told_nothing = |code| Err(Refusal::Key { handle: HANDLE, code: Some(code), registers: Vec::new() });
    assert_eq!(unseal(&mut Silent, HANDLE), told_nothing(NO_ANSWER));
    // A TPM that tells no register, or more than it was asked for.
    for registers_told in [0, 2] {
        let mut model = Model { refusal: Some(0x99d), registers_told, ..Model::new() };
        assert_eq!(unseal(&mut model, HANDLE), told_nothing(0x99d));
    }
}
