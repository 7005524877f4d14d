//! Getting things from peers: specs, frames, vouches, states. Every byte is checked
//! against the hash that asked for it; whoever sends a wrong one is named.
//!
//! Plain functions over the swarm's request stream. They run in tasks of their own, so a peer that
//! never answers holds up nobody else.

use bytes::Bytes;
use spirt_protocol::{
    Digest, Manifest, Offence, PeerId, Request, Response, Round, RunId, RunSpec, StateId, blob,
};

use crate::blobs::{Blob, Blobs, Packed};
use crate::peer;
use crate::swarm::Handle;
use crate::transfer::{Account, Content, Manner, Offences, Transfers};

/// Holders of a state or a data set that are asked at once.
const STATE_SOURCES: usize = 4;

/// What could not be had from any holder.
#[derive(Debug)]
pub struct Missing;

/// A peer's answer to a question; `None` if there is none.
pub(crate) async fn ask(swarm: &Handle, peer: PeerId, request: &Request) -> Option<Response> {
    let answer = swarm
        .request(peer::to_libp2p(peer)?, request.encode())
        .await;
    match answer {
        Ok(bytes) => Response::decode(&bytes).ok(),
        Err(error) => {
            tracing::debug!(%peer, ?request, %error, "request failed");
            None
        }
    }
}

/// The run that a peer takes part in, or the one named.
pub async fn spec(swarm: &Handle, peer: PeerId, run: Option<RunId>) -> Option<RunSpec> {
    let Some(Response::Spec(bytes)) = ask(swarm, peer, &Request::Spec(run)).await else {
        return None;
    };
    let spec = RunSpec::decode(&bytes);
    if let Err(error) = &spec {
        tracing::warn!(%peer, %error, "refused a run specification");
    }
    spec.ok()
        .filter(|spec| run.is_none_or(|run| spec.id() == run))
}

/// A peer's vouch, as the bytes of a frame.
pub async fn vouch(swarm: &Handle, peer: PeerId) -> Vec<Vec<u8>> {
    frames_of(ask(swarm, peer, &Request::Vouch).await)
}

/// The frames of a round that a peer holds.
pub async fn frames(swarm: &Handle, peer: PeerId, round: Round) -> Vec<Vec<u8>> {
    frames_of(ask(swarm, peer, &Request::Frames(round)).await)
}

fn frames_of(response: Option<Response>) -> Vec<Vec<u8>> {
    match response {
        Some(Response::Frames(frames)) => frames,
        _ => Vec::new(),
    }
}

/// A state's manifest and model, from several of the holders at once, and from whoever else turns out to have it. `length`
/// is that of all models of the run. What came of the model is held in `blobs`, also when the rest cannot be had.
pub async fn state(
    transfers: &Transfers,
    blobs: &Blobs,
    state: StateId,
    length: u64,
    holders: &[PeerId],
    account: &mut Account,
) -> Result<(Manifest, Packed), Missing> {
    let swarm = transfers.swarm();
    let offences = &mut account.offences;
    let manifest = manifest(swarm, state, holders, offences).await?;
    if manifest.length != length {
        return Err(Missing);
    }
    let model = blob(transfers, blobs, (manifest.model, length), holders, account).await?;
    Ok((manifest, model))
}

/// The blob of this root and length, as [`state`] gets its model.
pub async fn blob(
    transfers: &Transfers,
    blobs: &Blobs,
    (root, length): (Digest, u64),
    holders: &[PeerId],
    account: &mut Account,
) -> Result<Packed, Missing> {
    let offences = &mut account.offences;
    let list = chunk_list(transfers.swarm(), root, length, holders, offences).await?;
    let blob = Blob::awaited(root, length, list).ok_or(Missing)?;
    let manner = Manner {
        breadth: STATE_SOURCES,
        widens: true,
        content: Content::Any,
    };
    let blob = blobs.begin(blob);
    let whole = transfers.fetch(blob, holders, manner, account).await;
    whole.map_err(|_| Missing)
}

async fn manifest(
    swarm: &Handle,
    state: StateId,
    holders: &[PeerId],
    offences: &mut Offences,
) -> Result<Manifest, Missing> {
    for holder in holders {
        let answer = ask(swarm, *holder, &Request::Manifest(state)).await;
        let Some(Response::Manifest(bytes)) = answer else {
            continue;
        };
        match Manifest::decode(&bytes) {
            Ok(manifest) if manifest.id() == state => return Ok(manifest),
            _ => offences.push((*holder, Offence::FalseState)),
        }
    }
    Err(Missing)
}

async fn chunk_list(
    swarm: &Handle,
    root: Digest,
    length: u64,
    holders: &[PeerId],
    offences: &mut Offences,
) -> Result<Bytes, Missing> {
    for holder in holders {
        let answer = ask(swarm, *holder, &Request::Chunks(root)).await;
        let Some(Response::Bytes(list)) = answer else {
            continue;
        };
        if blob::is_chunk_list(&list, root, length) {
            return Ok(list.into());
        }
        offences.push((*holder, Offence::CorruptChunk));
    }
    Err(Missing)
}
