//! What the operator learns about requests: log, audit log, metrics, traces. All of it comes from configuration or is
//! a fixed code, except two things that the sender chose, each in a form that cannot be misread: the path, in the
//! log alone, and the id, if a trusted proxy sent it. Who sent a request stands in the audit log, and in the log
//! if the operator asks for it; always as a verified token says it.

pub(crate) mod access_log;
pub mod audit;
pub mod identity;
pub mod interruption;
mod line_limit;
pub mod log;
pub mod metrics;
pub mod observer;
mod recent;
pub mod request;
pub mod request_id;
pub mod telemetry;
