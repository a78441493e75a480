//! What keeps running until it is told to stop.
//!
//! The command runs on a separate thread. The main thread waits for its end and for signals, and
//! does nothing that could make it wait for anything else: whatever hangs, the program ends.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::Failure;

/// Runs a command that needs a network, to its end, or until a signal asks it to stop and the
/// time that it asked for is over.
pub(crate) fn run<T: Send + 'static>(
    command: impl AsyncFnOnce(Stop) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let waiting = Builder::new_current_thread().enable_all().build();
    waiting.map_err(Failure::Runtime)?.block_on(async {
        let signal = signal().map_err(Failure::Runtime)?;
        let (stopping, heard) = watch::channel(());
        let grace = Arc::<OnceLock<Duration>>::default();
        let stop = Stop {
            heard,
            grace: Arc::clone(&grace),
        };
        let (done, mut ended) = oneshot::channel();
        thread::Builder::new()
            .name("bearward".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || done.send(run_here(command, stop)))
            .map_err(Failure::Runtime)?;
        tokio::select! {
            ended = &mut ended => return ended.unwrap_or(Err(Failure::Worker)),
            () = signal => {}
        }
        drop(stopping);
        let Some(grace) = grace.get() else {
            return Err(Failure::Stopped);
        };
        match timeout(*grace, ended).await {
            Ok(ended) => ended.unwrap_or(Err(Failure::Worker)),
            Err(_) => Err(Failure::Stuck),
        }
    })
}

fn run_here<T>(
    command: impl AsyncFnOnce(Stop) -> Result<T, Failure>,
    stop: Stop,
) -> Result<T, Failure> {
    let runtime = runtime().map_err(Failure::Runtime)?;
    let ran = runtime.block_on(command(stop));
    // Work that hangs in the system keeps its thread; nothing waits for it.
    runtime.shutdown_background();
    ran
}

/// Ctrl-C, or a signal from the process that started the program; received even before the command
/// begins.
#[derive(Clone)]
pub(crate) struct Stop {
    heard: watch::Receiver<()>,
    grace: Arc<OnceLock<Duration>>,
}

impl Stop {
    /// Requests this much time to end after a signal. Until this is called, a signal ends the
    /// program at once.
    pub(crate) fn allow(&self, grace: Duration) {
        // The first one stays.
        let _ = self.grace.set(grace);
    }

    /// Waits until the program is told to stop.
    pub(crate) async fn told(mut self) {
        // Nothing is ever sent; the end of the sender is the message.
        while self.heard.changed().await.is_ok() {}
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

/// What a program's first thread has, of which only what is used is taken.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// What a gateway takes at most to end, and a little more.
pub(crate) const GRACE: Duration = Duration::from_secs(31);

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::run;
    use crate::Failure;

    fn hang() -> ! {
        loop {
            std::thread::park();
        }
    }

    /// Sends SIGTERM to this program once the command has begun. Whether it was sent.
    fn interrupt_once(begun: mpsc::Receiver<()>) -> std::thread::JoinHandle<bool> {
        std::thread::spawn(move || {
            let id = std::process::id().to_string();
            let send = || Command::new("kill").args(["-TERM", &id]).status();
            begun.recv().is_ok() && send().is_ok_and(|sent| sent.success())
        })
    }

    /// What hangs here is a thread that serves, for ever. In one test, since the signal is for the whole program.
    #[test]
    fn t_dos_11_a_command_that_hangs_is_ended() {
        for grace in [None, Some(Duration::from_millis(300))] {
            let (hangs, begun) = mpsc::channel();
            let interrupt = interrupt_once(begun);
            let began = Instant::now();
            let ran = run(async move |stop| {
                grace.into_iter().for_each(|grace| stop.allow(grace));
                hangs.send(()).unwrap();
                hang();
                #[expect(unreachable_code, reason = "the type of what it would answer")]
                Ok(())
            });
            assert!(interrupt.join().unwrap());
            match grace {
                None => assert!(matches!(ran, Err(Failure::Stopped)), "{ran:?}"),
                Some(grace) => {
                    assert!(matches!(ran, Err(Failure::Stuck)), "{ran:?}");
                    assert!(began.elapsed() >= grace);
                }
            }
            assert!(began.elapsed() < Duration::from_secs(10));
        }
        // One that listens ends as it likes.
        let (ready, begun) = mpsc::channel();
        let interrupt = interrupt_once(begun);
        let ran = run(async move |stop| {
            stop.allow(Duration::from_secs(20));
            ready.send(()).unwrap();
            stop.told().await;
            Ok(7)
        });
        assert!(interrupt.join().unwrap());
        assert_eq!(ran.unwrap(), 7);
    }
}
