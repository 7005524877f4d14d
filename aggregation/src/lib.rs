//! Byzantine-robust aggregation: many vectors in, one out, of which some may be lies.
//!
//! In each round n peers contribute one vector each, a gradient say, and every peer turns the same n
//! vectors into the same one aggregate, by the same [`Rule`].
//!
//! # Threat model
//!
//! Of the n rows up to f are *Byzantine*: chosen by someone who knows the model, the rule, f and all
//! honest rows, and who may agree with the other liars. Nobody knows which rows these are. The other
//! n - f are *honest*: noisy estimates of one true vector. f is set by the operator, and is a
//! promise about the world that no code can check. With 2f >= n no rule can help: the liars can be
//! the majority that the honest rows were taken for.
//!
//! Not this crate's business: who may contribute, signatures, two different rows from one author,
//! and whether all peers hold the same set of rows.
//!
//! # What a rule promises
//!
//! * **Robust.** For n >= [`Rule::min_inputs`]`(f)` the liars cannot push the aggregate further from
//!   the honest rows than a multiple of the honest rows' own spread, whatever they send. The mean is
//!   the exception, kept as the baseline: a single liar moves it anywhere.
//! * **Checked once.** [`Inputs`] refuses rows of unequal length, NaN and infinities, and names the
//!   row. A rule never sees them, and gives back finite values.
//! * **Deterministic.** The result is a function of the set of rows and f: the same bits on every
//!   machine, for any number of threads and any order of the rows. Floats are totally ordered; sums
//!   are made in `f64`, in a fixed or sorted order. One exception: Krum and Multi-Krum break ties
//!   between equal scores by the lower row index, so pass the rows in author order.
//! * **Accounted for.** The [`Report`] says which rows were kept and dropped, and each one's weight.
//!   A drop is no proof of a lie: selection rules drop a fixed number of rows in every round.
//! * **No panics.** What cannot be computed is an error, and the caller's data decide nothing else.
//!
//! # Rules
//!
//! | text | least n | breakdown | result | paper |
//! |---|---|---|---|---|
//! | `mean` | 1 | 0 | mean of all rows, not robust | - |
//! | `median` | 2f + 1 | 1/2 | median of each coordinate | [Yin et al. 2018] |
//! | `trimmed-mean` | 2f + 1 | 1/2 | mean of each coordinate without its f smallest and f largest | [Yin et al. 2018] |
//! | `krum` | 2f + 3 | 1/2 | the row with the least sum of squared distances to its n - f - 2 nearest others | [Blanchard et al. 2017] |
//! | `multi-krum[:m=<rows>]` | max(2f + 3, m + f) | 1/2 | mean of the m rows with the best Krum scores, m = n - f unless given | [Blanchard et al. 2017] |
//!
//! The breakdown point is the fraction f / n up to which the rule holds as n grows. [`Rule::all`] is
//! the same table for programs.
//!
//! # Example
//!
//! ```
//! use spirt_aggregation::{Inputs, Rule};
//!
//! let rows = [[1.0, 2.0], [1.1, 2.1], [0.9, 1.9], [1.0, 2.1], [-900.0, 1e30]];
//! let inputs = Inputs::new(&rows)?;
//! let rule: Rule = "krum".parse()?;
//! let result = rule.aggregate(&inputs, 1)?;
//! assert!(rows[..4].iter().any(|row| result.vector == row));
//! assert!(result.report.dropped().any(|row| row == 4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! * `attacks` (off): what a liar may send, for tests, experiments and demonstrations.
//!
//! [Yin et al. 2018]: https://arxiv.org/abs/1803.01498
//! [Blanchard et al. 2017]: https://papers.nips.cc/paper/6617

mod agreement;
mod arena;
#[cfg(feature = "attacks")]
pub mod attack;
mod engine;
mod error;
mod geometry;
mod input;
mod order;
mod pipeline;
mod pre;
mod random;
mod report;
mod rule;
mod source;
mod spectrum;
mod text;
mod verdict;
mod weigh;
mod witness;

pub use arena::{Arena, Piece};
pub use error::{AggregateError, ArenaError, InputError, ParseRuleError};
pub use half::{bf16, f16};
pub use input::Inputs;
pub use pipeline::Pipeline;
pub use pre::{Pre, PreInfo};
pub use report::{Aggregate, Report, RowReport, Verdict};
pub use rule::{Rule, RuleInfo, Score, Start, Weiszfeld};
