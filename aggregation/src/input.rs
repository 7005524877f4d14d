//! [`Inputs`]: the n x d matrix that a rule reads, checked once so that no rule has to check again.

use crate::error::InputError;

/// The rows that a rule aggregates: n vectors of d finite `f32` each, with n >= 1 and d >= 1.
///
/// A value of this type is the proof that the check was made. It borrows the rows and copies
/// nothing. Row `i` is contributor `i` in the caller's order; pass the rows in author order, so
/// that the peers agree on which row wins a tie.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    rows: Vec<&'a [f32]>,
    dimension: usize,
}

impl<'a> Inputs<'a> {
    /// Checks `rows`, which may be a slice of slices, of `Vec<f32>`, or of arrays.
    ///
    /// Cost: one pass over n * d values.
    ///
    /// # Errors
    ///
    /// [`InputError`] names the first row, and the first coordinate in it, that breaks the
    /// contract: that row's author is at fault, except for [`InputError::NoRows`].
    pub fn new<R: AsRef<[f32]>>(rows: &'a [R]) -> Result<Self, InputError> {
        Self::from_rows(rows.iter().map(AsRef::as_ref).collect())
    }

    /// The same check for rows that are already gathered as slices.
    ///
    /// # Errors
    ///
    /// As [`Inputs::new`].
    pub fn from_rows(rows: Vec<&'a [f32]>) -> Result<Self, InputError> {
        let Some(first) = rows.first() else {
            return Err(InputError::NoRows);
        };
        let dimension = first.len();
        if dimension == 0 {
            return Err(InputError::NoCoordinates);
        }
        for (row, values) in rows.iter().enumerate() {
            if values.len() != dimension {
                return Err(InputError::Ragged {
                    row,
                    expected: dimension,
                    found: values.len(),
                });
            }
            if let Some(coordinate) = first_not_finite(values) {
                return Err(InputError::NotFinite {
                    row,
                    coordinate,
                    value: values[coordinate],
                });
            }
        }
        Ok(Self { rows, dimension })
    }

    /// Number of rows, n >= 1.
    pub fn n(&self) -> usize {
        self.rows.len()
    }

    /// Length of each row, d >= 1.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The rows: n slices of d finite values.
    pub fn rows(&self) -> &[&'a [f32]] {
        &self.rows
    }
}

/// Index of the first NaN or infinity. Whole blocks are tested at once: the good case is the
/// common one, and it vectorises.
fn first_not_finite(values: &[f32]) -> Option<usize> {
    const BLOCK: usize = 1024;
    for (block, chunk) in values.chunks(BLOCK).enumerate() {
        let all_finite = chunk.iter().fold(true, |ok, x| ok & x.is_finite());
        if !all_finite {
            return chunk
                .iter()
                .position(|x| !x.is_finite())
                .map(|at| block * BLOCK + at);
        }
    }
    None
}

#[cfg(test)]
mod tests;
