//! Swarms of processes on this machine.

mod attacks;
mod dataset;
mod death;
mod growth;
mod hostile;
mod leaving;
mod parts;
mod refusals;
mod restart;
mod rounds;
mod versions;
