//! What the benchmarks in process share: who takes part, the tokens all get, and the targets.

pub mod contestants;
pub mod targets;
pub mod tokens;
