//! The source of the current time: the system, or a test.

use std::sync::Arc;

use bearward_core::UnixTime;

pub(crate) type Clock = Arc<dyn Fn() -> UnixTime + Send + Sync>;
