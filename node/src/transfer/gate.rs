//! [`Gate`]: before it opens, sources may keep back what they have.

use tokio::sync::watch;

/// What is announced is shown once the headers' window is closed. Open from the start if there is none to wait for.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(pub(super) Option<watch::Receiver<bool>>);

impl Gate {
    /// Whether it is open: the window is closed, or nobody will say so any more.
    pub(super) fn is_open(&self) -> bool {
        let closed = self.0.as_ref();
        closed.is_none_or(|closed| *closed.borrow() || closed.has_changed().is_err())
    }

    /// Ends when it is open.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn open(&mut self) {
        if let Some(closed) = &mut self.0 {
            // An error says that nobody will say so any more.
            let _ = closed.wait_for(|closed| *closed).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn it_opens_with_the_word_or_with_the_end_of_those_who_could_say_it() {
        assert!(Gate::default().is_open());
        let sender = watch::Sender::new(false);
        let mut gate = Gate(Some(sender.subscribe()));
        assert!(!gate.is_open());
        assert_eq!(gate.open().now_or_never(), None);
        sender.send_replace(true);
        assert!(gate.is_open());
        assert_eq!(gate.open().now_or_never(), Some(()));
        let sender = watch::Sender::new(false);
        let mut gate = Gate(Some(sender.subscribe()));
        drop(sender);
        assert!(gate.is_open());
        assert_eq!(gate.open().now_or_never(), Some(()));
    }
}
