//! One service in two colours, without time: a `deployment` block and the facts of it come in, ordinary
//! resources and the stages of a rollout go out.
//!
//! A deployment is *lowered* ([`lower`]): it becomes two fleets and what they are launched from, two
//! target groups and what divides its traffic, as an author could have written them, with weights and sizes
//! that are facts ([`crate::facts`]). A colour that is not being raised keeps what shipped with it. So
//! plan, apply, drift, `show` and `graph` know nothing of deployments.
//!
//! A rollout is a list of [`Stage`](crate::facts::Stage)s that the strategy decided when it began
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
