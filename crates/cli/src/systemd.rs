//! What systemd is told of a service of `Type=notify` ([sd_notify]): that it listens, and that it
//! stops. Whoever did not start the program by systemd is told nothing.
//!
//! [sd_notify]: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html

/// Where the service is in its life.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    /// It listens.
    Ready,
    /// It was told to stop, and answers what is under way.
    Stopping,
}

/// Tells it.
#[cfg(unix)]
pub(crate) fn tell(state: State) {
    use sd_notify::NotifyState;
    let state = match state {
        State::Ready => NotifyState::Ready,
        State::Stopping => NotifyState::Stopping,
    };
    // The environment stays as it is: other threads may be reading it.
    if let Err(error) = sd_notify::notify(false, &[state]) {
        tracing::warn!(%error, "systemd is not told");
    }
}

/// There is no systemd.
#[cfg(not(unix))]
pub(crate) const fn tell(_: State) {}
