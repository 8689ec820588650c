//! The values of expressions, and the mistakes of those without one.

mod collections;
mod names;
mod operators;
mod unknown;
