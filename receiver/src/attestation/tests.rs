//! Quotes by a key of the test's own, good ones and all that can be wrong with them.

use noreturn_tpm::command::SELECTION;
use noreturn_wire::attestation::qualifying_data;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use super::*;

const BOOT: BootId = BootId([7; 16]);
const MINUTE_US: u64 = 60_000_000;

/// A TPM of which everything can be chosen.
struct Tpm {
    key: EcdsaKeyPair,
    boot: BootId,
    number: u64,
    clock_ms: u64,
    resets: u32,
    registers: [[u8; 32]; 6],
}

impl Tpm {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let document = document.expect("there is randomness");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        let registers = std::array::from_fn(|place| [place as u8; 32]);
        Self {
            key: key.expect("it was just made"),
            boot: BOOT,
            number: 0,
            clock_ms: 1000,
            resets: 5,
            registers,
        }
    }

    fn point(&self) -> Point {
        pair(&self.key.public_key().as_ref()[1..])
    }

    fn statement(&self) -> Vec<u8> {
        let signer: [u8; 32] = Sha256::digest(qualified_name(&fingerprint(&self.point()))).into();
        let sized = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
        let clock =
            [&self.clock_ms.to_be_bytes()[..], &self.resets.to_be_bytes(), &[0; 4], &[1], &[0; 8]].concat();
        [
            b"\xffTCG\x80\x18".to_vec(),
            sized(&[&[0, 0x0b][..], &signer].concat()),
            sized(&qualifying_data(self.boot, self.number)),
            clock,
            SELECTION.to_vec(),
            sized(&Sha256::digest(self.registers.as_flattened())),
        ]
        .concat()
    }

    fn sign(&self, statement: &[u8]) -> Quote {
        let signature = self.key.sign(&SystemRandom::new(), statement).expect("it can sign");
        Quote {
            key: self.point(),
            pcrs: self.registers,
            statement: statement.iter().copied().collect(),
            signature: pair(signature.as_ref()),
        }
    }

    /// The next quote, a minute after the one before.
    fn quote(&mut self) -> Quote {
        let quote = self.sign(&self.statement());
        self.number += 1;
        self.clock_ms += 60_000;
        quote
    }

    fn expected(&self) -> Expected {
        Expected { key: fingerprint(&self.point()), registers: self.registers.map(Some) }
    }
}

fn pair(bytes: &[u8]) -> Point {
    let half = |bytes: &[u8]| bytes.try_into().expect("32 bytes");
    Point(half(&bytes[..32]), half(&bytes[32..]))
}

/// A checker, and what it is given.
struct Bench {
    checker: Checker,
    expected: Option<Expected>,
    memory: Memory,
    now_us: u64,
}

impl Bench {
    fn new(tpm: &Tpm) -> Self {
        let expected = Some(tpm.expected());
        Self { checker: Checker::new(BOOT), expected, memory: Memory::default(), now_us: 1_000_000 }
    }

    fn take(&mut self, attestation: Attestation) -> Option<Check> {
        let beacon = Beacon { uptime_us: self.now_us, attestation, ..Beacon::default() };
        let finding = self.checker.take(self.expected.as_ref(), &beacon, self.now_us, &mut self.memory);
        finding.map(|finding| finding.check)
    }

    fn wait(&mut self, us: u64) -> Option<Check> {
        self.now_us += us;
        let finding = self.checker.handle_timeout(self.expected.as_ref(), self.now_us);
        finding.map(|finding| finding.check)
    }
}

/// What becomes of one quote.
fn judge(tpm: &Tpm, quote: Quote) -> Option<Check> {
    Bench::new(tpm).take(Attestation::Quoted(quote))
}

#[test]
fn fresh_quotes_of_the_enrolled_key_over_the_expected_registers_match() {
    let mut tpm = Tpm::new();
    let mut bench = Bench::new(&tpm);
    assert_eq!(bench.take(Attestation::Pending), None);
    let first = Attestation::Quoted(tpm.quote());
    assert_eq!(bench.take(first.clone()), Some(Check::Match));
    for _ in 0..5 {
        assert_eq!(bench.wait(MINUTE_US / 2), None);
        assert_eq!(bench.take(Attestation::Quoted(tpm.quote())), None);
        assert_eq!(bench.checker.finding().check, Check::Match);
    }
    bench.now_us -= 1;
    assert_eq!(bench.take(first), None, "a beacon that was overtaken");
    assert_eq!(bench.checker.finding().check, Check::Match);
}

#[test]
fn every_flipped_bit_of_a_quote_is_found() {
    let tpm = Tpm::new();
    let quote = tpm.sign(&tpm.statement());
    for bit in 0..quote.statement.len() * 8 {
        let mut forged = quote.clone();
        forged.statement[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(judge(&tpm, forged), Some(Check::Mismatch(Fault::Forged)), "bit {bit}");
    }
    for bit in 0..512 {
        let flip = |point: &mut Point| {
            let half = if bit < 256 { &mut point.0 } else { &mut point.1 };
            half[bit % 256 / 8] ^= 1 << (bit % 8);
        };
        let mut forged = quote.clone();
        flip(&mut forged.signature);
        assert_eq!(judge(&tpm, forged), Some(Check::Mismatch(Fault::Forged)), "signature, bit {bit}");
        let mut other = quote.clone();
        flip(&mut other.key);
        assert_eq!(judge(&tpm, other), Some(Check::Mismatch(Fault::Key)), "key, bit {bit}");
    }
    for (register, bit) in (0..6).flat_map(|register| (0..256).map(move |bit| (register, bit))) {
        let mut forged = quote.clone();
        forged.pcrs[register][bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            judge(&tpm, forged),
            Some(Check::Mismatch(Fault::Forged)),
            "register {register}, bit {bit}"
        );
    }
}

#[test]
fn statements_that_the_key_would_not_make_are_forged_however_they_are_signed() {
    let tpm = Tpm::new();
    let right = tpm.statement();
    for (what, at) in
        [("no statement of a TPM", 0), ("no quote", 5), ("another signer", 20), ("registers", 100)]
    {
        let mut statement = right.clone();
        statement[at] ^= 1;
        assert_eq!(judge(&tpm, tpm.sign(&statement)), Some(Check::Mismatch(Fault::Forged)), "{what}");
    }
    let longer = [&right[..], &[0]].concat();
    assert_eq!(judge(&tpm, tpm.sign(&longer)), Some(Check::Mismatch(Fault::Forged)));
}

#[test]
fn another_key_another_boot_and_other_registers_are_named() {
    let tpm = Tpm::new();
    let mut other = Tpm::new();
    assert_eq!(judge(&tpm, other.quote()), Some(Check::Mismatch(Fault::Key)));
    let mut replayed = Bench::new(&other);
    other.boot = BootId([8; 16]);
    let quote = Attestation::Quoted(other.quote());
    assert_eq!(replayed.take(quote), Some(Check::Mismatch(Fault::OtherBoot)));
    let mut changed = Tpm::new();
    let mut bench = Bench::new(&changed);
    (changed.registers[3], changed.registers[5]) = ([0xaa; 32], [0xbb; 32]);
    let quote = Attestation::Quoted(changed.quote());
    assert_eq!(bench.take(quote), Some(Check::Mismatch(Fault::Registers(vec![7, 9]))));
    bench.expected = bench.expected.map(|expected| Expected { registers: [None; 6], ..expected });
    bench.checker = Checker::new(BOOT);
    let quote = Attestation::Quoted(changed.quote());
    assert_eq!(bench.take(quote), Some(Check::Match), "what is not named is not compared");
}

#[test]
fn a_lie_sticks_for_the_boot() {
    let mut tpm = Tpm::new();
    let mut bench = Bench::new(&tpm);
    assert_eq!(bench.take(Attestation::Quoted(Tpm::new().quote())), Some(Check::Mismatch(Fault::Key)));
    assert_eq!(bench.take(Attestation::Quoted(tpm.quote())), None);
    assert_eq!(bench.checker.finding().check, Check::Mismatch(Fault::Key));
}

#[test]
fn quotes_that_do_not_rise_are_old() {
    let cases: [fn(&mut Tpm); 3] = [|tpm| tpm.number = 0, |tpm| tpm.clock_ms = 10, |tpm| tpm.resets += 1];
    for (case, change) in cases.iter().enumerate() {
        let mut tpm = Tpm::new();
        let mut bench = Bench::new(&tpm);
        assert_eq!(bench.take(Attestation::Quoted(tpm.quote())), Some(Check::Match));
        change(&mut tpm);
        // Not the same quote again, which every beacon carries.
        let quote = Attestation::Quoted(tpm.quote());
        assert_eq!(bench.take(quote), Some(Check::Mismatch(Fault::Old)), "{case}");
    }
}

#[test]
fn a_boot_of_before_the_newest_reset_is_old() {
    for (resets, check) in
        [(4, Check::Mismatch(Fault::Old)), (5, Check::Mismatch(Fault::Old)), (6, Check::Match)]
    {
        let mut tpm = Tpm::new();
        let mut bench = Bench::new(&tpm);
        assert_eq!(bench.take(Attestation::Quoted(tpm.quote())), Some(Check::Match));
        (tpm.boot, tpm.resets, tpm.number) = (BootId([8; 16]), resets, 0);
        bench.checker = Checker::new(tpm.boot);
        assert_eq!(bench.take(Attestation::Quoted(tpm.quote())), Some(check), "{resets} resets");
    }
}

#[test]
fn what_is_absent_raises_an_alarm_and_may_come_yet() {
    let mut tpm = Tpm::new();
    let refused = TpmFault::Refused(0x101);
    for (attestation, fault) in
        [(Attestation::None, Fault::Missing), (Attestation::Failed(refused), Fault::Failed(refused))]
    {
        let mut bench = Bench::new(&tpm);
        assert_eq!(bench.take(attestation), Some(Check::Mismatch(fault)));
        tpm.number = 0;
        assert_eq!(bench.take(Attestation::Quoted(tpm.quote())), Some(Check::Match));
    }
}

#[test]
fn a_first_quote_and_every_next_one_must_come_in_time() {
    let mut tpm = Tpm::new();
    let mut bench = Bench::new(&tpm);
    bench.take(Attestation::Pending);
    assert_eq!(bench.wait(FIRST_QUOTE_US_MAX - 1), None);
    assert_eq!(bench.wait(1), Some(Check::Mismatch(Fault::Late)));
    let quote = Attestation::Quoted(tpm.quote());
    assert_eq!(bench.take(quote.clone()), Some(Check::Match));
    bench.now_us += QUOTE_AGE_US_MAX - 1;
    assert_eq!(bench.take(quote.clone()), None);
    bench.now_us += 1;
    assert_eq!(bench.take(quote), Some(Check::Mismatch(Fault::Late)), "the same quote is no newer one");
    assert_eq!(bench.wait(MINUTE_US), None, "once is enough");
    assert_eq!(bench.take(Attestation::Quoted(tpm.quote())), Some(Check::Match));
}

#[test]
fn without_expectations_nothing_is_checked_and_the_key_is_told() {
    let mut tpm = Tpm::new();
    let mut bench = Bench { expected: None, ..Bench::new(&tpm) };
    assert_eq!(bench.take(Attestation::None), None);
    assert_eq!(bench.checker.finding().check, Check::Unchecked);
    assert_eq!(bench.take(Attestation::Quoted(tpm.quote())), Some(Check::Unchecked));
    assert_eq!(bench.checker.finding().key, Some(fingerprint(&tpm.point())));
    assert_eq!(bench.wait(10 * QUOTE_AGE_US_MAX), None);
}
