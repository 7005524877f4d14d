//! Byzantine-robust aggregation: many vectors in, one out, of which some may be lies.
//!
//! In each round n peers contribute one vector each, a gradient say, and every peer turns the same n
//! vectors into the same one aggregate, by the same [`Pipeline`] of pre-aggregators and a [`Rule`].
//! The crate knows no network and needs no node.
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
//!   machine, for any instruction set, number of threads and order of the rows. Two exceptions: ties
//!   between equal scores go to the lower row index, and bucketing groups rows by their index; so
//!   pass the rows in author order.
//! * **Accounted for.** The [`Report`] says which rows were kept and dropped, and each one's weight.
//!   A drop is no proof of a lie: selection rules drop a fixed number of rows in every round.
//! * **No panics.** What cannot be computed is an error, and the caller's data decide nothing else.
//!
//! # Rules
//!
//! [`Rule`] lists them, each with its limits and its paper; [`Pre`] what can come before. The page
//! `docs/aggregation.md` has both as tables, says which variant is whose, and what to take:
//! `arc+nnm+trimmed-mean`. [`Rule::all`] and [`Pre::all`] are the same tables for programs.
//!
//! # Rooms
//!
//! | module | owns |
//! |---|---|
//! | `input` | rows, checked once |
//! | `arena` | rows that arrive in pieces, in any encoding, and are copied |
//! | `incremental` | rows whose pieces stay where they are |
//! | `blocks` | what is done of the work while rows arrive |
//! | `source` | where the engine reads, whatever holds the rows |
//! | `engine` | the three passes over the data: distances, columns, combine |
//! | `engine::simd` | instruction sets, and all `unsafe` |
//! | `geometry` | what row rules know: distances between points, and of their combinations |
//! | `weigh` | row rules: from distances to weights |
//! | `pre` | pre-aggregators: from distances to mixings |
//! | `rule`, `text` | the closed list, its limits, its text form |
//! | `pipeline` | decides what passes to make, and makes them |
//! | `report`, `witness`, `agreement`, `verdict` | what became of each row |
//! | `attack` | liars (feature `attacks`) |
//!
//! # Example
//!
//! ```
//! use spirt_aggregation::{Inputs, Pipeline};
//!
//! let rows = [[1.0, 2.0], [1.1, 2.1], [0.9, 1.9], [1.0, 2.1], [-900.0, 1e30]];
//! let inputs = Inputs::new(&rows)?;
//! let pipeline: Pipeline = "krum".parse()?;
//! let result = pipeline.aggregate(&inputs, 1)?;
//! assert!(rows[..4].iter().any(|row| result.vector == row));
//! assert!(result.report.dropped().any(|row| row == 4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! * `attacks` (off): what a liar may send, for tests, experiments and demonstrations.

mod agreement;
mod arena;
#[cfg(feature = "attacks")]
pub mod attack;
mod blocks;
mod engine;
mod error;
mod geometry;
mod incremental;
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
mod tile;
mod verdict;
mod weigh;
mod witness;

pub use arena::{Arena, Piece};
pub use error::{AggregateError, ArenaError, IncrementalError, InputError, ParseRuleError};
pub use half::{bf16, f16};
pub use incremental::Incremental;
pub use input::Inputs;
pub use pipeline::Pipeline;
pub use pre::{Pre, PreInfo};
pub use report::{Aggregate, Report, RowReport, Verdict};
pub use rule::{Rule, RuleInfo, Score, Start, Weiszfeld};
