//! Seeds of sources of time.

use super::Seed;
use crate::fuzz::time::sentence;

pub(super) fn nmea() -> Vec<Seed> {
    let text = |name, text: &str| (name, text.as_bytes().to_vec());
    vec![
        ("rmc", sentence(b"GNRMC,083559.00,A,4717.11437,N,00833.91522,E,0.004,77.52,091226,,,A,V")),
        ("void", sentence(b"GPRMC,,V,,,,,,,,,,N")),
        text(
            "bodies",
            "GPRMC,235959.50,A,4717.1,N,00833.9,E,0,0,311226,3.1,W,D\nGPZDA,235960,31,12,2026,00,00",
        ),
        text(
            "bodies-old",
            "GPRMC,083559,A,4717.1,N,00833.9,E,0,0,010106,,\nGPZDA,083559.123456,29,02,2028,,",
        ),
        (
            "others",
            [sentence(b"GPGGA,083559.00,4717.1,N,00833.9,E,1,08"), b"!AIVDM,1*00\r\n".to_vec()].concat(),
        ),
        text("cut", "$GPRMC,0835$GPZDA,120000.00,23,11,2026,00,00*62\r\n$\r\n*\r\n"),
        ("long", vec![b'$'; 1].into_iter().chain([b'A'; 90]).collect()),
    ]
}

pub(super) fn sntp() -> Vec<Seed> {
    // 2026-11-23 12:00 UTC in seconds since 1900, and a round trip of about 8 ms.
    let reply = |first: u8, stratum: u8, seconds: u32| {
        let seconds = seconds.to_be_bytes();
        let head = [2, 0, first, stratum, 6, 0xec, 0, 0, 0, 131, 0, 0, 0, 131];
        let times = [&seconds[..], &[0, 0, 0, 0], &seconds, &[0, 0x41, 0, 0]].concat();
        [&head[..], b"GPS\0", &[0; 16], &times].concat()
    };
    let now = 4_004_424_000;
    vec![
        ("reply", reply(0x24, 1, now)),
        ("next-era", reply(0x24, 2, 7)),
        ("unset", reply(0xe4, 0, 0)),
        ("kiss", reply(0xe4, 0, now)),
        ("request", reply(0x23, 0, 0)),
        ("version-3", reply(0x1c, 1, now)),
        ("extended", [reply(0x24, 15, now), vec![0x55; 20]].concat()),
        ("short", reply(0x24, 1, now)[..49].to_vec()),
    ]
}
