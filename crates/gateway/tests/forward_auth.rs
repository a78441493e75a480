//! Forward auth: which fields each dialect reads, who may ask, and what is answered (THREATS tables
//! 7 to 9, as far as they concern these doors).

mod answers;
mod fields;
mod peers;
pub(crate) mod setting;
mod sources;
mod targets;
mod told;
