//! The results of functions.

mod arguments;
mod documented;
mod documents;
