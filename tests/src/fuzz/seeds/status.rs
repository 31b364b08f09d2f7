//! Seeds of what clients on the inside network send to read the state of the box; the first byte cuts it.

use super::Seed;

/// A request with transaction 7 for unit 1.
fn adu(pdu: &[u8]) -> Vec<u8> {
    [&[0, 7, 0, 0, 0, pdu.len() as u8 + 1, 1][..], pdu].concat()
}

pub(super) fn modbus() -> Vec<Seed> {
    let read = |function, address: u16, count: u16| {
        adu(&[&[function][..], &address.to_be_bytes(), &count.to_be_bytes()].concat())
    };
    let cut = |bytes: Vec<u8>| [&[4][..], &bytes].concat();
    vec![
        ("read-holding", cut(read(3, 0, 46))),
        ("read-input", cut(read(4, 100, 64))),
        ("counters", cut(read(3, 300, 50))),
        ("off-the-map", cut(read(3, 46, 1))),
        ("too-many", cut(read(3, 0, 126))),
        ("write-single", cut(adu(&[6, 0, 0, 0, 1]))),
        ("write-multiple", cut(adu(&[16, 0, 0, 0, 1, 2, 0, 7]))),
        ("one-after-another", cut([read(3, 0, 1), adu(&[43, 14, 1, 0]), read(4, 6, 2)].concat())),
        ("another-protocol", cut([&[0, 7, 0, 1][..], &[0; 8]].concat())),
        ("longest", cut(adu(&[16; 253]))),
    ]
}

pub(super) fn http() -> Vec<Seed> {
    let browser = "GET / HTTP/1.1\r\nHost: 10.1.0.2\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html,*/*;q=0.8\r\n\
                   Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n";
    let cut = |text: &str| [&[16][..], text.as_bytes()].concat();
    vec![
        ("browser", cut(browser)),
        ("json", cut("GET /status.json?now HTTP/1.0\r\n\r\n")),
        ("head", cut("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")),
        ("post", cut("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nx=1")),
        ("twice", cut("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")),
        ("nothing-there", cut("GET /cgi-bin/luci HTTP/1.1\r\n\r\n")),
        ("another-version", cut("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        ("folded", cut("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n")),
        ("bare-newlines", cut("\nGET / HTTP/1.1\n\n")),
        ("long", cut(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(520)))),
    ]
}
