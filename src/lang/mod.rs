//! From the text of `.deploy` files to values. No I/O: files are read through a trait.

pub mod ast;
pub mod evaluate;
pub mod functions;
