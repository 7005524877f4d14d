//! Requests to join: the latest of each peer.

use crate::frame::Frame;
use crate::message::Message;
use crate::sign::Verified;
use crate::spec::MAX_PEERS;

use super::{Put, RoundLog};

impl RoundLog {
    pub(super) fn put_join(&mut self, frame: Verified<Frame>) -> Put {
        let author = frame.author();
        let known = self.joins.get(&author);
        if known.is_some_and(|known| nonce(known) >= nonce(&frame)) {
            return Put::Known;
        }
        if !self.joins.contains_key(&author) && self.joins.len() >= usize::from(MAX_PEERS) {
            return Put::Excess;
        }
        self.joins.insert(author, frame);
        Put::New
    }
}

/// What orders the requests to join of one author: its session, and how often it asked in it.
pub(in crate::machine) fn nonce(join: &Frame) -> (u64, u32) {
    let asked = match join.message() {
        Message::Join(join) => join.nonce,
        _ => 0,
    };
    (join.envelope().session, asked)
}
