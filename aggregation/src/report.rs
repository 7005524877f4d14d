//! [`Aggregate`] and [`Report`]: the result of a rule, and what the rule did to each row.

/// A row that weighs less than this fraction of the median weight counts as dropped.
const FAINT: f64 = 0.1;

/// What a rule gives back.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The aggregate: d values, all finite.
    pub vector: Vec<f32>,
    /// What the rule did to each of the n rows.
    pub report: Report,
}

/// What a rule did to each row, in row order. For people, logs and scores; no part of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    rows: Vec<RowReport>,
}

/// What a rule did to one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowReport {
    /// Whether the row counted.
    pub verdict: Verdict,
    /// The row's part of the aggregate, 0..=1; all weights add up to 1 (within rounding). For a rule
    /// that weighs each coordinate apart it is the average over the coordinates.
    pub weight: f64,
    /// The fraction of coordinates in which the row's value took part, 0..=1. A rule that takes rows
    /// as a whole has 1 or 0 here. A coordinate rule counts only coordinates in which the rows are
    /// not all equal, and a value equal to one that took part did so too.
    pub share: f64,
    /// The cosine, -1..=1, between the row and the coordinate-wise median of the other rows. Only
    /// coordinate rules compute it, and only where neither is zero.
    pub agreement: Option<f64>,
    /// The rule's own score, lower is better, if it has one (Krum: a sum of squared distances).
    pub score: Option<f64>,
}

/// Whether a row counted.
///
/// A rule that selects rows drops a fixed number of them in each round, honest or not; so a single
/// verdict is no proof of a lie, only a row of them is a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The row took part in the aggregate.
    Kept,
    /// The row was left out, or weighs less than a tenth of the median weight. Of a coordinate rule, which leaves out no row as a whole: its share is
    /// below half of the median share, or it is below the mean share and the row points against the
    /// median of the others (cosine below -0.05); and never more than f rows.
    Dropped,
}

impl Report {
    /// One entry per row, in row order.
    pub fn rows(&self) -> &[RowReport] {
        &self.rows
    }

    /// Indices of the rows that took part, ascending.
    pub fn kept(&self) -> impl Iterator<Item = usize> {
        self.with(Verdict::Kept)
    }

    /// Indices of the rows that were left out, ascending.
    pub fn dropped(&self) -> impl Iterator<Item = usize> {
        self.with(Verdict::Dropped)
    }

    fn with(&self, verdict: Verdict) -> impl Iterator<Item = usize> {
        let rows = self.rows.iter().enumerate();
        rows.filter(move |(_, row)| row.verdict == verdict)
            .map(|(index, _)| index)
    }

    pub(crate) fn new(rows: impl IntoIterator<Item = RowReport>) -> Self {
        Self {
            rows: rows.into_iter().collect(),
        }
    }

    /// The same with n rows, of which these are at the places `present`, and the others dropped.
    pub(crate) fn spread(self, present: &[usize], n: usize) -> Self {
        let absent = RowReport {
            verdict: Verdict::Dropped,
            weight: 0.0,
            share: 0.0,
            agreement: None,
            score: None,
        };
        let mut rows = vec![absent; n];
        for (&place, row) in present.iter().zip(self.rows) {
            rows[place] = row;
        }
        Self { rows }
    }

    /// The report of a rule that weighs whole rows.
    pub(crate) fn of_weights(weights: &[f64], scores: Option<&[f64]>) -> Self {
        let mut sorted = weights.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let faint = FAINT * sorted[sorted.len() / 2];
        Self::new(weights.iter().enumerate().map(|(i, &weight)| {
            let is_kept = weight > 0.0 && weight >= faint;
            RowReport {
                verdict: if is_kept {
                    Verdict::Kept
                } else {
                    Verdict::Dropped
                },
                weight,
                share: if is_kept { 1.0 } else { 0.0 },
                agreement: None,
                score: scores.map(|scores| scores[i]),
            }
        }))
    }

    /// The report of a rule that takes each coordinate apart: per row its share, and its cosine to
    /// the median of the others, and what follows from them.
    pub(crate) fn of_coordinates(
        shares: &[f64],
        cosines: &[Option<f64>],
        verdicts: &[Verdict],
    ) -> Self {
        let total: f64 = shares.iter().sum();
        let rows = shares.iter().zip(cosines).zip(verdicts);
        Self::new(rows.map(|((&share, &agreement), &verdict)| RowReport {
            verdict,
            weight: share / total,
            share,
            agreement,
            score: None,
        }))
    }
}
