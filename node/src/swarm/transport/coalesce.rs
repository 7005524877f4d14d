//! [`Coalesced`]: short writes wait for the long one behind them.
//!
//! Yamux writes the 12 bytes of a frame's header apart from its body, and TLS makes a record, and a system call, of each
//! write. Here the header travels in the first record of its body. Nothing stays behind a flush.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{AsyncRead, AsyncWrite};

/// A write of at most so many bytes may wait.
const SHORT: usize = 256;

/// A byte stream whose short writes wait for the next long one, or for a flush.
#[derive(Debug)]
pub(super) struct Coalesced<T> {
    io: T,
    waiting: Vec<u8>,
}

impl<T> Coalesced<T> {
    pub(super) const fn new(io: T) -> Self {
        Self {
            io,
            waiting: Vec::new(),
        }
    }
}

impl<T: AsyncWrite + Unpin> Coalesced<T> {
    fn poll_write_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.waiting))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Coalesced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Coalesced<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if buf.len() <= SHORT {
            if this.waiting.len() + buf.len() > SHORT {
                ready!(this.poll_write_waiting(cx))?;
            }
            this.waiting.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        while !this.waiting.is_empty() {
            let parts = [IoSlice::new(&this.waiting), IoSlice::new(buf)];
            let written = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, &parts))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let short = this.waiting.len();
            this.waiting.drain(..written.min(short));
            if written > short {
                return Poll::Ready(Ok(written - short));
            }
        }
        Pin::new(&mut this.io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_write_waiting(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_write_waiting(cx))?;
        Pin::new(&mut this.io).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{AsyncWriteExt as _, executor::block_on};

    /// Takes at most so many bytes of each write, and notes where one ended.
    #[derive(Default)]
    struct Sink {
        most: usize,
        bytes: Vec<u8>,
        writes: Vec<usize>,
    }

    impl AsyncWrite for Sink {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = buf.len().min(self.most);
            self.bytes.extend_from_slice(&buf[..taken]);
            self.writes.push(taken);
            Poll::Ready(Ok(taken))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let bytes: Vec<u8> = bufs.iter().flat_map(|part| part.to_vec()).collect();
            self.poll_write(cx, &bytes)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn sink(most: usize) -> Coalesced<Sink> {
        Coalesced::new(Sink {
            most,
            ..Sink::default()
        })
    }

    #[test]
    fn a_header_travels_with_its_body() {
        block_on(async {
            let mut io = sink(usize::MAX);
            io.write_all(&[1; 12]).await.unwrap();
            assert_eq!(io.io.writes, [0_usize; 0], "it waits");
            io.write_all(&[2; 1000]).await.unwrap();
            assert_eq!(io.io.writes, [1012]);
            io.write_all(&[3; 12]).await.unwrap();
            io.flush().await.unwrap();
            assert_eq!(io.io.writes, [1012, 12], "a flush leaves nothing behind");
        });
    }

    #[test]
    fn every_byte_arrives_in_order_however_little_is_taken_at_a_time() {
        for most in [1, 5, 11, 12, 13, 300] {
            block_on(async {
                let mut io = sink(most);
                let mut expected = Vec::new();
                for (round, length) in [12, 1000, 12, 200, 200, 257, 256].into_iter().enumerate() {
                    let part: Vec<u8> = (0..length).map(|i| (i + round) as u8).collect();
                    io.write_all(&part).await.unwrap();
                    expected.extend(part);
                }
                io.close().await.unwrap();
                assert_eq!(io.io.bytes, expected, "at most {most} bytes a write");
            });
        }
    }
}
