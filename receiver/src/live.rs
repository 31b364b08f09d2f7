//! The live view: what arrives, redrawn about twice a second on standard error.

mod table;
mod view;

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::log::Tail;
use crate::sinks::Input;
use crate::status::Status;
use table::Table;
use view::{Frame, Size};

const REDRAW_INTERVAL: Duration = Duration::from_millis(500);
/// Without a terminal a summary line is enough, and less often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);
/// Leaves the cursor at the top left; the text that follows replaces what was there, without flicker.
const HOME: &str = "\x1b[H";
const CLEAR: &str = "\x1b[2J";

/// The task's state.
pub struct Live {
    status: watch::Receiver<Arc<Status>>,
    tail: Arc<Tail>,
    table: Table,
    is_terminal: bool,
}

impl Live {
    /// A view that has seen nothing yet.
    #[must_use]
    pub fn new(status: watch::Receiver<Arc<Status>>, tail: Arc<Tail>) -> Self {
        Self { status, tail, table: Table::default(), is_terminal: std::io::stderr().is_terminal() }
    }

    /// Draws until the queue is closed.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut redraws = interval(if self.is_terminal { REDRAW_INTERVAL } else { PLAIN_INTERVAL });
        redraws.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if self.is_terminal {
            print(CLEAR);
        }
        loop {
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(Input::Items(items)) => {
                        let now = Instant::now();
                        items.iter().for_each(|item| self.table.take(item, now));
                    }
                    Some(_) => {}
                    None => break,
                },
                _ = redraws.tick() => self.draw(),
            }
        }
        self.draw();
    }

    fn draw(&self) {
        let status = self.status.borrow().clone();
        if !self.is_terminal {
            view::plain_lines(&status).iter().for_each(|line| crate::log::print_line(line));
            return;
        }
        let size = rustix::termios::tcgetwinsize(std::io::stderr())
            .map_or(Size::default(), |size| Size { rows: size.ws_row.into(), columns: size.ws_col.into() });
        let frame =
            Frame { status: &status, table: &self.table, log: &self.tail.lines(), now: Instant::now() };
        print(&format!("{HOME}{}", frame.render(size)));
    }
}

fn print(text: &str) {
    let mut output = std::io::stderr().lock();
    // A terminal that is gone is no reason to stop receiving.
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}
