//! A rollout as a person reads it before saying yes: where it goes, step by step, with the weights
//! and the capacity after each and the way back from it. Intents come in, lines go out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide::{Intent, What};
use crate::deployment::declaration::{Gate, Strategy};
use crate::facts::{Colour, Course, Ending, Rollout, Sizing, Stage};
use crate::value::format_duration;

/// The lines of one deployment; none where it does nothing. `capacity` is the size of the fleet that
/// carries the traffic now.
pub fn story(intent: &Intent, capacity: Option<u32>) -> Vec<String> {
    let Some(rollout) = &intent.facts.rollout else { return without_rollout(intent) };
    if let Course::Back { reason, .. } = &rollout.course {
        let (label, to) = (&rollout.release.label, rollout.to);
        let live = intent.facts.live.filter(|_| intent.what == What::GiveUp);
        if let Some((live, old)) = live.and_then(|live| Some((live, intent.facts.releases.get(&live)?))) {
            let line = format!(
                "{}: {} on {live} stays live and has all traffic again, {label} on {to} is given up",
                intent.name, old.label
            );
            return vec![line, String::new()];
        }
        return vec![format!("{}: {label} on {to} goes back: {reason}", intent.name), String::new()];
    }
    let mut lines = vec![headline(intent, rollout)];
    let taken_back = intent.facts.taken_back(&rollout.release.fingerprint);
    if let Some(last) = taken_back.filter(|_| intent.what != What::GoOn) {
        let reason = last.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        lines.push(format!("  {} was taken back at {:.0}{reason}.", last.release.label, last.ended));
        lines.push(
            "  This ships it again, as a new rollout; to leave it, apply the release that is live."
                .to_owned(),
        );
    }
    lines.push(String::new());
    let rows: Vec<[String; 4]> = passages(intent, rollout, capacity)
        .into_iter()
        .map(|one| {
            let weights = one.weights.as_ref().map(|weights| {
                let shares: Vec<_> =
                    weights.iter().map(|(colour, weight)| format!("{colour} {weight}")).collect();
                shares.join(", ")
            });
            let back = if one.back.is_empty() { String::new() } else { format!("back: {}", one.back) };
            let done = if one.done { "done" } else { "" };
            [one.text, weights.unwrap_or_default(), back, done.to_owned()]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (first, second, third) = (width(0), width(1), width(2));
    for (place, [text, weights, back, done]) in rows.iter().enumerate() {
        let line = format!("  {:>2}  {text:first$}  {weights:second$}  {back:third$}  {done}", place + 1);
        lines.push(line.trim_end().to_owned());
    }
    lines.push(String::new());
    let waits = waits(intent);
    if waits > Duration::ZERO {
        lines.push(format!("  Its waits add up to {}.", format_duration(waits)));
        lines.push(String::new());
    }
    lines
}

/// One stage, with what is so after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    pub stage: Stage,
    pub text: String,
    /// Percent of the traffic, the old colour first; none where there is no old colour.
    pub weights: Option<Vec<(Colour, u8)>>,
    /// Instances that are wanted, of each colour that it is known of.
    pub capacity: BTreeMap<Colour, u32>,
    /// How long it waits at least.
    pub wait: Duration,
    /// The way back from it; empty where there is none.
    pub back: String,
    pub done: bool,
}

/// The stages of a rollout in order. `capacity` is the size of the fleet that carries the traffic now.
pub fn passages(intent: &Intent, rollout: &Rollout, capacity: Option<u32>) -> Vec<Passage> {
    let (to, live) = (rollout.to, intent.facts.live);
    let old = live.filter(|live| *live != to);
    let mut weight = intent.facts.weight(to);
    let mut instances = BTreeMap::new();
    instances.extend(live.zip(capacity));
    let is_empty = old.is_some() && intent.facts.sizing(to) == Sizing::Empty;
    instances.extend(is_empty.then_some((to, 0)));
    let one = |(place, stage): (usize, &Stage)| {
        match stage {
            Stage::Shift { new } => weight = *new,
            Stage::Empty => drop(instances.insert(if live == Some(to) { to.other() } else { to }, 0)),
            Stage::Raise => instances.extend(capacity.map(|capacity| (to, capacity))),
            Stage::Retire { after } if after.is_zero() => instances.extend(old.map(|old| (old, 0))),
            _ => {}
        }
        Passage {
            stage: stage.clone(),
            text: said(stage, intent, rollout, old, capacity),
            weights: old.map(|old| vec![(old, 100 - weight), (to, weight)]),
            capacity: instances.clone(),
            wait: wait(stage, Duration::from_secs(intent.declaration.settle)),
            back: match live == Some(to) {
                true => back_in_one_colour(stage, place, rollout).to_owned(),
                false => back(stage, old, weight),
            },
            done: place < rollout.at,
        }
    };
    rollout.stages.iter().enumerate().map(one).collect()
}

/// What stands where nothing is shipped.
fn without_rollout(intent: &Intent) -> Vec<String> {
    if let (What::Adopt, Some(adopted), Some(live)) = (intent.what, &intent.facts.adopted, intent.facts.live)
    {
        let label = intent.facts.releases.get(&live).map_or("what runs", |release| release.label.as_str());
        let line = format!(
            "{}: adopts {} as {label} on {live}, live; traffic is not touched",
            intent.name, adopted.group
        );
        return vec![line, String::new()];
    }
    Vec::new()
}

/// `web: 1.0.1 on blue, live → 1.0.2 on green, canary 5% → 25% → 100%`
fn headline(intent: &Intent, rollout: &Rollout) -> String {
    let (name, to, label) = (&intent.name, rollout.to, &rollout.release.label);
    let facts = &intent.facts;
    let live = facts.live.and_then(|live| Some((live, &facts.releases.get(&live)?.label)));
    let shares: Vec<String> = rollout
        .stages
        .iter()
        .filter_map(|stage| match stage {
            Stage::Shift { new } => Some(format!("{new}%")),
            _ => None,
        })
        .collect();
    let how = format!("{} {}", rollout.strategy, shares.join(" → "));
    let how = how.trim_end();
    let also = match intent.what {
        What::GoOn if rollout.is_back() => "",
        What::GoOn => " (goes on where it was)",
        What::BackToStanding if facts.taken_back(&rollout.release.fingerprint).is_some() => " (it stands by)",
        What::BackToStanding => " (the release that stands by: a rollback)",
        _ => "",
    };
    let superseded = facts.history.last().filter(|last| {
        last.ending == Ending::Superseded && rollout.at == 0 && last.ended >= rollout.release.began
    });
    let also = match superseded {
        Some(last) => format!("{also}; {} on {} is given up first", last.release.label, last.colour),
        None => also.to_owned(),
    };
    match live {
        Some((live, old)) if live == rollout.to => {
            format!("{name}: {old} on {live}, live → {label} there as well, {how}{also}")
        }
        Some((live, old)) => format!("{name}: {old} on {live}, live → {label} on {to}, {how}{also}"),
        None => format!("{name}: first release {label} on {to}{also}"),
    }
}

fn said(
    stage: &Stage,
    intent: &Intent,
    rollout: &Rollout,
    old: Option<Colour>,
    capacity: Option<u32>,
) -> String {
    let (to, label) = (rollout.to, &rollout.release.label);
    match stage {
        Stage::Gate { name } => {
            let gate = intent.declaration.gate.iter().find(|gate| gate.name == *name);
            format!("gate   {name}{}", gate.map(how).unwrap_or_default())
        }
        Stage::Empty => {
            let to = if intent.facts.live == Some(to) { to.other() } else { to };
            let there = intent.facts.releases.get(&to).map_or("what stands by", |release| &release.label);
            format!("empty  {to} of {there}, which is no way back from then on")
        }
        Stage::Raise => match (old, capacity) {
            (Some(old), Some(n)) => {
                format!("raise  {to} to {n} instances of {label}, as many as {old} has; all healthy")
            }
            _ => format!("raise  {to} with {label}; all healthy"),
        },
        Stage::Refresh => refreshed(intent, to),
        Stage::Restore => {
            format!("roll   {to}'s instances back to {label} by an instance refresh; at least 90% healthy")
        }
        Stage::InPlace { batch } => {
            let of = capacity.map(|n| format!(" of {n}")).unwrap_or_default();
            format!(
                "give   {label} to the instances{of} on {to}, {batch}% at a time on standby; each batch healthy"
            )
        }
        Stage::Pin => format!("pin    what {to} launches from now on to {label}"),
        Stage::Preview { on: true } => format!("show   {to} to requests with the preview's header"),
        Stage::Preview { on: false } => "hide   the preview's rule goes".to_owned(),
        Stage::Shift { new } => format!("shift  {new}% to {to}"),
        Stage::Hold { time } => format!("hold   {}", format_duration(*time)),
        Stage::Settle => {
            format!("settle {}", format_duration(Duration::from_secs(intent.declaration.settle)))
        }
        Stage::Retire { after } => {
            let old = old.map_or("the old colour", Colour::name);
            match after.is_zero() {
                true => format!("retire {old} now"),
                false => format!("retire {old} in {}, by a scheduled action", format_duration(*after)),
            }
        }
    }
}

fn how(gate: &Gate) -> String {
    let irreversible = if gate.irreversible { "; no way back once it has passed" } else { "" };
    format!(" ({}{irreversible})", looks(gate))
}

/// What a gate looks at: `GET /smoke answers 200`.
pub fn looks(gate: &Gate) -> String {
    match gate {
        Gate { http: Some(http), .. } => format!("GET {} answers {}", http.path, http.status),
        Gate { alarm: Some(alarm), .. } => format!("alarms {} are OK", alarm.names.join(", ")),
        Gate { metric: Some(metric), .. } => format!("{} within its bounds", metric.name),
        Gate { command: Some(command), .. } => command.join(" "),
        Gate { remote: Some(_), .. } => "commands on an instance".to_owned(),
        _ => "somebody approves".to_owned(),
    }
}

/// The way back from a step.
fn back(stage: &Stage, old: Option<Colour>, weight: u8) -> String {
    match (stage, old) {
        (_, None) => String::new(),
        (Stage::Retire { after }, Some(old)) if after.is_zero() => format!("{old} is raised again"),
        (_, Some(_)) if weight == 0 => "nothing to undo".to_owned(),
        (_, Some(_)) => "one rule change".to_owned(),
    }
}

/// `replace blue's instances by an instance refresh, 50% → 100%; at least 90% healthy`
fn refreshed(intent: &Intent, live: Colour) -> String {
    let Strategy::Rolling { min_healthy, checkpoints, checkpoint_delay, .. } = &intent.declaration.strategy
    else {
        return format!("roll   {live}'s instances by an instance refresh");
    };
    let mut stops: Vec<String> = checkpoints.iter().map(|share| format!("{share}%")).collect();
    if checkpoints.last() != Some(&100.0) {
        stops.push("100%".to_owned());
    }
    let pause = checkpoint_delay.filter(|_| !checkpoints.is_empty()).map(Duration::from_secs);
    let pause = pause.map(|pause| format!(", {} at each", format_duration(pause))).unwrap_or_default();
    format!(
        "roll   {live}'s instances by an instance refresh, {}{pause}; at least {min_healthy}% healthy",
        stops.join(" → ")
    )
}

/// The way back from a step where the release takes the place of the old one.
fn back_in_one_colour(stage: &Stage, place: usize, rollout: &Rollout) -> &'static str {
    let begun = |stage: &Stage| matches!(stage, Stage::Refresh | Stage::InPlace { .. });
    match stage {
        Stage::Refresh | Stage::Restore => "the refresh is turned round",
        _ if rollout.stages.iter().take(place + 1).any(begun) => {
            "instances are replaced from the old version"
        }
        _ => "nothing to undo",
    }
}

/// How long a rollout waits at least, from where it is.
pub fn waits(intent: &Intent) -> Duration {
    let settle = Duration::from_secs(intent.declaration.settle);
    let rest = intent.facts.rollout.iter().flat_map(|rollout| rollout.stages.iter().skip(rollout.at));
    rest.map(|stage| wait(stage, settle)).sum()
}

fn wait(stage: &Stage, settle: Duration) -> Duration {
    match stage {
        Stage::Hold { time } => *time,
        Stage::Settle => settle,
        _ => Duration::ZERO,
    }
}
