//! The poller over real sockets against an independent Modbus server, which is taken away and comes back.

use std::future;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use noreturn_collect::modbus::{Action, Poller};
use noreturn_collect::{Now, Output, Sample};
use noreturn_image_format::config::modbus::{Device, Encoding, Function, Point, Read, WordOrder};
use noreturn_wire::{Counter, Counters, Fault, Quality, TimeQuality, Value};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_modbus::prelude::{ExceptionCode, Request, Response};
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};

/// Guards against a hang; nothing is expected to take this long.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Plant;

impl tokio_modbus::server::Service for Plant {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        future::ready(match request {
            Request::ReadHoldingRegisters(4, 5) => {
                Ok(Response::ReadHoldingRegisters(vec![0x0000, 0x3fc0, 0xffff, 0xfff6, 1234]))
            }
            Request::ReadDiscreteInputs(0, 10) => {
                Ok(Response::ReadDiscreteInputs((0..10).map(|i| i == 9).collect()))
            }
            _ => Err(ExceptionCode::IllegalDataAddress),
        })
    }
}

/// A server that lives as long as this does.
struct Served {
    address: SocketAddr,
    _runtime: Runtime,
}

fn serve(address: SocketAddr) -> std::io::Result<Served> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address))?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        let connected =
            |stream, address| async move { accept_tcp_connection(stream, address, |_| Ok(Some(Plant))) };
        Server::new(listener).serve(&connected, |_| {}).await
    });
    Ok(Served { address, _runtime: runtime })
}

fn device(port: u16) -> Device {
    let point = |source, offset, encoding| Point { source, offset, encoding, scale: 1.0 };
    let registers = vec![
        point(1, 0, Encoding::F32(WordOrder::LowFirst)),
        point(2, 2, Encoding::I32(WordOrder::HighFirst)),
        point(3, 4, Encoding::U16),
    ];
    let read = |function, address, count, points| Read { function, address, count, period_ms: 20, points };
    Device {
        name: "peer".into(),
        address: Ipv4Addr::LOCALHOST,
        mac: None,
        port,
        unit: 1,
        timeout_ms: 10_000,
        backoff_ms_min: 10,
        backoff_ms_max: 50,
        status: 0,
        reads: vec![
            read(Function::HoldingRegisters, 4, 5, registers),
            read(Function::DiscreteInputs, 0, 10, vec![point(4, 9, Encoding::Bit)]),
            read(Function::InputRegisters, 0, 1, vec![point(5, 0, Encoding::U16)]),
        ],
    }
}

#[derive(Default)]
struct Seen {
    samples: Vec<(u32, Quality, Value)>,
    counters: Counters,
}

impl Output for Seen {
    fn sample(&mut self, sample: Sample) {
        self.samples.push((sample.source.0, sample.quality, sample.value));
    }

    fn count(&mut self, counter: Counter, by: u64) {
        self.counters.add(counter, by);
    }
}

/// A poller with a real socket and a real clock.
struct Client {
    poller: Poller,
    address: SocketAddr,
    stream: Option<TcpStream>,
    started: Instant,
    seen: Seen,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        let poller = Poller::new(device(address.port()), 0);
        Self { poller, address, stream: None, started: Instant::now(), seen: Seen::default() }
    }

    fn now(&self) -> Now {
        let uptime_us = self.started.elapsed().as_micros() as u64;
        Now { uptime_us, clock_us: uptime_us, time_quality: TimeQuality::NONE }
    }

    /// Runs until `sample` was seen, and forgets what was seen up to it.
    fn run_until(&mut self, sample: (u32, Quality, Value)) {
        loop {
            if let Some(place) = self.seen.samples.iter().position(|seen| *seen == sample) {
                self.seen.samples.drain(..=place);
                return;
            }
            assert!(self.started.elapsed() < PATIENCE, "{sample:?} never came");
            while let Some(action) = self.poller.poll(self.now(), &mut self.seen) {
                self.carry_out(action);
            }
            self.receive();
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Connect => match TcpStream::connect_timeout(&self.address, PATIENCE) {
                Ok(stream) => {
                    self.stream = Some(stream);
                    self.poller.handle_connected();
                }
                Err(_) => self.poller.handle_refused(self.now(), &mut self.seen),
            },
            Action::Send(request) => {
                let sent = self.stream.as_mut().map(|stream| stream.write_all(&request));
                if !matches!(sent, Some(Ok(()))) {
                    self.poller.handle_closed(self.now(), &mut self.seen);
                }
            }
            Action::Close => self.stream = None,
        }
    }

    /// Waits for bytes at most until the poller wants to be called.
    fn receive(&mut self) {
        let wait_us = self.poller.poll_at().saturating_sub(self.now().uptime_us).clamp(1, 1_000_000);
        let wait = Duration::from_micros(wait_us);
        let Some(stream) = &mut self.stream else { return std::thread::sleep(wait) };
        // Fewer bytes than any reply has, so that each comes in pieces.
        let mut buffer = [0; 5];
        let read = stream.set_read_timeout(Some(wait)).and_then(|()| stream.read(&mut buffer));
        let now = self.now();
        match read {
            Ok(0) => self.poller.handle_closed(now, &mut self.seen),
            Ok(count) => self.poller.handle_bytes(&buffer[..count], now, &mut self.seen),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => (),
            Err(_) => self.poller.handle_closed(now, &mut self.seen),
        }
    }

    /// Runs until every value of the peer was seen.
    fn run_until_all_values(&mut self) {
        self.run_until((1, Quality::Good, Value::F64(1.5)));
        self.run_until((2, Quality::Good, Value::I64(-10)));
        self.run_until((3, Quality::Good, Value::U64(1234)));
        self.run_until((4, Quality::Good, Value::Bool(true)));
    }
}

#[test]
fn values_outage_and_recovery_with_an_independent_server() {
    let served = serve((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = served.address;
    let mut client = Client::new(address);
    client.run_until((0, Quality::Good, Value::Bool(true)));
    client.run_until((5, Quality::Bad(Fault::Exception(2)), Value::None));
    client.run_until_all_values();

    drop(served);
    client.run_until((0, Quality::Bad(Fault::ConnectRefused), Value::Bool(false)));
    for source in 1..=5 {
        client.run_until((source, Quality::Bad(Fault::ConnectRefused), Value::None));
    }

    let served = serve(address).unwrap();
    client.run_until((0, Quality::Good, Value::Bool(true)));
    client.run_until_all_values();
    drop(served);

    let count = |counter| client.seen.counters.get(counter);
    assert!(count(Counter::ModbusConnectRefused) > 0);
    assert_eq!(count(Counter::ModbusWrongReply) + count(Counter::ModbusShortReply), 0);
}
