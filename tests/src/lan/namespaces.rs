//! A plant of hosts that are not ours: network namespaces on a bridge, each with Linux's network stack and pymodbus. It takes root.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::bed::show;
use super::{MODBUS_PORT, PREFIX, host_address, host_ethernet};
use crate::modbus::ModbusServer;

/// The namespaces, and a server in each but the bridge's. They end when this is dropped.
#[derive(Debug)]
pub struct Namespaces {
    /// The bridge's first.
    names: Vec<String>,
    tap: String,
    servers: Vec<ModbusServer>,
}

impl Namespaces {
    /// Makes `hosts` namespaces with the Ethernet and IPv4 addresses of hosts 0 and up, each with a server.
    ///
    /// # Errors
    /// If this process may not, or a server does not start.
    pub fn start(hosts: usize) -> Result<Self> {
        let prefix = format!("nr{}", std::process::id());
        let mut all = Self { names: Vec::new(), tap: format!("{prefix}t"), servers: Vec::new() };
        let bridge = all.add(prefix.clone())?;
        ip(&format!("-n {bridge} link add plant type bridge"))?;
        ip(&format!("-n {bridge} link set plant up"))?;
        for number in 0..hosts {
            let host = all.add(format!("{prefix}-{number}"))?;
            all.host(&bridge, &host, number)?;
        }
        Ok(all)
    }

    /// Name of the tap device, which QEMU makes.
    #[must_use]
    pub fn tap(&self) -> &str {
        &self.tap
    }

    /// Connects the tap device to the bridge, once QEMU has made it.
    ///
    /// # Errors
    /// If there is none.
    pub fn connect(&self) -> Result<()> {
        let (tap, bridge) = (&self.tap, &self.names[0]);
        ip(&format!("link set {tap} netns {bridge}"))?;
        ip(&format!("-n {bridge} link set {tap} master plant up"))
    }

    /// Plugs a host in, or pulls its cable out.
    ///
    /// # Errors
    /// If that fails.
    pub fn set_link(&self, host: usize, up: bool) -> Result<()> {
        ip(&format!("-n {} link set v{host} {}", self.names[0], if up { "up" } else { "down" }))
    }

    /// Requests that each host has had so far.
    ///
    /// # Errors
    /// If a server does not tell.
    pub fn requests(&mut self) -> Result<Vec<u64>> {
        self.servers.iter_mut().map(ModbusServer::requests).collect()
    }

    fn add(&mut self, name: String) -> Result<String> {
        ip(&format!("netns add {name}"))?;
        self.names.push(name.clone());
        Ok(name)
    }

    fn host(&mut self, bridge: &str, host: &str, number: usize) -> Result<()> {
        ip(&format!("link add v{number} netns {bridge} type veth peer name eth0 netns {host}"))?;
        ip(&format!("-n {bridge} link set v{number} master plant up"))?;
        let address: Ipv4Addr = host_address(number);
        let ethernet = show(host_ethernet(number));
        ip(&format!("-n {host} link set eth0 address {ethernet}"))?;
        ip(&format!("-n {host} addr add {address}/{PREFIX} dev eth0"))?;
        ip(&format!("-n {host} link set eth0 up"))?;
        self.servers.push(ModbusServer::start_in(host, address, MODBUS_PORT)?);
        Ok(())
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        self.servers.clear();
        for name in &self.names {
            // What is in a namespace goes with it; nobody is left to tell of a failure.
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

/// Runs `ip` with these arguments.
fn ip(arguments: &str) -> Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).output().context("ip")?;
    ensure!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
