//! Where lines go, from any thread; the first failure ends it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One of the program's outputs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Stream(Arc<Mutex<Sink>>);

struct Sink {
    to: Box<dyn Write + Send>,
    failed: Option<io::Error>,
}

impl Stream {
    pub(super) fn new(to: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Sink {
            to: Box::new(to),
            failed: None,
        })))
    }

    /// Writes, unless it failed before.
    pub(super) fn write(&self, text: &str) {
        let mut sink = self.lock();
        if sink.failed.is_none() {
            let written = sink.to.write_all(text.as_bytes());
            sink.failed = written.and_then(|()| sink.to.flush()).err();
        }
    }

    /// Why nothing is written any more; asked for once.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.lock().failed.take()
    }

    fn lock(&self) -> MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
