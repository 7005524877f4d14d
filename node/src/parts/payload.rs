//! Getting one payload: the chunks of it that this node keeps, and the others' word for the rest.

use std::sync::Arc;
use std::time::Instant;

use futures::future::join;
use spirt_protocol::{Holding, PeerId};

use super::Share;
use super::patience::{self, until};
use super::poll::Words;
use crate::blobs::Blob;
use crate::transfer::{Account, Content, Manner, TransferError};

/// What is asked of contributions.
pub(super) const CONTRIBUTION: Manner = Manner {
    breadth: 1,
    widens: false,
    content: Content::FiniteF32,
};

/// Gets what this node keeps of a payload, says so, and waits until each other chunk can be had: all its keepers say so, or
/// it is here. The first of `holders` is the author.
///
/// # Errors
/// As [`TransferError`] says. What happened is added to `account` in either case.
pub(crate) async fn fetch(
    share: Share,
    blob: Arc<Blob>,
    holders: &[PeerId],
    account: &mut Account,
) -> Result<(), TransferError> {
    let board = share.blobs.board().clone();
    let root = blob.root();
    let author = *holders.first().ok_or(TransferError::Missing)?;
    board.set(share.round, root, Holding::Awaited);
    let fetch = async |chunks: &[u32], account: &mut Account| {
        let transfers = &share.transfers;
        let blob = Arc::clone(&blob);
        let holders = share.holders(author, holders, chunks);
        let got = transfers.fetch_chunks(blob, chunks, &holders, CONTRIBUTION, account);
        let got = got.await;
        if got == Err(TransferError::Bad) {
            board.set(share.round, root, Holding::Bad);
        }
        got
    };
    let mine = share.mine();
    // Time counts from when others may show what they have.
    let shown = async {
        share.transfers.may_be_shown().await;
        Instant::now()
    };
    let (got, began) = join(fetch(&mine, account), shown).await;
    got?;
    board.set(share.round, root, Holding::Held);
    let ended = (!mine.is_empty()).then(Instant::now);
    let others = share.others().count();
    loop {
        let changed = board.changed();
        let words = Words::of(&share, &board, &root);
        let open = share.open(&blob, words.held);
        if open.is_empty() {
            return Ok(());
        }
        let faulty = share.parts.faulty();
        let due = patience::due((began, ended), &words.times, others, faulty);
        let is_late = due.is_some_and(|due| Instant::now() >= due);
        let is_hopeless = |chunk: &u32| share.parts.keeper_bits(*chunk) & words.useless != 0;
        let hopeless: Vec<u32> = open
            .into_iter()
            .filter(|chunk| is_late || is_hopeless(chunk))
            .collect();
        if hopeless.is_empty() {
            tokio::select! {
                () = changed => {}
                () = until(due) => {}
            }
            continue;
        }
        let unheard = (words.held | words.useless).count_zeros();
        tracing::debug!(
            %author,
            chunks = hopeless.len(),
            is_late,
            useless = words.useless.count_ones(),
            unheard,
            elapsed = ?began.elapsed(),
            "parts that their keepers may not have"
        );
        fetch(&hopeless, account).await?;
    }
}
