//! One integration binary (each one links the whole SDK), grouped by what it proves.

#[allow(dead_code, reason = "a kind uses what it needs of the harness")]
mod conformance;
mod ec2;
#[allow(dead_code, reason = "a kind uses what it needs of the harness")]
mod moto;
