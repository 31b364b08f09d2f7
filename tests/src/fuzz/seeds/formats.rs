//! Seeds of what lies on the medium, and of what it is made from.

use noreturn_image_format::handover::FloorMemory;
use noreturn_image_format::layout::IMAGE_BYTES_MAX;
use noreturn_image_format::{Config, Handover, Manifest, Part, Sha256Digest};

use super::Seed;

/// A site file with every key.
const SITE: &str = r#"[diode]
id = 7
name = "waterworks-east"
key_file = "diode.key"

[image]
version = 7
version_floor = 6

[inside]
card = "00:02.0"
card_mac = "52:54:00:12:34:56"
address = "10.1.0.2/24"
gateway = "10.1.0.1"
gateway_mac = "02:00:00:00:00:01"

[outside]
card = "00:03.0"
card_mac = "52:54:00:12:34:57"
source = "10.0.2.15:4100"

[[outside.destination]]
mac = "52:55:0a:00:02:02"
address = "10.0.2.2:4100"

[[outside.destination]]
mac = "01:00:5e:01:02:03"
address = "239.1.2.3:4100"

[[outside.destination]]
address = "239.129.2.3:4101"

[link]
rate_bytes_per_s = 1_000_000
burst_bytes = 4096
announce_period_ms = 10_000

[link.alarm]
data_shards = 8
parity_shards = 3
parity_shards_min = 1
latency_ms_max = 20
span_ms = 300
blocks_max = 4
weight = 10
queue_bytes_max = 4096
history_bytes_max = 131072

[link.telemetry]
data_shards = 255
parity_shards = 1
weight = 1000

[link.bulk]
parity_shards = 0
history_bytes_max = 0

[link.history]
data_shards = 20
share_per_mille = 900
order = "oldest_first"
interval_ms = 100

[status]
modbus_port = 502
http_port = 80

[time]
sources = ["gps", "sntp", "rtc"]

[time.sntp]
server = "10.1.0.5"
mac = "02:00:00:00:00:05"
port = 1123
poll_s = 16
silent_s = 100

[time.gps]
serial_port = "COM3"
baud = 4800
uncertainty_ms = 300
silent_s = 5

[[modbus]]
name = "plc-1"
address = "10.1.0.10:502"
mac = "02:00:00:00:00:0a"
unit = 17
timeout_ms = 500
backoff_ms_min = 100
backoff_ms_max = 1000
class = "alarm"

[[modbus.point]]
name = "tank1/level"
function = 3
address = 0
type = "f32"
word_order = "low_first"
period_ms = 500
unit = "m"

[[modbus.point]]
name = "tank1/temperature"
function = 4
address = 2
type = "i16"
scale = 0.1
unit = "°C"

[[modbus.point]]
name = "flow"
class = "telemetry"
function = 3
address = 2
count = 3
type = "u32"

[[modbus]]
name = "plc-2"
address = "192.0.2.1:1502"

[[modbus.point]]
name = "pump"
function = 1
address = 16
count = 4

[[modbus.point]]
name = "door"
function = 2
address = 65535
"#;

/// The least that a site file can say.
const SMALL_SITE: &str = r#"diode = {id = 1, name = "a", key_file = "k"}
inside = {card = "00:02.0", address = "10.1.0.2/24"}
outside = {card = "00:03.0", source = "10.0.2.15:1", destination = [{mac = "02:00:00:00:00:01", address = "10.0.2.2:1"}]}
modbus = [{name = "p", address = "10.1.0.1:502", point = [{name = "x", function = 1, address = 0}]}]
"#;

/// What the full site file means.
pub(in super::super) fn config() -> Config {
    noreturn_site::parse(SITE, "site.toml", |_| Ok([7; 32])).expect("the site file is right")
}

pub(super) fn sites() -> Vec<Seed> {
    let unknown_key = SMALL_SITE.replace("function", "funktion");
    let nested = format!("a = {}{}", "[".repeat(100), "]".repeat(100));
    let wrong_everywhere = "[diode]\nid = -1\nname = \"\"\n[inside]\naddress = \"10.1.0.2/31\"\n[[modbus]]\n\
                            [[modbus.point]]\nfunction = 3\naddress = 65536\ncount = 0\nscale = nan\n";
    let never_sent = SITE.replace("share_per_mille = 900", "share_per_mille = 0");
    let too_much = SITE.replace("history_bytes_max = 131072", "history_bytes_max = 536_870_912");
    vec![
        ("full", SITE.into()),
        ("kept-but-never-sent", never_sent.into_bytes()),
        ("too-much-memory", too_much.into_bytes()),
        ("small", SMALL_SITE.into()),
        ("unknown-key", unknown_key.into_bytes()),
        ("nested", nested.into_bytes()),
        ("wrong-everywhere", wrong_everywhere.into()),
        ("many-values", SMALL_SITE.replace("address = 0", "address = 0, count = 2000").into_bytes()),
        ("not-toml", b"[diode\n".to_vec()),
    ]
}

pub(super) fn configs() -> Vec<Seed> {
    let full = config().encode().expect("it was accepted");
    let small = noreturn_site::parse(SMALL_SITE, "site.toml", |_| Ok([7; 32]));
    let small = small.expect("the site file is right").encode().expect("it was accepted");
    let cut = full[..full.len() / 2].to_vec();
    let trailing = [&small[..], b"\0"].concat();
    vec![("full", full), ("small", small), ("cut", cut), ("trailing", trailing)]
}

/// Of the image that the target judges; the digests are those of the verifier's model.
pub(super) fn bills() -> Vec<Seed> {
    let digest = |program: Vec<u8>| Sha256Digest::of(&program);
    let (kernel, loader) =
        (digest(noreturn_verify::model::kernel()), digest(noreturn_verify::model::loader()));
    let program = |name: &str, sha256| {
        format!(r#"{{"name":"{name}","hashes":[{{"alg":"SHA-256","content":"{sha256}"}}]}}"#)
    };
    let component = |name: &str, licence: &str| {
        format!(
            r#"{{"name":"{name}","version":"1.0.0","licenses":[{{"expression":"{licence}"}}],"properties":[{{"name":"noreturn:program","value":"kernel"}}]}}"#
        )
    };
    let bill = |licence: &str| {
        let programs = [program("kernel", kernel), program("loader", loader)].join(",");
        let crates = ["core", "noreturn-kernel", "noreturn-nic", "smoltcp"]
            .map(|name| component(name, licence))
            .join(",");
        format!(
            r#"{{"bomFormat":"CycloneDX","metadata":{{"component":{{"components":[{programs}]}}}},"components":[{crates}]}}"#
        )
    };
    let right = bill("MIT OR (Zlib AND 0BSD)");
    vec![
        ("right", right.clone().into()),
        ("exception", bill("Apache-2.0 WITH LLVM-exception OR MIT").into()),
        ("no-expression", bill("((MIT").into()),
        ("no-crate", right.replace("smoltcp", "smol").into()),
        ("two-kernels", right.replace("loader", "kernel").into()),
        ("no-hash", right.replace("SHA-256", "MD5").into()),
        ("cut", right.as_bytes()[..right.len() / 2].to_vec()),
    ]
}

pub(super) fn manifests() -> Vec<Seed> {
    let manifest = Manifest {
        image_bytes: 2 << 20,
        loader: Part::of(71_680, b"loader"),
        kernel: Part::of(589_824, b"kernel"),
        config: Part::of(591_872, b"config"),
        medium: Sha256Digest::of(b"medium"),
    };
    let text = manifest.emit(&[0xa5; 64]);
    let largest = Manifest { image_bytes: IMAGE_BYTES_MAX, ..manifest }.emit(&[0; 64]);
    let overlap = Manifest { config: manifest.kernel, ..manifest }.emit(&[0; 64]);
    vec![
        ("right", text.clone().into()),
        ("with-zeros", [text.as_bytes(), &[0; 50]].concat()),
        ("largest", largest.into()),
        ("overlap", overlap.into()),
        ("leading-zero", text.replace("image-bytes ", "image-bytes 0").into()),
        ("returns", text.replace('\n', "\r\n").into()),
        ("trailing", (text.clone() + "\n").into()),
        ("cut-signature", text.replace("a5a5\n", "a5\n").into()),
    ]
}

pub(super) fn handovers() -> Vec<Seed> {
    let handover = Handover {
        image_sha256: Sha256Digest::of(b"image"),
        config_sha256: Sha256Digest::of(b"config"),
        config_address: 0x0800_0000,
        config_bytes: 1234,
        trace_address: None,
        acpi_root: 0x1f77_e014,
        floor_memory: FloorMemory::Kept(6),
        reset_count: Some(300),
        key_address: None,
    };
    let text = handover.emit().replace(' ', "\0");
    vec![
        ("right", text.clone().into()),
        ("others-too", format!("kernel\0-x\0{text}\0image-sha256=\0").into()),
        ("largest", text.replace("1234", "18446744073709551615").into()),
        ("too-large", text.replace("1234", "18446744073709551616").into()),
        ("no-tpm", text.replace("kept-6", "none").into()),
        ("refusing-tpm", text.replace("kept-6", "failed-2466").into()),
        ("signs", text.replace("1234", "+1234").replace("134217728", "-1").into()),
    ]
}
