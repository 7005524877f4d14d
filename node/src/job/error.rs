//! Why a run's specification makes no job, and what to do about it.

use crate::dataset::BadName;

/// Why a run's specification makes no job.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A text names nothing that this build has.
    #[error("{0}")]
    Text(String, String),
    /// The data set cannot be read.
    #[error("cannot load the data set `{data}`")]
    Data {
        /// The data set.
        data: String,
        /// What to do.
        hint: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The data set here is not the run's.
    #[error("the data set `{data}` on this machine is not the one that the run trains on")]
    OtherData {
        /// The data set.
        data: String,
    },
    /// The specification names a data set in a way that nobody does.
    #[error("cannot read the name of the data set: {0}")]
    Name(#[from] BadName),
    /// What peers gave is no data set, or not the run's.
    #[error("the data set that peers give to each other cannot be read")]
    Shared(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The data set of an earlier start is gone.
    #[error("the data set of the run is not in the data dir any more")]
    NotSaved,
    /// No peer has the data set.
    #[error("no peer gives the data set of the run")]
    NoHolder,
    /// The data set cannot be saved.
    #[error("cannot save the data set of the run")]
    Save(#[source] std::io::Error),
    /// The specification breaks a rule of the protocol.
    #[error(transparent)]
    Spec(#[from] spirt_protocol::SpecError),
}

impl JobError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Text(_, hint) | Self::Data { hint, .. } => hint.clone(),
            Self::OtherData { .. } => {
                "copy the founder's files to the same path; peers compare their digest".into()
            }
            Self::Spec(_) | Self::Name(_) | Self::Shared(_) => {
                "use the build that the run was founded with".into()
            }
            Self::NotSaved => "join the run through another node, with --bootstrap".into(),
            Self::NoHolder => {
                "check that nodes of the run are up and can be reached, and start it again".into()
            }
            Self::Save(_) => "make room on the disk, or use another --data-dir".into(),
        }
    }
}
