//! The processes at both ends of a measurement: how they are started, and what each does.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::{plain, receive, send, suite_of};

/// Does what one end is told: `receive`, `send PORT SUITE PACE BYTES`, `receive-plain`, or `send-plain PORT BATCHED`.
///
/// # Errors
/// If the arguments are others, or a socket fails.
pub fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["receive"] => receive::run(),
        ["send", port, suite, pace, bytes] => {
            send::run(port.parse()?, suite_of(suite), pace.parse()?, bytes.parse()?)
        }
        ["receive-plain"] => plain::receive(),
        ["send-plain", port, batched] => plain::send(port.parse()?, batched.parse()?),
        _ => bail!("this is started by the benchmark; run ./scripts/bench bulk"),
    }
}

/// A process that was started for one end.
pub(super) struct End {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl End {
    pub(super) fn start(arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("bench-end");
        let mut child =
            Command::new(&program).args(arguments).stdout(Stdio::piped()).spawn().with_context(|| {
                format!("{} does not start; ./scripts/bench builds it", program.display())
            })?;
        let output = child.stdout.take().context("a process without output")?;
        Ok(Self { child, output: BufReader::new(output) })
    }

    /// The next line that it prints.
    pub(super) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    /// Waits for its end; the rest of what it printed.
    pub(super) fn finish(mut self) -> Result<String> {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest)?;
        ensure!(self.child.wait()?.success(), "one end failed; see above");
        Ok(rest.trim().to_owned())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // Of a process that has ended, nothing is left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
