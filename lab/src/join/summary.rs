//! What came of a join, as people read it and as JSON.

use std::fmt;

use serde::Serialize;

/// What the experiment measured.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) experiment: &'static str,
    pub(super) peers: u16,
    pub(super) state_bytes: u64,
    pub(super) chunks: u64,
    /// From the start of the newcomer's process to the state, checked.
    pub(super) seconds: f64,
    /// From the first request for the state to the last chunk that was checked.
    pub(super) fetch_seconds: f64,
    /// Bytes that each source brought, most first.
    pub(super) source_bytes: Vec<u64>,
    /// Bytes that were asked for more than once.
    pub(super) fetched_again: u64,
    /// The share of the state that had come when a source was killed, if one was.
    pub(super) killed_at: Option<f64>,
    /// Whether the newcomer's state is the one that the members had.
    pub(super) verified: bool,
    /// Until the members counted a contribution of the newcomer, if that was waited for.
    pub(super) seconds_to_counted: Option<f64>,
    /// Medians over rounds of the slowest member: before the newcomer came, and from then on.
    pub(super) round_seconds_before: f64,
    pub(super) round_seconds_meanwhile: f64,
    /// Of the newcomer.
    pub(super) peak_rss_bytes: u64,
    /// What anybody was caught at: peer and offence.
    pub(super) offences: Vec<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        writeln!(
            f,
            "{} members, a state of {:.1} MB in {} chunks",
            self.peers,
            mb(self.state_bytes),
            self.chunks
        )?;
        writeln!(
            f,
            "state    {:.2} s after the start, {:.2} s of it fetching; {}",
            self.seconds,
            self.fetch_seconds,
            if self.verified {
                "it is the members'"
            } else {
                "it is NOT the members'"
            }
        )?;
        let sources: Vec<String> = self
            .source_bytes
            .iter()
            .map(|bytes| format!("{:.1}", mb(*bytes)))
            .collect();
        writeln!(
            f,
            "sources  {} MB; {:.1} MB asked for again",
            sources.join(" + "),
            mb(self.fetched_again)
        )?;
        if let Some(seconds) = self.seconds_to_counted {
            writeln!(f, "counted  {seconds:.2} s after the start")?;
        }
        writeln!(
            f,
            "rounds   {:.3} s before, {:.3} s meanwhile",
            self.round_seconds_before, self.round_seconds_meanwhile
        )?;
        write!(
            f,
            "memory   {:.1} MB at the newcomer",
            mb(self.peak_rss_bytes)
        )
    }
}
