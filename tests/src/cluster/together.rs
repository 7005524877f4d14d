//! Whether the nodes of a cluster go the same way.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Cluster;
use crate::observe::{Event, Round, agreement, rounds};

impl Cluster {
    /// Waits until the nodes with these numbers have ended a round to which each of them
    /// contributed, and returns it. (The rule may leave one out: a robust one drops honest outliers, too.) Rounds before those that they are at now do not count.
    pub fn wait_together(&self, numbers: &[usize]) -> Round {
        let since = numbers
            .iter()
            .filter_map(|number| self[*number].last_round())
            .max();
        let peers: Vec<&str> = numbers.iter().map(|number| self[*number].peer()).collect();
        let all_in = |round: &Round| peers.iter().all(|peer| round.counted(peer));
        let what = format!("the nodes {numbers:?} are in");
        let ended = numbers.iter().map(|number| {
            self[*number].wait_round(since.map_or(0, |since| since + 1), &what, all_in)
        });
        ended
            .max_by_key(|round| round.round)
            .expect("there are nodes")
    }

    /// Waits until these nodes have ended at least `n` more rounds and agree: each ended the rounds
    /// from `since` on with the same model as the others, or said that it took over theirs. Returns
    /// the rounds that all of them ended alike.
    pub fn agree(&self, numbers: &[usize], since: u64, n: usize) -> BTreeSet<u64> {
        let ended = numbers.iter().map(|number| self[*number].rounds_ended());
        let ended: Vec<usize> = ended.collect();
        for (number, ended) in numbers.iter().zip(ended) {
            self[*number].wait_rounds_after(ended, n);
        }
        let deadline = Instant::now() + self[numbers[0]].patience();
        loop {
            let told: Vec<(String, Vec<Event>)> = numbers
                .iter()
                .map(|number| (self[*number].name().to_owned(), self[*number].events()))
                .collect();
            match agreement(&told, since) {
                Ok(together) if !together.is_empty() => return together,
                Err(error) if Instant::now() > deadline => panic!("{error}"),
                Ok(_) if Instant::now() > deadline => {
                    panic!("{numbers:?} ended no common round since {since}")
                }
                // One that is wrong finds out within a few rounds.
                Ok(_) | Err(_) => drop(self[numbers[0]].wait_rounds(1)),
            }
        }
    }

    /// Checks that none of these nodes lost, skipped or took back a round from round `since` on.
    pub fn no_round_lost(&self, numbers: &[usize], since: u64) {
        for number in numbers {
            let events = self[*number].events();
            let apart =
                |event: &&Event| matches!(event, Event::Joined(joined) if joined.round > since);
            assert_eq!(events.iter().find(apart), None, "node {number} went apart");
            let ended = rounds(&events).filter(|round| round.round >= since);
            for (due, round) in (since..).zip(ended) {
                assert_eq!(round.round, due, "node {number} skipped a round");
                assert!(round.applied, "node {number} lost round {due}: {round:?}");
            }
        }
    }
}
