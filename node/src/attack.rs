//! `--attack`: play a Byzantine peer. In builds without the feature `attacks` no text names one.

/// What a Byzantine peer does to its own vector before it signs it.
#[derive(Debug, Clone)]
pub struct Attack {
    #[cfg(feature = "attacks")]
    vector: spirt_aggregation::attack::Attack,
    #[cfg(not(feature = "attacks"))]
    vector: std::convert::Infallible,
}

impl Attack {
    /// Replaces the vector by what the attacker sends.
    pub fn corrupt(&self, vector: &mut [f32], seed: u64) {
        #[cfg(feature = "attacks")]
        self.vector.corrupt(vector, seed);
        #[cfg(not(feature = "attacks"))]
        {
            let _ = (vector, seed);
            match self.vector {}
        }
    }
}

impl std::str::FromStr for Attack {
    type Err = String;

    #[cfg(feature = "attacks")]
    fn from_str(text: &str) -> Result<Self, String> {
        let vector = text.parse();
        vector
            .map(|vector| Self { vector })
            .map_err(|error| format!("{error}"))
    }

    #[cfg(not(feature = "attacks"))]
    fn from_str(_: &str) -> Result<Self, String> {
        Err("this build cannot attack: build it with the feature `attacks`".into())
    }
}
