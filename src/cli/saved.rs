//! A plan in a file, approved once and applied later. Its inputs, its text and fingerprints of its steps and
//! rollouts go into the file. The same variables and options, the approved text, and whether the plan still
//! holds come out of it. Apply makes steps and rollouts again from the same inputs, and refuses if they
//! differ.
//!
//! The file holds the values of variables; of a sensitive one only a fingerprint, and the value must be given
//! again to apply it. It is written for its owner alone (0600), whole or not at all. This module never makes
//! a plan.

mod basis;
mod error;
mod fingerprint;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::plan::text as plan_text;
use super::write::{self, Readers};
use super::{CliError, Global, Within, locate, sandboxed};
use crate::plan::Options;
use crate::rollout::Plan;
use crate::stack::Program;
use crate::value::Value;

pub use error::SavedPlanError;

use basis::{Chosen, File, Place, Serial, Where, moved};
use fingerprint::{fingerprint, rollouts, sealed, sealed_value};

/// The format in the file.
const FORMAT: &str = "bgform.saved_plan";
/// The version that this bgform writes, and the only one that it accepts.
const VERSION: u32 = 3;
/// The first member, without spaces; [`SavedPlan::is_one`] looks for it.
const MARKER: &str = r#"{"format":"bgform.saved_plan""#;
/// Maximum size of a saved plan.
const LARGEST: u64 = 64 << 20;

/// A plan in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    // INVARIANT: first, so that the file begins with MARKER.
    format: String,
    version: u32,
    /// The version of bgform that made it: another may plan other steps from the same inputs.
    bgform: String,
    stack: String,
    place: Place,
    files: Vec<File>,
    /// The salt of this file's fingerprints.
    salt: String,
    /// The [`Program::digest`].
    program: String,
    /// `name=text` in the form of `--var`, without sensitive variables.
    variables: Vec<String>,
    /// A fingerprint of each sensitive variable.
    sealed: BTreeMap<String, String>,
    options: Chosen,
    global: Where,
    /// `None` if there was no state yet: a first plan has a new lineage each time.
    state: Option<Serial>,
    /// The fingerprint of the steps.
    steps: String,
    /// SHA-256 over each rollout, by deployment.
    rollouts: BTreeMap<String, String>,
    /// The approved plan, for people.
    text: String,
    /// The approved plan, for programs.
    document: Json,
    /// A variable whose value has no text; such a plan is not written.
    #[serde(skip)]
    unsaid: Option<String>,
}

impl SavedPlan {
    /// A plan with all its inputs. Variables are taken from the program, which has their values from every
    /// source.
    pub fn new(stack: &[PathBuf], global: &Global, program: &Program, plan: &Plan) -> Self {
        let snapshot = &plan.snapshot;
        let (variables, unsaid) = match variables::texts(program) {
            Ok(texts) => (texts, None),
            Err(name) => (Vec::new(), Some(name)),
        };
        let place = Place::of(snapshot);
        let salt = hex::encode(rand::random::<[u8; 16]>());
        let sealed_one = |(name, value): (&String, &Value)| (name.clone(), sealed_value(&salt, name, value));
        let own_state = matches!(global.within, Some(Within::Daemon { own_state: true, .. }));
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            bgform: env!("CARGO_PKG_VERSION").to_owned(),
            stack: program.settings.name.clone(),
            files: stack.iter().map(|path| File::of(path, program)).collect(),
            program: sealed(&salt, &program.digest()),
            variables,
            sealed: variables::sensitive(program).map(sealed_one).collect(),
            options: Chosen::of(&plan.options),
            global: Where {
                region: Some(place.region.clone()).filter(|region| !region.is_empty()),
                profile: global.profile.clone(),
                endpoint_url: place.endpoint.clone(),
                state: global.state.as_deref().filter(|_| !own_state).map(locate::absolute),
                sandbox: matches!(global.within, Some(Within::Daemon { .. })),
            },
            place,
            state: Serial::of(snapshot),
            steps: sealed(&salt, &fingerprint(&plan.resources)),
            rollouts: rollouts(plan),
            text: plan_text(plan),
            document: plan.document(),
            unsaid,
            salt,
        }
    }

    /// Writes the plan for its owner alone, whole or not at all. Overwrites only another saved plan.
    ///
    /// # Errors
    /// [`SavedPlanError::Unwritable`] and [`SavedPlanError::Variable`].
    pub fn write(&self, path: &Path) -> Result<(), SavedPlanError> {
        let refused = |reason: &str, help: &str| SavedPlanError::Unwritable {
            path: path.to_path_buf(),
            reason: reason.to_owned(),
            help: help.to_owned(),
        };
        let another = "name another file, such as release.bgplan";
        if let Some(name) = &self.unsaid {
            return Err(SavedPlanError::Variable { name: name.clone() });
        }
        if is_stack(path) {
            return Err(refused("a name that ends in .deploy is a stack's", another));
        }
        if path.exists() && !Self::is_one(path) {
            return Err(refused("something that is no saved plan is there", another));
        }
        let failed = |error: std::io::Error| refused(&error.to_string(), "check the folder, or name another");
        let text =
            serde_json::to_string_pretty(self).map_err(|error| refused(&error.to_string(), another))?;
        write::replace(path, format!("{text}\n").as_bytes(), Readers::Owner).map_err(failed)
    }

    /// # Errors
    /// [`SavedPlanError::Unreadable`] and [`SavedPlanError::Version`].
    pub fn read(path: &Path) -> Result<Self, SavedPlanError> {
        let unreadable = |reason: String| SavedPlanError::Unreadable { path: path.to_path_buf(), reason };
        let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
        // The versions first: the rest may have another shape.
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
            bgform: String,
        }
        let head: Head = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        if head.format != FORMAT {
            return Err(unreadable("it is no saved plan".to_owned()));
        }
        if head.version != VERSION || head.bgform != env!("CARGO_PKG_VERSION") {
            return Err(SavedPlanError::Version { made_by: head.bgform });
        }
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
    }

    /// Tells whether a file is a saved plan, by its first bytes. A `.deploy` file never is.
    pub fn is_one(path: &Path) -> bool {
        if is_stack(path) || !path.is_file() {
            return false;
        }
        let Ok(file) = std::fs::File::open(path) else { return false };
        let mut first = Vec::new();
        if file.take(256).read_to_end(&mut first).is_err() {
            return false;
        }
        first.retain(|byte| !byte.is_ascii_whitespace());
        first.starts_with(MARKER.as_bytes())
    }

    /// The approved plan, for people and for programs.
    pub fn shown(&self) -> (&str, &Json) {
        (&self.text, &self.document)
    }

    /// The values of the variables that may be shown, in the form of `--var`.
    pub fn variables(&self) -> Vec<String> {
        self.variables.clone()
    }

    /// Tells whether a variable must be given again with `bgform apply FILE`.
    pub fn is_sensitive(&self, variable: &str) -> bool {
        self.sealed.contains_key(variable)
    }

    /// The sensitive variables that do not have the plan's values.
    pub fn missing(&self, program: &Program) -> Vec<String> {
        let has = |name: &String, seal: &String| {
            program.variables.get(name).is_some_and(|value| sealed_value(&self.salt, name, value) == *seal)
        };
        self.sealed.iter().filter(|(name, seal)| !has(name, seal)).map(|(name, _)| name.clone()).collect()
    }

    /// The stack's files, absolute.
    pub fn stack_files(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }

    /// The global options with those of the plan, which choose account and state.
    ///
    /// # Errors
    /// When the plan is for a sandbox that cannot be found.
    pub fn global(&self, global: &Global) -> Result<Global, CliError> {
        let Where { region, profile, endpoint_url, state, sandbox } = self.global.clone();
        match sandbox {
            true => sandboxed(Global {
                region,
                state,
                sandbox,
                endpoint_url: None,
                profile: None,
                ..global.clone()
            }),
            false => Ok(Global { region, profile, endpoint_url, state, ..global.clone() }),
        }
    }

    pub fn options(&self) -> Options {
        let Chosen { targets, excludes, replace, no_refresh, upgrade, destroy, supersede, allow_outage } =
            self.options.clone();
        Options { targets, excludes, replace, no_refresh, upgrade, destroy, supersede, allow_outage }
    }

    /// Checks that `plan`, made just now, is the approved plan.
    ///
    /// # Errors
    /// What has changed: [`SavedPlanError::Account`], [`SavedPlanError::Stack`], [`SavedPlanError::State`],
    /// [`SavedPlanError::Rollout`] or [`SavedPlanError::Steps`].
    pub fn still_holds(&self, program: &Program, plan: &Plan) -> Result<(), SavedPlanError> {
        let snapshot = &plan.snapshot;
        let place = Place::of(snapshot);
        if place != self.place {
            return Err(SavedPlanError::Account { planned: self.place.text(), now: place.text() });
        }
        if program.settings.name != self.stack || sealed(&self.salt, &program.digest()) != self.program {
            return Err(SavedPlanError::Stack { what: self.changed_in(program) });
        }
        let state = Serial::of(snapshot);
        if state != self.state {
            return Err(SavedPlanError::State { what: moved(self.state.as_ref(), state.as_ref()) });
        }
        let now = rollouts(plan);
        let names = self.rollouts.keys().chain(now.keys());
        if let Some(deployment) = names.into_iter().find(|name| self.rollouts.get(*name) != now.get(*name)) {
            return Err(SavedPlanError::Rollout { deployment: deployment.clone() });
        }
        match sealed(&self.salt, &fingerprint(&plan.resources)) == self.steps {
            true => Ok(()),
            false => Err(SavedPlanError::Steps),
        }
    }

    fn changed_in(&self, program: &Program) -> String {
        let changed: Vec<String> = self
            .files
            .iter()
            .filter(|file| File::of(&file.path, program).digest != file.digest)
            .map(|file| format!("`{}`", file.path.display()))
            .collect();
        match changed.as_slice() {
            [] => "a variable, or a file that the stack reads, is another".to_owned(),
            [one] => format!("{one} has changed"),
            several => format!("{} have changed", several.join(" and ")),
        }
    }
}

fn is_stack(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "deploy")
}
