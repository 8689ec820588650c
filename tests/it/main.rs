//! One integration binary (each one links the whole SDK), grouped by what it proves.

mod adoption;
mod applying;
mod autoscaling_group;
mod backend;
mod cli;
#[allow(dead_code, reason = "a kind uses what it needs of the harness")]
mod conformance;
mod deployment;
mod disk;
mod ec2;
mod examples;
mod expired;
mod kills;
mod lifecycle;
mod load_balancing;
#[allow(dead_code, reason = "a test uses what it needs of the harness")]
mod local;
mod mishaps;
#[allow(dead_code, reason = "a kind uses what it needs of the harness")]
mod moto;
mod names;
mod preflight;
#[allow(dead_code, reason = "a test uses what it needs of the harness")]
mod product;
mod readme;
mod reference;
mod retiring;
mod sandbox;
mod secrets;
#[allow(dead_code, reason = "a test uses what it needs of the harness")]
mod wire;
