//! One integration binary (each one links the whole SDK), grouped by what it proves.

mod adoption;
mod applying;
mod autoscaling_group;
mod backend;
mod cli;
mod conformance;
mod deployment;
mod disk;
mod ec2;
mod examples;
mod expired;
mod kills;
mod lifecycle;
mod load_balancing;
mod local;
mod mishaps;
mod moto;
mod names;
mod preflight;
mod product;
mod readme;
mod reference;
mod retiring;
mod sandbox;
mod secrets;
mod wire;
