//! What keeps running until it is told to stop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::{Exit, Failure};

/// Runs a command that needs a network, to its end.
pub(crate) fn run(command: impl AsyncFnOnce(Stop) -> Result<(), Failure>) -> Result<Exit, Failure> {
    let runtime = runtime().map_err(Failure::Runtime)?;
    runtime.block_on(async { command(Stop::listen().map_err(Failure::Runtime)?).await })?;
    Ok(Exit::Good)
}

/// Ctrl-C, or the signal of whoever started the program: heard from the moment this is made, which
/// is before anything is printed.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<()>);

impl Stop {
    fn listen() -> io::Result<Self> {
        let signal = signal()?;
        let (told, heard) = watch::channel(());
        tokio::spawn(async move {
            signal.await;
            drop(told);
        });
        Ok(Self(heard))
    }

    /// Waits until the program is told to stop.
    pub(crate) async fn told(mut self) {
        // Nothing is ever sent; the end of the sender is the message.
        while self.0.changed().await.is_ok() {}
    }
}

#[cfg(unix)]
fn signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(windows)]
fn signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

/// This port on 127.0.0.1; 0 is a free one.
pub(crate) const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// As many threads that serve as there are processors for us; where that is one, the thread we have,
/// which need not be told of what is to do.
fn runtime() -> io::Result<Runtime> {
    let mut builder = match thread::available_parallelism().map_or(1, NonZeroUsize::get) {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}
