//! The status of a deployment, in lines for people. Facts of the state and observations of AWS come in.

use std::time::Duration;

use jiff::Timestamp;

use super::seen::{Counts, Seen};
use crate::facts::{Colour, Course, Deployment, Rollout, Stage};
use crate::kind::name_in;
use crate::terminal::quoted;

pub fn lines(name: &str, facts: &Deployment, seen: &Seen, now: Timestamp) -> Vec<String> {
    let live = facts.live.and_then(|live| Some(format!("{} on {live}", facts.releases.get(&live)?.label)));
    let mut lines = vec![match (&live, &facts.rollout) {
        (Some(live), None) => format!("{name}: {live}, live"),
        (Some(live), Some(rollout)) => {
            format!(
                "{name}: {live}, live → {} on {}, {}",
                rollout.release.label, rollout.to, rollout.strategy
            )
        }
        (None, Some(rollout)) => format!("{name}: first release {} on {}", rollout.release.label, rollout.to),
        (None, None) => format!("{name}: nothing is live"),
    }];
    let rows: Vec<[String; 5]> =
        Colour::BOTH.into_iter().map(|colour| row(facts, seen, colour, now)).collect();
    let cell = |row: &[String; 5], column: usize| row.get(column).cloned().unwrap_or_default();
    let width =
        |column: usize| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or_default();
    for row in &rows {
        let cells: Vec<String> = (0..5).map(|at| format!("{:1$}", cell(row, at), width(at))).collect();
        lines.push(format!("  {}", cells.join("  ").trim_end()));
    }
    for colour in Colour::BOTH.into_iter().filter(|colour| facts.live.is_some_and(|live| live != *colour)) {
        let Counts { running, kept, .. } = seen.fleet(colour);
        if let (Some(kept), true, 1..) = (kept, facts.has_retired(colour, now), running) {
            lines.push(format!(
                "  {colour}: {kept}, so they run on and cost on; take that away, then `bgform retire --deployment {} --now`",
                quoted(name)
            ));
        }
    }
    for colour in Colour::BOTH {
        lines.extend(seen.fleet(colour).reasons.iter().map(|reason| format!("  {colour}: {reason}")));
    }
    if let Some(weights) = &seen.weights {
        let moved = Colour::BOTH
            .into_iter()
            .any(|colour| weights.get(&colour).copied().unwrap_or_default() != facts.weight(colour));
        if moved {
            let [blue, green] = Colour::BOTH.map(|colour| facts.weight(colour));
            lines.push(format!(
                "  state has blue {blue}%, green {green}%: the rule is being changed now, or was changed from outside"
            ));
        }
    }
    lines.extend(seen.foreign.iter().map(|group| format!("  {} gets traffic as well", name_in(group))));
    if let Some(rollout) = &facts.rollout {
        lines.extend(under_way(facts, rollout));
    }
    lines.push(format!("  {}", way_back(facts, now)));
    lines
}

/// `blue  1.0  0%  2 of 2 healthy  stands by, retired in 29m`
fn row(facts: &Deployment, seen: &Seen, colour: Colour, now: Timestamp) -> [String; 5] {
    let standing = seen.fleet(colour);
    let release = facts.running(colour).map_or("-", |release| release.label.as_str());
    let weight = seen.weights.as_ref().and_then(|weights| weights.get(&colour).copied());
    let health = match (standing.targets, standing.desired) {
        (0, 0) => "empty".to_owned(),
        (0, desired) => format!("0 of {desired} registered"),
        (targets, desired) => format!(
            "{} of {} healthy",
            standing.healthy,
            u32::try_from(targets).unwrap_or(desired).max(desired)
        ),
    };
    let role = match (&facts.rollout, facts.live == Some(colour)) {
        (_, true) => "live".to_owned(),
        (Some(rollout), false) if rollout.to == colour => "new".to_owned(),
        _ => match facts.due() {
            Some(one) if one.colour == colour && one.at > now => {
                let left = Duration::try_from(one.at.duration_since(now)).unwrap_or_default();
                format!("stands by, retired in {}", rounded(left))
            }
            _ if facts.has_retired(colour, now) && facts.releases.contains_key(&colour) => {
                match standing.running {
                    0 => "retired".to_owned(),
                    running => format!("was to be retired, {running} still run"),
                }
            }
            _ if facts.releases.contains_key(&colour) => "stands by".to_owned(),
            _ => String::new(),
        },
    };
    let weight = weight.map_or_else(|| "-".to_owned(), |weight| format!("{weight}%"));
    [colour.to_string(), release.to_owned(), weight, health, role]
}

/// The stage under way, the time left of it, and the next stage.
fn under_way(facts: &Deployment, rollout: &Rollout) -> Vec<String> {
    let back = if facts.closed_by().is_none() { ", `bgform abort` goes back" } else { "" };
    let count = rollout.stages.len();
    let stage = rollout.stage().map_or_else(|| "done".to_owned(), Stage::to_string);
    let left = facts.left().map(|left| format!(", {} left", rounded(left))).unwrap_or_default();
    let mut lines = vec![format!("  step {} of {count}: {stage}{left}", (rollout.at + 1).min(count))];
    let rest: Vec<String> = rollout.stages.iter().skip(rollout.at + 1).map(Stage::to_string).collect();
    if !rest.is_empty() {
        lines.push(format!("  then: {}", rest.join(", ")));
    }
    match &rollout.course {
        Course::Forward => {}
        Course::Paused => {
            lines.push(format!("  paused: `bgform promote` goes on{back}"));
        }
        Course::Back { reason, .. } => lines.push(format!("  goes back: {reason}")),
        Course::Held { reason } => {
            lines.push(format!("  held: {reason}; `bgform promote` goes on{back}"));
        }
    }
    lines
}

fn way_back(facts: &Deployment, now: Timestamp) -> String {
    let Some(live) = facts.live else { return "way back: none, it is the first release".to_owned() };
    if let Some(gate) = &facts.no_way_back {
        return format!("way back: none, gate \"{gate}\" is irreversible and was begun");
    }
    if let (Some(replaced), None) = (&facts.replaced, &facts.rollout) {
        let label = &replaced.release.label;
        return format!("way back: {live}'s instances are replaced by ones of {label} (`bgform rollback`)");
    }
    if let Some(rollout) = facts.rollout.as_ref().filter(|rollout| rollout.to == live) {
        return match rollout.origin {
            None => "way back: nothing to undo (`bgform abort`)".to_owned(),
            Some(_) => format!(
                "way back: {live}'s instances with {} are replaced by ones of the old release (`bgform abort`)",
                rollout.release.label
            ),
        };
    }
    if let Some(rollout) = &facts.rollout {
        return match facts.weight(rollout.to) {
            0 => "way back: nothing to undo (`bgform abort`)".to_owned(),
            _ => "way back: one change of weights (`bgform abort`)".to_owned(),
        };
    }
    match facts.releases.get(&live.other()) {
        None => "way back: none, there is no release before".to_owned(),
        Some(old) if facts.has_retired(live.other(), now) => {
            format!("way back: {} on {} is raised again (`bgform rollback`)", old.label, live.other())
        }
        Some(old) => {
            format!(
                "way back: one change of weights to {} on {} (`bgform rollback`)",
                old.label,
                live.other()
            )
        }
    }
}

/// A duration for people, rounded to the minute above ten minutes.
fn rounded(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        seconds @ 600..7200 => format!("{}m", seconds / 60),
        seconds => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::facts::{Release, Retirement, Sizing};
    use crate::rollout::seen::Counts;

    #[test]
    fn what_stands_by_says_until_when_and_how_to_go_back_to_it() {
        let facts = Deployment {
            live: Some(Colour::Green),
            weights: BTreeMap::from([(Colour::Blue, 0), (Colour::Green, 100)]),
            releases: BTreeMap::from([
                (Colour::Blue, Release::of("1.0")),
                (Colour::Green, Release::of("2.0")),
            ]),
            sizing: BTreeMap::from([(Colour::Blue, Sizing::Left), (Colour::Green, Sizing::File)]),
            retirement: Some(Retirement {
                colour: Colour::Blue,
                at: Timestamp::from_second(1000).unwrap(),
                after: Duration::ZERO,
            }),
            ..Deployment::default()
        };
        let fleet = Counts { desired: 2, in_service: 2, targets: 2, healthy: 2, ..Counts::default() };
        let seen = Seen {
            weights: Some(facts.weights.clone()),
            foreign: Vec::new(),
            fleets: BTreeMap::from([(Colour::Blue, fleet.clone()), (Colour::Green, fleet)]),
        };
        let shown = lines("web", &facts, &seen, Timestamp::from_second(100).unwrap());
        let wanted = [
            "web: 2.0 on green, live",
            "  blue   1.0  0%    2 of 2 healthy  stands by, retired in 15m",
            "  green  2.0  100%  2 of 2 healthy  live",
            "  way back: one change of weights to 1.0 on blue (`bgform rollback`)",
        ];
        assert_eq!(shown, wanted);
    }
}
