//! Batches: a reader deals chunks of lines to the workers in turn, like cards, and the results are
//! collected in the same order. So chunks need no numbers, and the queues bound the work in progress.
//!
//! Threads of the standard library suffice: a work-stealing pool would have to reorder the results, and
//! all chunks take about the same time.

use std::io::{self, Read, Write};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use bearward_core::jws::KnownHeader;

use super::Verifier;
use super::lines::{self, Chunk};
use super::progress::Progress;
use super::verdict;
use crate::format::Format;
use crate::{Exit, Failure};

/// Verifies each line of `input`, and writes the results to `output` in order.
///
/// Returns early and silently if nobody reads the results any more. The reader thread may then still
/// wait for input; it ends with the process.
pub(super) fn verify(
    verifier: &Arc<Verifier>,
    format: Format,
    input: impl Read + Send + 'static,
    output: &mut impl Write,
    mut progress: Progress,
) -> Result<Exit, Failure> {
    let (hands, mut workers): (Vec<_>, Vec<_>) = (0..parallelism().get())
        .map(|_| Worker::start(verifier, format))
        .unzip();
    let reader = thread::spawn(move || deal(input, &hands));

    let mut exit = Exit::Good;
    let mut tokens: u64 = 0;
    let mut turn = (0..workers.len()).cycle();
    let last = loop {
        let at = turn.next().unwrap_or_default();
        let Some(Ok(answers)) = workers.get(at).map(|worker| worker.answers.recv()) else {
            break at;
        };
        if answers.refused > 0 {
            exit = Exit::Refused;
        }
        match output
            .write_all(&answers.lines)
            .and_then(|()| output.flush())
        {
            // The reader is gone. Results that were not written do not count as valid.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                let is_good = exit == Exit::Good;
                return Ok(if is_good { Exit::Undecided } else { exit });
            }
            written => written.map_err(Failure::Write)?,
        }
        tokens = tokens.saturating_add(answers.tokens);
        progress.advance(answers.consumed, tokens);
    };
    progress.finish();

    // This worker has no more results: the input has ended, or the worker failed.
    let last = workers.swap_remove(last);
    last.thread.join().map_err(|_| Failure::Worker)?;
    let read = reader.join().map_err(|_| Failure::Worker)?;
    read.map_err(Failure::Read)?;
    Ok(exit)
}

/// Deals the lines of `input` to the workers in turn.
fn deal(input: impl Read, hands: &[SyncSender<Chunk>]) -> io::Result<()> {
    let mut turn = hands.iter().cycle();
    lines::read(input, |chunk| {
        match turn.next().map(|hand| hand.send(chunk)) {
            Some(Ok(())) => ControlFlow::Continue(()),
            // Nobody reads the results any more.
            Some(Err(_)) | None => ControlFlow::Break(()),
        }
    })
}

struct Worker {
    answers: Receiver<Answers>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start(verifier: &Arc<Verifier>, format: Format) -> (SyncSender<Chunk>, Self) {
        let (hand, chunks) = sync_channel(QUEUE_CHUNKS);
        let (answer, answers) = sync_channel(QUEUE_CHUNKS);
        let verifier = Arc::clone(verifier);
        let thread = thread::spawn(move || {
            let (mut chunks, mut known) = (chunks.into_iter(), None);
            // Until there are no more chunks, or nobody reads the results any more.
            let _ = chunks.try_for_each(|chunk| {
                let answers = Answers::to(&chunk, &verifier, format, &mut known);
                answer.send(answers)
            });
        });
        (hand, Self { answers, thread })
    }
}

/// The results of one chunk.
struct Answers {
    lines: Vec<u8>,
    tokens: u64,
    refused: u64,
    consumed: u64,
}

impl Answers {
    fn to(
        chunk: &Chunk,
        verifier: &Verifier,
        format: Format,
        known: &mut Option<KnownHeader>,
    ) -> Self {
        let mut answers = Self {
            // Claims are shorter than the token that contains them, and so is a refusal.
            lines: Vec::with_capacity(chunk.bytes()),
            tokens: 0,
            refused: 0,
            consumed: chunk.consumed(),
        };
        for token in chunk.lines() {
            let now = verifier.clock.now();
            let verdict = verifier.verify(known, token, now);
            answers.tokens = answers.tokens.saturating_add(1);
            answers.refused = answers.refused.saturating_add(verdict.is_err().into());
            verdict::push_line(&verdict, format, now, &mut answers.lines);
        }
        answers
    }
}

fn parallelism() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// The chunks that may wait for a worker, and the results that may wait to be written: enough that no
/// worker idles while another takes longer.
const QUEUE_CHUNKS: usize = 4;
