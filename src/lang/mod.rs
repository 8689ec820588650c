//! From the text of `.deploy` files to values. No I/O: files are read through a trait.

pub mod ast;
mod cut;
pub mod evaluate;
mod expression;
pub mod functions;
mod literal;
pub mod parse;
mod scan;
mod slip;
mod template;

#[cfg(test)]
mod parse_tests;
