//! From the text of `.deploy` files to values. No I/O: files are read through a trait.

pub mod ast;
pub mod check;
pub mod declare;
pub mod evaluate;
pub mod functions;
pub mod program;
pub mod scope;
pub mod variable;
