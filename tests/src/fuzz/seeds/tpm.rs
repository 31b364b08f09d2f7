//! Seeds of what a TPM answers.

use noreturn_image_format::measured::{SEALING_PCRS, selection};
use noreturn_tpm::command::{KEY_TEMPLATE, SELECTION};
use noreturn_wire::BootId;
use noreturn_wire::attestation::qualifying_data;

use super::Seed;

pub(super) fn tpm() -> Vec<Seed> {
    let public = [&KEY_TEMPLATE[..], &sized(&[1; 32]), &sized(&[2; 32])].concat();
    let values: Vec<u8> = (0..6).flat_map(|number| sized(&[number; 32])).collect();
    let registers = [&[0, 0, 0, 9][..], &SELECTION, &[0, 0, 0, 6], &values].concat();
    let signature = [&[0, 0x18, 0, 0x0b][..], &sized(&[3; 32]), &sized(&[4; 32])].concat();
    let quote = with_session(&[], &[sized(&statement()), signature].concat());
    let registers = response(0x8001, 0, &registers);
    vec![
        ("key", with_session(&[0x80, 0, 0, 0], &sized(&public))),
        ("fifo", fifo(&registers)),
        ("registers", registers),
        ("quote", quote),
        ("statement", statement()),
        ("refused", response(0x8001, 0x101, &[])),
    ]
}

/// Answers to reads, definitions, writes and locks of the floor, each behind its length.
pub(super) fn floors() -> Vec<Seed> {
    let done = with_session(&[], &[]);
    let number = |floor: u32| with_session(&[], &[&[0, 4][..], &floor.to_be_bytes()].concat());
    let refused = |code| response(0x8001, code, &[]);
    let all = in_turn;
    vec![
        ("kept", all(&[number(0xff), done.clone()])),
        ("raised", all(&[number(7), done.clone(), number(0xff), done.clone()])),
        ("defined", all(&[refused(0x18b), done.clone(), done.clone(), number(0xff), done.clone()])),
        ("written", all(&[refused(0x14a), done.clone(), number(0xff), done])),
        ("downgrade", all(&[number(0x101)])),
        ("refused", all(&[refused(0x9a2)])),
        ("silent", Vec::new()),
    ]
}

/// Answers to the session, the policy and the read, each behind its length.
pub(super) fn keys() -> Vec<Seed> {
    let session = response(0x8001, 0, &[&[3, 0, 0, 0][..], &sized(&[7; 16])].concat());
    let policy = response(0x8001, 0, &[]);
    let key = |key: [u8; 32]| with_session(&[], &sized(&key));
    let refused = [session.clone(), policy.clone(), response(0x8001, 0x99d, &[])];
    let register = |pcr: &u8| {
        let parts = [&[0, 0, 0, 9][..], &selection(&[*pcr]), &[0, 0, 0, 1], &sized(&[*pcr; 32])];
        response(0x8001, 0, &parts.concat())
    };
    let registers: Vec<_> = SEALING_PCRS.iter().map(register).collect();
    vec![
        ("registers-told", in_turn(&[&refused[..], &registers].concat())),
        ("key", in_turn(&[session.clone(), policy.clone(), key([5; 32])])),
        ("zeros", in_turn(&[session.clone(), policy, key([0; 32])])),
        ("other-registers", in_turn(&refused)),
        ("no-policy", in_turn(&[session, response(0x8001, 0x128, &[])])),
        ("silent", Vec::new()),
    ]
}

fn in_turn(answers: &[Vec<u8>]) -> Vec<u8> {
    answers.iter().flat_map(|answer| [&[answer.len() as u8][..], answer].concat()).collect()
}

/// What a TPM states in boot 7…7.
pub(super) fn statement() -> Vec<u8> {
    let name = [&[0, 0x0b][..], &[5; 32]].concat();
    let clock = [&9_u64.to_be_bytes()[..], &3_u32.to_be_bytes(), &[0; 4], &[1]].concat();
    let parts = [
        b"\xffTCG\x80\x18".to_vec(),
        sized(&name),
        sized(&qualifying_data(BootId([7; 16]), 2)),
        clock,
        vec![0; 8],
        SELECTION.to_vec(),
        sized(&[6; 32]),
    ];
    parts.concat()
}

/// Registers of a FIFO as they are read when a command goes well: access, status before and after the command.
fn fifo(response: &[u8]) -> Vec<u8> {
    let status = |bits: u8| [bits, 64, 0, 0];
    let sent =
        [&[0xa0][..], &status(0xc0), &status(0x88), &status(0x88), &status(0x80), &status(0x90)].concat();
    let (header, rest) = response.split_at(10);
    [&sent[..], &status(0x90), header, &status(0x90), rest].concat()
}

fn with_session(handle: &[u8], parameters: &[u8]) -> Vec<u8> {
    let body = [handle, &(parameters.len() as u32).to_be_bytes(), parameters, &[0, 0, 1, 0, 0]].concat();
    response(0x8002, 0, &body)
}

fn response(tag: u16, code: u32, body: &[u8]) -> Vec<u8> {
    let length = (10 + body.len()) as u32;
    [&tag.to_be_bytes()[..], &length.to_be_bytes(), &code.to_be_bytes(), body].concat()
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}
