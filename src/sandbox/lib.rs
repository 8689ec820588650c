//! A local region: the wire protocol that AWS clients speak, instances that are processes, a load
//! balancer that carries real requests, and faults to be made on purpose.
//!
//! It knows AWS and nothing of bgform. What happens in it is one line:
//!
//! ```text
//! HTTP ─ wire ─▶ api ─▶ handler(&mut State) ─▶ State on disk ─▶ answer
//! clock, reports ─▶ tick(&mut State): pending → running, fleets, refreshes, drains
//! State ─▶ compute (machines that should run), balancer (listeners, rules, targets)
//! compute, balancer ─ reports ─▶ State
//! ```
//!
//! Handlers and ticks are plain functions over [`state::State`] and a timestamp: nothing in them
//! waits or touches the machine. The effects are made by [`compute`] and [`balancer`], which are told
//! what should be and report what is.

use bgform_clock as clock;

pub mod acm;
pub mod api;
pub mod application_autoscaling;
pub mod autoscaling;
pub mod balancer;
pub mod cloudwatch;
pub mod compute;
mod connections;
pub mod control;
pub mod door;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod faults;
pub mod hello;
pub mod iam;
pub mod key;
pub mod log;
pub mod logs;
mod network;
pub mod pace;
pub mod region;
pub mod route53;
pub mod secretsmanager;
pub mod server;
pub mod ssm;
pub mod state;
pub mod sts;
mod wire;

pub use server::{Options, Sandbox, StartError, clear, region_folders};
