//! The observers of a rehearsal: requests of clients, the changes of weights and of targets' health, and the
//! verdict.
//!
//! In: an address that answers, a region of the sandbox. Out: rows of a timeline and a verdict. It knows
//! nothing of stacks and plans.

pub mod load;
pub mod tally;
pub mod target;
pub mod timeline;
pub mod watch;

pub use load::{Generator, Settings};
pub use tally::{Failure, Tally, Verdict};
pub use target::Target;
pub use timeline::{Row, Timeline};
