//! Who contributes the very bytes that another peer contributed before: somebody who spares the work, or liars of one mind.
//!
//! Told, and no offence: a copy may reach this node sooner than what it was copied from. Decides nothing.

use std::collections::BTreeMap;

use spirt_protocol::{Digest, Frame, Message, PeerId, Round};

/// A contribution, as its frame announces it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Announced {
    round: Round,
    root: Digest,
    author: PeerId,
}

impl Announced {
    /// What the frame announces, if it is a contribution's.
    pub(super) fn by(frame: &Frame) -> Option<Self> {
        matches!(frame.message(), Message::Contribution(_)).then(|| Self {
            round: frame.round(),
            root: frame.envelope().root,
            author: frame.author(),
        })
    }
}

/// Who was the first to announce each payload, in the round under way and the next.
#[derive(Debug, Default)]
pub(super) struct Copies(BTreeMap<(Round, Digest), PeerId>);

impl Copies {
    /// Forgets all rounds but this one and the next.
    pub(super) fn started(&mut self, round: Round) {
        self.0
            .retain(|(of, _), _| *of == round || *of == round.next());
    }

    /// Hears of a contribution that the machine took, in order of arrival; the machine bounds how many that are.
    pub(super) fn hear(&mut self, announced: Announced) {
        let Announced {
            round,
            root,
            author,
        } = announced;
        self.0.entry((round, root)).or_insert(author);
    }

    /// Which of these contributions to a round are copies, by author: of whose.
    pub(super) fn among(
        &self,
        round: Round,
        contributions: &[(PeerId, Digest)],
    ) -> BTreeMap<PeerId, PeerId> {
        let copied = |(author, root): &(PeerId, Digest)| {
            let first = self.0.get(&(round, *root))?;
            (first != author).then_some((*author, *first))
        };
        contributions.iter().filter_map(copied).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PeerId = PeerId([1; 32]);
    const B: PeerId = PeerId([2; 32]);
    const C: PeerId = PeerId([3; 32]);

    #[test]
    fn only_the_first_to_contribute_some_bytes_in_a_round_did_not_copy_them() {
        let (x, y) = (Digest::of(b"x"), Digest::of(b"y"));
        let mut copies = Copies::default();
        for (round, root, author) in [(7, x, C), (7, y, B), (7, x, A), (7, x, C), (8, x, B)] {
            copies.hear(Announced {
                round: Round(round),
                root,
                author,
            });
        }
        let contributions = [(A, x), (B, y), (C, x)];
        let copied = BTreeMap::from([(A, C)]);
        assert_eq!(copies.among(Round(7), &contributions), copied);
        copies.started(Round(8));
        assert_eq!(copies.among(Round(7), &contributions), BTreeMap::new());
        let copied = BTreeMap::from([(C, B)]);
        assert_eq!(copies.among(Round(8), &[(B, x), (C, x)]), copied);
    }
}
