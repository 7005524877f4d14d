//! What a fuzzer feeds with the bytes of a stream.

use std::time::Duration;

use futures::io::Cursor;

use super::frame::{End, read_frame, skip, write_frame};
use super::{HELLO, frame};

/// Longest body that is taken.
const MAX: usize = 1 << 16;
const STALL: Duration = Duration::from_secs(1);

/// Reads frames until the stream ends: what was read has one encoding, and never more is read, or
/// kept, than the stream holds.
pub(crate) fn frames(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without threads");
    runtime.block_on(async {
        let mut reader = Cursor::new(bytes);
        loop {
            let before = position(&reader);
            match read_frame(&mut reader, MAX, STALL).await {
                Ok(read) => {
                    assert!(read.body.len() <= MAX);
                    let mut written = Vec::new();
                    let done = write_frame(&mut written, &read, STALL).await;
                    assert!(done.is_ok(), "a vector takes everything");
                    assert_eq!(written, bytes[before..position(&reader)]);
                }
                Err(End::Closed | End::Garbage(_)) => break,
                Err(End::Stalled) => panic!("bytes in memory do not stall"),
            }
        }
        let greeted = frame::expect(&mut Cursor::new(bytes), HELLO).await;
        assert_eq!(greeted.is_ok(), bytes.starts_with(HELLO));
        let mut rest = Cursor::new(bytes);
        let skipped = skip(&mut rest, MAX, STALL).await;
        assert_eq!(skipped.is_ok(), bytes.len() >= MAX);
    });
}

fn position(reader: &Cursor<&[u8]>) -> usize {
    usize::try_from(reader.position()).unwrap_or(usize::MAX)
}
