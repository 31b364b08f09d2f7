//! A TPM 2.0 for the box: swtpm, which QEMU shows behind either of the interfaces of real ones.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::ports::{free_tcp_pair, loopback};
use crate::process::{Process, wait_for};

/// How the box speaks to its TPM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interface {
    /// Byte by byte (TIS).
    Fifo,
    /// Through a command and response buffer.
    Crb,
}

impl Interface {
    const fn device(self) -> &'static str {
        match self {
            Self::Fifo => "tpm-tis",
            Self::Crb => "tpm-crb",
        }
    }
}

/// A TPM that runs, and ends when QEMU lets go of it.
#[derive(Debug)]
pub struct Tpm {
    _process: Process,
    socket: PathBuf,
}

impl Tpm {
    /// Starts the TPM whose state lies in `folder`; without any it is a new one, with a random seed.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(folder: &Path) -> Result<Self> {
        let (state, socket) = (folder.join("tpm"), folder.join("tpm.socket"));
        fs::create_dir_all(&state)?;
        // What is left of the socket of one before would be taken for this one's; mostly there is nothing.
        let _ = fs::remove_file(&socket);
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--flags", "startup-clear", "--tpmstate"]);
        command.arg(format!("dir={}", state.display())).arg("--ctrl");
        command.arg(format!("type=unixio,path={}", socket.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Process::start("swtpm", &mut command)?;
        wait_for("swtpm's socket", || {
            process.check_running()?;
            Ok(socket.exists().then_some(()))
        })?;
        Ok(Self { _process: process, socket })
    }

    /// Makes a TPM in `folder` in which only the registers of SHA-1 are switched on.
    ///
    /// # Errors
    /// With what swtpm says.
    pub fn set_up_without_sha256(folder: &Path) -> Result<()> {
        let state = folder.join("tpm");
        fs::create_dir_all(&state)?;
        let mut command = Command::new("swtpm_setup");
        command.args(["--tpm2", "--pcr-banks", "sha1", "--tpmstate"]).arg(&state);
        let output = command.output().context("starting swtpm_setup")?;
        ensure!(output.status.success(), "swtpm_setup failed: {output:?}");
        Ok(())
    }

    /// Runs `work` on the TPM whose state lies in `folder`, by itself: with the words that make the programs of tpm2-tools
    /// speak to it.
    ///
    /// # Errors
    /// If it does not start, or `work` fails.
    pub fn with_tools(folder: &Path, work: impl FnOnce(&str) -> Result<()>) -> Result<()> {
        let state = folder.join("tpm");
        fs::create_dir_all(&state)?;
        // The tools take the port after the first one for control.
        let port = free_tcp_pair()?;
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--flags", "startup-clear,not-need-init", "--tpmstate"]);
        command.arg(format!("dir={}", state.display()));
        command.args(["--server", &format!("type=tcp,port={port}")]);
        command.args(["--ctrl", &format!("type=tcp,port={}", port + 1)]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Process::start("swtpm", &mut command)?;
        wait_for("swtpm's ports", || {
            process.check_running()?;
            // Its own port takes one connection after the other, so it is not asked.
            Ok(TcpStream::connect(loopback(port + 1)).ok())
        })?;
        work(&format!("swtpm:host=127.0.0.1,port={port}"))
    }

    /// Arguments that put it into QEMU's machine.
    #[must_use]
    pub fn arguments(&self, interface: Interface) -> Vec<String> {
        let socket = format!("socket,id=tpm-socket,path={}", self.socket.display());
        let device = format!("{},tpmdev=tpm", interface.device());
        ["-chardev", &socket, "-tpmdev", "emulator,id=tpm,chardev=tpm-socket", "-device", &device]
            .map(str::to_owned)
            .to_vec()
    }
}
