//! Tests of services with and without the wire.

pub mod direct;
mod violations;
