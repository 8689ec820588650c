//! `--result FILE`: how an apply or a destroy ended, for the job that called it.
//!
//! - `format`: always `bgform.result`; `version`: 1; `bgform`: the version that wrote it
//! - `exit`: the exit code; null while it runs, and for ever where it was killed
//! - `error`: why nothing, or nothing more, was done; null otherwise
//! - `steps`: of resources, in the order in which they ended: `address`, `verb` (`create`, `update`, `delete`,
//!   `forget`), `seconds`
//! - `failed`: `address`, `verb`, `error`, `in_doubt` (whether it was carried out is not known)
//! - `not_done`: `address`, `verb`, `waits_for` (the failed step, or null)
//! - `rollouts`: `deployment`, `release`, `end` (`shipped`, `taken_back`, `retired`, `given_up`, `held`,
//!   `interrupted`, `waits`, `stuck`), `colour` (null where the end has none), `reason` (null where there is none),
//!   `traffic` in words
//! - `outputs`: the stack's, by name; null for what is sensitive

use std::path::Path;

use serde_json::{Value as Json, json};

use super::write::{Readers, replace};
use super::{CliError, Exit};
use crate::plan::PlanError;
use crate::plan::document::open;
use crate::rollout::Shipped;
use crate::rollout::run::{End, Ended};
use crate::terminal::errln;

fn write(file: &Path, exit: Option<Exit>, rest: &Json) -> std::io::Result<()> {
    let mut document = json!({
        "format": "bgform.result",
        "version": 1,
        "bgform": env!("CARGO_PKG_VERSION"),
        "exit": exit.map(|exit| exit as u8),
        "error": null,
        "steps": [],
        "failed": [],
        "not_done": [],
        "rollouts": [],
        "outputs": {},
    });
    if let (Some(document), Some(rest)) = (document.as_object_mut(), rest.as_object()) {
        document.extend(rest.clone());
    }
    replace(file, format!("{document:#}\n").as_bytes(), Readers::AsBefore)
}

/// Carries something out to its end, which the file has, if one is given: so none stays of what went before.
///
/// # Errors
/// Those of what is carried out, and that the file cannot be written.
pub async fn keep(
    file: Option<&Path>,
    what: impl Future<Output = Result<(Exit, Option<Shipped>), CliError>>,
) -> Result<Exit, CliError> {
    let Some(file) = file else { return what.await.map(|(exit, _)| exit) };
    begin(file)?;
    let ended = what.await;
    end(file, &ended);
    ended.map(|(exit, _)| exit)
}

/// Shows that the file can be written, before anything depends on it.
fn begin(file: &Path) -> Result<(), CliError> {
    write(file, None, &Json::Null).map_err(|error| CliError::File {
        path: file.to_owned(),
        what: "written",
        reason: error.to_string(),
    })
}

/// Writes the result. A failed write does not change what was done.
fn end(file: &Path, ended: &Result<(Exit, Option<Shipped>), CliError>) {
    let written = match ended {
        Ok((exit, None)) => write(file, Some(*exit), &Json::Null),
        Ok((exit, Some(shipped))) => write(file, Some(*exit), &of(shipped)),
        Err(error) => {
            let mistakes = match error {
                CliError::Mistakes { mistakes, .. } | CliError::Plan(PlanError::Stack { mistakes, .. }) => {
                    mistakes
                }
                _ => &Vec::new(),
            };
            let each = mistakes.iter().map(|mistake| mistake.message.clone());
            let said = std::iter::once(error.to_string()).chain(each).collect::<Vec<_>>().join("; ");
            write(file, Some(error.exit()), &json!({ "error": crate::secrets::hidden(&said) }))
        }
    };
    if let Err(error) = written {
        errln!("The result could not be written to {}: {error}", file.display());
    }
}

fn of(Shipped { outcome, rollouts, snapshot }: &Shipped) -> Json {
    let steps = outcome.done.iter().map(
        |done| json!({ "address": done.address, "verb": done.verb, "seconds": done.took.as_secs_f64() }),
    );
    let failed = outcome.failed.iter().map(|failed| {
        json!({
            "address": failed.address,
            "verb": failed.verb,
            "error": crate::secrets::hidden(&failed.error.to_string()),
            "in_doubt": failed.error.in_doubt(),
        })
    });
    let not_done = outcome
        .not_done
        .iter()
        .map(|(address, verb, cause)| json!({ "address": address, "verb": verb, "waits_for": cause }));
    let outputs = snapshot.outputs.iter().map(|(name, value)| (name.clone(), open(value)));
    json!({
        "steps": steps.collect::<Json>(),
        "failed": failed.collect::<Json>(),
        "not_done": not_done.collect::<Json>(),
        "rollouts": rollouts.iter().map(rollout).collect::<Json>(),
        "outputs": outputs.collect::<serde_json::Map<_, _>>(),
    })
}

fn rollout(ended: &Ended) -> Json {
    let (end, release, colour, reason) = match &ended.end {
        End::Shipped { release, colour, .. } => ("shipped", release, Some(colour), None),
        End::WentBack { release, reason, .. } => ("taken_back", release, None, Some(reason.clone())),
        End::Retired { release, colour, .. } => ("retired", release, Some(colour), None),
        End::GivenUp { release, .. } => ("given_up", release, None, None),
        End::Held { release, reason } => ("held", release, None, Some(reason.clone())),
        End::Interrupted { release } => ("interrupted", release, None, None),
        End::Waits { release, needs } => {
            ("waits", release, None, Some(format!("`{needs}` was not made or changed")))
        }
        End::Stuck { release, error } => ("stuck", release, None, Some(error.to_string())),
    };
    json!({
        "deployment": ended.name,
        "release": release,
        "end": end,
        "colour": colour,
        "reason": reason.map(|reason| crate::secrets::hidden(&reason)),
        "traffic": ended.traffic,
    })
}
