//! bgform: a declarative language for what a release on EC2 is made of, and the engine that plans
//! and applies it. The way through is one line: text → graph → stack → plan → apply → state.

// What is printed goes through `terminal`, which shows what would act there.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub use bgform_clock as clock;
pub use bgform_sandbox as sandbox;

pub mod address;
pub mod apply;
pub mod cli;
pub mod cloud;
pub mod deployment;
pub mod diagnostic;
pub mod graph;
pub mod kind;
pub mod lang;
pub mod plan;
pub mod rehearse;
pub mod rollout;
pub mod secrets;
pub mod stack;
pub mod state;
pub mod terminal;
pub mod value;
