//! Where a pass writes: panel by panel, past the caches if the whole is long.
//!
//! A store to memory that is not in a cache reads it first, and reading is what a pass waits for. A long
//! output is out of the caches anyway by the time when somebody reads it, so its lines are sent to memory
//! whole. They begin where the allocator lets them; so a panel's values are gathered first.

use super::run::LINES;
use super::simd::{LANES, Lanes, Simd, arrays};
use crate::tile::PANEL;

/// The columns of a strip in the output.
#[derive(Debug)]
pub(super) struct Out<'a> {
    pub(super) values: &'a mut [f32],
    /// Whether they are written past the caches.
    pub(super) is_long: bool,
}

/// Values from which an output is long: about the size of a cache that a core has for itself.
pub(super) const LONG: usize = 1 << 18;

/// Room for the values of a panel.
pub(super) type Panel = [Lanes<f32>; LINES];
/// Room as it is at first.
pub(super) const EMPTY: Panel = [Lanes([0.0; LANES]); LINES];

impl<'a> Out<'a> {
    /// Some of the columns.
    pub(super) fn slice(&mut self, at: usize, width: usize) -> Out<'_> {
        Out {
            values: &mut self.values[at..at + width],
            is_long: self.is_long,
        }
    }

    /// The panels, left to right; the last one may be short.
    pub(super) fn panels(self) -> impl Iterator<Item = Out<'a>> {
        let is_long = self.is_long;
        let panels = self.values.chunks_mut(PANEL);
        panels.map(move |values| Out { values, is_long })
    }

    /// Writes the first values of `panel` here, as many as there is room for.
    #[inline(always)]
    pub(super) fn put<S: Simd>(self, s: S, panel: &Panel) {
        if self.is_long {
            s.stream(panel, self.values);
        } else {
            let values = &arrays(panel).as_flattened()[..self.values.len()];
            self.values.copy_from_slice(values);
        }
    }
}
