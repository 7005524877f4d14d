//! A queue of bounded length that keeps what came last: for all that must not grow because somebody does not take it.

use std::collections::VecDeque;

/// At most `N` items, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Latest<T, const N: usize>(VecDeque<T>);

impl<T, const N: usize> Default for Latest<T, N> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T, const N: usize> Latest<T, N> {
    /// Adds an item. When there are `N` already, the oldest makes room, and is returned.
    pub(crate) fn push(&mut self, item: T) -> Option<T> {
        let oldest = (self.0.len() == N).then(|| self.0.pop_front()).flatten();
        self.0.push_back(item);
        oldest
    }

    /// Takes the oldest.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    /// Drops all but those that satisfy `keep`.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    pub(crate) fn contains(&self, item: &T) -> bool
    where
        T: PartialEq,
    {
        self.0.contains(item)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.0.iter()
    }
}

impl<T, const N: usize> IntoIterator for Latest<T, N> {
    type Item = T;
    type IntoIter = std::collections::vec_deque::IntoIter<T>;

    /// Oldest first.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_and_is_told_of() {
        let mut latest = Latest::<u32, 3>::default();
        assert!(latest.is_empty());
        let lost: Vec<u32> = (0..100_000).filter_map(|item| latest.push(item)).collect();
        assert!(
            lost.iter().copied().eq(0..99_997),
            "each that was lost, in order"
        );
        assert_eq!(latest.len(), 3);
        assert!(latest.0.capacity() < 64, "{}", latest.0.capacity());
        assert_eq!(latest.pop(), Some(99_997));
        assert_eq!(latest.push(7), None, "there is room again");
        assert!(latest.contains(&7) && !latest.contains(&99_997));
        assert!(latest.iter().copied().eq([99_998, 99_999, 7]));
        latest.retain(|item| item % 2 == 1);
        assert!(latest.into_iter().eq([99_999, 7]));
    }

    #[test]
    fn one_is_the_least_that_is_kept() {
        let mut latest = Latest::<&str, 1>::default();
        assert_eq!(latest.push("a"), None);
        assert_eq!(latest.push("b"), Some("a"));
        assert_eq!(latest.pop(), Some("b"));
        assert_eq!(latest.pop(), None);
    }
}
