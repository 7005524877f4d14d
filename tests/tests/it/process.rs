//! Swarms of processes on this machine.

mod death;
mod growth;
mod hostile;
mod leaving;
mod refusals;
mod restart;
mod rounds;
