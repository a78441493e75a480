//! Notifies systemd of a service of `Type=notify` ([sd_notify]) that it listens or stops. Does nothing
//! if systemd did not start the program.
//!
//! [sd_notify]: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html

/// The state of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    /// It listens.
    Ready,
    /// It was asked to stop, and finishes requests in progress.
    Stopping,
}

/// Notifies systemd.
#[cfg(unix)]
pub(crate) fn notify(state: State) {
    use sd_notify::NotifyState;
    let state = match state {
        State::Ready => NotifyState::Ready,
        State::Stopping => NotifyState::Stopping,
    };
    // Keep the environment unchanged: other threads may be reading it.
    if let Err(error) = sd_notify::notify(false, &[state]) {
        tracing::warn!(%error, "systemd could not be notified");
    }
}

/// There is no systemd here.
#[cfg(not(unix))]
pub(crate) const fn notify(_: State) {}
