//! Both ends of the one-way protocol on virtual time, a bad network between them, and a judge behind them.
//!
//! ```text
//! plant ─▶ link::Sender ─▶ network (loss, bursts, outages, reordering, copies, damage, forgery, replay) ─▶ link::Receiver ─▶ judge
//!   └──────────────────────────────── what was said ────────────────────────────────────────────────────────────────────▶┘
//! ```
//!
//! Everything follows from a seed, so that a run that fails can be run again.

pub mod matrix;
pub mod network;
pub mod random;
pub mod run;
pub mod scenario;
pub mod seal;

mod judge;
mod oracle;
mod plant;

pub use network::Faults;
pub use run::{Outcome, run};
pub use scenario::{Event, Load, Scenario};
