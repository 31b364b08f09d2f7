//! The HTTP server: two pages, refusals, and bytes that nobody vouches for.

mod common;

use common::{config, facts, look, now, plain, say, talk, watch};
use noreturn_image_format::config::NAME_BYTES_MAX;
use noreturn_status::http::Http;
use noreturn_status::registers::INSIDE_COUNTERS;
use noreturn_status::{Alarm, Facts, Look, Panel};
use noreturn_wire::{
    Counter, Counters, DmaFence, Fault, FloorMemory, LastStop, Release, TimeQuality, TimeSource, Watchdog,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn panel() -> Panel {
    let mut panel = Panel::new(facts(), &config(3, plain));
    say(&mut panel, 0, None, now(0));
    say(&mut panel, 1, Some(Fault::Exception(2)), now(0));
    watch(&mut panel, 0..10, &Look { outside_link_up: false, history_percent: 60, ..look() });
    panel
}

fn ask(request: &str) -> String {
    let (said, _) = talk(Http::new(), &panel(), request.as_bytes(), 10_000);
    String::from_utf8(said).expect("text")
}

fn get(target: &str) -> String {
    ask(&format!("GET {target} HTTP/1.1\r\nHost: 10.1.0.2\r\nUser-Agent: test\r\n\r\n"))
}

fn split(response: &str) -> (&str, &str) {
    response.split_once("\r\n\r\n").expect("a head and a body")
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn the_page_and_its_head() {
    let response = get("/");
    let (head, body) = split(&response);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(field(head, "Content-Length"), Some(body.len().to_string().as_str()));
    assert_eq!(field(head, "Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(field(head, "Connection"), Some("close"));
    assert_eq!(field(head, "Cache-Control"), Some("no-store"));
    assert_eq!(field(head, "X-Content-Type-Options"), Some("nosniff"));
    for part in
        ["2 alarms", "1 warning", "ALARM", "plc-1", "DOWN", "exception-2", "2026-11-23T12:00:09Z", "000102"]
    {
        assert!(body.contains(part), "{part} is missing in\n{body}");
    }
    for never in ["<script", "onload", "<form", "<input", "javascript:", "http://", "https://", " style="] {
        assert!(!body.contains(never), "{never} is in\n{body}");
    }
}

/// The policy names the style sheet by its hash, and lets nothing else in.
#[test]
fn the_policy_is_of_this_style_sheet() {
    let response = get("/");
    let (head, body) = split(&response);
    let style =
        body.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
    let hash = base64(&Sha256::digest(style));
    let policy = field(head, "Content-Security-Policy").expect("a policy");
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "style.sha256 should be sha256-{hash}");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    text
}

#[test]
fn programs_get_the_same() {
    let response = get("/status.json");
    let (head, body) = split(&response);
    assert_eq!(field(head, "Content-Type"), Some("application/json"));
    let status: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(status["version"], 1);
    assert_eq!((&status["diode"], &status["name"]), (&json!(7), &json!("waterworks <east> & \"west\"")));
    assert_eq!(status["image_sha256"].as_str().map(str::len), Some(64));
    assert_eq!(status["clock_uncertainty_us"], 2048);
    let facts = ["last_stop", "watchdog", "dma_fence"].map(|name| status[name].clone());
    assert_eq!(facts, ["unknown", "i6300esb", "active"], "in the receiver's words");
    let alarms = status["alarms"].as_array().expect("alarms");
    assert_eq!(alarms.len(), Alarm::ALL.len());
    let active: Vec<_> =
        alarms.iter().filter(|alarm| alarm["active"] == true).map(|alarm| alarm["name"].clone()).collect();
    assert_eq!(active, ["outside_link_down", "history_filling", "device_down"]);
    assert_eq!(
        status["devices"][0],
        json!({"name": "plc-0", "state": "up", "fault": null, "value_age_us": 9_900_000})
    );
    assert_eq!(status["devices"][1]["fault"], "exception-2");
    assert_eq!(
        status["devices"][2],
        json!({"name": "plc-2", "state": "unknown", "fault": null, "value_age_us": null})
    );
    assert_eq!(status["counters"].as_object().map(serde_json::Map::len), Some(INSIDE_COUNTERS.len()));
}

#[test]
fn names_cannot_become_markup() {
    let nasty = |place: usize| format!("<b>\"&'{place}\\");
    let mut panel = Panel::new(facts(), &config(2, nasty));
    panel.look(now(1), &look(), &Counters::default());
    let page = |target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\n\r\n");
        String::from_utf8(talk(Http::new(), &panel, request.as_bytes(), 1000).0).expect("text")
    };
    let html = page("/");
    assert!(
        html.contains("&lt;b&gt;&quot;&amp;&#39;1\\") && !html.contains("<b>\"") && !html.contains("<east>")
    );
    let json: Value = serde_json::from_str(split(&page("/status.json")).1).expect("JSON");
    assert_eq!(json["devices"][1]["name"], nasty(1));
}

#[test]
fn head_is_the_head_alone() {
    for target in ["/", "/status.json", "/nothing"] {
        let head = ask(&format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let whole = get(target);
        assert_eq!(head, format!("{}\r\n\r\n", split(&whole).0), "{target}");
    }
}

#[test]
fn what_is_not_served_is_refused_and_counted() {
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(600));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-Filler: yes\r\n".repeat(600));
    for (request, status) in [
        ("GET /status HTTP/1.1\r\n\r\n", "404"),
        ("GET /../etc/passwd HTTP/1.1\r\n\r\n", "404"),
        ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nx=1", "405"),
        ("PUT /status.json HTTP/1.1\r\n\r\n", "405"),
        ("DELETE / HTTP/1.1\r\n\r\n", "405"),
        ("OPTIONS * HTTP/1.1\r\n\r\n", "405"),
        ("CONNECT / HTTP/1.1\r\n\r\n", "405"),
        ("PATCH / HTTP/1.1\r\n\r\n", "405"),
        ("get / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1 \r\n\r\n", "400"),
        ("GET  / HTTP/1.1\r\n\r\n", "400"),
        ("GET /\r\n\r\n", "400"),
        ("GET nothing HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nno field\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n folded: x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nName : x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", "400"),
        ("GET /\x1b HTTP/1.1\r\n\r\n", "400"),
        ("\x16\x03\x01\n", "400"),
        ("GET / HTTP/2.0\r\n\r\n", "505"),
        (&long, "414"),
        (&many, "431"),
    ] {
        let (said, counters) = talk(Http::new(), &panel(), request.as_bytes(), 10_000);
        let said = String::from_utf8(said).expect("text");
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {said}");
        assert_eq!(said.contains("\r\nAllow: GET, HEAD\r\n"), status == "405");
        assert_eq!((counters.get(Counter::StatusRefused), counters.get(Counter::StatusRequests)), (1, 0));
    }
}

#[test]
fn what_browsers_send_is_answered() {
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /?refresh=1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "\r\nGET / HTTP/1.1\nHost: a\n\n",
        &format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n", "c".repeat(4000)),
    ] {
        assert!(ask(request).starts_with("HTTP/1.1 200 OK\r\n"), "{request:?}");
    }
}

#[test]
fn one_request_a_connection() {
    let twice = "GET /nothing HTTP/1.1\r\n\r\n".repeat(2);
    assert_eq!(ask(&twice), get("/nothing"));
}

/// The most devices, with the longest names in the longest words, and everything wrong.
#[test]
fn the_longest_page_fits() {
    let longest = |place: usize| format!("{}{place:02}", "\"".repeat(NAME_BYTES_MAX - "/status".len() - 2));
    let facts = Facts {
        last_stop: LastStop::Exception { vector: 255 },
        watchdog: Watchdog::None,
        dma_fence: DmaFence::None,
        release: Release { version: u32::MAX, floor: u32::MAX, memory: FloorMemory::Failed(u32::MAX) },
        ..facts()
    };
    let mut config = config(64, longest);
    config.diode.name = "'".repeat(NAME_BYTES_MAX);
    config.diode.id = u32::MAX;
    let mut panel = Panel::new(facts, &config);
    (0..64).for_each(|place| say(&mut panel, place, None, now(0)));
    (0..64).for_each(|place| say(&mut panel, place, Some(Fault::ConnectTimeout), now(0)));
    let mut counters = Counters::default();
    Counter::ALL.iter().for_each(|&counter| counters.set(counter, u64::MAX));
    let down = Look { outside_link_up: false, inside_link_up: false, history_percent: 101 };
    watch(&mut panel, 0..20, &down);
    let last = noreturn_collect::Now {
        uptime_us: u64::MAX / 2,
        clock_us: u64::MAX,
        time_quality: TimeQuality::new(TimeSource::Sntp, Some(1 << 62)),
    };
    panel.look(last, &down, &counters);
    for target in ["/", "/status.json"] {
        let request = format!("GET {target} HTTP/1.1\r\n\r\n");
        let said = talk(Http::new(), &panel, request.as_bytes(), 1000).0;
        assert!(said.starts_with(b"HTTP/1.1 200 OK\r\n"), "{target}");
        assert!(said.len() < 80 << 10, "{target}: {} bytes leave too little for a new alarm", said.len());
    }
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        method in "GET|HEAD|PUT|[A-Z]{1,4}",
        target in "/|/status.json|/[a-z?]{0,9}|[ -~]{0,9}",
        fields in "([A-Za-z-]{1,9}: [ -~]{0,20}\r\n){0,4}",
        piece in 1..50_usize,
    ) {
        let request = format!("{method} {target} HTTP/1.1\r\n{fields}\r\n");
        let panel = panel();
        let whole = talk(Http::new(), &panel, request.as_bytes(), 1000);
        prop_assert!(whole.0.starts_with(b"HTTP/1.1 "), "no answer to {request:?}");
        prop_assert_eq!(talk(Http::new(), &panel, request.as_bytes(), piece), whole);
    }

    #[test]
    fn noise_is_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..600), piece in 1..50_usize) {
        let (said, _) = talk(Http::new(), &panel(), &bytes, piece);
        prop_assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 "));
    }
}
