//! Decides which deployments a plan moves, and where to. The stack, the facts of the state and the observed
//! account come in; the intent of each deployment goes out. Makes no call.

use indexmap::IndexMap;

use super::fingerprint::fingerprint;
use crate::deployment::declaration::Declaration;
use crate::deployment::sides::Sides;
use crate::deployment::strategy;
use crate::diagnostic::Mistake;
use crate::facts::{BACK, Colour, Course, Deployment, Ending, Release, Rollout, Stage};
use crate::stack::{Known, View};

/// The plan's intent for one deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    pub name: String,
    pub declaration: Declaration,
    pub what: What,
    /// The facts with which the rollout goes on, or those of the state if there is no rollout.
    pub facts: Deployment,
}

impl Intent {
    /// The facts after the new colour is raised, to show the changes of that stage.
    pub fn raised(&self, capacity: Option<u32>) -> Deployment {
        let mut facts = self.facts.clone();
        let Some(rollout) = &mut facts.rollout else { return facts };
        let Some(raise) = rollout.stages.iter().position(Stage::launches) else { return facts };
        if rollout.at > raise || rollout.course != Course::Forward {
            return facts;
        }
        rollout.at = raise;
        rollout.acting = true;
        facts.raise(capacity);
        facts
    }
}

impl Intent {
    /// Adds a raise before the first shift back: the standby release has fewer instances than carry the
    /// traffic.
    pub fn raise_first(&mut self) {
        let Some(rollout) = &mut self.facts.rollout else { return };
        let begins = rollout.is_back() && rollout.at == 0 && rollout.course == Course::Forward;
        if begins && !rollout.stages.contains(&Stage::Raise) {
            rollout.stages.insert(0, Stage::Raise);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The live release is the one in the file.
    Nothing,
    /// The running fleet becomes the first release.
    Adopt,
    /// The deployment's first release.
    First,
    /// Another release, on the idle colour.
    Ship,
    /// The release that stands by goes live again: the way back.
    BackToStanding,
    /// The rollout under way goes on.
    GoOn,
    /// The live release stays, and the release under way goes back.
    GiveUp,
    /// The release under way goes back because somebody asked for it.
    Abort,
    /// The standby colour is emptied before its time.
    Retire,
    /// The standby colour's retirement is scheduled again: nothing empties it at AWS.
    Schedule,
}

/// Why a deployment cannot go where its file says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("`{deployment}` is still shipping {under_way}, and the file says {wanted}")]
    UnderWay { deployment: String, under_way: String, wanted: String },
    #[error("`{deployment}` is on its way back to {under_way}, and this is {wanted}")]
    GoesBack { deployment: String, under_way: String, wanted: String },
    #[error(
        "release {release} of `{deployment}` changes its target group, and strategy \"{strategy}\" keeps the one \
         that carries the traffic"
    )]
    JudgedOtherwise { deployment: String, strategy: &'static str, release: String },
    #[error(
        "release {under_way} of `{deployment}` is on instances of the live colour already, and nothing can take its \
         place before they have gone back"
    )]
    OnLive { deployment: String, under_way: String, wanted: String },
    #[error(
        "gate \"{gate}\" of `{deployment}` is irreversible and was begun, so that nothing goes back to {old}"
    )]
    Irreversible { deployment: String, gate: String, old: String },
    #[error(
        "release {under_way} of `{deployment}` is under way and has gate \"{gate}\" before it, which the stack has no more"
    )]
    GateGone { deployment: String, under_way: String, gate: String },
}

impl Refused {
    pub fn deployment(&self) -> &str {
        match self {
            Self::UnderWay { deployment, .. }
            | Self::GoesBack { deployment, .. }
            | Self::JudgedOtherwise { deployment, .. }
            | Self::OnLive { deployment, .. }
            | Self::Irreversible { deployment, .. }
            | Self::GateGone { deployment, .. } => deployment,
        }
    }

    pub fn help(&self) -> String {
        match self {
            Self::JudgedOtherwise { strategy, .. } => format!(
                "ship this release with strategy \"blue_green\", which gives it the idle colour's target group, and the \
                 next one with \"{strategy}\" again; or leave port, protocol and health check as they were"
            ),
            Self::UnderWay { under_way, .. } => format!(
                "end it with that release (`bgform apply` goes on), go back with `bgform abort`, or pass \
                 --supersede: the traffic goes back to the old colour first, and {under_way} is given up"
            ),
            Self::OnLive { under_way, wanted, .. } => format!(
                "go back with `bgform abort` and apply {wanted} then, or end {under_way} with its own file (`bgform \
                 apply` goes on)"
            ),
            Self::Irreversible { .. } => "nothing was changed. What the gate did, such as a change of the database, is \
                                          not undone by going back: go on with the release under way, or ship \
                                          another one that fits it"
                .to_owned(),
            Self::GateGone { gate, .. } => format!(
                "nothing was changed. Put gate \"{gate}\" back into the stack until this release is shipped, or go \
                 back with `bgform abort`"
            ),
            Self::GoesBack { under_way, .. } => {
                format!("`bgform rollback` ends the way back to {under_way}; then apply again")
            }
        }
    }
}

/// The author of a release, for the facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    pub by: String,
    pub commit: Option<String>,
}

/// Decides about every deployment of a stack that `goes` accepts.
///
/// # Errors
/// Mistakes of the stack that only the account shows; the first refusal.
pub fn decide(
    program: &View<'_>,
    goes: &dyn Fn(&str) -> bool,
    facts: &IndexMap<String, Deployment>,
    known: &Known,
    author: &Author,
    supersede: bool,
) -> Result<Vec<Intent>, Wrong> {
    let mut intents = Vec::new();
    for name in program.deployments().keys().filter(|name| goes(name)) {
        let mut mistakes = Vec::new();
        let sides = Sides { name, new: Colour::Blue, releases: ["", ""] };
        let read = program.deployment(name, &sides, known, &mut mistakes);
        let digest = fingerprint(program, name, known, &mut mistakes);
        let (Some(declaration), Some((fingerprint, judged))) = (read, digest) else {
            return Err(Wrong::Mistakes(mistakes));
        };
        let release = Release {
            label: declaration.release.clone(),
            fingerprint,
            judged,
            began: crate::clock::now(),
            by: author.by.clone(),
            commit: author.commit.clone(),
        };
        let (what, facts) = about(name, &declaration, release, facts.get(name), supersede)?;
        intents.push(Intent { name: name.clone(), declaration, what, facts });
    }
    Ok(intents)
}

/// Why [`decide`] cannot decide.
#[derive(Debug, Clone)]
pub enum Wrong {
    Mistakes(Vec<Mistake>),
    Refused(Refused),
}

impl From<Refused> for Wrong {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

fn about(
    name: &str,
    declaration: &Declaration,
    release: Release,
    standing: Option<&Deployment>,
    supersede: bool,
) -> Result<(What, Deployment), Refused> {
    let rollout = |release: Release, to: Colour, stages: Vec<Stage>| {
        Rollout::new(release, to, declaration.strategy.name(), stages)
    };
    let Some(standing) = standing else {
        let mut facts = Deployment::first();
        facts.begin_first(rollout(release, Colour::Blue, strategy::first(declaration)));
        return Ok((What::First, facts));
    };
    let mut facts = standing.clone();
    facts.settle = Some(declaration.settle);
    if let (Some(live), None) = (facts.live, &facts.rollout)
        && facts.has_retired(live.other(), crate::clock::now())
    {
        facts.retired(live.other());
    }
    if facts.is_unlabelled() {
        facts.label(release);
        return Ok((What::Adopt, facts));
    }
    if let Some(under_way) = &standing.rollout {
        if under_way.release.fingerprint == release.fingerprint {
            let left = under_way.stages.iter().skip(under_way.at);
            let gone = left.into_iter().find_map(|stage| match stage {
                Stage::Gate { name } if !declaration.gate.iter().any(|gate| gate.name == *name) => Some(name),
                _ => None,
            });
            return match (gone, &under_way.course) {
                (Some(gate), Course::Forward | Course::Paused | Course::Held { .. }) => {
                    Err(Refused::GateGone {
                        deployment: name.to_owned(),
                        under_way: under_way.release.label.clone(),
                        gate: gate.clone(),
                    })
                }
                _ => Ok((What::GoOn, facts)),
            };
        }
        if !supersede && under_way.is_back() {
            return Err(Refused::GoesBack {
                deployment: name.to_owned(),
                under_way: under_way.release.label.clone(),
                wanted: release.label,
            });
        }
        if !supersede {
            return Err(Refused::UnderWay {
                deployment: name.to_owned(),
                under_way: under_way.release.label.clone(),
                wanted: release.label,
            });
        }
        let on_live = facts.live == Some(under_way.to);
        let old = if on_live { under_way.to } else { under_way.to.other() };
        if under_way.has_shipped() {
            facts.arrived();
        } else if let Some(gate) = standing.closed_by() {
            return Err(Refused::irreversible(name, gate, &facts));
        } else if facts.releases.get(&old).is_some_and(|old| old.fingerprint == release.fingerprint) {
            let reason = format!("{} stays in its place", release.label);
            if let Some(rollout) = &mut facts.rollout {
                rollout.course = Course::Back { reason, asked: true };
            }
            return Ok((What::GiveUp, facts));
        } else if on_live && under_way.origin.is_some() {
            return Err(Refused::OnLive {
                deployment: name.to_owned(),
                under_way: under_way.release.label.clone(),
                wanted: release.label,
            });
        } else {
            supersede_by(&mut facts, &release.label);
        }
    }
    let Some(live) = facts.live else {
        facts.begin_first(rollout(release, Colour::Blue, strategy::first(declaration)));
        return Ok((What::First, facts));
    };
    if runs(&facts, live, &release) {
        return Ok((What::Nothing, facts));
    }
    let idle = live.other();
    let what =
        if runs(&facts, idle, &release) && facts.stands_by(idle) { What::BackToStanding } else { What::Ship };
    if what == What::BackToStanding {
        if let Some(gate) = &facts.no_way_back {
            return Err(Refused::irreversible(name, gate, &facts));
        }
        let after = declaration.strategy.retire_after();
        let stages = vec![Stage::Shift { new: 100 }, Stage::Settle, Stage::Retire { after }];
        facts.rollout = Some(Rollout::new(release, idle, BACK, stages));
        return Ok((what, facts));
    }
    let (to, mut stages) = match declaration.strategy.keeps_colour() {
        true => (live, strategy::in_one_colour(declaration)),
        false => (idle, strategy::stages(declaration)),
    };
    if to == live && facts.releases.get(&live).is_some_and(|one| one.is_judged_otherwise(&release)) {
        return Err(Refused::JudgedOtherwise {
            deployment: name.to_owned(),
            strategy: declaration.strategy.name(),
            release: release.label,
        });
    }
    if facts.stands_by(idle) {
        // A gate that comes before instances are touched may refuse the release at no cost. A standby colour
        // that the release does not need stays until then.
        let first = stages.iter().position(|stage| !matches!(stage, Stage::Gate { .. })).unwrap_or_default();
        let place = if to == live { stages.len() } else { first };
        stages.insert(place, Stage::Empty);
    }
    facts.rollout = Some(rollout(release, to, stages));
    Ok((what, facts))
}

impl Refused {
    fn irreversible(deployment: &str, gate: &str, facts: &Deployment) -> Self {
        let old = facts.live.map(|live| if facts.rollout.is_some() { live } else { live.other() });
        let old = old.and_then(|old| facts.releases.get(&old));
        Self::Irreversible {
            deployment: deployment.to_owned(),
            gate: gate.to_owned(),
            old: old.map_or_else(|| "the release before".to_owned(), |release| release.label.clone()),
        }
    }
}

fn runs(facts: &Deployment, colour: Colour, release: &Release) -> bool {
    facts.releases.get(&colour).is_some_and(|one| one.fingerprint == release.fingerprint)
}

/// Gives up the rollout under way for the release `label`: the live colour gets all traffic again, and the
/// first stage of the next release empties the new colour.
fn supersede_by(facts: &mut Deployment, label: &str) {
    let Some(to) = facts.rollout.as_ref().map(|rollout| rollout.to) else { return };
    facts.give_up(Ending::Superseded, Some(format!("{label} was shipped in its place")));
    facts.previews = Vec::new();
    if let Some(live) = facts.live.filter(|live| *live != to) {
        facts.shift(live, 100);
        facts.releases.remove(&to);
    }
}
