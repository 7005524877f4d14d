//! Nodes trade vectors over slow links: what a round takes, beside the time that the bytes alone need.

mod network;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroU64;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::output;
use crate::scaling::Exchange;
use crate::swarm::{self, Swarm};
use network::{Network, Shape};

/// Rounds before anything is measured: all join in round 0.
const WARM_UP: u64 = 2;

/// Options of the experiment.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Nodes
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(2..=32))]
    peers: u16,
    /// Bytes of a vector, in single precision
    #[arg(long, default_value = "4194304")]
    bytes: NonZeroU64,
    /// From one node to another, such as `25ms`
    #[arg(long, default_value = "25ms", value_parser = delay)]
    delay: Duration,
    /// Up and down of each node, such as `100mbit`
    #[arg(long, default_value = "100mbit", value_parser = rate)]
    rate: f64,
    /// Who runs the rule on what: auto or whole, as `spirt-node run --division` has it
    #[arg(long, default_value = "auto")]
    division: String,
    /// Rounds to measure
    #[arg(long, default_value = "5")]
    rounds: NonZeroU64,
    /// The aggregation rule
    #[arg(long, default_value = "trimmed-mean")]
    rule: String,
    /// Give up when nothing happens for so many seconds
    #[arg(long, default_value_t = 120)]
    patience: u64,
    /// What the nodes log to stderr, in the syntax of RUST_LOG; shown when one fails
    #[arg(long)]
    log: Option<String>,
    /// Print the result as one JSON object, on the last line
    #[arg(long)]
    json: bool,
}

/// A duration as people write it.
fn delay(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return Err("write it as `25ms`".into()),
    };
    let seconds = number.parse::<f64>().map_err(|error| error.to_string())? * scale;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Bytes per second, from bits per second as `tc` writes them.
fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = split(text);
    let scale = match unit {
        "kbit" => 1e3,
        "mbit" => 1e6,
        "gbit" => 1e9,
        _ => return Err("write it as `100mbit`".into()),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "it begins with a number".to_owned())?;
    if number.is_finite() && number > 0.0 {
        Ok(number * scale / 8.0)
    } else {
        Err("it must be above 0".into())
    }
}

fn split(text: &str) -> (&str, &str) {
    let letters = text.find(|c: char| c.is_ascii_alphabetic());
    text.split_at(letters.unwrap_or(text.len()))
}

impl Args {
    fn dimension(&self) -> u64 {
        (self.bytes.get() / 4).max(1)
    }

    /// The arguments of a node, all but its data dir and its addresses.
    fn node(&self, bootstrap: Option<&str>) -> Vec<String> {
        let patience = Duration::from_secs(self.patience);
        let mut options = swarm::node_options(bootstrap, patience, self.log.as_deref());
        let mut option = |name: &str, value: String| options.extend([format!("--{name}"), value]);
        if bootstrap.is_none() {
            option("model", format!("synthetic:dimension={}", self.dimension()));
            option("rule", self.rule.clone());
            option("division", self.division.clone());
            option("max-byzantine", ((self.peers - 1) / 3).to_string());
            option("min-peers", self.peers.to_string());
        }
        options
    }
}

/// What the experiment measured.
#[derive(Debug, Serialize)]
struct Summary {
    experiment: &'static str,
    peers: u16,
    bytes: u64,
    delay_seconds: f64,
    rate_bits: f64,
    rounds: u64,
    /// Nodes that aggregate each part, where they share the work of the rule.
    keepers: Option<u64>,
    /// Of a round, from its start to the new model, at the slowest node.
    seconds_median: f64,
    seconds_max: f64,
    /// What the vectors of all others alone take on a node's link.
    bytes_seconds: f64,
    /// The median over that.
    ratio: f64,
    /// What the bytes alone take that a node needs at least: fewer, where the members share the work.
    least_seconds: f64,
    /// The median over that.
    least_ratio: f64,
    /// Bytes that a node sends in a round, over those.
    wire_ratio: f64,
    /// Whether all nodes had the same model after every round, of the vectors of all.
    agreed: bool,
}

/// Runs the experiment and prints its result.
///
/// # Errors
/// When a node ends too early, nothing happens for too long, or the nodes do not agree.
pub(crate) fn run(args: &Args) -> Result<()> {
    let network = Network::new(Shape {
        delay: args.delay,
        rate: args.rate,
    })?;
    let mut swarm = Swarm::new(Duration::from_secs(args.patience))?;
    let mut bootstrap: Option<String> = None;
    for _ in 0..args.peers {
        let port = free_port()?;
        let place = network.place((Ipv4Addr::LOCALHOST, port).into())?;
        let mut options = args.node(bootstrap.as_deref());
        options.extend(addresses(port, place.front));
        let number = swarm.start(&options)?;
        network.settle(&place, swarm.nodes[number].pid());
        if bootstrap.is_none() {
            bootstrap = Some(swarm.join_address()?);
        }
    }
    output::progress(&format!("{} nodes started", args.peers));
    let everybody: Vec<usize> = (0..usize::from(args.peers)).collect();
    let last = WARM_UP + args.rounds.get() - 1;
    swarm.hear_until(|swarm, _| swarm.ended(last, &everybody).then_some(()))?;
    if network.strange() > 0 {
        bail!(
            "{} connections came from nobody in the network",
            network.strange()
        );
    }
    let summary = summary(args, &swarm);
    output::result(&summary, args.json)?;
    if !summary.agreed {
        bail!("the nodes did not come to the same model of all vectors in every round");
    }
    Ok(())
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener
        .local_addr()
        .context("a listener has an address")?
        .port())
}

/// A node listens on a port, and tells the others nothing but the front before it.
fn addresses(port: u16, front: SocketAddr) -> [String; 5] {
    let multiaddr = |port: u16| format!("/ip4/127.0.0.1/tcp/{port}");
    [
        "--listen".into(),
        multiaddr(port),
        "--external".into(),
        multiaddr(front.port()),
        "--external-only".into(),
    ]
}

fn summary(args: &Args, swarm: &Swarm) -> Summary {
    let measured = swarm.rounds_since(WARM_UP);
    let seconds: Vec<f64> = measured.map(|told| swarm::slowest(told.values())).collect();
    let everybody = usize::from(args.peers);
    let agreed = swarm.rounds_since(WARM_UP).all(|told| {
        let models: BTreeSet<_> = told.values().map(|round| &round.model).collect();
        let full = told
            .values()
            .all(|round| round.aggregated().count() == everybody);
        full && models.len() == 1
    });
    let shared = Exchange {
        peers: args.peers.into(),
        payload: args.dimension() * 4,
        keepers: swarm.keepers_since(WARM_UP),
    };
    let whole = Exchange {
        keepers: None,
        ..shared
    };
    let [bytes_seconds, least_seconds] =
        [whole, shared].map(|exchange| exchange.least() as f64 / args.rate);
    let seconds_median = swarm::median(seconds.iter().copied());
    let sent = swarm.sent_since(WARM_UP) as f64 / args.rounds.get() as f64;
    Summary {
        experiment: "links",
        peers: args.peers,
        bytes: args.dimension() * 4,
        delay_seconds: args.delay.as_secs_f64(),
        rate_bits: args.rate * 8.0,
        rounds: args.rounds.get(),
        keepers: shared.keepers,
        seconds_median,
        seconds_max: seconds.into_iter().fold(0.0, f64::max),
        bytes_seconds,
        ratio: seconds_median / bytes_seconds,
        least_seconds,
        least_ratio: seconds_median / least_seconds,
        wire_ratio: sent / f64::from(args.peers) / shared.least() as f64,
        agreed,
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} nodes, vectors of {:.2} MiB, {:.0} ms and {:.0} Mbit/s, {} rounds",
            self.peers,
            self.bytes as f64 / f64::from(1 << 20),
            self.delay_seconds * 1e3,
            self.rate_bits / 1e6,
            self.rounds
        )?;
        writeln!(
            f,
            "round   {:.3} s, at most {:.3} s; {:.3} of the {:.3} s that all vectors take",
            self.seconds_median, self.seconds_max, self.ratio, self.bytes_seconds
        )?;
        if let Some(keepers) = self.keepers {
            writeln!(
                f,
                "rule    run on each part by {keepers} of them: {:.3} of the {:.3} s that its bytes take",
                self.least_ratio, self.least_seconds
            )?;
        }
        writeln!(f, "sent    {:.3} of the least", self.wire_ratio)?;
        write!(
            f,
            "models  {}",
            if self.agreed { "equal" } else { "not equal" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_and_rates_are_read_as_people_write_them() {
        assert_eq!(delay("25ms"), Ok(Duration::from_millis(25)));
        assert_eq!(delay("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(rate("100mbit"), Ok(12.5e6));
        assert_eq!(rate("8kbit"), Ok(1000.0));
        for bad in ["25", "ms", "-1ms", "25 parsecs", ""] {
            assert!(delay(bad).is_err(), "{bad}");
        }
        for bad in ["100", "mbit", "-1mbit", "0mbit", "100mbps"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
