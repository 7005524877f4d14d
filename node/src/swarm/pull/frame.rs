//! Frames of `/spirt/pull/1`, with limits before allocation and a bound on stalling.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::blobs::Filling;
use crate::swarm::limits;

pub(crate) const HEADER: usize = 9;
/// The unit in which memory is taken and progress is demanded.
const PIECE: usize = 64 * 1024;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Request = 0,
    Response = 1,
    Refused = 2,
    Busy = 3,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Request),
            1 => Some(Self::Response),
            2 => Some(Self::Refused),
            3 => Some(Self::Busy),
            _ => None,
        }
    }
}

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) id: u32,
    pub(crate) kind: Kind,
    pub(crate) body: Bytes,
}

/// What stands before a frame's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u32,
    pub(crate) kind: Kind,
    /// Bytes of the body.
    pub(crate) length: usize,
}

/// Why a stream ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The other side closed it, or the connection is gone.
    Closed,
    /// The other side broke the protocol.
    Garbage(&'static str),
    /// The other side began a frame and stopped, or does not read.
    Stalled,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// Reads a frame with a body of at most `max` bytes. Waits for its first byte as long as need
/// be, then gives the rest `stall` per 64 KiB. Memory is taken as the bytes come.
pub(crate) async fn read_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
    max: usize,
    stall: Duration,
) -> Result<Frame, End> {
    let Header { id, kind, length } = read_header(reader, max, stall).await?;
    let body = read_body(reader, length, stall).await?;
    Ok(Frame { id, kind, body })
}

/// Reads what stands before the body, as [`read_frame`].
pub(crate) async fn read_header<R: AsyncRead + Unpin>(
    reader: &mut R,
    max: usize,
    stall: Duration,
) -> Result<Header, End> {
    let mut header = [0; HEADER];
    let (first, rest) = header.split_at_mut(1);
    reader.read_exact(first).await?;
    within(stall, reader.read_exact(rest)).await?;

    let [l0, l1, l2, l3, i0, i1, i2, i3, kind] = header;
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    let length = usize::try_from(length).map_err(|_| End::Garbage("oversize frame"))?;
    if length > max {
        return Err(End::Garbage("oversize frame"));
    }
    let kind = Kind::from_byte(kind).ok_or(End::Garbage("unknown kind of frame"))?;
    let id = u32::from_be_bytes([i0, i1, i2, i3]);
    Ok(Header { id, kind, length })
}

/// Reads a body of a length that was checked.
pub(crate) async fn read_body<R: AsyncRead + Unpin>(
    reader: &mut R,
    length: usize,
    stall: Duration,
) -> Result<Bytes, End> {
    let mut body = Vec::new();
    while body.len() < length {
        let have = body.len();
        body.resize(length.min(have + PIECE), 0);
        within(stall, reader.read_exact(&mut body[have..])).await?;
    }
    Ok(body.into())
}

/// Fills `out` from a body.
pub(crate) async fn read_into<R: AsyncRead + Unpin>(
    reader: &mut R,
    out: &mut Filling,
    stall: Duration,
) -> Result<(), End> {
    loop {
        let room = out.room(limits::YAMUX_BODY);
        let length = room.len();
        if length == 0 {
            return Ok(());
        }
        within(stall, reader.read_exact(room)).await?;
        out.advance(length);
    }
}

/// Reads over the rest of a body.
pub(crate) async fn skip<R: AsyncRead + Unpin>(
    reader: &mut R,
    mut length: usize,
    stall: Duration,
) -> Result<(), End> {
    let mut scratch = [0; 4096];
    while length > 0 {
        let part = length.min(scratch.len());
        within(stall, reader.read_exact(&mut scratch[..part])).await?;
        length -= part;
    }
    Ok(())
}

/// Writes and flushes a frame, which the other side must take at 64 KiB per `stall`.
pub(crate) async fn write_frame<W: AsyncWrite + Unpin>(
    writer: &mut W,
    frame: &Frame,
    stall: Duration,
) -> Result<(), End> {
    write_parts(writer, frame.id, frame.kind, [&[], &frame.body], stall).await
}

/// Writes a frame whose body lies in two parts, as [`write_frame`]; nothing is copied.
pub(crate) async fn write_parts<W: AsyncWrite + Unpin>(
    writer: &mut W,
    id: u32,
    kind: Kind,
    body: [&[u8]; 2],
    stall: Duration,
) -> Result<(), End> {
    let length = body[0].len() + body[1].len();
    let length = u32::try_from(length).map_err(|_| End::Garbage("oversize frame"))?;
    let mut head = Vec::with_capacity(HEADER + body[0].len());
    head.extend_from_slice(&length.to_be_bytes());
    head.extend_from_slice(&id.to_be_bytes());
    head.push(kind as u8);
    head.extend_from_slice(body[0]);
    within(stall, writer.write_all(&head)).await?;
    for piece in body[1].chunks(limits::YAMUX_BODY) {
        within(stall, writer.write_all(piece)).await?;
    }
    within(stall, writer.flush()).await
}

/// A greeting of fixed length.
pub(crate) async fn expect<R: AsyncRead + Unpin>(
    reader: &mut R,
    greeting: &[u8; 8],
) -> Result<(), End> {
    let mut read = [0; 8];
    reader.read_exact(&mut read).await?;
    if read == *greeting {
        Ok(())
    } else {
        Err(End::Garbage("wrong greeting"))
    }
}

pub(crate) async fn within<T>(
    stall: Duration,
    io: impl Future<Output = io::Result<T>>,
) -> Result<T, End> {
    Ok(timeout(stall, io).await.map_err(|_| End::Stalled)??)
}
