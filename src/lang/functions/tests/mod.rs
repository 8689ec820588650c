//! What functions give.

mod arguments;
mod documented;
