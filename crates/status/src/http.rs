//! HTTP/1.1 server (RFC 9110, RFC 9112) with two pages that can be read: `/` for people, `/status.json` for programs.
//!
//! One request a connection. What a client sends besides the request line is looked at, to refuse what is no HTTP,
//! and not kept. The page has no script, loads nothing, and asks again by itself.

mod json;
mod page;
mod request;
mod text;

use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::connection::{Outcome, Server, Took};
use crate::panel::Panel;
use request::{Head, Method, Parser, Refusal};
use text::Bounded;

/// The longest body; a page with the most devices, with the longest names, fits.
const BODY_BYTES_MAX: usize = 96 << 10;
/// The longest head of a response.
const HEAD_BYTES_MAX: usize = 1024;

/// Nothing is loaded, and nothing runs; the one style sheet is named by its hash.
const POLICY: &str = concat!(
    "default-src 'none'; style-src '",
    include_str!("http/style.sha256"),
    "'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
);

/// One connection's request. All memory is taken by [`Http::new`].
#[derive(Clone, Debug)]
pub struct Http {
    parser: Parser,
    head: Vec<u8>,
    /// Head and body of the response; the head ends where the body starts.
    response: Vec<u8>,
    /// What is still to be sent.
    start: usize,
    over: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

/// What a response says of itself.
struct Meaning {
    status: &'static str,
    content_type: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

impl Http {
    /// Waits for a request.
    #[must_use]
    pub fn new() -> Self {
        let response = Vec::with_capacity(HEAD_BYTES_MAX + BODY_BYTES_MAX);
        let head = Vec::with_capacity(HEAD_BYTES_MAX);
        Self { parser: Parser::new(), head, response, start: 0, over: false }
    }

    fn answer(&mut self, head: Result<Head, Refusal>, panel: &Panel) -> Outcome {
        self.over = true;
        self.response.clear();
        self.response.resize(HEAD_BYTES_MAX, 0);
        let mut body = Bounded::new(&mut self.response, HEAD_BYTES_MAX + BODY_BYTES_MAX);
        let (meaning, written) = match head.as_ref().map(Head::path) {
            Ok(b"/") => (Meaning { status: "200 OK", content_type: HTML }, page::write(&mut body, panel)),
            Ok(b"/status.json") => {
                (Meaning { status: "200 OK", content_type: JSON }, json::write(&mut body, panel))
            }
            Ok(_) => refuse(&mut body, &Refusal::NotFound),
            Err(refusal) => refuse(&mut body, refusal),
        };
        let head_only = head.is_ok_and(|head| head.method == Method::Head);
        if written.is_err() {
            // Cannot be: the longest page fits, and a test has it.
            self.response.truncate(HEAD_BYTES_MAX);
            self.finish(&Meaning { status: "500 Internal Server Error", content_type: TEXT }, head_only);
            return Outcome::Refused;
        }
        let answered = meaning.status.starts_with("200");
        self.finish(&meaning, head_only);
        if answered { Outcome::Answered } else { Outcome::Refused }
    }

    /// Puts the head in front of the body.
    fn finish(&mut self, meaning: &Meaning, head_only: bool) {
        let Meaning { status, content_type } = meaning;
        let length = self.response.len() - HEAD_BYTES_MAX;
        let head = &mut self.head;
        head.clear();
        let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
        // Far shorter than its room.
        let _ = write!(
            Bounded::new(head, HEAD_BYTES_MAX),
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{allow}\
             Connection: close\r\nCache-Control: no-store\r\nContent-Security-Policy: {POLICY}\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\r\n"
        );
        if head_only {
            self.response.truncate(HEAD_BYTES_MAX);
        }
        self.start = HEAD_BYTES_MAX - head.len();
        if let Some(place) = self.response.get_mut(self.start..HEAD_BYTES_MAX) {
            place.copy_from_slice(head);
        }
    }
}

fn refuse(body: &mut Bounded<'_>, refusal: &Refusal) -> (Meaning, core::fmt::Result) {
    let status = refusal.status();
    (Meaning { status, content_type: TEXT }, writeln!(body, "{status}: {}", refusal.hint()))
}

impl Server for Http {
    const PATIENCE_US: u64 = 10_000_000;

    fn take(&mut self, bytes: &[u8], panel: &Panel) -> Took {
        if self.over {
            // Whatever follows the one request is dropped, so that its sender does not wait with its end.
            return Took { bytes: bytes.len(), outcome: None };
        }
        for (place, byte) in bytes.iter().enumerate() {
            if let Some(head) = self.parser.push(*byte) {
                return Took { bytes: place + 1, outcome: Some(self.answer(head, panel)) };
            }
        }
        Took { bytes: bytes.len(), outcome: None }
    }

    fn pending(&self) -> &[u8] {
        self.response.get(self.start..).unwrap_or_default()
    }

    fn sent(&mut self, bytes: usize) {
        self.start += bytes;
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn reset(&mut self) {
        self.parser = Parser::new();
        self.response.clear();
        (self.start, self.over) = (0, false);
    }
}
