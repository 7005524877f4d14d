//! Answers to the requests of other peers.

use bytes::Bytes;
use spirt_protocol::{Offence, Request, Response, Round};

use super::Driver;
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
        reply.send(self.answer(&request).encode());
    }

    fn answer(&self, request: &Request) -> Response {
        match request {
            Request::Spec(run) => {
                let ours = run.is_none_or(|run| run == self.job.id);
                found(ours.then(|| Response::Spec(self.job.spec.encode())))
            }
            Request::Vouch => Response::Frames(vec![self.machine.vouch().encode()]),
            Request::Frames(round) => Response::Frames(self.frames_of(*round)),
            Request::Manifest(state) => {
                let manifest = self.machine.manifest(state);
                found(manifest.map(|manifest| Response::Manifest(manifest.encode())))
            }
            Request::Chunks(root) => {
                let list = self.wiring.blobs.list(root);
                found(list.map(|list| Response::Bytes(list.to_vec())))
            }
            // The swarm serves chunks itself.
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
