//! What peers did wrong: it is counted, told, and has its price in the network.

use std::time::Instant;

use spirt_protocol::{Offence, PeerId};

use super::Driver;
use crate::conduct::Sanction;
use crate::output::OffenceReport;
use crate::peer;
use crate::transfer::Offences;

impl Driver {
    pub(super) fn blame_all(&mut self, offences: Offences) {
        for (peer, offence) in offences {
            tracing::warn!(%peer, %offence, "offence");
            self.blame(Some(peer), offence);
        }
    }

    /// Writes down what a peer did wrong. Programs are told of the first time, and of each time that
    /// it did it twice as often.
    pub(super) fn blame(&mut self, peer: Option<PeerId>, offence: Offence) {
        let Some(peer) = peer.filter(|peer| *peer != self.machine.me()) else {
            return;
        };
        self.report.offence(peer, offence);
        let (count, sanction) = self.conduct.offend(peer, offence, Instant::now());
        let banned = matches!(sanction, Some(Sanction::Ban(_)));
        if count.is_power_of_two() || banned {
            self.wiring.printer.offence(&OffenceReport {
                round: self.round().0,
                peer: peer.to_string(),
                offence: offence.name(),
                count,
                banned,
            });
        }
        if let Some(sanction) = sanction {
            self.sanctions.push((peer, sanction));
        }
    }

    /// Looks what time has changed.
    pub(super) fn review_conduct(&mut self) {
        for due in self.conduct.tick(Instant::now()) {
            self.sanctions.push(due);
        }
    }

    /// Carries out what was decided. None of it changes who is aggregated: what a banned peer signed
    /// still comes through others.
    pub(super) async fn carry_out_sanctions(&mut self) {
        while let Some((name, sanction)) = self.sanctions.pop() {
            let Some(peer) = peer::to_libp2p(name) else {
                continue;
            };
            let swarm = &self.wiring.swarm;
            match sanction {
                Sanction::Score(score) => swarm.score(peer, score).await,
                Sanction::Ban(time) => {
                    let time = time.map(|time| time.as_secs());
                    tracing::warn!(peer = %name, seconds = ?time, "shut out");
                    swarm.ban(peer).await;
                }
                Sanction::Pardon => {
                    tracing::info!(peer = %name, "may come back");
                    swarm.pardon(peer).await;
                }
            }
        }
    }
}
