//! The Rust peers of the runtime's benchmarks, behind the C functions of peers.h.
mod abi;
mod channels;
mod pools;
mod rings;
mod wake;
