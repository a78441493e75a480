//! What the operator learns about requests: log, metrics, traces. All of it comes from configuration or is
//! a fixed code, except two things that the sender chose, each in a form that cannot be misread: the path, in the
//! log alone, and the id, if a trusted proxy sent it.

mod access_log;
pub mod interruption;
pub mod log;
pub mod metrics;
pub mod observer;
pub mod request;
pub mod request_id;
pub mod telemetry;
