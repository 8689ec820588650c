//! Checks a stack against the kinds. Parsed files and values of variables come in. A checked [`Program`] goes
//! out, with `for_each` expanded and deployments lowered, whose blocks can be evaluated one by one. Calls no
//! AWS and decides nothing about an account.

mod check;
mod deployments;
mod each;
mod expand;
pub mod modules;
mod named;
pub mod notation;
mod program;
pub mod reference;
mod scope;
mod settings;
mod view;

pub use program::{Input, Program, ReadFile};
pub use scope::{Facts, Known, Names};
pub use settings::Settings;
pub use view::{Evaluated, Node, View};

#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod module_tests;
#[cfg(test)]
pub(crate) mod program_tests;
