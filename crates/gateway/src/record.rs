//! What the operator learns about requests: log, metrics, traces. All of it comes from configuration or is
//! a fixed code: nothing is text that the sender chose.

mod access_log;
pub mod interruption;
pub mod log;
pub mod metrics;
pub mod observer;
pub mod request;
pub mod telemetry;
