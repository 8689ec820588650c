//! bgform: a declarative language for releases on EC2, and the engine that plans and applies them. The way
//! through is one line: text → graph → stack → plan → apply → state.

// All printing goes through `terminal`, which makes acting characters visible.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub use bgform_clock as clock;
pub use bgform_lang as lang;
pub use bgform_lang::{address, diagnostic, object, secrets, value};
pub use bgform_sandbox as sandbox;

pub mod apply;
pub mod cli;
pub mod cloud;
pub mod deployment;
pub mod facts;
pub mod graph;
pub mod kind;
pub mod plan;
pub mod rehearse;
pub mod rollout;
pub mod stack;
pub mod state;
pub mod terminal;
