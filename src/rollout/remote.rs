//! A gate's shell commands on one instance of the new colour.

use std::time::Duration;

use super::gate::{Ground, Verdict};
use crate::address::Address;
use crate::cloud::error::Error;
use crate::kind::operation::{Operation, Reporter};
use crate::kind::shell::{self, Script};

/// A reporter that prints nothing: a gate reports only its verdict.
struct Silent;

impl Reporter for Silent {
    fn progress(&self, _address: &Address, _text: &str) {}
}

/// Runs the commands on the first instance in service and waits until they have ended.
pub async fn run(ground: &Ground<'_>, commands: &[String], timeout: u64) -> Result<Verdict, Error> {
    let (cloud, group) = (ground.cloud, ground.group.as_deref());
    let fleet = match group {
        Some(group) => ground.seam.observe(cloud, &[group]).await?.remove(group),
        None => None,
    };
    let member = fleet.and_then(|fleet| fleet.members.into_iter().find(|member| member.in_service()));
    let Some(instance) = member.map(|member| member.id) else {
        return Ok(Verdict::NotYet("no instance of the new colour is in service".to_owned()));
    };
    let address = Address::new("deployment", group.unwrap_or_default());
    let op = Operation::new(cloud, &address, "gate", "", "", &Silent).journalled(ground.journal);
    let limit = Duration::from_secs(timeout);
    let script = Script {
        instance: &instance,
        who: instance.clone(),
        name: "bgform gate".to_owned(),
        resumed: false,
        commands,
        timeout: limit,
        reach: limit,
        help: "",
    };
    match shell::run(&op, &script).await {
        Ok(()) => Ok(Verdict::Passed),
        Err(error @ (Error::Failed { .. } | Error::Wait { .. })) => Ok(Verdict::Failed(error.to_string())),
        Err(error) => Err(error),
    }
}
