//! What another process writes, line by line, as it comes.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a process writes.
pub struct Pipes {
    /// Lines of its stdout that are known already.
    pub known: usize,
    /// Its stdout.
    pub stdout: ChildStdout,
    /// Its stderr.
    pub stderr: ChildStderr,
}

impl Pipes {
    /// Those of a child that was started with pipes.
    ///
    /// # Panics
    /// When it was not.
    pub fn of(child: &mut Child) -> Self {
        Self {
            known: 0,
            stdout: child.stdout.take().expect("stdout is a pipe"),
            stderr: child.stderr.take().expect("stderr is a pipe"),
        }
    }
}

/// The lines of a stream so far, each understood as a `T`. A thread reads them until the end.
pub struct Follow<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    told: Mutex<Told<T>>,
    more: Condvar,
}

struct Told<T> {
    items: Vec<T>,
    strange: Vec<String>,
    over: bool,
}

impl<T> Shared<T> {
    fn told(&self) -> MutexGuard<'_, Told<T>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Told<T>)) {
        change(&mut self.told());
        self.more.notify_all();
    }
}

impl<T: Clone + Send + 'static> Follow<T> {
    /// Follows a stream; `read` understands a line, or says why not.
    pub fn new<E: ToString>(
        from: impl Read + Send + 'static,
        read: impl Fn(&str) -> Result<T, E> + Send + 'static,
    ) -> Self {
        Self::after(0, from, read)
    }

    /// Follows a stream after its first `known` lines.
    pub fn after<E: ToString>(
        known: usize,
        from: impl Read + Send + 'static,
        read: impl Fn(&str) -> Result<T, E> + Send + 'static,
    ) -> Self {
        let told = Told {
            items: Vec::new(),
            strange: Vec::new(),
            over: false,
        };
        let shared = Arc::new(Shared {
            told: Mutex::new(told),
            more: Condvar::new(),
        });
        let writer = Arc::clone(&shared);
        thread::spawn(move || {
            let lines = BufReader::new(from).lines().map_while(Result::ok);
            for line in lines.skip(known) {
                let item = read(&line);
                writer.update(|told| match item {
                    Ok(item) => told.items.push(item),
                    Err(error) => told.strange.push(format!("{}: {line}", error.to_string())),
                });
            }
            writer.update(|told| told.over = true);
        });
        Self { shared }
    }

    /// How many lines came so far, understood or not.
    pub(crate) fn n_lines(&self) -> usize {
        let told = self.shared.told();
        told.items.len() + told.strange.len()
    }

    /// What came so far.
    pub fn items(&self) -> Vec<T> {
        self.shared.told().items.clone()
    }

    /// The lines that could not be understood, each after the reason.
    pub fn strange(&self) -> Vec<String> {
        self.shared.told().strange.clone()
    }

    /// Looks at what came so far.
    pub fn look<R>(&self, look: impl FnOnce(&[T]) -> R) -> R {
        look(&self.shared.told().items)
    }

    /// Waits until `look` finds something in what came so far.
    ///
    /// # Errors
    /// Why nothing more is to be expected: the stream ended, or the deadline passed.
    pub fn wait_until<R>(
        &self,
        patience: Duration,
        look: impl Fn(&[T]) -> Option<R>,
    ) -> Result<R, &'static str> {
        self.wait(patience, |told| match look(&told.items) {
            Some(found) => Some(Ok(found)),
            None => told.over.then_some(Err("it ended")),
        })
        .unwrap_or(Err("the deadline passed"))
    }

    /// Waits until the stream ends, and says whether it did.
    #[must_use]
    pub fn wait_over(&self, patience: Duration) -> bool {
        self.wait(patience, |told| told.over.then_some(()))
            .is_some()
    }

    fn wait<R>(&self, patience: Duration, look: impl Fn(&Told<T>) -> Option<R>) -> Option<R> {
        let deadline = Instant::now() + patience;
        let mut told = self.shared.told();
        loop {
            if let Some(found) = look(&told) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.shared.more.wait_timeout(told, left);
            (told, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}
