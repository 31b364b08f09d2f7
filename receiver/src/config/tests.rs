//! The configuration file: what is accepted, and what is said about the rest.

use std::os::unix::fs::PermissionsExt;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, contents) in [
            ("diode.key", format!("{}\n", "4a".repeat(32))),
            ("zero.key", "00".repeat(32)),
            ("short.key", "4a".repeat(31)),
            ("password", "secret \n".to_owned()),
        ] {
            let path = folder.path().join(file);
            std::fs::write(&path, contents).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self(folder)
    }

    fn parse(&self, text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, "receiver.toml", self.0.path())
    }

    #[track_caller]
    fn refuses(&self, text: &str, message: &str) {
        let error = self.parse(text).unwrap_err().to_string();
        assert!(error.starts_with("receiver.toml"), "{error}");
        assert!(error.contains(message), "expected {message:?} in {error:?}");
        assert!(!error.contains("4a4a"), "a key is in {error:?}");
    }
}

const DIODE: &str =
    "listen = \"0.0.0.0:4100\"\n[[diode]]\nid = 7\nname = \"east\"\nkey_file = \"diode.key\"\n";

#[test]
fn a_short_file_gets_the_documented_defaults() {
    let config = Folder::new().parse(DIODE).unwrap();
    assert_eq!(config.listen, "0.0.0.0:4100".parse().unwrap());
    let diode = &config.diodes[0];
    let key = KeyConfig { key: DiodeKey([0x4a; 32]), from_us: 0, until_us: u64::MAX };
    assert_eq!((diode.id, &*diode.name, &diode.keys[..]), (DiodeId(7), "east", &[key][..]));
    assert_eq!((diode.expected_image, diode.on_mismatch), (None, OnMismatch::Alarm));
    assert_eq!(config.limits.link.hold_us, 300_000);
    assert_eq!(config.limits.name_wait_us, 30_000_000);
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
    assert!(config.warnings[0].contains("no state_directory"));
    assert!(config.warnings[1].contains("neither [json_lines] nor [mqtt]"));
}

/// A diode with these lines instead of a key file.
fn with_keys(lines: &str) -> String {
    DIODE.replace("key_file = \"diode.key\"\n", lines)
}

#[test]
fn keys_take_over_from_each_other_by_time() {
    let folder = Folder::new();
    let table = "[[diode.key]]\nfile = \"diode.key\"\n";
    let text = with_keys(&format!(
        "{table}valid_until = 1970-01-02T01:00:00.5+01:00\n{table}valid_from = 1970-01-01T00:00:07Z\n"
    ));
    let keys = &folder.parse(&text).unwrap().diodes[0].keys;
    assert_eq!((keys[0].from_us, keys[0].until_us), (0, 86_400_500_000));
    assert_eq!((keys[1].from_us, keys[1].until_us), (7_000_000, u64::MAX));
    folder.refuses(&with_keys(""), "diode \"east\" has no key");
    folder.refuses(&format!("{DIODE}{table}"), "diode.key_file: not beside [[diode.key]]");
    folder.refuses(&with_keys(&table.repeat(5)), "5 keys, at most 4");
    folder.refuses(
        &with_keys(&format!("{table}valid_from = 2026-12-01\n")),
        "is not a time with date and offset",
    );
    folder.refuses(&with_keys(&format!("{table}valid_from = 1969-12-31T23:59:59Z\n")), "from 1970 on");
    folder.refuses(
        &with_keys(&format!(
            "{table}valid_from = 2026-12-01T00:00:00Z\nvalid_until = 2026-12-01T00:00:00Z\n"
        )),
        "diode.key.valid_until: is not after valid_from",
    );
    folder.refuses(&with_keys("[[diode.key]]\nfile = \"zero.key\"\n"), "diode.key.file:");
}

#[test]
fn groups_are_joined_where_they_can_be_heard() {
    let folder = Folder::new();
    assert_eq!(folder.parse(DIODE).unwrap().multicast, Multicast::default());
    let with = |lines: &str| format!("{lines}\n{DIODE}");
    let multicast = folder
        .parse(&with("multicast = [\"239.1.2.3\", \"239.1.2.4\"]\nmulticast_interface = \"192.168.7.1\""))
        .unwrap()
        .multicast;
    assert_eq!(multicast.groups, ["239.1.2.3", "239.1.2.4"].map(|group| group.parse::<Ipv4Addr>().unwrap()));
    assert_eq!(multicast.interface, Ipv4Addr::new(192, 168, 7, 1));
    let group = with("multicast = [\"239.1.2.3\"]");
    assert!(folder.parse(&group.replace("0.0.0.0", "239.1.2.3")).is_ok());
    folder.refuses(
        &group.replace("0.0.0.0", "192.168.7.1"),
        ":2:10: listen: at 192.168.7.1:4100 nothing that is sent to a group arrives",
    );
    folder
        .refuses(&with("multicast = [\"10.0.0.1\"]"), ":1:14: multicast: \"10.0.0.1\" is not an IPv4 group");
    folder.refuses(&with("multicast = [\"ff02::1\"]"), "is not an IPv4 group");
    folder.refuses(&with("multicast = []"), "multicast: found 0 groups, expected 1 to 20");
    folder.refuses(&with("multicast_interface = \"127.0.0.1\""), "needs multicast beside it");
    folder.refuses(
        &with("multicast = [\"239.1.2.3\"]\nmulticast_interface = \"eth0\""),
        "multicast_interface: \"eth0\" is not an IPv4 address",
    );
}

#[test]
fn files_and_streams_have_a_directory_each() {
    let folder = Folder::new();
    let config = folder.parse(&format!(
        "{DIODE}[files]\ndirectory = \"in\"\n[streams]\ndirectory = \"/s\"\nbytes_max = 7\n\
         [limits]\nwaiting_bytes_max = 8\nobject_queue_bytes_max = 9\n"
    ));
    let config = config.unwrap();
    let files = ObjectsConfig { directory: folder.0.path().join("in"), bytes_max: 1 << 30 };
    let streams = ObjectsConfig { directory: "/s".into(), bytes_max: 7 };
    assert_eq!((config.files, config.streams), (Some(files), Some(streams)));
    assert_eq!((config.limits.waiting_bytes_max, config.limits.object_queue_bytes_max), (8, 9));
    folder.refuses(
        &format!("{DIODE}[files]\ndirectory = \"in\"\n[streams]\ndirectory = \"in\"\n"),
        ":9:13: streams.directory: is that of files",
    );
    folder.refuses(
        &format!("{DIODE}[files]\ndirectory = \"\"\n"),
        ":7:13: files.directory: expected a directory",
    );
    folder.refuses(&format!("{DIODE}[streams]\nbytes_max = 1\n"), "missing field `directory`");
    folder.refuses(
        &format!("{DIODE}[streams]\ndirectory = \"s\"\nbytes_max = 0\n"),
        ":8:13: streams.bytes_max: found 0, expected 1 to",
    );
}

#[test]
fn every_key_is_read() {
    let folder = Folder::new();
    let digest = "Ab".repeat(32);
    let config = folder
        .parse(&format!(
            "state_directory = \"state\"\n{DIODE}expected_image_sha256 = \"{digest}\"\non_mismatch = \"refuse\"\n\
             image_version_min = 9\n\
             [json_lines]\npath = \"records.jsonl\"\nbeacons = true\n\
             [mqtt]\nbroker = \"[::1]:1884\"\ntopic_prefix = \"a/b\"\nclient_id = \"c\"\nusername = \"u\"\n\
             password_file = \"password\"\nqos = 0\nqueue_max = 5\n\
             [limits]\nhold_ms = 1\nshard_bytes_max = 2\nheld_records_max = 3\nsources_max = 4\n\
             boots_per_diode_max = 5\nname_wait_ms = 6\nwaiting_records_max = 7\nreceive_buffer_bytes = 8\n"
        ))
        .unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.state_directory, Some(folder.0.path().join("state")));
    assert_eq!(config.diodes[0].expected_image, Some([0xab; 32]));
    assert_eq!(config.diodes[0].on_mismatch, OnMismatch::Refuse);
    assert_eq!(config.diodes[0].image_version_min, 9);
    let json_lines = config.json_lines.unwrap();
    assert_eq!(json_lines.path, Some(folder.0.path().join("records.jsonl")));
    assert!(json_lines.beacons);
    let mqtt = config.mqtt.unwrap();
    assert_eq!((mqtt.host.as_str(), mqtt.port, mqtt.topic_prefix.as_str()), ("::1", 1884, "a/b"));
    assert_eq!(mqtt.credentials, Some(("u".to_owned(), "secret ".to_owned())));
    assert_eq!((mqtt.client_id.as_str(), mqtt.acknowledged, mqtt.queue_max), ("c", false, 5));
    let (limits, link) = (config.limits, config.limits.link);
    assert_eq!((link.hold_us, link.shard_bytes_max, link.held_records_max), (1000, 2, 3));
    assert_eq!((link.sources_max, link.sessions_per_diode_max, limits.name_wait_us), (4, 5, 6000));
    assert_eq!((limits.waiting_records_max, limits.receive_buffer_bytes), (7, 8));
}

#[test]
fn mistakes_are_named_with_their_place() {
    let folder = Folder::new();
    folder.refuses("listen = ", "receiver.toml:1:");
    folder.refuses("listen = \"127.0.0.1:1\"\n", "receiver.toml: no diode: expected at least one");
    folder.refuses("[[diode]]\nid = 1\n", "receiver.toml:1:1: missing field `name`");
    folder.refuses(
        &DIODE.replace("0.0.0.0:4100", "4100"),
        ":1:10: listen: \"4100\" is not an address and port",
    );
    folder.refuses(&format!("{DIODE}colour = 1\n"), ":6:1: unknown field `colour`, expected one of");
    folder.refuses(&format!("{DIODE}[limits]\nhold = 1\n"), ":7:1: unknown field `hold`");
    folder.refuses(&DIODE.replace("id = 7", "id = -1"), ":3:6: invalid value");
    folder.refuses(&DIODE.replace("east", "a/b"), ":4:8: diode.name");
    folder.refuses(&DIODE.replace("east", "$a"), ":4:8: diode.name");
    folder.refuses(&DIODE.replace("diode.key", "no.key"), "no.key\" cannot be read");
    folder.refuses(&DIODE.replace("diode.key", "zero.key"), "zeros only");
    folder.refuses(&DIODE.replace("diode.key", "short.key"), ":5:12: diode.key_file");
    folder.refuses(&format!("{DIODE}expected_image_sha256 = \"ab\"\n"), "exactly 64 hexadecimal digits");
    folder.refuses(
        &format!("{DIODE}[diode.attestation]\nkey_sha256 = \"ab\"\npcr_8 = \"\"\npcr_9 = \"\"\n"),
        ":7:14: diode.attestation.key_sha256: expected exactly 64",
    );
    folder.refuses(&format!("{DIODE}[diode.attestation]\nkey_sha256 = \"ab\"\n"), "missing field `pcr_8`");
    folder.refuses(
        &format!("{DIODE}on_mismatch = \"stop\"\n"),
        "unknown variant `stop`, expected `alarm` or `refuse`",
    );
    folder.refuses(&format!("{DIODE}on_mismatch = \"refuse\"\n"), "needs expected_image_sha256");
    folder.refuses(
        &format!("{DIODE}[[diode]]\nid = 7\nname = \"w\"\nkey_file = \"diode.key\"\n"),
        ":7:6: diode.id: 7 is used twice",
    );
    folder.refuses(
        &format!("{DIODE}[[diode]]\nid = 8\nname = \"east\"\nkey_file = \"diode.key\"\n"),
        "\"east\" is used twice",
    );
    folder.refuses(&format!("{DIODE}[json_lines]\npath = \"\"\n"), "json_lines.path");
    folder.refuses(
        &format!("{DIODE}[limits]\nhold_ms = 0\n"),
        ":7:11: limits.hold_ms: found 0, expected 1 to 3600000",
    );
    for (keys, message) in [
        ("broker = \"host\"", "mqtt.broker: \"host\" is not a host and port"),
        ("broker = \"h:0\"", "mqtt.broker"),
        ("broker = \"h:1\"\ntopic_prefix = \"a//b\"", "mqtt.topic_prefix"),
        ("broker = \"h:1\"\ntopic_prefix = \"a/#\"", "mqtt.topic_prefix"),
        ("broker = \"h:1\"\nqos = 2", "mqtt.qos: found 2, expected 0 or 1"),
        ("broker = \"h:1\"\npassword_file = \"password\"", "needs mqtt.username"),
        ("broker = \"h:1\"\nusername = \"u\"\npassword_file = \"nowhere\"", "cannot be read"),
    ] {
        folder.refuses(&format!("{DIODE}[mqtt]\n{keys}\n"), message);
    }
}

#[test]
fn secrets_that_others_can_read_are_warned_of() {
    let folder = Folder::new();
    let key = folder.0.path().join("diode.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = folder.parse(DIODE).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("chmod 600")), "{warnings:?}");
}

#[test]
fn debug_output_shows_no_secret() {
    let folder = Folder::new();
    let mqtt = "[mqtt]\nbroker = \"h:1\"\nusername = \"u\"\npassword_file = \"password\"\n";
    let text = format!("{:?}", folder.parse(&format!("{DIODE}{mqtt}")).unwrap());
    assert!(!text.contains("secret") && !text.contains("74, 74"), "{text}");
}

#[test]
fn an_attestation_names_the_key_and_registers() {
    let folder = Folder::new();
    let digest = |byte: &str| byte.repeat(32);
    let table = format!(
        "[diode.attestation]\nkey_sha256 = \"{}\"\npcr_4 = \"{}\"\npcr_8 = \"{}\"\npcr_9 = \"{}\"\n",
        digest("01"),
        digest("04"),
        digest("08"),
        digest("09")
    );
    let config = folder.parse(&format!("{DIODE}{table}")).expect("it is right");
    let expected = config.diodes[0].attestation.as_ref().expect("it is there");
    assert_eq!(expected.key, [1; 32]);
    let registers = [None, None, Some([4; 32]), None, Some([8; 32]), Some([9; 32])];
    assert_eq!(expected.registers, registers);
}
