//! What must not be in the kernel: the verifier's rules about machine code hold for the kernel that is shipped, and each
//! fails for the kernel in which its own offence was planted. Changes to the bytes of a finished kernel, put into an image that is well
//! made and signed, are refused by `check` alone, or by a rebuild and a proof where `check` alone is a lint.

use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use noreturn_image::{Image, Owner, Parts};
use noreturn_image_format::Sha256Digest;
use noreturn_tests::repository;
use noreturn_verify::{
    Expectations, Finding, Outcome, Proof, Report, judge, judge_kernel, ways_to_interrupts,
};
use object::{Object, ObjectSymbol};
use serde_json::json;

/// Each rule, and what its message says of the planted kernel. V026's offence is planted in a finished kernel.
const PLANTED: [(&str, &str); 7] = [
    ("V020", "nvme"),
    ("V021", "::planted::absent::outside -> "),
    ("V022", "::planted::absent::arm_receiver"),
    ("V023", "::planted::absent::read_keyboard"),
    ("V024", "::planted::absent::use_vectors"),
    ("V025", "are neither a function nor padding"),
    ("V027", "::planted::absent::write_msr"),
];

fn findings(kernel: &std::path::Path) -> Result<Vec<Finding>> {
    Ok(judge_kernel(&std::fs::read(kernel)?))
}

#[test]
fn the_kernel_passes_every_rule_about_its_machine_code() -> Result<()> {
    let findings = findings(&repository::kernel()?)?;
    for finding in &findings {
        assert!(matches!(finding.outcome, Outcome::Pass(_)), "{finding:?}");
    }
    let ids: Vec<_> = findings.iter().map(|finding| finding.id).filter(|id| *id != "V026").collect();
    assert_eq!(ids, PLANTED.map(|(id, _)| id), "a rule without a plant");
    Ok(())
}

#[test]
fn each_rule_finds_what_was_planted_for_it() -> Result<()> {
    let findings = findings(&repository::planted_kernel()?)?;
    for (id, expected) in PLANTED {
        let finding = findings.iter().find(|finding| finding.id == id).context(id)?;
        let found = matches!(&finding.outcome, Outcome::Fail(why) if why.contains(expected));
        assert!(found, "{expected} is not what was found: {finding:?}");
    }
    Ok(())
}

/// The planted driver for disks has its doorbell at an address that is a number, and no mapping.
#[test]
fn a_write_to_an_address_that_is_a_number_is_found() -> Result<()> {
    let findings = findings(&repository::planted_kernel()?)?;
    let finding = findings.iter().find(|finding| finding.id == "V022").context("V022")?;
    let told = "writes to the address 0xfeb11000, where the kernel has no variable";
    let is_told = |line: &str| line.contains("::planted::absent::nvme::start") && line.contains(told);
    assert!(finding.outcome.detail().split("; ").any(is_told), "{finding:?}");
    Ok(())
}

/// A finished kernel, and changes to it.
struct Patched(Vec<u8>);

impl Patched {
    fn kernel() -> Result<Self> {
        Ok(Self(std::fs::read(repository::kernel()?)?))
    }

    /// Replaces bytes within the function whose name has all these parts, which must hold them once.
    fn replace(mut self, parts: &[&str], old: &[u8], new: &[u8]) -> Result<Self> {
        let elf = object::File::parse(&*self.0)?;
        let is_meant = |name: &str| parts.iter().all(|part| name.contains(part));
        let mut functions = elf.symbols().filter(|symbol| symbol.name().is_ok_and(&is_meant));
        let function = functions.next().with_context(|| format!("no function {parts:?}"))?;
        ensure!(functions.next().is_none(), "two functions {parts:?}");
        let code = Self::place_of(&elf, function.address())?;
        let code = code..code + usize::try_from(function.size())?;
        let places: Vec<_> =
            code.clone().filter(|place| self.0.get(*place..place + old.len()) == Some(old)).collect();
        let [place] = places[..] else { anyhow::bail!("{old:x?} is there {} times", places.len()) };
        ensure!(old.len() == new.len() && place + old.len() <= code.end);
        self.0[place..place + new.len()].copy_from_slice(new);
        Ok(self)
    }

    /// Where in the file an address is.
    fn place_of(elf: &object::File<'_>, address: u64) -> Result<usize> {
        use object::ObjectSegment;
        let holds = |segment: &object::Segment<'_, '_>| {
            (segment.address()..segment.address() + segment.file_range().1).contains(&address)
        };
        let segment = elf.segments().find(holds).context("the address is in the file")?;
        Ok(usize::try_from(segment.file_range().0 + (address - segment.address()))?)
    }

    /// Puts code behind everything else, has the loader load it as a segment of its own, in place of the header that says something about the
    /// stack, and starts there; it then goes on where the kernel starts. No section and no symbol tells of it.
    fn start_with(mut self, code: &[u8]) -> Self {
        const LOAD: u32 = 1;
        const STACK: u32 = 0x6474_e551;
        const READ_AND_EXECUTE: u32 = 5;
        const HEADER_BYTES: usize = 56;
        let word = |bytes: &[u8], place: usize| {
            u64::from_le_bytes(bytes[place..place + 8].try_into().expect("8 bytes"))
        };
        let kind = |bytes: &[u8], place: usize| {
            u32::from_le_bytes(bytes[place..place + 4].try_into().expect("4 bytes"))
        };
        let count = usize::from(self.0[56]);
        let headers = (0..count).map(|index| 64 + index * HEADER_BYTES);
        let loads = headers.clone().filter(|header| kind(&self.0, *header) == LOAD);
        let end = loads
            .map(|header| word(&self.0, header + 16) + word(&self.0, header + 40))
            .max()
            .expect("it is loaded");
        let header =
            headers.clone().find(|header| kind(&self.0, *header) == STACK).expect("the linker makes one");
        let (start, offset) = (end.next_multiple_of(0x1000), self.0.len() as u64);
        let entry = word(&self.0, 24);
        let jump =
            i32::try_from(entry.cast_signed() - (start + code.len() as u64 + 5).cast_signed()).expect("near");
        self.0.extend([code, &[0xe9], &jump.to_le_bytes()].concat());
        let bytes = code.len() as u64 + 5;
        let fields = [offset, start, start, bytes, bytes, 0x1000].map(u64::to_le_bytes).concat();
        let changed = [&LOAD.to_le_bytes()[..], &READ_AND_EXECUTE.to_le_bytes(), &fields].concat();
        self.0[header..header + HEADER_BYTES].copy_from_slice(&changed);
        self.0[24..32].copy_from_slice(&start.to_le_bytes());
        self
    }

    /// An image that its builder made and signed as well as he could.
    fn image(&self) -> Result<Vec<u8>> {
        static OWNER: LazyLock<Owner> = LazyLock::new(|| Owner::from_seed([7; 32]));
        let loader = std::fs::read(repository::loader()?)?;
        let site = std::fs::read_to_string(repository::root().join("sites/example/site.toml"))?;
        let config = noreturn_site::parse(&site, "site.toml", |_| Ok([7; 32]))?;
        let parts = Parts { loader: &loader, kernel: &self.0, config: &config, owner: &OWNER };
        Ok(Image::build(&parts)?.bytes)
    }

    fn judged(&self, rebuilt: Option<Vec<u8>>, proof: Option<Proof>) -> Result<Report> {
        let owner = Some(Owner::from_seed([7; 32]).public());
        Ok(judge(&self.image()?, &Expectations { owner, rebuilt, proof, ..Expectations::default() }))
    }
}

/// Whether a report fails only by these rules, and says this of the first.
fn assert_refused(report: &Report, ids: &[&str], expected: &str) {
    let failed: Vec<_> =
        report.findings.iter().filter(|finding| matches!(finding.outcome, Outcome::Fail(_))).collect();
    let found: Vec<_> = failed.iter().map(|finding| finding.id).collect();
    assert_eq!(found, ids, "{report}");
    assert!(failed[0].outcome.detail().contains(expected), "{report}");
    assert!(!report.passed());
}

const TRANSMITS: &str = "TransmitOnly8transmit";
const CHECKS: &str = "TransmitOnly17check_receive_off";

#[test]
fn hidden_code_at_the_entry_is_refused() -> Result<()> {
    // mov dx, 3f8h; mov al, '!'; out dx, al: it would say so on the console.
    let hidden = Patched::kernel()?.start_with(b"\x66\xba\xf8\x03\xb0\x21\xee");
    assert_refused(&hidden.judged(None, None)?, &["V023", "V025", "V026"], "(unnamed code at ");
    Ok(())
}

#[test]
fn an_82574_whose_receiver_is_switched_on_when_sending_is_refused() -> Result<()> {
    let tail_becomes_rctl = Patched::kernel()?.replace(
        &["e1000e8transmit", TRANSMITS],
        &0x3818_u32.to_le_bytes(),
        &0x0100_u32.to_le_bytes(),
    )?;
    let told = "0x100 is not among what is written to the Intel 82574 when sending";
    assert_refused(&tail_becomes_rctl.judged(None, None)?, &["V022"], told);
    Ok(())
}

#[test]
fn an_igb_card_whose_queue_is_switched_on_when_sending_is_refused() -> Result<()> {
    let tail_becomes_rxdctl = Patched::kernel()?.replace(
        &["igb8transmit", TRANSMITS],
        &0xe018_u32.to_le_bytes(),
        &0xc028_u32.to_le_bytes(),
    )?;
    let told = "0xc028 is not among what is written to the igb card when sending";
    assert_refused(&tail_becomes_rxdctl.judged(None, None)?, &["V022"], told);
    Ok(())
}

/// A check that was taken out of the code writes nothing and names nothing, so that no rule finds it: this is why `check` alone is a lint. A
/// rebuild finds it, and the proof is of another kernel; that P09 finds the same change is shown by `scripts/prove` (F14).
#[test]
fn a_receiver_check_that_was_taken_out_is_found_by_rebuild_and_proof() -> Result<()> {
    let sound = Patched::kernel()?;
    // bt eax, 25: the bit that says that a receive queue is on. Then bit 30, which says nothing.
    let unchecked =
        Patched::kernel()?.replace(&["igb8transmit", CHECKS], b"\x0f\xba\xe0\x19", b"\x0f\xba\xe0\x1e")?;
    let alone = unchecked.judged(None, None)?;
    assert!(alone.passed() && alone.kind() == "lint", "{alone}");
    assert!(alone.to_string().ends_with("\nlint pass\n"), "{alone}");
    let claims: Vec<_> = (1..=9).map(|number| format!("P{number:02}")).collect();
    let report = json!({
        "format": "noreturn-proof-1",
        "kernel_sha256": Sha256Digest::of(&sound.0).to_string(),
        "claims": claims.iter().map(|id| json!({ "id": id, "proved": true })).collect::<Vec<_>>(),
        "faults": claims.iter().map(|id| json!({ "id": id.replace('P', "F"), "claim": id, "found": true })).collect::<Vec<_>>(),
    });
    let proof = || Proof::parse(report.to_string().as_bytes()).map_err(anyhow::Error::msg);
    let both = unchecked.judged(Some(sound.image()?), Some(proof()?))?;
    assert_refused(&both, &["V018", "V019"], "check_receive_off");
    let checked = sound.judged(Some(sound.image()?), Some(proof()?))?;
    assert!(checked.passed() && checked.kind() == "check", "{checked}");
    Ok(())
}

/// What misbehaves is in the kernel that is made for that, and in no other.
#[test]
fn the_kernel_holds_nothing_that_was_planted() -> Result<()> {
    let is_planted = |kernel: std::path::PathBuf| -> Result<bool> {
        let bytes = std::fs::read(kernel)?;
        Ok(bytes.windows(b"planted".len()).any(|window| window == b"planted"))
    };
    assert!(is_planted(repository::planted_kernel()?)?);
    assert!(!is_planted(repository::kernel()?)?);
    Ok(())
}

/// Whoever stops the box has switched interrupts off, and what it calls must leave them so; Hermit's system calls switch them on. That they
/// are found is seen from the loop, which sleeps by one.
#[test]
fn who_stops_the_box_comes_to_nothing_that_switches_interrupts_on() -> Result<()> {
    let kernel = std::fs::read(repository::kernel()?)?;
    let ways = |start: &str| ways_to_interrupts(&kernel, start).map_err(anyhow::Error::msg);
    assert_eq!(ways("noreturn_kernel::stop::stop")?, Vec::<String>::new());
    assert!(ways("main")?.iter().any(|way| way.contains("sys_usleep")), "{:?}", ways("main"));
    Ok(())
}

/// Symbols are what rules go by: a kernel without them is not taken for a good one.
#[test]
fn a_kernel_without_symbols_fails_every_rule() -> Result<()> {
    let stripped = tempfile::NamedTempFile::new()?;
    let mut strip = std::process::Command::new("strip");
    let done = strip.arg("-o").arg(stripped.path()).arg(repository::kernel()?).status()?;
    assert!(done.success());
    for finding in findings(stripped.path())? {
        assert!(matches!(finding.outcome, Outcome::Fail(_)), "{finding:?}");
    }
    Ok(())
}
