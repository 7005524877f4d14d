//! Answers to the requests of other peers.

use bytes::Bytes;
use spirt_protocol::{Digest, Offence, Request, Response, Round};

use super::Driver;
use crate::blobs::Serving;
use crate::peer;
use crate::swarm::Responder;

/// Bytes of frames in one answer; a peer that needs more asks another one too.
const MAX_FRAMES_BYTES: usize = 1024 * 1024;

impl Driver {
    pub(super) fn on_request(&mut self, from: &libp2p::PeerId, data: &Bytes, reply: Responder) {
        let Ok(request) = Request::decode(data) else {
            self.blame(peer::from_libp2p(from), Offence::Garbage);
            return;
        };
        let Some(reply) = self.wiring.mask.take(from, &request, reply) else {
            return;
        };
        if let Request::Chunk { root, index } = request {
            self.serve_chunk(from, (&root, index), reply);
        } else {
            reply.send(self.answer(&request).encode());
        }
    }

    /// The swarm serves chunks by itself, unless this node bends what it serves. What may not be shown yet is refused
    /// by dropping the reply: the peer asks again.
    fn serve_chunk(&self, from: &libp2p::PeerId, (root, index): (&Digest, u32), reply: Responder) {
        let Some(asker) = peer::from_libp2p(from) else {
            return;
        };
        match self.wiring.blobs.serve(root, index, asker) {
            Serving::Chunk(chunk) => reply.send(Response::Bytes(chunk.to_vec()).encode()),
            Serving::Unknown => reply.send(Response::Unknown.encode()),
            Serving::Closed | Serving::Enough => drop(reply),
        }
    }

    fn answer(&mut self, request: &Request) -> Response {
        match request {
            Request::Spec(run) => {
                let ours = run.is_none_or(|run| run == self.job.id);
                found(ours.then(|| Response::Spec(self.job.spec.encode())))
            }
            Request::Vouch => {
                let now = self.now();
                Response::Frames(vec![self.machine.vouch(now).encode()])
            }
            Request::Frames(round) => Response::Frames(self.frames_of(*round)),
            Request::Manifest(state) => {
                let manifest = self.machine.manifest(state);
                found(manifest.map(|manifest| Response::Manifest(manifest.encode())))
            }
            Request::Chunks(root) => {
                let list = self.wiring.blobs.list(root);
                found(list.map(|list| Response::Bytes(list.to_vec())))
            }
            Request::Holds(roots) => {
                let holdings = self.wiring.blobs.board().holdings(roots);
                Response::Bytes(holdings)
            }
            Request::Sums(set) => {
                let hashes = self.wiring.blobs.board().sums(set);
                found(hashes.map(|hashes| Response::Bytes(hashes.to_vec())))
            }
            Request::Chunk { .. } => Response::Unknown,
        }
    }

    fn frames_of(&self, round: Round) -> Vec<Vec<u8>> {
        let mut bytes = 0;
        let frames = self.machine.frames(round).map(|frame| frame.encode());
        frames
            .take_while(|frame| {
                bytes += frame.len();
                bytes <= MAX_FRAMES_BYTES
            })
            .collect()
    }
}

fn found(response: Option<Response>) -> Response {
    response.unwrap_or(Response::Unknown)
}
