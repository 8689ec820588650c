//! A control plane answers and nothing runs: moto, which nobody here wrote, and now and then the sandbox beside it.

pub mod adoption;
pub mod applying;
pub mod around;
pub mod autoscaling_group;
pub mod backend;
pub mod conformance;
pub mod deployment;
pub mod disk;
pub mod ec2;
pub mod examples;
pub mod expired;
pub mod import;
pub mod lifecycle;
pub mod load_balancing;
pub mod mishaps;
pub mod modules;
pub mod names;
pub mod preflight;
pub mod records;
pub mod reliable;
pub mod retiring;
pub mod routers;
