//! A rollout for the person who approves it: its destination and its steps, with the weights and the capacity
//! after each and the way back from it. Intents come in, lines go out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide::{Intent, What};
use super::stage::{self, Setting};
use super::verify::{Effect, Point};
use crate::facts::{Colour, Course, Ending, Rollout, Sizing, Stage};
use crate::value::format_duration;

/// The lines of one deployment; empty if it does nothing. `capacity` is the size of the fleet that carries
/// the traffic now.
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
    let passages = passages(intent, rollout, capacity);
    let now = |(colour, _): &(Colour, u8)| (*colour, intent.facts.weight(*colour));
    let weights = passages.first().and_then(|one| one.weights.as_ref());
    lines.extend(table(&passages, &weights.map(|weights| weights.iter().map(now).collect())));
    lines.push(String::new());
    lines.extend(back(&passages));
    let waits = waits(intent);
    if waits > Duration::ZERO {
        lines.push(format!("  Its waits add up to {}.", format_duration(waits)));
        lines.push(String::new());
    }
    lines
}

/// A row for each stage: its work, and the weights if they differ from those before.
fn table<'a>(passages: &'a [Passage], mut before: &'a Option<Vec<(Colour, u8)>>) -> Vec<String> {
    let rows: Vec<[String; 3]> = passages
        .iter()
        .map(|one| {
            let changed = one.weights.iter().filter(|_| one.weights != *before).flatten();
            let weights: Vec<_> = changed.map(|(colour, weight)| format!("{colour} {weight}")).collect();
            before = &one.weights;
            let done = if one.done { "done" } else { "" };
            [one.text.clone(), weights.join(", "), done.to_owned()]
        })
        .collect();
    let width = |column: usize| {
        let with_more = rows.iter().filter(|row| row.iter().skip(column + 1).any(|cell| !cell.is_empty()));
        with_more.map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let (first, second) = (width(0), width(1));
    let line = |(place, [text, weights, done]): (usize, &[String; 3])| {
        let line = format!("  {:>2}  {text:first$}  {weights:second$}  {done}", place + 1);
        line.trim_end().to_owned()
    };
    rows.iter().enumerate().map(line).collect()
}

/// The ways back, each with the stages that it applies to.
fn back(passages: &[Passage]) -> Vec<String> {
    let mut ways: Vec<(usize, usize, &str)> = Vec::new();
    for (place, passage) in passages.iter().enumerate().filter(|(_, passage)| !passage.back.is_empty()) {
        match ways.last_mut() {
            Some((_, last, way)) if *way == passage.back && *last == place => *last = place + 1,
            _ => ways.push((place + 1, place + 1, &passage.back)),
        }
    }
    if ways.is_empty() {
        return Vec::new();
    }
    let line = |(first, last, way): (usize, usize, &str)| match first == last {
        true => format!("     at {first}: {way}"),
        false => format!("     from {first} to {last}: {way}"),
    };
    let head = "  Way back:".to_owned();
    std::iter::once(head).chain(ways.into_iter().map(line)).chain([String::new()]).collect()
}

/// One stage, with the status after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    pub stage: Stage,
    pub text: String,
    /// Percent of the traffic, the old colour first; `None` if there is no old colour.
    pub weights: Option<Vec<(Colour, u8)>>,
    /// The wanted instances of each colour whose number is known.
    pub capacity: BTreeMap<Colour, u32>,
    /// The minimum time that it waits.
    pub wait: Duration,
    /// The way back from it; empty if there is none.
    pub back: String,
    pub done: bool,
}

/// The stages of a rollout in order. `capacity` is the size of the fleet that carries the traffic now.
pub fn passages(intent: &Intent, rollout: &Rollout, capacity: Option<u32>) -> Vec<Passage> {
    let (facts, to) = (&intent.facts, rollout.to);
    let of = Setting { declaration: &intent.declaration, facts, rollout, capacity, acts: &stage::of };
    let mut point = Point::of(facts);
    let mut instances = BTreeMap::new();
    instances.extend(facts.live.zip(capacity));
    let is_empty = of.old().is_some() && facts.sizing(to) == Sizing::Empty;
    instances.extend(is_empty.then_some((to, 0)));
    let one = |(place, stage): (usize, &Stage)| {
        let act = (of.acts)(stage);
        for effect in act.effects(&of, &point) {
            point = point.after(effect);
            if let Effect::Size(colour, n) = effect
                && (n == 0 || capacity.is_some())
            {
                instances.insert(colour, n);
            }
        }
        let weight = |colour: Colour| point.weights[colour as usize];
        Passage {
            stage: stage.clone(),
            text: act.words(&of),
            weights: of.old().map(|old| vec![(old, weight(old)), (to, weight(to))]),
            capacity: instances.clone(),
            wait: act.wait(&of),
            back: act.way_back(&of, place, weight(to)),
            done: place < rollout.at,
        }
    };
    rollout.stages.iter().enumerate().map(one).collect()
}

/// The lines of a deployment that ships nothing.
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
    if let (What::Schedule, Some(due)) = (intent.what, intent.facts.due()) {
        let (name, colour, at) = (&intent.name, due.colour, due.at);
        let line =
            format!("{name}: nothing empties {colour}, which stands by; it is scheduled again for {at:.0}");
        return vec![line, String::new()];
    }
    let (declared, live) = (&intent.declaration.release, intent.facts.live);
    let label = live.and_then(|live| Some((live, &intent.facts.releases.get(&live)?.label)));
    if let (What::Nothing, Some((colour, label))) = (intent.what, label)
        && label != declared
    {
        return vec![
            format!("{}: the file says release {declared}, and {label} is live on {colour}", intent.name),
            format!(
                "  Nothing that ships differs from {label}, so there is nothing to ship. What is looked up stays as it \
                 was found: `bgform plan --upgrade` looks again, as for a newer image."
            ),
            String::new(),
        ];
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

/// The minimum time that the rest of a rollout waits.
pub fn waits(intent: &Intent) -> Duration {
    let Some(rollout) = &intent.facts.rollout else { return Duration::ZERO };
    let passages = passages(intent, rollout, None);
    passages.iter().skip(rollout.at).map(|passage| passage.wait).sum()
}
