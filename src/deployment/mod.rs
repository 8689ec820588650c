//! One service in two colours, without time: a `deployment` block and the facts of it come in, ordinary
//! resources and the stages of a rollout go out.
//!
//! A deployment is *lowered* ([`lower`]): it becomes a launch template, two target groups, two Auto
//! Scaling groups and what divides its traffic, as an author could have written them, with weights and sizes
//! that are facts ([`crate::facts`]). A colour that is not being raised keeps what shipped with it. So
//! plan, apply, drift, `show` and `graph` know nothing of deployments.
//!
//! A rollout is a list of [`Stage`](crate::facts::Stage)s that the strategy decided when it began
//! ([`strategy`]).

pub mod declaration;
pub mod given;
pub mod lower;
pub mod names;
mod one_colour;
pub mod schema;
pub mod strategy;

pub use declaration::Declaration;
