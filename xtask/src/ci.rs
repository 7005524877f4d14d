//! `cargo xtask ci`: everything a change has to pass.

use anyhow::Result;

use crate::{check, test};

/// The static checks first, because they are quick to fail.
pub(crate) fn run(args: &test::Args) -> Result<()> {
    check::run()?;
    test::run(args)
}
