//! Shell commands on one instance of the new colour, through Systems Manager.

use std::time::Duration;

use aws_sdk_ssm::types::CommandInvocationStatus;

use super::gate::Verdict;
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::autoscaling_group::fleet::observe_one;

/// As many characters of a failed command's output are shown.
const SHOWN: usize = 2000;

/// Runs the commands on the first instance in service and waits until they have ended.
pub async fn run(
    cloud: &Cloud,
    group: Option<&str>,
    commands: &[String],
    timeout: u64,
) -> Result<Verdict, Error> {
    let fleet = match group {
        Some(group) => observe_one(cloud, group).await?,
        None => None,
    };
    let member = fleet.and_then(|fleet| fleet.members.into_iter().find(|member| member.in_service()));
    let Some(instance) = member.map(|member| member.id) else {
        return Ok(Verdict::NotYet("no instance of the new colour is in service".to_owned()));
    };
    let script: Vec<String> = std::iter::once("set -e".to_owned()).chain(commands.iter().cloned()).collect();
    let sent = cloud
        .send(Service::Ssm, "SendCommand", Repeat::OnThrottle, || {
            cloud
                .ssm
                .send_command()
                .document_name("AWS-RunShellScript")
                .instance_ids(&instance)
                .parameters("commands", script.clone())
                .parameters("executionTimeout", vec![timeout.to_string()])
                .send()
        })
        .await;
    let id = match sent {
        Ok(answer) => answer.command.and_then(|command| command.command_id).unwrap_or_default(),
        Err(error) if error.is_not_found() => {
            return Ok(Verdict::NotYet(format!("Systems Manager does not know {instance} yet")));
        }
        Err(error) => return Err(error),
    };
    let began = cloud.clock.monotonic();
    loop {
        let answer = cloud
            .read(Service::Ssm, "GetCommandInvocation", || {
                cloud.ssm.get_command_invocation().command_id(&id).instance_id(&instance).send()
            })
            .await;
        use CommandInvocationStatus::{Cancelling, Delayed, InProgress, Pending, Success};
        match answer {
            Ok(answer) => match answer.status() {
                Some(Success) => return Ok(Verdict::Passed),
                None | Some(Pending | InProgress | Delayed | Cancelling) => {}
                Some(status) => {
                    let said = [answer.standard_output_content(), answer.standard_error_content()];
                    let said: String = said.into_iter().flatten().collect();
                    let skipped = said.chars().count().saturating_sub(SHOWN);
                    let last: String = said.chars().skip(skipped).collect();
                    let code = answer.response_code();
                    return Ok(Verdict::Failed(format!(
                        "the commands on {instance} ended with {}, exit code {code}:\n{last}",
                        status.as_str()
                    )));
                }
            },
            // Taken, but not there yet.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        if cloud.clock.monotonic().saturating_sub(began) > Duration::from_secs(timeout) {
            return Ok(Verdict::Failed(format!("the commands on {instance} did not end in time")));
        }
        cloud.clock.sleep(Duration::from_secs(1)).await;
    }
}
