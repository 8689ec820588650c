//! From the text of `.deploy` files to values. No I/O: files are read through a trait.

pub mod ast;
mod blank;
mod cut;
pub mod declare;
mod ends;
pub mod evaluate;
mod expression;
pub mod format;
pub mod functions;
mod literal;
pub mod parse;
mod place;
mod plain;
pub mod scan;
mod slip;
mod template;
pub mod variable;

#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod parse_tests;
#[cfg(test)]
mod slip_tests;
