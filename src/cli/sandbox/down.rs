//! `bgform sandbox down` and `reset`.

use std::time::Duration;

use super::home::{Home, Record, Standing, refused};
use super::told;
use crate::cli::{CliError, Exit, report};
use crate::clock;
use crate::sandbox::clear;
use crate::sandbox::control::{CallError, Client};

/// Maximum time for machines to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Maximum time for the request to end to arrive.
const ASKED: Duration = Duration::from_secs(5);

/// Ends the daemon in order; cleans up after a killed one.
pub async fn down(home: &Home) -> Result<Exit, CliError> {
    let mut standing = home.standing();
    if let Standing::Runs(record) = standing {
        standing = end(home, &record).await?;
        if standing == Standing::Down {
            report::out("The sandbox is down; `bgform sandbox up` continues from its state.\n");
            return Ok(Exit::Done);
        }
    }
    match standing {
        Standing::Killed(_) => {
            // Its machines ended with it: a keeper of each region ends them.
            if let Some(held) = home.hold().await? {
                held.forget()?;
            }
            report::out(
                "The sandbox was killed. Its processes are cleaned up, and `bgform sandbox up` continues from its state.\n",
            );
        }
        Standing::Starts | Standing::Runs(_) => {
            home.running()?;
        }
        Standing::Down => report::out(&format!("No sandbox runs in {}.\n", home.folder.display())),
    }
    Ok(Exit::Done)
}

/// Asks it to end and waits until it has. Returns the status of the folder: Down, or Killed if it was being
/// killed.
async fn end(home: &Home, record: &Record) -> Result<Standing, CliError> {
    let before = clock::monotonic();
    // It may be gone before its answer arrives: the lock tells.
    let asked = Client { patience: ASKED, ..home.client(record)? }.down().await;
    if let Err(error @ (CallError::Refused { .. } | CallError::Stranger { .. })) = asked {
        return Err(told(record, error));
    }
    while clock::monotonic() - before < PATIENCE {
        let standing = home.standing();
        if matches!(standing, Standing::Down | Standing::Killed(_)) {
            return Ok(standing);
        }
        clock::sleep(Duration::from_millis(20)).await;
    }
    Err(refused(
        "bgform::sandbox::hangs",
        format!("the sandbox (process {}) does not end", record.pid),
        format!("see {}; `kill -9 {}` ends it", home.log().display(), record.pid),
    ))
}

/// Removes everything; a running daemon goes on with an empty region.
pub async fn reset(home: &Home) -> Result<Exit, CliError> {
    if let Standing::Runs(record) = home.standing() {
        home.client(&record)?.reset().await.map_err(|error| told(&record, error))?;
        report::out(&format!("The sandbox at {} is as new.\n", record.endpoint()));
        return Ok(Exit::Done);
    }
    if !home.exists() {
        report::out(&format!("There is no sandbox in {}.\n", home.folder.display()));
        return Ok(Exit::Done);
    }
    let Some(held) = home.hold().await? else {
        home.running()?;
        return Ok(Exit::Failed);
    };
    clear(&home.folder)
        .map_err(|error| refused("bgform::sandbox::folder", error.to_string(), "see to the folder"))?;
    held.forget()?;
    report::out(&format!("The sandbox in {} is as new.\n", home.folder.display()));
    Ok(Exit::Done)
}
