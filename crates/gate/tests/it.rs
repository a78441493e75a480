//! The gate from outside. Names that begin with `t_` or `a_` carry the id of the attack they refuse or of
//! the good thing they accept.

#![cfg(test)]

mod fixture;
mod gate;
mod identity;
