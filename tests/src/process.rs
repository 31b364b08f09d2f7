//! Child processes that end with the test, and waiting for what they write.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long anything may take before a test gives up; a limit against hanging, not a promise.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A child that is ended when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts `command`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {name} ({command:?})"))?;
        Ok(Self { child, name: name.to_owned() })
    }

    /// The child itself.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Memory of the child that is in use now, in KiB (VmRSS of proc(5)).
    ///
    /// # Errors
    /// If it has ended.
    pub fn memory_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(number.parse()?)
    }

    /// Fails if the child has ended.
    ///
    /// # Errors
    /// With the name and exit status.
    pub fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} has ended: {status}", self.name);
        }
        Ok(())
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// If it cannot be told to end or does not.
    pub fn terminate(&mut self) -> Result<std::process::ExitStatus> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("kill")?;
        wait_for(&format!("{} to end", self.name), || Ok(self.child.try_wait()?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended is as good; nobody is left to tell of anything else.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls `probe` until it returns something.
///
/// # Errors
/// When [`PATIENCE`] is at its end, or the probe fails.
pub fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = probe()? {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            bail!("waited {} s for {what}", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(20));
    }
}

/// Waits until the file at `path` holds `text`, and returns all of it.
///
/// # Errors
/// As [`wait_for`], with the file's contents.
pub fn wait_for_text(path: &Path, text: &str) -> Result<String> {
    let read = || String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let found = wait_for(&format!("{text:?} in {}", path.display()), || {
        let contents = read();
        Ok(contents.contains(text).then_some(contents))
    });
    found.with_context(|| format!("{} holds:\n{}", path.display(), read()))
}
