//! Asking the members what became of their parts of the payloads of a round.

use spirt_protocol::{Digest, Holding, MAX_ASKED, PeerId, Request, Response};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{PAUSE, Share};
use crate::blobs::Board;
use crate::fetch;

/// The questions of a round. They end when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Polls {
    _asking: JoinSet<()>,
}

/// Asks each member until it has said of all payloads of the round what became of its part.
pub(crate) fn poll(share: &Share) -> Polls {
    let mut polls = JoinSet::new();
    for peer in share.others() {
        polls.spawn(ask_one(share.clone(), peer));
    }
    Polls { _asking: polls }
}

async fn ask_one(share: Share, peer: PeerId) {
    let board = share.blobs.board().clone();
    let mut turn = 0_usize;
    loop {
        let changed = board.changed();
        let mut roots = board.unsaid(share.round, peer);
        if roots.is_empty() {
            changed.await;
            continue;
        }
        // Not always the same ones, if there are more than fit.
        turn = turn.wrapping_add(MAX_ASKED);
        let count = roots.len();
        roots.rotate_left(if count > MAX_ASKED { turn % count } else { 0 });
        roots.truncate(MAX_ASKED);
        match ask(&share, peer, &roots).await {
            Some(said) => {
                // Who has news waits a moment itself for more.
                if !board.hear(peer, said) {
                    sleep(PAUSE).await;
                }
            }
            None => {
                if share.is_gone(&peer) {
                    board.lose(peer);
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// What a peer says of these payloads; `None` if it does not answer, or not as it should.
async fn ask(share: &Share, peer: PeerId, roots: &[Digest]) -> Option<Vec<(Digest, Holding)>> {
    let request = Request::Holds(roots.to_vec());
    let answer = fetch::ask(share.transfers.swarm(), peer, &request).await;
    let Some(Response::Bytes(bytes)) = answer else {
        return None;
    };
    let said = roots.iter().zip(&bytes);
    let said = said.map(|(root, byte)| Some((*root, Holding::from_byte(*byte)?)));
    (bytes.len() == roots.len()).then(|| said.collect())?
}

/// What the board says of a payload, as sets of members.
pub(super) struct Words {
    pub(super) held: u64,
    /// Of no use any more: the part is bad, or the member cannot be asked.
    pub(super) useless: u64,
    pub(super) times: Vec<std::time::Instant>,
}

impl Words {
    pub(super) fn of(share: &Share, board: &Board, root: &Digest) -> Self {
        let claims = board.claims(root);
        Self {
            held: share.parts.bits(&claims.held) | share.parts.bits([&share.me]),
            useless: share.parts.bits(&claims.bad) | share.parts.bits(&claims.lost),
            times: claims.times,
        }
    }
}
