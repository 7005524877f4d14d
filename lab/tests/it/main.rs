//! The experiments as a whole: the real program, few and small vectors.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod exchange;
