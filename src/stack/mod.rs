//! A stack held against the kinds. Parsed files and values of variables come in; a [`Program`] goes
//! out, checked, with `for_each` expanded and deployments lowered, whose blocks can be evaluated one
//! by one. Calls no AWS and decides nothing about an account.

pub mod check;
mod deployments;
mod expand;
pub mod notation;
pub mod program;
pub mod reference;
pub mod scope;
mod settings;

pub use program::Program;
pub use settings::Settings;

#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
pub(crate) mod program_tests;
