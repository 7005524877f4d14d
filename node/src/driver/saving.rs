//! Checkpoints: while rounds go on, and when the process ends.

use super::{Driver, Fetched};
use crate::checkpoint::{self, Checkpoint};

impl Driver {
    fn checkpoint(&self) -> Option<Checkpoint> {
        let manifest = self.machine.state()?.clone();
        let model = self.model.clone()?;
        (manifest.model == model.root()).then_some(Checkpoint { manifest, model })
    }

    /// Saves the state in the background, unless that is still going on.
    pub(super) fn save(&mut self) {
        let Some(checkpoint) = self.checkpoint().filter(|_| !self.saving) else {
            return;
        };
        self.saving = true;
        let folder = self.wiring.data_dir.checkpoints();
        self.tasks.spawn_blocking(move || {
            if let Err(error) = checkpoint::save(&folder, &checkpoint) {
                tracing::error!(%error, "cannot save a checkpoint");
            }
            Fetched::Saved
        });
    }

    /// Saves the state before the process ends.
    pub(super) fn save_last(&self) {
        let Some(checkpoint) = self.checkpoint() else {
            return;
        };
        if let Err(error) = checkpoint::save(&self.wiring.data_dir.checkpoints(), &checkpoint) {
            tracing::error!(%error, "cannot save the last checkpoint");
        }
    }
}
