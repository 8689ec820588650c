//! Carries out a plan. A plan, its program and an open journal come in. Calls go out, each recorded in the
//! journal first. The done, failed and not begun steps come back. Decides nothing: it knows no strategy and
//! no kind.

mod execute;
mod recover;
mod schedule;
mod together;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::plan::Plan;
use crate::stack::{Known, View};
use crate::state::{Journal, StateError};

pub use recover::{Recovered, recover};
pub use schedule::apply;

use crate::kind::operation::Reporter;
use crate::kind::shutdown::Shutdown;

/// The context of an apply.
pub struct Context<'a> {
    pub cloud: &'a Cloud,
    pub program: &'a View<'a>,
    pub plan: &'a Plan,
    pub journal: &'a Journal,
    pub reporter: &'a dyn Reporter,
    pub shutdown: &'a Shutdown,
    /// Maximum number of steps under way at once.
    pub parallelism: usize,
    /// Traffic leaves a failing group: it goes to another as soon as one of its targets is healthy.
    pub way_back: bool,
    /// Fleets and routers whose instances the caller waits for itself, where it needs them: a fleet that is
    /// made or whose size changes does not, nor does a shift of traffic that nobody serves.
    pub unawaited: BTreeSet<Address>,
}

/// A step that was carried out.
#[derive(Debug)]
pub struct Done {
    pub address: Address,
    pub verb: &'static str,
    pub took: Duration,
}

/// A step that failed or was cut short.
#[derive(Debug)]
pub struct Failed {
    pub address: Address,
    pub verb: &'static str,
    pub error: StepError,
}

/// The result of an apply.
#[derive(Debug, Default)]
pub struct Outcome {
    pub done: Vec<Done>,
    pub failed: Vec<Failed>,
    /// Steps that were not begun, each with the failed step it waits for, if there is one.
    pub not_done: Vec<(Address, &'static str, Option<Address>)>,
    pub interrupted: bool,
    /// The known facts of resources afterwards.
    pub known: Known,
}

impl Outcome {
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.not_done.is_empty() && !self.interrupted
    }

    /// Tells whether credentials were refused: every later step would fail with the same error.
    pub fn is_locked_out(&self) -> bool {
        self.failed.iter().any(|failed| failed.error.is_locked_out())
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error("{0}")]
    Kind(#[from] Error),
    #[error("`{attribute}` is {found} now, and the plan was made for {planned}")]
    NotAsPlanned { attribute: String, planned: String, found: String },
    #[error(
        "it was changed from outside since the plan was made: `{attribute}` is {found}, and was {planned}"
    )]
    ChangedMeanwhile { attribute: String, planned: String, found: String },
    #[error("it has vanished since the plan was made")]
    Vanished,
    #[error("an interrupted run created it from other inputs, and AWS shows that resource only now")]
    ShownLate,
    #[error("its inputs cannot be evaluated: {0}")]
    Evaluate(String),
}

impl From<StateError> for StepError {
    fn from(error: StateError) -> Self {
        Self::Kind(error.into())
    }
}

impl StepError {
    pub fn help(&self, address: &Address) -> Option<String> {
        match self {
            Self::Kind(error) => error.help(Some(address)),
            Self::NotAsPlanned { .. } | Self::ChangedMeanwhile { .. } | Self::Vanished => {
                Some("this step changed nothing; run `bgform plan` to see the present state".to_owned())
            }
            Self::ShownLate => Some(
                "it is in the state; run `bgform apply` again, and it becomes what the stack says".to_owned(),
            ),
            Self::Evaluate(_) => Some("run `bgform validate`".to_owned()),
        }
    }

    /// Tells whether it failed because credentials have expired.
    pub fn is_locked_out(&self) -> bool {
        matches!(self, Self::Kind(error) if error.is_locked_out())
    }

    /// Tells whether the step may have been carried out in part or whole, which the next apply finds out
    /// first.
    pub fn in_doubt(&self) -> bool {
        matches!(self, Self::Kind(error) if error.in_doubt())
    }
}
