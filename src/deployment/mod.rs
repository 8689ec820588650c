//! One service in two colours, without time: a `deployment` block and its facts come in; ordinary resources
//! and the stages of a rollout go out.
//!
//! A deployment is *lowered* ([`lower`]): it becomes two fleets, their launch source, two target groups and
//! its routers, in an author's form, with weights and sizes from the facts ([`crate::facts`]). A colour that
//! is not being raised keeps the attributes that shipped with it. So plan, apply, drift, `show` and `graph`
//! know nothing of deployments.
//!
//! A rollout is a list of [`Stage`](crate::facts::Stage)s that the strategy chose when it began
//! ([`strategy`]).

pub mod declaration;
pub mod given;
pub mod lower;
pub mod names;
pub mod nested;
mod one_colour;
mod own;
mod routers;
pub mod schema;
pub mod sides;
pub mod strategy;
mod syntax;

pub use declaration::{Declaration, Strategy};
