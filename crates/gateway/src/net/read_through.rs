//! A stream with its own way of reading; writes pass through unchanged, a single piece as such.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream read by a function.
#[derive(Debug)]
pub(crate) struct ReadThrough<I, R> {
    io: I,
    read: R,
}

impl<I, R> ReadThrough<I, R>
where
    R: FnMut(Pin<&mut I>, &mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>>,
{
    pub(crate) const fn new(io: I, read: R) -> Self {
        Self { io, read }
    }
}

impl<I, R> AsyncRead for ReadThrough<I, R>
where
    I: Unpin,
    R: FnMut(Pin<&mut I>, &mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>> + Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        (this.read)(Pin::new(&mut this.io), cx, buf)
    }
}

impl<I: AsyncWrite + Unpin, R: Unpin> AsyncWrite for ReadThrough<I, R> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut self.io);
        match bufs {
            // A list of one takes the system longer.
            [buf] => io.poll_write(cx, buf),
            bufs => io.poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
