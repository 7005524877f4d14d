//! How a newcomer gets the data set of a run from its peers, if these give it to each other.

use std::time::{Duration, Instant};

use spirt_protocol::RunSpec;
use tokio::time::interval;

use super::DaemonError;
use super::door::{Door, PAUSE, Shut};
use crate::blobs::{Blobs, Packed};
use crate::datadir::DataDir;
use crate::dataset::{self, SharedData};
use crate::fetch;
use crate::job::JobError;
use crate::transfer::{Account, Transfers};

/// How often to say how much is here.
const TELL: Duration = Duration::from_secs(5);

/// What came of it.
pub(super) enum Data {
    /// Each node reads files of its own.
    Own,
    /// It is here, and saved.
    Shared(Packed),
    /// The operator stopped the node meanwhile.
    Stopped,
}

/// Gets the data set that a specification names: from the data dir, or else from peers. `patience` is how long nothing
/// may come.
pub(super) async fn get(
    spec: &RunSpec,
    patience: Duration,
    door: &mut Door<'_>,
    data_dir: &DataDir,
) -> Result<Data, DaemonError> {
    let Some(name) = SharedData::of(spec).map_err(JobError::from)? else {
        return Ok(Data::Own);
    };
    if let Some(packed) = name.saved(data_dir) {
        return Ok(Data::Shared(packed));
    }
    let Some(packed) = from_peers(name, patience, door).await? else {
        return Ok(Data::Stopped);
    };
    dataset::save(data_dir, &packed).map_err(JobError::Save)?;
    Ok(Data::Shared(packed))
}

/// `None` when the operator stopped the node meanwhile.
async fn from_peers(
    name: SharedData,
    patience: Duration,
    door: &mut Door<'_>,
) -> Result<Option<Packed>, DaemonError> {
    let (transfers, blobs) = (door.transfers.clone(), door.blobs.clone());
    tracing::info!(bytes = name.length, "fetching the data set from peers");
    let fetching = until_whole(&transfers, &blobs, name, patience);
    tokio::pin!(fetching);
    let mut tell = interval(TELL);
    tell.reset();
    loop {
        tokio::select! {
            packed = &mut fetching => return packed.map(Some),
            heard = door.hear() => match heard {
                // Whoever asks for something gets no answer yet.
                Ok(_) => {}
                Err(Shut::Stopped) => return Ok(None),
                Err(Shut::NoNetwork) => return Err(JobError::NoHolder.into()),
            },
            _ = tell.tick() => {
                let here = blobs.bytes_here(&name.root);
                tracing::info!(here, of = name.length, "fetching the data set from peers");
            }
        }
    }
}

/// Asks all peers that are connected, again and again, until the data set is whole or nothing came for too long.
async fn until_whole(
    transfers: &Transfers,
    blobs: &Blobs,
    name: SharedData,
    patience: Duration,
) -> Result<Packed, DaemonError> {
    let (mut account, mut came) = (Account::default(), (0, Instant::now()));
    loop {
        let holders = super::protocol_peers(transfers.swarm());
        let (root, length) = (name.root, name.length);
        let got = fetch::blob(transfers, blobs, (root, length), &holders, &mut account).await;
        for (peer, offence) in account.offences.drain(..) {
            tracing::warn!(%peer, %offence, "offence");
        }
        if let Ok(packed) = got {
            let sources = account.brought.len();
            tracing::info!(bytes = length, sources, "the data set is here");
            return Ok(packed);
        }
        let brought: u64 = account.brought.values().sum();
        if brought > came.0 {
            came = (brought, Instant::now());
        }
        if came.1.elapsed() >= patience {
            return Err(JobError::NoHolder.into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
