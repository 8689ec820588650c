//! Nothing answers: the stack, the state and the pages alone.

pub mod dependencies;
pub mod help;
pub mod stack;
pub mod state;
pub mod walls;
