//! One integration binary (each one links the whole SDK), grouped by what it proves.

mod autoscaling_group;
mod conformance;
mod load_balancing;
mod moto;
