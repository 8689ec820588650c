//! What expressions mean, and what is said of those that mean nothing.

mod collections;
mod names;
mod operators;
mod unknown;
