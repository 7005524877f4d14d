//! What holds for all sequences of inputs, of one machine and of several.

mod agreement;
mod bounds;
mod inputs;
mod patience;
mod recovery;
