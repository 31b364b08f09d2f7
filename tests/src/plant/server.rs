//! Serves the works over Modbus TCP, read only.

use std::future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use noreturn_image_format::config::modbus::Function;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response};

use super::registers;
use super::water_works::WaterWorks;

/// A running plant; it ends, with all its connections, when this is dropped.
#[derive(Debug)]
pub struct Plant {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Plant {
    /// Serves a new works at `address`, of which port 0 means any free one. A second of real time
    /// is `speed` seconds for the works.
    ///
    /// # Errors
    /// If the address cannot be bound, or no thread can be started.
    pub fn start(address: SocketAddr, speed: f64) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(address))?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service::new(speed));
        runtime.spawn(async move {
            let serve = |stream, peer| {
                let service = Arc::clone(&service);
                async move { accept_tcp_connection(stream, peer, |_| Ok(Some(Arc::clone(&service)))) }
            };
            // A connection that fails is the peer's to notice; the plant serves on.
            Server::new(listener).serve(&serve, |_| {}).await
        });
        Ok(Self { address, runtime: Some(runtime) })
    }

    /// Where the plant listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Also where the caller itself runs in a runtime, which forbids to wait.
            runtime.shutdown_background();
        }
    }
}

/// The works, and when it was last looked at; time passes for it when somebody looks.
struct Service {
    state: Mutex<(WaterWorks, Instant)>,
    speed: f64,
}

impl Service {
    fn new(speed: f64) -> Self {
        Self { state: Mutex::new((WaterWorks::default(), Instant::now())), speed }
    }

    fn read(&self, function: Function, address: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
        if !(1..=function.count_max()).contains(&count) {
            return Err(ExceptionCode::IllegalDataValue);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (works, seen) = &mut *state;
        let now = Instant::now();
        works.step(now.duration_since(*seen).as_secs_f64() * self.speed);
        *seen = now;
        registers::read(works, function, address, count).ok_or(ExceptionCode::IllegalDataAddress)
    }

    fn read_bits(&self, function: Function, address: u16, count: u16) -> Result<Vec<bool>, ExceptionCode> {
        Ok(self.read(function, address, count)?.into_iter().map(|bit| bit != 0).collect())
    }

    fn answer(&self, request: &Request<'_>) -> Result<Response, ExceptionCode> {
        match *request {
            Request::ReadCoils(address, count) => {
                self.read_bits(Function::Coils, address, count).map(Response::ReadCoils)
            }
            Request::ReadDiscreteInputs(address, count) => {
                self.read_bits(Function::DiscreteInputs, address, count).map(Response::ReadDiscreteInputs)
            }
            Request::ReadHoldingRegisters(address, count) => {
                self.read(Function::HoldingRegisters, address, count).map(Response::ReadHoldingRegisters)
            }
            Request::ReadInputRegisters(address, count) => {
                self.read(Function::InputRegisters, address, count).map(Response::ReadInputRegisters)
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }
}

impl tokio_modbus::server::Service for Service {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        future::ready(self.answer(&request))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio_modbus::client::{Context, Reader, Writer, tcp};

    use super::*;

    /// Runs `test` with a client of a new plant.
    fn with_client(test: impl AsyncFnOnce(&mut Context)) {
        let plant = Plant::start((Ipv4Addr::LOCALHOST, 0).into(), 3600.0).unwrap();
        assert!(plant.address().ip().is_loopback() && plant.address().port() != 0);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = tcp::connect(plant.address()).await.unwrap();
            test(&mut client).await;
        });
    }

    #[test]
    fn every_table_is_served() {
        with_client(async |client| {
            assert_eq!(client.read_coils(0, 4).await.unwrap().unwrap().len(), 4);
            assert_eq!(client.read_discrete_inputs(0, 5).await.unwrap().unwrap().len(), 5);
            assert_eq!(client.read_holding_registers(0, 2).await.unwrap().unwrap(), [150, 350]);
            assert_eq!(client.read_input_registers(0, 24).await.unwrap().unwrap().len(), 24);
        });
    }

    #[test]
    fn values_move_by_themselves() {
        with_client(async |client| {
            let first = client.read_input_registers(0, 24).await.unwrap().unwrap();
            // One millisecond is 3.6 s for the works; this many requests take far longer.
            for _ in 0..100_000 {
                if client.read_input_registers(0, 24).await.unwrap().unwrap() != first {
                    return;
                }
            }
            panic!("the plant stands still");
        });
    }

    #[test]
    fn unknown_addresses_are_refused() {
        with_client(async |client| {
            let illegal = Err(ExceptionCode::IllegalDataAddress);
            assert_eq!(client.read_input_registers(24, 1).await.unwrap(), illegal);
            assert_eq!(client.read_holding_registers(6, 2).await.unwrap(), illegal);
            let illegal = Err(ExceptionCode::IllegalDataAddress);
            assert_eq!(client.read_coils(1000, 1).await.unwrap(), illegal);
        });
    }

    #[test]
    fn writes_are_refused_and_change_nothing() {
        with_client(async |client| {
            let illegal = Err(ExceptionCode::IllegalFunction);
            assert_eq!(client.write_single_coil(0, true).await.unwrap(), illegal);
            assert_eq!(client.write_multiple_coils(0, &[true]).await.unwrap(), illegal);
            assert_eq!(client.write_single_register(0, 7).await.unwrap(), illegal);
            assert_eq!(client.write_multiple_registers(0, &[7]).await.unwrap(), illegal);
            assert_eq!(client.read_holding_registers(0, 1).await.unwrap().unwrap(), [150]);
        });
    }

    #[test]
    fn counts_beyond_the_specification_are_refused() {
        let service = Service::new(0.0);
        for count in [0, 126] {
            let request = Request::ReadInputRegisters(0, count);
            assert_eq!(service.answer(&request), Err(ExceptionCode::IllegalDataValue));
        }
    }
}
