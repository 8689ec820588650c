//! One service in two colours. A `deployment` block and what state knows of it come in; ordinary
//! resources, the stages of a rollout, and the gates between them go out.
//!
//! A deployment is *lowered* ([`lower`]): it becomes a launch template, two target groups, two Auto
//! Scaling groups and its listener rules, as an author could have written them, with weights and
//! sizes that are facts of state ([`crate::state::deployment`]). What ships with a colour stays as
//! it is on a colour that is not being raised. So plan, apply, drift, `show` and `graph` know nothing
//! of deployments.
//!
//! A rollout is a list of [`Stage`](crate::state::deployment::Stage)s that the strategy decided when
//! it began ([`strategy`]); how far it is, is a fact of state.

pub mod adopt;
pub mod decide;
pub mod declaration;
mod fingerprint;
pub mod gate;
mod health;
mod in_place;
pub mod lower;
pub mod mailbox;
pub mod names;
mod one_colour;
pub mod permissions;
pub mod picture;
pub mod preflight;
mod preview;
mod records;
mod remote;
mod request;
mod retirement;
mod rolling;
pub mod run;
pub mod schema;
pub mod seen;
pub mod standing;
pub mod story;
pub mod strategy;
pub mod tell;
pub mod verify;
mod watch;

pub use declaration::Declaration;
