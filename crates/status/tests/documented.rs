//! `docs/status.md` says what the tables in the code say.

use noreturn_status::{Alarm, registers};

const DOCUMENT: &str = include_str!("../../../docs/status.md");

/// The table under a heading line must have exactly these rows.
#[track_caller]
fn assert_table(heading: &str, expected: &[String]) {
    let (_, table) = DOCUMENT.split_once(heading).expect("the document has this table");
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows, expected, "docs/status.md should read:\n{}", expected.join("\n"));
}

fn time(us: u64) -> String {
    match us {
        0 => "at once".to_owned(),
        u64::MAX => "never".to_owned(),
        us => format!("{} s", us / 1_000_000),
    }
}

#[test]
fn every_alarm_with_its_times() {
    let row = |(bit, alarm): (usize, &Alarm)| {
        let about = alarm.about();
        let (raised, cleared) = (time(about.raise_us), time(about.clear_us));
        let (name, severity) = (about.name, about.severity.name());
        format!("| {bit} | `{name}` | {severity} | {raised} | {cleared} | {} |", about.meaning)
    };
    let expected: Vec<String> = Alarm::ALL.iter().enumerate().map(row).collect();
    assert_table("| Bit | Name | Severity | Raised after | Cleared after | Meaning |", &expected);
}

#[test]
fn every_register() {
    let row = |row: registers::Row| {
        let last = row.address + row.registers - 1;
        let address = if row.registers == 1 { last.to_string() } else { format!("{}–{last}", row.address) };
        format!("| {address} | `{}` | {} |", row.name, row.meaning)
    };
    let expected: Vec<String> = registers::rows().map(row).collect();
    assert_table("| Register | Name | Meaning |", &expected);
}
