//! The floor of versions, against a model TPM that reads commands by the specification.

use alloc::vec::Vec;

use super::*;
use crate::tpm::RESPONSE_BYTES_MAX;

const READ: u32 = 0x14e;

const HANDLE: u32 = 0x0180_0007;

/// A TPM with room for one number, which it takes apart by the specification and not by the code above.
#[derive(Default)]
struct Model {
    defined: Option<u32>,
    value: Option<[u8; 4]>,
    locked: bool,
    commands: Vec<u32>,
    /// Answers everything from here on with this code.
    broken: Option<u32>,
}

impl Model {
    fn floor(floor: u32) -> Self {
        Self { defined: Some(HANDLE), value: Some(floor.to_be_bytes()), ..Self::default() }
    }

    /// What a reset does (part 3, section 31.11: a lock by `TPMA_NV_WRITE_STCLEAR` lasts until then).
    fn reset(&mut self) {
        self.locked = false;
        self.commands.clear();
    }

    fn run(&mut self, code: u32, handles: &[u32], parameters: &[u8]) -> Result<Vec<u8>, u32> {
        if let Some(code) = self.broken {
            return Err(code);
        }
        if code == DEFINE_SPACE {
            assert_eq!((handles, self.defined), (&[OWNER][..], None));
            let [0, 0, 0, 14, a, b, c, d, 0, 0x0b, rest @ ..] = parameters else { panic!("{parameters:?}") };
            assert_eq!(rest, [2, 4, 0x40, 4, 0, 0, 0, 4], "attributes, no policy, four bytes");
            self.defined = Some(u32::from_be_bytes([*a, *b, *c, *d]));
            return Ok(Vec::new());
        }
        if handles != [self.defined.ok_or(0x18b_u32)?; 2] {
            return Err(0x18b);
        }
        match (code, parameters) {
            (READ, [0, 4, 0, 0]) => Ok([&[0, 4][..], &self.value.ok_or(0x14a_u32)?].concat()),
            (WRITE, [0, 4, value @ .., 0, 0]) if !self.locked => {
                self.value = Some(value.try_into().expect("four bytes"));
                Ok(Vec::new())
            }
            (WRITE, _) => Err(0x148),
            (WRITE_LOCK, []) => {
                self.locked = true;
                Ok(Vec::new())
            }
            _ => panic!("{code:x} {parameters:?}"),
        }
    }
}

impl Tpm for Model {
    fn submit(&mut self, command: &[u8], response: &mut [u8; RESPONSE_BYTES_MAX]) {
        let number = |at: usize| u32::from_be_bytes(command[at..at + 4].try_into().expect("four bytes"));
        assert_eq!((&command[..2], number(2) as usize), (&[0x80, 2][..], command.len()));
        let code = number(6);
        let handles: Vec<u32> =
            (0..if code == DEFINE_SPACE { 1 } else { 2 }).map(|i| number(10 + 4 * i)).collect();
        let (session, parameters) = command[10 + 4 * handles.len()..].split_at(13);
        assert_eq!(session, [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0]);
        self.commands.push(code);
        let answer = match self.run(code, &handles, parameters) {
            Ok(parameters) => {
                let bytes = (parameters.len() as u32).to_be_bytes();
                [
                    &[0x80, 2, 0, 0, 0, 19 + parameters.len() as u8, 0, 0, 0, 0][..],
                    &bytes,
                    &parameters,
                    &[0, 0, 1, 0, 0],
                ]
                .concat()
            }
            Err(code) => [&[0x80, 1, 0, 0, 0, 10][..], &code.to_be_bytes()].concat(),
        };
        response[..answer.len()].copy_from_slice(&answer);
    }
}

fn release(version: u32, floor: u32) -> Release {
    Release { version, floor }
}

#[test]
fn a_floor_is_remembered_and_holds_older_images() {
    let mut tpm = Model::default();
    assert_eq!(keep(&mut tpm, HANDLE, release(7, 6)), Ok(FloorMemory::Kept(6)));
    assert!(tpm.locked, "nothing after the loader can write");
    tpm.reset();
    assert_eq!(keep(&mut tpm, HANDLE, release(6, 0)), Ok(FloorMemory::Kept(6)), "at the floor");
    assert!(tpm.locked);
    tpm.reset();
    let refusal = Refusal::Downgrade { version: 5, floor: 6, handle: HANDLE };
    assert_eq!(keep(&mut tpm, HANDLE, release(5, 5)), Err(refusal));
    tpm.reset();
    assert_eq!(keep(&mut tpm, HANDLE, release(9, 9)), Ok(FloorMemory::Kept(9)), "up");
    tpm.reset();
    assert_eq!(keep(&mut tpm, HANDLE, release(9, 1)), Ok(FloorMemory::Kept(9)), "and never down");
}

#[test]
fn who_asks_for_no_floor_leaves_nothing_behind() {
    let mut tpm = Model::default();
    assert_eq!(keep(&mut tpm, HANDLE, release(0, 0)), Ok(FloorMemory::Kept(0)));
    assert_eq!((tpm.defined, &tpm.commands[..]), (None, &[READ][..]));
}

#[test]
fn a_power_cut_between_definition_and_writing_is_made_good() {
    let mut tpm = Model { defined: Some(HANDLE), ..Model::default() };
    assert_eq!(keep(&mut tpm, HANDLE, release(3, 3)), Ok(FloorMemory::Kept(3)));
    let mut tpm = Model { defined: Some(HANDLE), ..Model::default() };
    assert_eq!(keep(&mut tpm, HANDLE, release(3, 0)), Ok(FloorMemory::Kept(0)));
}

#[test]
fn what_is_above_the_floor_already_is_not_written_again() {
    let mut tpm = Model::floor(6);
    assert_eq!(keep(&mut tpm, HANDLE, release(7, 6)), Ok(FloorMemory::Kept(6)));
    assert_eq!(tpm.commands, [READ, WRITE_LOCK], "memory of this kind wears out");
}

#[test]
fn a_tpm_that_refuses_is_told_of() {
    let mut tpm = Model { broken: Some(0x9a2), ..Model::default() };
    assert_eq!(keep(&mut tpm, HANDLE, release(7, 6)), Ok(FloorMemory::Failed(0x9a2)));
    let mut tpm = Model { locked: true, ..Model::floor(6) };
    assert_eq!(keep(&mut tpm, HANDLE, release(7, 7)), Ok(FloorMemory::Failed(0x148)));
}

#[test]
fn an_answer_that_is_none_is_no_floor() {
    struct Answers(Vec<u8>);
    impl Tpm for Answers {
        fn submit(&mut self, _: &[u8], response: &mut [u8; RESPONSE_BYTES_MAX]) {
            response[..self.0.len()].copy_from_slice(&self.0);
        }
    }
    let whole = [0x80, 2, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 0, 6, 0, 4, 0, 0, 0, 1, 0, 0, 1, 0, 0];
    assert_eq!(read(&mut Answers(whole.into()), HANDLE), Ok(1));
    for (place, byte) in [(0, 0), (2, 1), (5, 129), (5, 9), (13, 5), (15, 3)] {
        let mut answer = whole;
        answer[place] = byte;
        assert_eq!(read(&mut Answers(answer.into()), HANDLE), Err(NO_ANSWER), "{place}");
    }
    assert_eq!(read(&mut Answers(Vec::new()), HANDLE), Err(NO_ANSWER));
}

#[test]
fn each_owner_and_diode_has_a_handle_of_its_own() {
    let handles = [handle(&[1; 32], 1), handle(&[1; 32], 2), handle(&[2; 32], 1)];
    assert!(handles.iter().all(|handle| handle >> 22 == 6), "{handles:x?}");
    assert!(handles[0] != handles[1] && handles[0] != handles[2], "{handles:x?}");
    assert_eq!(handle(&[1; 32], 1), handles[0]);
}
