//! What the benchmarks in process share: who takes part, the tokens all get, and the targets.

#[cfg(feature = "peers")]
pub mod contestants;
pub mod targets;
pub mod tokens;

/// Runs a part this many times; callgrind counts what happens in here.
#[inline(never)]
pub fn measured(times: u32, mut part: impl FnMut()) {
    for _ in 0..times {
        part();
    }
}
