//! What the operator inside must know is on the serial console, in Modbus registers and on a page, and none of them
//! takes anything: the real image, and independent clients on the inside network.
//!
//! Boots of their own: either card on either side, a site without status ports, refusals that are counted, and a flood of requests.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Result, ensure};
use noreturn_tests::card::Card;
use noreturn_tests::counting::CountingDevice;
use noreturn_tests::modbus::ModbusServer;
use noreturn_tests::ports::free_tcp;
use noreturn_tests::process::wait_for;
use noreturn_tests::site::device;
use noreturn_tests::status::{StatusClient, table};
use noreturn_tests::world::{Plan, World, accounts};

const POINT: &str =
    "[[modbus.point]]\nname = \"level\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n";
const TIMING: &str = "timeout_ms = 2000\nbackoff_ms_min = 100\nbackoff_ms_max = 500\n";

const OUTSIDE_LINK_DOWN: (u32, &str) = (0, "outside_link_down");
const HISTORY_FILLING: (u32, &str) = (1, "history_filling");
const DEVICE_DOWN: (u32, &str) = (3, "device_down");

fn start(inside: Card, outside: Card, rest: &str) -> Result<World> {
    World::start(&Plan { inside, outside, broker: true, ..Plan::new(table() + rest) })
}

fn alarms_are_seen_on_all_three_ways(inside: Card, outside: Card) -> Result<()> {
    let port = free_tcp()?;
    let server = ModbusServer::start(port)?;
    // The smallest history, and much to collect: it fills while the cable is out for seconds.
    let small = "[link.telemetry]\nhistory_bytes_max = 131_072\n[link.history]\nshare_per_mille = 500\n";
    let many = POINT.replace("address = 0\n", "address = 0\ncount = 60\n").replace("100\n", "20\n");
    let mut world = start(inside, outside, &(small.to_owned() + &device("plc", port, 1, TIMING) + &many))?;
    world.wait_for_records(100)?;
    let mut client = StatusClient::start(&world.machine)?;

    let (bit, name) = OUTSIDE_LINK_DOWN;
    client.wait_for_alarm(bit, name, false)?;
    client.wait_for_alarm(DEVICE_DOWN.0, DEVICE_DOWN.1, false)?;
    let status = client.status()?;
    assert_eq!(status["image_sha256"], world.image.sha256, "{status}");
    assert_eq!(
        (&status["devices"][0]["name"], &status["devices"][0]["state"]),
        (&"plc".into(), &"up".into())
    );
    let hash: String = client.registers(22, 8)?.iter().map(|register| format!("{register:04x}")).collect();
    assert_eq!(hash, world.image.sha256[..32]);
    assert_eq!(client.registers(100, 2)?, [2, 0], "one device, and it is up");
    let page = client.ask("http GET /")?;
    assert!(page["body"].as_str().is_some_and(|body| body.contains("Outside link")), "{page}");

    world.machine.set_outside_link(false)?;
    client.wait_for_alarm(bit, name, true)?;
    world.machine.wait_for_serial("alarm outside_link_down raised")?;
    client.wait_for_alarm(HISTORY_FILLING.0, HISTORY_FILLING.1, true)?;
    world.machine.wait_for_serial("warning history_filling raised")?;
    world.machine.set_outside_link(true)?;
    client.wait_for_alarm(bit, name, false)?;
    world.machine.wait_for_serial("alarm outside_link_down cleared")?;
    client.wait_for_alarm(HISTORY_FILLING.0, HISTORY_FILLING.1, false)?;

    drop(server);
    let (bit, name) = DEVICE_DOWN;
    client.wait_for_alarm(bit, name, true)?;
    world.machine.wait_for_serial("alarm device_down \"plc\" raised")?;
    assert_eq!(client.registers(100, 1)?, [3]);
    let _server = ModbusServer::start(port)?;
    client.wait_for_alarm(bit, name, false)?;
    world.machine.wait_for_serial("alarm device_down \"plc\" cleared")?;
    world.check_wire()
}

#[test]
fn virtio_inside_and_e1000e_outside() -> Result<()> {
    alarms_are_seen_on_all_three_ways(Card::VirtioNet, Card::E1000e)
}

#[test]
fn e1000e_inside_and_virtio_outside() -> Result<()> {
    alarms_are_seen_on_all_three_ways(Card::E1000e, Card::VirtioNet)
}

#[test]
fn nothing_can_be_written() -> Result<()> {
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let mut world = start(Card::VirtioNet, Card::E1000e, &(device("plc", port, 1, TIMING) + POINT))?;
    world.wait_for_records(20)?;
    let mut client = StatusClient::start(&world.machine)?;
    let fixed = |client: &mut StatusClient| -> Result<_> {
        Ok((
            client.registers(0, 1)?,
            client.registers(10, 1)?,
            client.registers(13, 4)?,
            client.registers(18, 30)?,
        ))
    };
    let before = fixed(&mut client)?;
    let mut refused = 0;
    for function in [5, 6, 15, 16, 22, 23] {
        let answer = client.ask(&format!("write {function}"))?;
        assert_eq!(answer["exception"], 1, "function {function}: {answer}");
        refused += 1;
    }
    assert_eq!(client.ask("read 4 48 1")?["exception"], 2);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for path in ["/", "/status.json"] {
            let answer = client.ask(&format!("http {method} {path}"))?;
            assert_eq!(
                (&answer["status"], &answer["headers"]["Allow"]),
                (&405.into(), &"GET, HEAD".into()),
                "{method}"
            );
            refused += 1;
        }
    }
    assert_eq!(fixed(&mut client)?, before);
    let all = refused + 1;
    wait_for(&format!("{all} refusals on the page"), || {
        let counted = client.status()?["counters"]["status_refused"].as_u64();
        ensure!(counted <= Some(all), "{counted:?} were refused");
        Ok((counted == Some(all)).then_some(()))
    })?;
    // The receiver hears of it, too.
    let Some(broker) = &world.broker else { unreachable!("the plan has a broker") };
    broker.wait_for("noreturn/waterworks/$state", "the refusals", |state| {
        state["counters"]["status_refused"].as_u64() == Some(all)
    })?;
    world.check_wire()?;
    let summary = world.receiver.stop()?;
    assert_eq!(summary["diodes"].as_array().map(Vec::len), Some(1), "the box booted again: {summary}");
    Ok(())
}

/// A port that nobody is told of is closed.
#[test]
fn nothing_listens_unless_the_site_says_so() -> Result<()> {
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let mut world = World::start(&Plan::new(device("plc", port, 1, TIMING) + POINT))?;
    world.wait_for_records(20)?;
    let mut client = StatusClient::start(&world.machine)?;
    for command in ["read 3 0 1", "http GET /"] {
        let answer = client.ask(command)?;
        assert!(answer["error"].is_string(), "{command}: {answer}");
    }
    world.machine.set_outside_link(false)?;
    world.machine.wait_for_serial("alarm outside_link_down raised")?;
    Ok(())
}

/// Clients that ask again and again until they are told to stop.
struct Flood {
    stop: Arc<AtomicBool>,
    bytes: Arc<AtomicU64>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Flood {
    fn start(clients: usize, port: u16, request: &'static [u8]) -> Self {
        let (stop, bytes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |_| {
            let (stop, bytes) = (Arc::clone(&stop), Arc::clone(&bytes));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                    let mut answer = [0; 65_536];
                    while !stop.load(Ordering::Relaxed) && stream.write_all(request).is_ok() {
                        match stream.read(&mut answer) {
                            Ok(0) | Err(_) => break,
                            Ok(read) => bytes.fetch_add(read as u64, Ordering::Relaxed),
                        };
                    }
                }
            })
        };
        let threads = (0..clients).map(client).collect();
        Self { stop, bytes, threads }
    }

    fn end(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let whole = self.threads.into_iter().all(|thread| thread.join().is_ok());
        ensure!(whole, "a client of the flood stopped");
        Ok(self.bytes.load(Ordering::Relaxed))
    }
}

#[test]
fn telemetry_flows_under_a_flood_of_requests() -> Result<()> {
    const READ_ALL: &[u8] = &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 46];
    let port = free_tcp()?;
    let counting = CountingDevice::start(port)?;
    let mut world = start(Card::VirtioNet, Card::E1000e, &(device("plc", port, 1, TIMING) + POINT))?;
    world.wait_for_records(20)?;
    let client = StatusClient::start(&world.machine)?;
    let page = Flood::start(6, client.http_port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let registers = Flood::start(6, client.modbus_port, READ_ALL);
    let before = counting.answers();
    let records = world.receiver.summary()?["records"].as_u64().unwrap_or(0);
    // Ten seconds of polling without a flood.
    world.wait_for_records(records + 100)?;
    let (page, registers) = (page.end()?, registers.end()?);
    println!("{page} bytes of pages and {registers} bytes of registers meanwhile");
    assert!(page > 100_000 && registers > 10_000, "{page} and {registers} bytes are no flood");
    assert!(counting.answers() >= before + 90, "records came from the plant meanwhile");

    let accounts = accounts(&world.receiver.lines()?);
    let account = &accounts["plc/level"];
    account.check()?;
    assert!(account.gaps.is_empty(), "{:?}", account.gaps);
    assert!(account.delivered().all(|(sequence, value)| value.as_u64() == Some(*sequence)));
    assert_eq!(counting.connections(), 1, "the device was never lost");
    world.check_wire()
}
