//! The language: from the text of `.deploy` files to values.
//!
//! ```text
//! text ─ scan, cut ─▶ statements ─ parse ─▶ syntax ─ declare ─▶ declarations ─ evaluate ─▶ values
//! ```
//!
//! It knows no resource kind and does no I/O: it asks for kinds through [`declare::Kinds`], for names and
//! files through [`evaluate::Scope`]. The vocabulary of every room is here too: values, addresses, mistakes
//! with their places, secret texts.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod address;
pub mod ast;
mod blank;
mod cut;
pub mod declare;
pub mod diagnostic;
mod ends;
pub mod evaluate;
mod expression;
pub mod format;
pub mod functions;
pub mod literal;
mod object;
pub mod parse;
mod place;
mod plain;
pub mod scan;
pub mod secrets;
mod slip;
pub mod template;
pub mod value;
pub mod variable;
pub mod visible;

#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod parse_tests;
#[cfg(test)]
mod slip_tests;
