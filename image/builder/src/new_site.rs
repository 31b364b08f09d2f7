//! `diode-image new-site`: a first site file, by asking for what every site must say.
//!
//! Each answer is judged by the reader of site files itself, so that what is written can be built.

use std::io::{BufRead, Write};
use std::path::Path;

use anyhow::ensure;

use crate::output::{self, Readers};

/// One thing that a site must say.
struct Question {
    /// Its key, as in the reader's messages.
    key: &'static str,
    text: &'static str,
    /// What an empty answer means.
    usual: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    /// A text, or a line that is left out.
    Optional,
}

const QUESTIONS: [Question; 17] = [
    question("diode.name", "Name of the diode, which the receiver shows", "diode-1", Kind::Text),
    question("diode.id", "Its number, which no other diode of the same receiver has", "1", Kind::Number),
    question("inside.card", "Card in the plant's network, as lspci shows it", "00:02.0", Kind::Text),
    question(
        "inside.card_mac",
        "That card's own Ethernet address; empty if you do not know it yet: the box's console says it at the first boot",
        "",
        Kind::Optional,
    ),
    question(
        "inside.address",
        "The diode's address there, with the prefix length",
        "10.1.0.2/24",
        Kind::Text,
    ),
    question(
        "inside.gateway",
        "Router there; empty if all devices are in the same network",
        "",
        Kind::Optional,
    ),
    question("outside.card", "Card towards the receiver, as lspci shows it", "00:03.0", Kind::Text),
    question(
        "outside.card_mac",
        "That card's own Ethernet address; empty if you do not know it yet: the box's console says it at the first boot",
        "",
        Kind::Optional,
    ),
    question("outside.source", "Address and port that its frames come from", "10.0.2.15:4100", Kind::Text),
    question(
        "outside.destination[0].address",
        "Address and port of the receiver",
        "10.0.2.2:4100",
        Kind::Text,
    ),
    question(
        "outside.destination[0].mac",
        "Ethernet address of the receiver, or of the router before it; nobody can ask for it later",
        "52:55:0a:00:02:02",
        Kind::Text,
    ),
    question("modbus[0].name", "Name of the first Modbus TCP device", "plc-1", Kind::Text),
    question("modbus[0].address", "Its address and port", "10.1.0.10:502", Kind::Text),
    question("modbus[0].unit", "Its unit identifier", "1", Kind::Number),
    question("modbus[0].point[0].name", "Name of its first value", "level", Kind::Text),
    question(
        "modbus[0].point[0].address",
        "Address of the value among the holding registers, counted from 0",
        "0",
        Kind::Number,
    ),
    question("modbus[0].point[0].type", "Its type: u16, i16, u32, i32 or f32", "u16", Kind::Text),
];

const fn question(key: &'static str, text: &'static str, usual: &'static str, kind: Kind) -> Question {
    Question { key, text, usual, kind }
}

/// Name of the key file that a new site names, beside the site file.
pub const KEY_FILE: &str = "diode.key";
/// Name of the owner's key, beside the site file, with which `diode-image build` signs if it is told no other.
pub const OWNER_FILE: &str = "owner.key";

/// Asks on `console` until the answers from `input` make a site file, and writes it to `path`, where nothing may be yet.
///
/// # Errors
/// The answers end too early, or the file exists or cannot be written; then there is no new file.
pub fn run(path: &Path, input: &mut impl BufRead, console: &mut impl Write) -> anyhow::Result<()> {
    ensure!(!path.exists(), "{}: exists, and nothing is ever overwritten", path.display());
    let mut answers: Vec<String> = QUESTIONS.iter().map(|question| question.usual.to_owned()).collect();
    for place in 0..QUESTIONS.len() {
        ask(place, &mut answers, input, console)?;
    }
    let text = site(&answers);
    // The first answer that is wrong only together with a later one is told here, with its line.
    noreturn_site::parse(&text, &path.display().to_string(), |_| Ok([0; 32]))?;
    output::create(path, &text, Readers::All)
}

/// Asks one question until its answer is one.
fn ask(
    place: usize,
    answers: &mut [String],
    input: &mut impl BufRead,
    console: &mut impl Write,
) -> anyhow::Result<()> {
    let Question { key, text, usual, .. } = QUESTIONS[place];
    loop {
        let shown = if usual.is_empty() { "none" } else { usual };
        write!(console, "{text} [{shown}]: ")?;
        console.flush()?;
        let mut line = String::new();
        ensure!(input.read_line(&mut line)? > 0, "the answers ended before {key}; nothing was written");
        let answer = line.trim();
        answers[place] = if answer.is_empty() { usual } else { answer }.to_owned();
        match objection(key, &site(answers)) {
            Some(what) => writeln!(console, "  {what}")?,
            None => return Ok(()),
        }
    }
}

/// What the reader of site files says about this key; whatever it says about keys that are not asked for yet does not count.
fn objection(key: &str, text: &str) -> Option<String> {
    let errors = noreturn_site::parse(text, "site.toml", |_| Ok([0; 32])).err()?.errors;
    errors.into_iter().find(|error| error.key == key || error.key.is_empty()).map(|error| error.what)
}

/// The site file that these answers make.
fn site(answers: &[String]) -> String {
    let line = |key: &str| {
        let place = QUESTIONS.iter().position(|question| question.key == key).unwrap_or_default();
        let name = key.rsplit('.').next().unwrap_or(key);
        let answer = &answers[place];
        match QUESTIONS[place].kind {
            Kind::Optional if answer.is_empty() => format!("# {name} = \"...\""),
            Kind::Number => format!("{name} = {}", plain(answer)),
            Kind::Text | Kind::Optional => format!("{name} = {}", quoted(answer)),
        }
    };
    format!(
        "# What this diode is, where its frames go, and what leaves the plant. Every key is explained in docs/site.md;\n\
         # `diode-image check` says what this file means.\n\n\
         [diode]\n{}\n{}\nkey_file = \"{KEY_FILE}\"\n\n\
         # Goes up with every image that is made of this file.\n[image]\nversion = 1\n\n\
         # The plant's network: the diode speaks there.\n[inside]\n{}\n{}\n{}\n{}\n\n\
         # The way out: the diode only sends there.\n[outside]\n{}\n{}\n{}\n\n\
         [[outside.destination]]\n{}\n{}\n\n\
         # One of these for each device.\n[[modbus]]\n{}\n{}\n{}\n\n\
         # One of these for each value, or run of values, of the device above. Function 1 reads coils, 2 discrete inputs,\n\
         # 3 holding registers, 4 input registers.\n[[modbus.point]]\n{}\nfunction = 3\n{}\n{}\nperiod_ms = 1000\n",
        line("diode.name"),
        line("diode.id"),
        line("inside.card"),
        line("inside.card_mac"),
        line("inside.address"),
        line("inside.gateway"),
        line("outside.card"),
        line("outside.card_mac"),
        line("outside.source"),
        line("outside.destination[0].mac"),
        line("outside.destination[0].address"),
        line("modbus[0].name"),
        line("modbus[0].address"),
        line("modbus[0].unit"),
        line("modbus[0].point[0].name"),
        line("modbus[0].point[0].address"),
        line("modbus[0].point[0].type"),
    )
}

/// A number as it is; anything else as a text, which the reader then refuses with its reason.
fn plain(answer: &str) -> String {
    let is_number = !answer.is_empty() && answer.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { answer.to_owned() } else { quoted(answer) }
}

/// A basic string of TOML 1.1, whose escapes are those of JSON.
fn quoted(answer: &str) -> String {
    serde_json::Value::from(answer).to_string()
}
