//! How long members are waited for that do the same work as this node.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

/// Least time that those are given that have not spoken when the others have.
const LEAST: Duration = Duration::from_millis(250);
/// How many times as long as this node took for the same work anybody is waited for.
const SLOWER: u32 = 4;

/// When who has not spoken is waited for no longer. All but `faulty` of `others` have spoken, at these times, and once more as
/// much time went by as that took since `began`; but if too few have, because all are slow, it is only after several times
/// what this node took until `ended`. Who has no such work itself cannot tell: then it is not at all.
pub(super) fn due(
    (began, ended): (Instant, Option<Instant>),
    spoke: &[Instant],
    others: usize,
    faulty: usize,
) -> Option<Instant> {
    let enough = others.saturating_sub(faulty);
    let took = |until: Instant| until.saturating_duration_since(began).max(LEAST);
    match enough.checked_sub(1).and_then(|at| spoke.get(at)) {
        Some(at) => Some(began + took(*at) * 2),
        None => Some(began + took(ended?) * SLOWER),
    }
}

/// Ends at that time; never, if there is none.
pub(super) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_get_as_long_again_as_the_others_took() {
        let began = Instant::now();
        let after = |millis| began + Duration::from_millis(millis);
        let due = |spoke: &[u64]| {
            let spoke: Vec<Instant> = spoke.iter().map(|millis| after(*millis)).collect();
            due((began, Some(after(400))), &spoke, 4, 1).unwrap()
        };
        assert_eq!(due(&[100, 200]), after(1600), "two of four are too few");
        assert_eq!(due(&[100, 200, 600]), after(1200));
        assert_eq!(due(&[1, 2, 3, 4]), after(500));
        assert_eq!(super::due((began, None), &[], 4, 1), None);
    }
}
