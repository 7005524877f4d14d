//! The aggregate of an agreed set: this node's part of it computed, the rest taken from its keepers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{BoxFuture, join_all};
use futures::stream::FuturesUnordered;
use spirt_aggregation::Verdict;
use spirt_protocol::{Digest, Offence, PeerId, Request, Response, set_name};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::patience::{self, until};
use super::payload::CONTRIBUTION;
use super::{PAUSE, Share};
use crate::blobs::{Blob, Hashed, Packed};
use crate::fetch;
use crate::transfer::{Account, Content, Manner, TransferError};
use crate::worker::Worker;
use crate::worker::message::{Sum, Summed, Task};

/// A set's aggregate, in single precision.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// All of it.
    pub(crate) aggregate: Packed,
    /// What the rule made of each contribution, as far as this node's own part shows.
    pub(crate) verdicts: BTreeMap<PeerId, Verdict>,
}

/// The aggregate of the contributions that were agreed on, each by ascending author and root. `None` when the node ends.
/// What happened is added to `account`.
///
/// # Cancel safety
/// What was computed stays served; the rest is given up.
pub(crate) async fn gather(
    share: Share,
    worker: Worker,
    contributions: Vec<(PeerId, Digest)>,
    account: &mut Account,
) -> Option<Gathered> {
    let set = set_name(share.round, &contributions);
    let mut gathering = Gathering {
        share,
        worker,
        contributions,
        set,
        sums: BTreeMap::new(),
        lists: BTreeMap::new(),
        times: Vec::new(),
        verdicts: BTreeMap::new(),
    };
    let aggregate = gathering.run(account).await?;
    gathering.name_liars(account);
    Some(Gathered {
        aggregate,
        verdicts: gathering.verdicts,
    })
}

/// A question for a member's hashes, under way.
type Question = BoxFuture<'static, (PeerId, Vec<Digest>)>;

struct Gathering {
    share: Share,
    worker: Worker,
    contributions: Vec<(PeerId, Digest)>,
    set: Digest,
    /// What this node computed.
    sums: BTreeMap<u32, Hashed>,
    /// What members say that the chunks are that they keep.
    lists: BTreeMap<PeerId, BTreeMap<u32, Digest>>,
    /// When each of them did.
    times: Vec<Instant>,
    verdicts: BTreeMap<PeerId, Verdict>,
}

impl Gathering {
    async fn run(&mut self, account: &mut Account) -> Option<Packed> {
        let began = Instant::now();
        let mine = self.share.mine();
        if !mine.is_empty() {
            let verdicts = self.compute(&mine, account).await?;
            let authors = self.contributions.iter().map(|(author, _)| *author);
            self.verdicts = authors.zip(verdicts).collect();
            self.share.blobs.board().publish(self.set, &self.sums);
        }
        let list = self.learn(began, account).await?;
        let blob = Arc::new(Blob::named(self.set, self.length()?, list)?);
        loop {
            for (index, sum) in &self.sums {
                blob.put(*index, sum).ok()?;
            }
            let rest: Vec<u32> = (0..blob.count())
                .filter(|index| !blob.has(*index))
                .collect();
            let keepers = self.share.keepers();
            let manner = Manner {
                breadth: keepers.len(),
                widens: false,
                content: Content::Any,
            };
            let transfers = &self.share.transfers;
            let got = transfers.fetch_chunks(Arc::clone(&blob), &rest, &keepers, manner, account);
            if got.await.is_ok() {
                return Packed::of(blob);
            }
            // Those that named them are gone, or do not give them.
            let missing: Vec<u32> = rest.into_iter().filter(|index| !blob.has(*index)).collect();
            self.compute(&missing, account).await?;
        }
    }

    /// The hash of each chunk of the aggregate: computed, or named by all its keepers.
    async fn learn(&mut self, began: Instant, account: &mut Account) -> Option<Bytes> {
        let ended = (!self.sums.is_empty()).then(Instant::now);
        let (parts, others) = (Arc::clone(&self.share.parts), self.share.others().count());
        let mut questions: FuturesUnordered<Question> =
            self.share.others().map(|peer| self.ask(peer)).collect();
        loop {
            let due = patience::due((began, ended), &self.times, others, parts.faulty());
            let is_late = due.is_some_and(|due| Instant::now() >= due);
            let gone: BTreeSet<PeerId> = self
                .share
                .others()
                .filter(|peer| self.share.is_gone(peer))
                .collect();
            let mut hashes = Vec::new();
            let (mut open, mut hopeless) = (false, Vec::new());
            for chunk in 0..parts.chunks() {
                match self.hash_of(chunk, &gone) {
                    Word::Known(hash) => hashes.extend(hash.0),
                    Word::Open if is_late => hopeless.push(chunk),
                    Word::Open => open = true,
                    Word::Hopeless => hopeless.push(chunk),
                }
            }
            if !hopeless.is_empty() {
                tracing::debug!(
                    chunks = hopeless.len(),
                    "sums that their keepers do not name alike"
                );
                self.compute(&hopeless, account).await?;
            } else if open {
                tokio::select! {
                    Some((peer, list)) = questions.next() => {
                        let chunks = parts.kept_by(&peer);
                        self.lists.insert(peer, chunks.into_iter().zip(list).collect());
                        self.times.push(Instant::now());
                    }
                    () = sleep(PAUSE) => {}
                    () = until(due) => {}
                }
            } else {
                return Some(hashes.into());
            }
        }
    }

    /// What is known of a chunk's hash, when these members are gone.
    fn hash_of(&self, chunk: u32, gone: &BTreeSet<PeerId>) -> Word {
        if let Some(sum) = self.sums.get(&chunk) {
            return Word::Known(sum.hash());
        }
        let mut word = None;
        let mut is_open = false;
        for keeper in self.share.parts.keepers(chunk) {
            let named = self.lists.get(&keeper).and_then(|list| list.get(&chunk));
            match named {
                Some(hash) if *word.get_or_insert(*hash) != *hash => return Word::Hopeless,
                Some(_) => {}
                None if gone.contains(&keeper) => return Word::Hopeless,
                None => is_open = true,
            }
        }
        match word {
            Some(hash) if !is_open => Word::Known(hash),
            _ => Word::Open,
        }
    }

    /// Asks a member for the hashes of its chunks until it names them.
    fn ask(&self, peer: PeerId) -> Question {
        let (share, set) = (self.share.clone(), self.set);
        let bytes = 32 * share.parts.kept_by(&peer).len();
        Box::pin(async move {
            loop {
                let answer = fetch::ask(share.transfers.swarm(), peer, &Request::Sums(set)).await;
                if let Some(Response::Bytes(list)) = answer
                    && list.len() == bytes
                {
                    let (hashes, _) = list.as_chunks::<32>();
                    return (peer, hashes.iter().copied().map(Digest).collect());
                }
                sleep(PAUSE).await;
            }
        })
    }

    /// Runs the rule over some chunks, once they are here.
    async fn compute(&mut self, chunks: &[u32], account: &mut Account) -> Option<Vec<Verdict>> {
        let blobs = self.obtain(chunks, account).await;
        let rows = |chunk: &u32| blobs.iter().map(|blob| blob.chunk(*chunk)).collect();
        let rows: Option<Vec<Vec<Bytes>>> = chunks.iter().map(rows).collect();
        let (done, summed) = oneshot::channel();
        let task = Task::Sum(Sum {
            chunks: rows?,
            done,
        });
        if !self.worker.ask(task) {
            tracing::error!("the worker does not keep up; a round will be missed");
        }
        let Summed {
            chunks: sums,
            verdicts,
        } = summed.await.ok()?;
        self.sums.extend(chunks.iter().copied().zip(sums));
        Some(verdicts)
    }

    /// The contributions, with these chunks of each. Asked for until they are here: if nobody has them, the others' state is
    /// looked for meanwhile.
    async fn obtain(&self, chunks: &[u32], account: &mut Account) -> Vec<Arc<Blob>> {
        loop {
            let found =
                |(author, root): &(PeerId, Digest)| Some((*author, self.share.blobs.blob(root)?));
            let blobs: Option<Vec<(PeerId, Arc<Blob>)>> =
                self.contributions.iter().map(found).collect();
            let Some(blobs) = blobs else {
                // Given up with the round that they belong to.
                sleep(PAUSE).await;
                continue;
            };
            let fetch = |(author, blob): &(PeerId, Arc<Blob>)| {
                let (share, blob, author) = (self.share.clone(), Arc::clone(blob), *author);
                async move {
                    let mut account = Account::default();
                    let holders = share.holders(author, &[], chunks);
                    let transfers = &share.transfers;
                    let got =
                        transfers.fetch_chunks(blob, chunks, &holders, CONTRIBUTION, &mut account);
                    (got.await, account.offences)
                }
            };
            let got = join_all(blobs.iter().map(fetch)).await;
            let mut missing = false;
            for (result, offences) in got {
                missing |= result == Err(TransferError::Missing);
                account.offences.extend(offences);
            }
            if !missing {
                return blobs.into_iter().map(|(_, blob)| blob).collect();
            }
            sleep(PAUSE).await;
        }
    }

    /// Those whose sums are others than this node's.
    fn name_liars(&self, account: &mut Account) {
        for (peer, list) in &self.lists {
            let is_false = |(chunk, hash): (&u32, &Digest)| {
                self.sums.get(chunk).is_some_and(|sum| sum.hash() != *hash)
            };
            if list.iter().any(is_false) {
                account.offences.push((*peer, Offence::FalseSum));
            }
        }
    }

    /// Bytes of the aggregate: of a payload in single precision.
    fn length(&self) -> Option<u64> {
        let (_, root) = self.contributions.first()?;
        Some(self.share.blobs.blob(root)?.length())
    }
}

/// What is known of a chunk's hash.
enum Word {
    Known(Digest),
    /// Not all keepers have named it.
    Open,
    /// They never will, or name different ones.
    Hopeless,
}
