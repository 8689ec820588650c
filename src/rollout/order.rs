//! A person's order to one deployment: the way back, the end of the release under way, the end of the standby
//! colour. The state and the order come in. A plan made from the records of the state alone goes out; it
//! needs neither the stack nor its variables. Makes no call.

use jiff::Timestamp;

use super::moves::Rollouts;
use super::plan::Plan;
use super::steer::{still_under_way, under_way};
use super::{Error, who};
use crate::facts::{Colour, Course, Deployment, Release, Rollout};
use crate::plan::{self, Options};
use crate::rollout::decide::{Intent, What};
use crate::rollout::standing::{Back, NoWay, back, intent};
use crate::state::Snapshot;

#[derive(Debug, Clone)]
pub enum Order {
    /// Back to the release before, or to the release `to` if it is named. `raise` agrees to launch instances
    /// of it.
    Rollback { to: Option<String>, raise: bool },
    /// The release under way goes back: the release `about`, if the sender saw one; to `to`, if it is named.
    Abort { about: Option<Release>, to: Option<String> },
    /// The standby colour is emptied before its time.
    Retire,
}

/// The answer to an order.
pub enum Answer {
    Ship(Box<Plan>),
    Nothing(Nothing),
}

/// Why there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nothing {
    #[error("{0}. Nothing to do.")]
    Back(NoWay),
    #[error("{deployment}: nothing is live yet, and nothing stands by.")]
    NoneLive { deployment: String },
}

/// Decides what an order does in the current state.
///
/// # Errors
/// Why the order cannot be carried out.
pub fn order(snapshot: Snapshot, name: &str, order: &Order, now: Timestamp) -> Result<Answer, Error> {
    let facts = snapshot.deployments.get(name).cloned().unwrap_or_default();
    let decided = match order {
        Order::Rollback { to, raise } => rollback(name, facts, to.as_deref(), *raise, now)?,
        Order::Abort { about, to } => Ok(abort(name, facts, about.as_ref(), to.as_deref())?),
        Order::Retire => retire(name, facts)?,
    };
    let intent = match decided {
        Ok(intent) => intent,
        Err(nothing) => return Ok(Answer::Nothing(nothing)),
    };
    let rollouts = Rollouts { intents: vec![intent], ..Rollouts::default() };
    let resources = plan::Plan { from_records: true, ..plan::Plan::default() };
    let plan = Plan::of(snapshot, resources, rollouts, Options::default());
    Ok(Answer::Ship(Box::new(Plan { from_records: true, ..plan })))
}

type Decided = Result<Intent, Nothing>;

fn rollback(
    name: &str,
    mut facts: Deployment,
    to: Option<&str>,
    raise: bool,
    now: Timestamp,
) -> Result<Decided, Error> {
    match &mut facts.rollout {
        // A way back that was cut short.
        Some(rollout) if rollout.is_back() => {
            rollout.course = Course::Forward;
            return Ok(Ok(intent(name, facts)));
        }
        Some(rollout) => {
            return Err(Error::Refused {
                code: "bgform::deployment::under_way",
                message: format!("release {} of `{name}` was begun meanwhile", rollout.release.label),
                help: "nothing was changed. `bgform abort` takes it back".to_owned(),
            });
        }
        None => {}
    }
    match back(name, &facts, to, &who(), now) {
        Ok(Back { raises: true, .. }) if !raise => Err(Error::Refused {
            code: "bgform::deployment::retired",
            message: format!("the old colour of `{name}` was emptied just now"),
            help: "nothing was changed. The same command again asks whether to raise it".to_owned(),
        }),
        Ok(Back { intent, .. }) => Ok(Ok(intent)),
        // A way back that was cut short at its very end, and is ordered again.
        Err(there @ NoWay::Live { .. }) => Ok(Err(Nothing::Back(there))),
        Err(no_way) => Err(refused(&no_way)),
    }
}

fn abort(name: &str, facts: Deployment, about: Option<&Release>, to: Option<&str>) -> Result<Intent, Error> {
    let rollout = match about {
        Some(about) => still_under_way(name, &facts, about)?,
        None => under_way(name, &facts)?,
    };
    let old = facts.live.and_then(|live| facts.releases.get(&live)).map(|release| &release.label);
    if let (Some(wanted), Some(old)) = (to, old)
        && wanted != old
    {
        return Err(Error::Senseless {
            code: "bgform::deployment::no_way_back",
            message: format!("the rollout under way goes back to {old}, and not to {wanted}"),
            help: format!("nothing was changed. `bgform abort` goes back to {old}"),
        });
    }
    // The irreversible gate must be undone by going back.
    if let Some(gate) = facts.closed_by() {
        let release = facts.releases.get(&rollout.to.other());
        let release = release.map_or("the old release", |release| &release.label).to_owned();
        let deployment = name.to_owned();
        return Err(refused(&NoWay::Irreversible { deployment, release, gate: gate.clone() }));
    }
    Ok(Intent { what: What::Abort, ..intent(name, facts) })
}

fn retire(name: &str, facts: Deployment) -> Result<Decided, Error> {
    if let Some(rollout) = &facts.rollout {
        return Err(busy(name, rollout));
    }
    let deployment = name.to_owned();
    Ok(match facts.live.map(Colour::other) {
        None => Err(Nothing::NoneLive { deployment }),
        Some(_) => Ok(Intent { what: What::Retire, ..intent(name, facts) }),
    })
}

/// The error of a retirement that is ordered while a release is under way.
pub fn busy(name: &str, rollout: &Rollout) -> Error {
    Error::Refused {
        code: "bgform::deployment::under_way",
        message: format!("release {} of `{name}` is under way", rollout.release.label),
        help: "nothing was changed. `bgform promote` and `bgform apply` end it, with its gates; `bgform abort` goes \
               back; `bgform status` shows at which step it is"
            .to_owned(),
    }
}

fn refused(no_way: &NoWay) -> Error {
    let (message, help) = (no_way.to_string(), no_way.help());
    match no_way {
        NoWay::Irreversible { .. } => {
            Error::Refused { code: "bgform::deployment::irreversible", message, help }
        }
        _ => Error::Senseless { code: "bgform::deployment::no_way_back", message, help },
    }
}
