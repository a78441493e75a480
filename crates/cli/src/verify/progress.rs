//! The progress of a long batch.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on stderr that appears if the batch takes long.
pub(super) struct Progress {
    bar: ProgressBar,
    started: Instant,
    target: Option<ProgressDrawTarget>,
}

impl Progress {
    /// A bar for input of this many bytes, if known.
    pub(super) fn shown(bytes: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::hidden());
        let template = match bytes {
            Some(_) => "{bar:40} {percent:>3} %  {msg} tokens  {eta} left",
            None => "{spinner} {msg} tokens in {elapsed}",
        };
        // A mistake in the template would show in the first manual test; the default serves too.
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self {
            bar,
            started: Instant::now(),
            target: Some(ProgressDrawTarget::stderr()),
        }
    }

    /// No bar.
    pub(super) fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            started: Instant::now(),
            target: None,
        }
    }

    /// Adds bytes of input that are done, and sets the total number of tokens.
    pub(super) fn advance(&mut self, bytes: u64, tokens: u64) {
        if self.started.elapsed() < PATIENCE && self.target.is_some() {
            self.bar.inc(bytes);
            return;
        }
        if let Some(target) = self.target.take() {
            self.bar.set_draw_target(target);
        }
        self.bar.set_message(tokens.to_string());
        self.bar.inc(bytes);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A shorter batch needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
