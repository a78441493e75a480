//! The gate from outside. Names that begin with `t_` or `a_` carry the id of the attack they refuse or of
//! the good thing they accept.

#![cfg(test)]

mod decision;
mod fixture;
mod gate;
mod grpc;
mod identity;
mod original;
mod origins;
mod publication;
mod sources;
