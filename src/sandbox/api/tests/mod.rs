//! What services answer without and with the wire.

pub mod direct;
mod violations;
