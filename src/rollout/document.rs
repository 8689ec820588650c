//! A whole plan as JSON: its rollouts, and with them all of [`crate::plan::document`]. No part of a
//! sensitive value is ever in it.
//!
//! Deployments that have nowhere to go are left out. Times are seconds, weights percent, and what is
//! not known or does not apply is null.
//!
//! - `deployment`: its name
//! - `what`: `adopt` (what runs becomes its first release), `first`, `ship`, `back_to_standing` (the
//!   release that stands by), `go_on`, `give_up` (the release under way goes back, since the live one
//!   was planned), `pin` (what was adopted is to launch what it launches), `schedule` (the retirement
//!   of the colour that stands by is scheduled again)
//! - `release`: the label of the release on its way, null for `adopt`, `pin` and `schedule`
//! - `to`: the colour that it goes to
//! - `old`: what has the traffic now, or null
//! - `old.release`: its label
//! - `old.colour`: its colour
//! - `strategy`: its name; `rollback` for the way back to the release before
//! - `capacity`: how many instances carry the traffic now
//! - `course`: `forward`, `paused`, `back` or `held`
//! - `reason`: why it goes back or is held
//! - `at`: the index of the stage under way
//! - `stages`: what it goes through, in order
//! - `stages[].stage`: `gate`, `empty`, `raise`, `refresh`, `in_place`, `pin`, `restore`, `preview`,
//!   `shift`, `hold`, `settle` or `retire`
//! - `stages[].text`: for people
//! - `stages[].gate`: the name of its gate
//! - `stages[].weights`: by colour, after it
//! - `stages[].capacity`: instances wanted by colour, after it, of the colours that it is known of
//! - `stages[].waits`: how long it waits at least
//! - `stages[].back`: the way back from it, for people
//! - `stages[].done`: whether it was gone through before
//! - `waits`: how long the stages that are left wait at least
//! - `gates`: all gates, also those that are watched while traffic moves
//! - `gates[].name`: of the gate
//! - `gates[].at`: when it has to pass, as in the stack
//! - `gates[].looks`: what it looks at, for people
//! - `gates[].irreversible`: whether there is no way back once it was begun
//! - `gates[].timeout`: how long it may take
//! - `on_failure`: `rollback` or `hold`
//! - `proved`: that at each point a healthy fleet that is large enough has the traffic; null where it
//!   moves none
//! - `proved.points`: where it, or its way back, can be cut short
//! - `proved.moves`: of weights and sizes
//! - `adopts`: what is taken over, for people
//! - `notes`: what is to be known before
//! - `notes[].address`: of the resource that it is about
//! - `notes[].message`: what was found
//! - `notes[].help`: what to do
//! - `notes[].page`: where AWS says it

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::Plan;
use super::moves::Rollouts;
use crate::deployment::declaration::{Gate, OnFailure};
use crate::facts::{Course, Stage};
use crate::plan::document;
use crate::rollout::decide::{Intent, What};
use crate::rollout::stage::looks;
use crate::rollout::story::{Passage, passages, waits};
use crate::secrets::hidden;

impl Plan {
    /// Returns the whole plan as a document of format `bgform.plan`, version 2.
    pub fn document(&self) -> Json {
        let rollouts = self.rollouts.documents().into_values().collect();
        document::document(&self.resources, &self.basis(), rollouts)
    }
}

impl Rollouts {
    /// The document of each deployment that has a rollout, by name.
    pub fn documents(&self) -> Map<String, Json> {
        let moving = self.intents.iter().filter(|intent| Self::goes(intent));
        moving.map(|intent| (intent.name.clone(), self.of(intent))).collect()
    }

    fn of(&self, intent: &Intent) -> Json {
        let (facts, rollout) = (&intent.facts, intent.facts.rollout.as_ref());
        let capacity = self.capacities.get(&intent.name).copied();
        let old = facts.live.and_then(|live| Some((live, facts.releases.get(&live)?)));
        let (course, reason) = match rollout.map(|rollout| &rollout.course) {
            Some(Course::Paused) => ("paused", None),
            Some(Course::Back { reason, .. }) => ("back", Some(reason)),
            Some(Course::Held { reason }) => ("held", Some(reason)),
            Some(Course::Forward) | None => ("forward", None),
        };
        let stages = rollout.map(|rollout| passages(intent, rollout, capacity)).unwrap_or_default();
        let proof = self.proofs.get(&intent.name).filter(|proof| proof.moves > 0);
        let notes = self.findings.iter().filter(|one| one.address.name == intent.name);
        let adopts = self.adopted.iter().filter(|adoption| adoption.name == intent.name);
        without_secrets(json!({
            "deployment": intent.name,
            "what": what(intent),
            "release": rollout.map(|rollout| &rollout.release.label),
            "to": rollout.map(|rollout| rollout.to),
            "old": old.map(|(colour, release)| json!({ "release": release.label, "colour": colour })),
            "strategy": rollout.map(|rollout| &rollout.strategy),
            "capacity": capacity,
            "course": course,
            "reason": reason,
            "at": rollout.map(|rollout| rollout.at),
            "stages": stages.iter().map(stage).collect::<Json>(),
            "waits": waits(intent).as_secs(),
            "gates": intent.declaration.gate.iter().map(gate).collect::<Json>(),
            "on_failure": match intent.declaration.on_failure {
                OnFailure::Rollback => "rollback",
                OnFailure::Hold => "hold",
            },
            "proved": proof.map(|proof| json!({ "points": proof.points, "moves": proof.moves })),
            "adopts": adopts.flat_map(|adoption| &adoption.lines).collect::<Vec<_>>(),
            "notes": notes
                .map(|note| {
                    json!({
                        "address": note.address,
                        "message": note.message,
                        "help": note.help,
                        "page": note.page,
                    })
                })
                .collect::<Json>(),
        }))
    }
}

fn what(intent: &Intent) -> &'static str {
    match intent.what {
        What::Nothing if intent.facts.rollout.is_none() => "pin",
        What::Adopt => "adopt",
        What::First => "first",
        What::Ship => "ship",
        What::BackToStanding => "back_to_standing",
        What::GoOn | What::Nothing => "go_on",
        What::GiveUp => "give_up",
        What::Abort => "abort",
        What::Retire => "retire",
        What::Schedule => "schedule",
    }
}

fn stage(passage: &Passage) -> Json {
    let Passage { stage, text, weights, capacity, wait, back, done } = passage;
    let weights: Option<BTreeMap<_, _>> = weights.as_ref().map(|weights| weights.iter().copied().collect());
    json!({
        "stage": stage.word(),
        "text": text,
        "gate": match stage {
            Stage::Gate { name } => Some(name),
            _ => None,
        },
        "weights": weights,
        "capacity": capacity,
        "waits": wait.as_secs(),
        "back": back,
        "done": done,
    })
}

fn gate(gate: &Gate) -> Json {
    json!({
        "name": gate.name,
        "at": gate.at.name(),
        "looks": looks(gate),
        "irreversible": gate.irreversible,
        "timeout": gate.timeout,
    })
}

/// Removes secrets: a gate's command is plain text here.
fn without_secrets(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(hidden(&text)),
        Json::Array(items) => items.into_iter().map(without_secrets).collect(),
        Json::Object(members) => {
            members.into_iter().map(|(name, value)| (name, without_secrets(value))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
