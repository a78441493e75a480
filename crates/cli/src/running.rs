//! Commands that run until they are asked to stop.
//!
//! The command runs on a separate thread. The main thread waits only for the command's end and for
//! signals: even if the command hangs, the program ends.

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

/// Runs a command that needs a network until it ends, or until a signal asks it to stop and the time it
/// requested is over.
pub(crate) fn run<T: Send + 'static>(
    command: impl AsyncFnOnce(Stop) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let ran = block_on(async {
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
    });
    ran.map_err(Failure::Runtime)?
}

/// Runs this on the present thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}

fn run_here<T>(
    command: impl AsyncFnOnce(Stop) -> Result<T, Failure>,
    stop: Stop,
) -> Result<T, Failure> {
    let runtime = runtime().map_err(Failure::Runtime)?;
    let ran = runtime.block_on(command(stop));
    // A blocking call that hangs keeps its thread; nothing waits for it.
    runtime.shutdown_background();
    ran
}

/// Ctrl-C, or a signal from the process that started the program; a signal counts even before the
/// command begins.
#[derive(Clone)]
pub(crate) struct Stop {
    heard: watch::Receiver<()>,
    grace: Arc<OnceLock<Duration>>,
}

impl Stop {
    /// Requests this much time to end after a signal. Until this is called, a signal ends the
    /// program at once.
    pub(crate) fn allow(&self, grace: Duration) {
        // Only the first call counts.
        let _ = self.grace.set(grace);
    }

    /// Waits until the program is asked to stop.
    pub(crate) async fn requested(mut self) {
        // Nothing is ever sent; the sender closes the channel instead.
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

/// This port on 127.0.0.1; 0 means a free one.
pub(crate) const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// A runtime with as many threads as we have processors. For one processor, the current thread is
/// enough and needs no waking.
fn runtime() -> io::Result<Runtime> {
    let mut builder = match thread::available_parallelism().map_or(1, NonZeroUsize::get) {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

/// The usual size of a program's first stack; only the part in use takes memory.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// A little more than the gateway's maximum time to stop.
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

    /// Sends SIGTERM to this program once the command has begun. Returns whether it was sent.
    fn interrupt_once(begun: mpsc::Receiver<()>) -> std::thread::JoinHandle<bool> {
        std::thread::spawn(move || {
            let id = std::process::id().to_string();
            let send = || Command::new("kill").args(["-TERM", &id]).status();
            begun.recv().is_ok() && send().is_ok_and(|sent| sent.success())
        })
    }

    /// A serving thread hangs forever here. All in one test, since the signal reaches the whole
    /// program.
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
        // A command that listens ends by itself.
        let (ready, begun) = mpsc::channel();
        let interrupt = interrupt_once(begun);
        let ran = run(async move |stop| {
            stop.allow(Duration::from_secs(20));
            ready.send(()).unwrap();
            stop.requested().await;
            Ok(7)
        });
        assert!(interrupt.join().unwrap());
        assert_eq!(ran.unwrap(), 7);
    }
}
