//! A gate's task: one run of the new release beside its fleet, to its end. If bgform was killed, the next run finds
//! the one that was started and waits for it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::gate::{Ground, Verdict};
use crate::address::Address;
use crate::cloud::error::Error;
use crate::deployment::declaration::Task;
use crate::kind::fleet::{Job, JobEnd};
use crate::kind::operation::{Operation, Reporter};

/// A reporter that prints nothing: a gate reports only its verdict.
struct Silent;

impl Reporter for Silent {
    fn progress(&self, _address: &Address, _text: &str) {}
}

/// Runs the task and waits until it has ended. `name` is the gate's.
pub async fn run(ground: &Ground<'_>, name: &str, task: &Task, timeout: u64) -> Result<Verdict, Error> {
    let Some(runs) = ground.seam.runs() else {
        return Ok(Verdict::Failed(format!("`{}` runs no tasks", ground.seam.kind())));
    };
    let (Some(fleet), Some(version)) = (&ground.inputs, &ground.newest) else {
        return Ok(Verdict::NotYet("what it is to run is not there yet".to_owned()));
    };
    // The same for each attempt at this gate of this release, and for no other one.
    let identity = format!("{}/{name}/{}", ground.deployment, ground.release);
    let id = hex::encode(&Sha256::digest(identity.as_bytes())[..16]);
    let address = Address::new("deployment", &ground.deployment);
    let op = Operation::new(ground.cloud, &address, id, "", "", &Silent).journalled(ground.journal);
    let job = Job {
        container: &task.container,
        command: &task.command,
        environment: &ground.environment,
        limit: Duration::from_secs(timeout),
    };
    match runs.run(&op, fleet, version, &job).await {
        Ok(JobEnd::Succeeded) => Ok(Verdict::Passed),
        Ok(JobEnd::Failed(why)) => Ok(Verdict::Failed(why)),
        Err(error @ (Error::Failed { .. } | Error::Wait { .. })) => Ok(Verdict::Failed(error.to_string())),
        Err(error) => Err(error),
    }
}
