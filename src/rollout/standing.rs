//! The way back to the release before, and the retirement of the standby colour, ordered when no apply runs.
//! All of it works from the records of the state, without the stack's variables.

use std::time::Duration;

use jiff::Timestamp;

use super::decide::{Intent, What};
use super::run::{Ended, Failure, Rolling, Run};
use super::stage;
use super::verify::Effect;
use crate::deployment::declaration::{Declaration, OnFailure, Strategy};
use crate::facts::{BACK, Colour, Course, Deployment, Rollout, Stage};

/// The default time that the release that was left stands by.
const AFTER: Duration = Duration::from_secs(3600);

/// Why there is no way back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoWay {
    #[error("`{deployment}` has had no release before {live}")]
    First { deployment: String, live: String },
    #[error("`{deployment}` cannot go back to {release}: gate \"{gate}\" has passed, and it is irreversible")]
    Irreversible { deployment: String, release: String, gate: String },
    #[error("`{deployment}` cannot go back to {wanted}: neither colour has it")]
    Unknown { deployment: String, wanted: String, there: String },
    #[error("`{deployment}` already runs {release}, on {colour}")]
    Live { deployment: String, release: String, colour: Colour },
}

impl NoWay {
    pub fn help(&self) -> String {
        match self {
            Self::First { .. } => {
                "nothing was changed. Ship a release that mends it: bgform apply".to_owned()
            }
            Self::Irreversible { release, .. } => format!(
                "nothing was changed. What the gate did, such as a change of the database, is not undone by going \
                 back, and {release} was not made for it: ship a release that fits it with `bgform apply`"
            ),
            Self::Unknown { wanted, there, .. } => format!(
                "nothing was changed. {there} is the release before; to ship {wanted} again, apply its stack: a \
                 rollout like any other"
            ),
            Self::Live { .. } => "nothing was changed, and there is nothing to do".to_owned(),
        }
    }
}

/// The way back of a deployment without a rollout under way.
#[derive(Debug, Clone)]
pub struct Back {
    pub intent: Intent,
    /// Whether instances must be launched first: the colour was emptied, or the earlier release was replaced
    /// in the live colour.
    pub raises: bool,
}

/// Decides how to go back. `wanted` is the requested release, `by` the person who asks.
///
/// # Errors
/// When there is no way back.
pub fn back(
    name: &str,
    facts: &Deployment,
    wanted: Option<&str>,
    by: &str,
    now: Timestamp,
) -> Result<Back, NoWay> {
    let deployment = name.to_owned();
    let label = |colour: Colour| facts.releases.get(&colour).map(|release| release.label.clone());
    let Some(live) = facts.live else {
        let live = "the one that it waits for".to_owned();
        return Err(NoWay::First { deployment, live });
    };
    let running = label(live).unwrap_or_default();
    let (to, before) = match &facts.replaced {
        Some(replaced) => (live, Some(&replaced.release)),
        None => (live.other(), facts.releases.get(&live.other())),
    };
    if let Some(wanted) = wanted.filter(|wanted| before.is_none_or(|before| before.label != **wanted)) {
        let wanted = wanted.to_owned();
        return Err(match (wanted == running, before) {
            (true, _) => NoWay::Live { deployment, release: running, colour: live },
            (false, Some(before)) => NoWay::Unknown { deployment, wanted, there: before.label.clone() },
            (false, None) => NoWay::First { deployment, live: running },
        });
    }
    let Some(before) = before else { return Err(NoWay::First { deployment, live: running }) };
    if let Some(gate) = &facts.no_way_back {
        return Err(NoWay::Irreversible { deployment, release: before.label.clone(), gate: gate.clone() });
    }
    let raises = to == live || facts.has_retired(to, now);
    let after = facts.retirement.as_ref().map(|one| one.after).filter(|after| !after.is_zero());
    let mut stages =
        vec![Stage::Shift { new: 100 }, Stage::Settle, Stage::Retire { after: after.unwrap_or(AFTER) }];
    match &facts.replaced {
        Some(_) => stages = vec![Stage::Restore],
        None if raises => stages.insert(0, Stage::Raise),
        None => {}
    }
    let mut release = before.clone();
    release.began = now;
    by.clone_into(&mut release.by);
    let mut facts = facts.clone();
    let origin = facts.replaced.as_ref().map(|replaced| replaced.origin.clone());
    facts.rollout = Some(Rollout { origin, ..Rollout::new(release, to, BACK, stages) });
    Ok(Back { intent: intent(name, facts), raises })
}

/// An intent from records alone: it has no gates, and a failure goes back.
pub fn intent(name: &str, facts: Deployment) -> Intent {
    let release = facts.rollout.as_ref().map(|rollout| rollout.release.label.clone()).unwrap_or_default();
    let declaration = Declaration {
        release,
        on_failure: OnFailure::Rollback,
        settle: facts.settle().as_secs(),
        strategy: Strategy::BlueGreen { overlap: 0, min_healthy: 90.0, retire_after: AFTER.as_secs() },
        adopt: None,
        preview: None,
        gate: Vec::new(),
        // Nobody reads a plan of it.
        members: "instances",
    };
    Intent { name: name.to_owned(), declaration, what: What::GoOn, facts }
}

/// Takes the release under way back now.
pub async fn abort(run: &Run<'_>, intent: &Intent, by: &str) -> Option<Ended> {
    let rolling = Rolling::new(run, &intent.name, &intent.declaration);
    let release = intent.facts.rollout.as_ref()?.release.label.clone();
    let end = rolling.failed(&release, Failure::Asked { reason: format!("{by} asked for it") }).await;
    Some(Ended::of(run, &intent.name, end).await)
}

/// Pauses the release under way. A refresh would go on at AWS, so it is cancelled; returns whether there was
/// a refresh to cancel.
///
/// # Errors
/// When a call fails, or the state cannot be written.
pub async fn pause(run: &Run<'_>, intent: &Intent) -> Result<bool, Failure> {
    let rolling = Rolling::new(run, &intent.name, &intent.declaration);
    let Some((_, rollout)) = rolling.rollout() else { return Ok(false) };
    let forward = !matches!(rollout.course, Course::Back { .. });
    let refreshes = forward && rollout.stage() == Some(&Stage::Refresh) && rollout.origin.is_some();
    rolling.change(|_, rollout| rollout.course = Course::Paused).await?;
    if refreshes {
        rolling.announce("pause", vec![Effect::Replaced(rollout.to)]);
        stage::cancel(&rolling, rollout.to).await?;
    }
    Ok(refreshes)
}

/// Has AWS empty the standby colour at its time again.
///
/// # Errors
/// When the call fails, or the state cannot be written.
pub async fn schedule_again(run: &Run<'_>, intent: &Intent) -> Result<(), Failure> {
    let rolling = Rolling::new(run, &intent.name, &intent.declaration);
    let Some(due) = rolling.facts().due().cloned() else { return Ok(()) };
    rolling.announce("schedule", vec![Effect::Scheduled(due.colour)]);
    rolling.schedule_again(&due).await
}

/// Empties the standby colour now. Returns whether it was empty already, judged by its running instances,
/// since the facts may hold a retirement that failed or was cut short.
///
/// # Errors
/// When a call fails, the state cannot be written, or instances stay.
pub async fn retire(run: &Run<'_>, intent: &Intent) -> Result<bool, Failure> {
    let rolling = Rolling::new(run, &intent.name, &intent.declaration);
    let Some(live) = rolling.facts().live else { return Ok(true) };
    let colour = live.other();
    let effects = [stage::emptied(colour), vec![Effect::Freed(live)]].concat();
    rolling.announce("retire", effects);
    let was_empty = rolling.left(colour).await?.is_none();
    rolling.empty(colour).await?;
    rolling.change_facts(|facts| facts.retired(colour)).await?;
    rolling.agree(&rolling.groups()).await?;
    match rolling.left(colour).await? {
        Some((running, reason)) => Err(Failure::Kept { colour, running, reason }),
        None => Ok(was_empty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Release, Retirement, Sizing};

    /// 2.0 on green, live; 1.0 on blue, which stands by for 1,000 s.
    fn facts() -> Deployment {
        let at = Timestamp::from_second(1000).unwrap();
        Deployment {
            live: Some(Colour::Green),
            releases: [(Colour::Blue, Release::of("1.0")), (Colour::Green, Release::of("2.0"))].into(),
            sizing: [(Colour::Blue, Sizing::Left), (Colour::Green, Sizing::File)].into(),
            retirement: Some(Retirement { colour: Colour::Blue, at, after: Duration::from_secs(60) }),
            ..Deployment::first()
        }
    }

    fn way(facts: &Deployment, wanted: Option<&str>, second: i64) -> Result<Back, NoWay> {
        back("web", facts, wanted, "c@d", Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn what_stands_gets_the_traffic_and_what_was_retired_is_raised_first() {
        let standing = way(&facts(), None, 10).unwrap();
        assert!(!standing.raises);
        let rollout = standing.intent.facts.rollout.unwrap();
        assert_eq!((rollout.to, rollout.stages.first()), (Colour::Blue, Some(&Stage::Shift { new: 100 })));
        assert_eq!(rollout.stages.last(), Some(&Stage::Retire { after: Duration::from_secs(60) }));
        assert_eq!((rollout.release.label.as_str(), rollout.release.by.as_str()), ("1.0", "c@d"));
        let retired = way(&facts(), Some("1.0"), 1000).unwrap();
        assert!(retired.raises);
        assert_eq!(retired.intent.facts.rollout.unwrap().stages.first(), Some(&Stage::Raise));
    }

    #[test]
    fn there_is_no_way_behind_a_gate_that_is_irreversible_and_to_what_no_colour_has() {
        let closed = Deployment { no_way_back: Some("contract".to_owned()), ..facts() };
        assert!(
            matches!(way(&closed, None, 10), Err(NoWay::Irreversible { gate, .. }) if gate == "contract")
        );
        assert!(
            matches!(way(&facts(), Some("0.9"), 10), Err(NoWay::Unknown { there, .. }) if there == "1.0")
        );
        assert!(matches!(way(&facts(), Some("2.0"), 10), Err(NoWay::Live { .. })));
        let mut first = facts();
        first.releases.remove(&Colour::Blue);
        assert!(matches!(way(&first, None, 10), Err(NoWay::First { live, .. }) if live == "2.0"));
    }
}
