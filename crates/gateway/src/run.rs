//! The running program: everything a configuration says, in operation.

mod away;
mod certificates;
mod descriptors;
mod reload;
mod start;
mod watch_file;

pub use self::reload::{Reloader, Reloads, Trigger, log_mistakes};
pub use self::start::{Gateway, StartError};
