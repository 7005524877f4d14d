//! What a round costs at sizes that nobody wants to run on one machine: computed from the protocol's frames, and checked
//! against the exchanges that are run.
//!
//! Where every node gets every vector, a node sends its own to all others: (N - 1)·D bytes and a little more. Where the
//! members share the work of the rule, each chunk goes to f + 1 keepers, and its aggregate to the others. Averaging in
//! parts, as all-reduce and hivemind do it, takes 2·(N - 1)/N·D, and shows each node the sum of a part only.

use anyhow::{Context as _, Result};
use spirt_node::{Parts, blobs, encoding};

use crate::output;

/// Sizes of swarms in the tables.
const PEERS: [u64; 5] = [4, 8, 16, 32, 64];
/// Values of a vector in the tables: 1 to 400 MB in single precision.
const DIMENSIONS: [u64; 6] = [
    250_000,
    1_000_000,
    4_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
];

/// Bytes of a TLS record, and what it adds: header, type, tag.
const RECORD: (u64, u64) = (16_384, 22);
/// Bytes of a Yamux frame, and of its header.
const FRAME: (u64, u64) = (7 * 16_384 - 12, 12);
/// A request for a chunk: frame, root and index.
const REQUEST: u64 = 9 + 36;
/// What stands before a chunk in its answer.
const ANSWER: u64 = 9 + 6;
/// An announcement without its chunk list, a seal, and what gossip adds to both: envelopes, signatures, topic.
const SAID: u64 = 900;
/// Bytes of a chunk's hash.
const HASH: u64 = 32;
/// How often a node sends a message that it heard, on average, beside its own.
const COPIES: u64 = 2;

/// Keepers of a part, by the number of nodes.
type Keepers = fn(u64) -> u64;
/// For which f the tables tell what shared work costs.
const SHARED: [(&str, Keepers); 2] = [("1", |_| 2), ("(N - 1)/3", |peers| (peers - 1) / 3 + 1)];

/// Options of the tables.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How vectors travel
    #[arg(long, default_value = "f32")]
    encoding: String,
    /// What a node can send, in Mbit/s
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    uplink: u64,
}

/// How a round's vectors go round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// Nodes.
    pub(crate) peers: u64,
    /// Bytes of a vector as it travels.
    pub(crate) payload: u64,
    /// Nodes that aggregate each part, where they share the work; `None`: each gets all vectors.
    pub(crate) keepers: Option<u64>,
}

impl Exchange {
    /// Vectors that a node sends, on average, in units of an n-th of one.
    const fn parts(self) -> u64 {
        match self.keepers {
            None => (self.peers - 1) * self.peers,
            Some(keepers) => keepers * (self.peers - 1) + (self.peers - keepers),
        }
    }

    /// The bytes of the vectors that a node sends, on average.
    pub(crate) const fn least(self) -> u64 {
        self.payload * self.parts() / self.peers
    }
}

/// Bytes that a node sends in a round, on average, when payloads are pulled.
pub(crate) fn bytes_sent(exchange: Exchange) -> u64 {
    let Exchange { peers, payload, .. } = exchange;
    let others = peers.saturating_sub(1);
    let chunks = blobs::chunk_count(payload);
    let framed = |bytes: u64| {
        let frames = bytes.div_ceil(FRAME.0);
        let records = bytes.div_ceil(RECORD.0).max(frames);
        bytes + frames * FRAME.1 + records * RECORD.1
    };
    let served = framed(payload + chunks * ANSWER) + chunks * framed(REQUEST);
    let said = framed(SAID + chunks * HASH) * (1 + COPIES);
    served * exchange.parts() / peers + others * said
}

/// Whether nodes would share the work.
fn is_shared(exchange: &Exchange) -> bool {
    let Exchange {
        peers,
        payload,
        keepers,
    } = *exchange;
    keepers.is_some_and(|keepers| Parts::pays(peers, keepers, blobs::chunk_count(payload)))
}

/// Bytes that a node sends to average in parts.
fn bytes_in_parts(peers: u64, payload: u64) -> u64 {
    2 * payload * (peers - 1) / peers
}

/// Prints the tables, as Markdown.
///
/// # Errors
/// When the encoding is none.
pub(crate) fn run(args: &Args) -> Result<()> {
    let written = encoding::parse(&args.encoding)
        .with_context(|| format!("no encoding `{}`: {}", args.encoding, encoding::ENCODINGS))?;
    let payload = |dimension| written.length(dimension).unwrap_or(u64::MAX);
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let whole = |peers, dimension| {
        bytes_sent(Exchange {
            peers,
            payload: payload(dimension),
            keepers: None,
        })
    };
    table("MB sent by a node in a round", |peers, dimension| {
        megabytes(whole(peers, dimension))
    })?;
    for (title, keepers) in SHARED {
        let title =
            format!("the same, sharing the work of the rule in single precision, f = {title}");
        table(&title, |peers, dimension| {
            let keepers = Some(keepers(peers));
            let payload = dimension * 4;
            let exchange = Exchange {
                peers,
                payload,
                keepers,
            };
            match is_shared(&exchange) {
                true => megabytes(bytes_sent(exchange)),
                false => "-".into(),
            }
        })?;
    }
    table(
        "the same, averaging in parts in single precision",
        |peers, dimension| megabytes(bytes_in_parts(peers, dimension * 4)),
    )?;
    let title = format!("seconds of a round at {} Mbit/s", args.uplink);
    table(&title, |peers, dimension| {
        let bits = whole(peers, dimension) as f64 * 8.0;
        format!("{:.2}", bits / (args.uplink as f64 * 1e6))
    })
}

fn table(title: &str, cell: impl Fn(u64, u64) -> String) -> Result<()> {
    output::line(&format!("{title}:\n"))?;
    let heads = PEERS.map(|peers| format!("N = {peers}"));
    output::line(&format!("| values | {} |", heads.join(" | ")))?;
    output::line(&format!("|---|{}", "---|".repeat(PEERS.len())))?;
    for dimension in DIMENSIONS {
        let cells = PEERS.map(|peers| cell(peers, dimension));
        output::line(&format!("| {dimension} | {} |", cells.join(" | ")))?;
    }
    output::line("")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_are_nearly_all_that_is_sent() {
        for peers in PEERS {
            for dimension in DIMENSIONS {
                for keepers in [None, Some(2)] {
                    let exchange = Exchange {
                        peers,
                        payload: dimension * 4,
                        keepers,
                    };
                    let ratio = bytes_sent(exchange) as f64 / exchange.least() as f64;
                    let most = if keepers.is_none() { 1.01 } else { 1.4 };
                    assert!((1.0..most).contains(&ratio), "{exchange:?}: {ratio}");
                }
            }
        }
    }

    #[test]
    fn two_nodes_send_as_much_either_way_and_more_of_them_more() {
        let least = |peers, keepers| {
            let payload = 6400;
            Exchange {
                peers,
                payload,
                keepers,
            }
            .least()
        };
        assert_eq!(bytes_in_parts(2, 6400), least(2, None));
        assert_eq!(bytes_in_parts(64, 6400), 12_600);
        assert_eq!(least(64, None), 63 * 6400);
        assert_eq!(
            least(64, Some(1)),
            12_600,
            "as all-reduce, if nobody may fail"
        );
        assert_eq!(least(64, Some(2)), 2 * 6300 + 6200);
    }
}
