//! Commands on the source, through Systems Manager: one script, sent as soon as the instance is
//! reached, and the end of its output when it fails.

use std::time::Duration;

use aws_sdk_ssm::operation::get_command_invocation::GetCommandInvocationOutput;
use aws_sdk_ssm::types::CommandInvocationStatus;

use super::Spec;
use crate::apply::operation::{Operation, Poll};
use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service, WaitEnd};

/// How long a command may wait for its instance, once Systems Manager has taken it.
const DELIVERY: Duration = Duration::from_secs(600);
/// As many lines of a failed script's output are shown.
const LINES: usize = 40;

/// Runs the commands of `spec` on its source and waits until they have succeeded.
pub async fn run(op: &Operation<'_>, spec: &Spec) -> Result<(), Error> {
    let id = send(op, spec).await?;
    op.progress(&format!("running {} commands on {}", spec.run.len(), spec.source));
    let limit = Duration::from_secs_f64(spec.command_timeout) + DELIVERY;
    let ended =
        op.wait(&format!("the commands of {} have ended", spec.source), limit, || ended(op, spec, &id)).await;
    match ended {
        Ok(answer) if answer.status() == Some(&CommandInvocationStatus::Success) => Ok(()),
        Ok(answer) => Err(failure(spec, &answer)),
        Err(error) => {
            // Not the cause, whatever comes of it: a stopped source ends them as well.
            let cancel = || op.cloud.ssm.cancel_command().command_id(&id).send();
            let _ = op.call(Service::Ssm, "CancelCommand", Repeat::OnThrottle, cancel).await;
            Err(error)
        }
    }
}

/// Sends the script; as long as Systems Manager answers `InvalidInstanceId`, the agent on the
/// source has not registered yet (API_SendCommand).
async fn send(op: &Operation<'_>, spec: &Spec) -> Result<String, Error> {
    let ssm = &op.cloud.ssm;
    let script: Vec<String> = std::iter::once("set -e".to_owned()).chain(spec.run.iter().cloned()).collect();
    // API_SendCommand takes 100 characters.
    let comment: String = format!("bgform {}", op.id).chars().take(100).collect();
    let timeout = (spec.command_timeout.ceil() as u64).to_string();
    let limit = Duration::from_secs_f64(spec.ready_timeout);
    let sent = op
        .wait(&format!("Systems Manager reaches {}", spec.source), limit, || async {
            let sent = op.call(Service::Ssm, "SendCommand", Repeat::OnThrottle, || {
                ssm.send_command()
                    .document_name("AWS-RunShellScript")
                    .instance_ids(&spec.source)
                    .comment(&comment)
                    .timeout_seconds(DELIVERY.as_secs() as i32)
                    .parameters("commands", script.clone())
                    .parameters("executionTimeout", vec![timeout.clone()])
                    .send()
            });
            match sent.await {
                Ok(answer) => {
                    Ok(Poll::Ready(answer.command.and_then(|one| one.command_id).unwrap_or_default()))
                }
                Err(error) if error.is_not_found() => {
                    Ok(Poll::Pending("it does not know the instance yet".into()))
                }
                Err(error) => Err(error),
            }
        })
        .await;
    match sent {
        Err(Error::Wait { end: WaitEnd::TimedOut { .. }, .. }) => Err(Error::failed(
            format!(
                "Systems Manager did not reach the source `{}` within {}, so nothing was run on it",
                spec.source,
                crate::value::format_duration(limit)
            ),
            "give it an `iam_instance_profile` with the policy AmazonSSMManagedInstanceCore, an image with the \
             SSM agent, and a way out to Systems Manager (a public address, NAT or VPC endpoints); or raise \
             `ready_timeout`",
        )),
        other => other,
    }
}

async fn ended(op: &Operation<'_>, spec: &Spec, id: &str) -> Result<Poll<GetCommandInvocationOutput>, Error> {
    use CommandInvocationStatus::{Cancelling, Delayed, InProgress, Pending};
    let send = || op.cloud.ssm.get_command_invocation().command_id(id).instance_id(&spec.source).send();
    let answer = match op.cloud.read(Service::Ssm, "GetCommandInvocation", send).await {
        Ok(answer) => answer,
        // `InvocationDoesNotExist`: taken, but not there yet.
        Err(error) if error.is_not_found() => return Ok(Poll::Pending("not begun".to_owned())),
        Err(error) => return Err(error),
    };
    Ok(match answer.status() {
        None => Poll::Pending("not begun".to_owned()),
        Some(status @ (Pending | InProgress | Delayed | Cancelling)) => {
            Poll::Pending(status.as_str().to_owned())
        }
        Some(_) => Poll::Ready(answer),
    })
}

/// What a person needs to mend the commands: how they ended, and the end of what they said.
fn failure(spec: &Spec, answer: &GetCommandInvocationOutput) -> Error {
    let status = answer.status_details().unwrap_or("Failed");
    let mut message = format!("the commands on the source `{}` ended with {status}", spec.source);
    // -1 is no exit code: the script did not run or did not end.
    if let code @ 0.. = answer.response_code() {
        message += &format!(", exit code {code}");
    }
    for (name, output) in
        [("stdout", answer.standard_output_content()), ("stderr", answer.standard_error_content())]
    {
        let lines: Vec<_> = output.unwrap_or_default().lines().collect();
        let from = lines.len().saturating_sub(LINES);
        let shown = lines.iter().skip(from).map(|line| format!("\n  {line}"));
        if !lines.is_empty() {
            message += &format!("\n{name}{}:", if from > 0 { ", its last lines" } else { "" });
            message.extend(shown);
        }
    }
    Error::failed(
        message,
        "mend `run` and apply again; the commands that succeeded are on the source's disk, so they must bear \
         being run twice",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_script_shows_its_exit_code_and_the_end_of_its_output() {
        let spec = Spec { source: "i-1".into(), ..Spec::default() };
        let long: String = (1..=100).map(|number| format!("line {number}\n")).collect();
        let answer = GetCommandInvocationOutput::builder()
            .status(CommandInvocationStatus::Failed)
            .status_details("Failed")
            .response_code(3)
            .standard_output_content(long)
            .standard_error_content("install.sh: no such release\n")
            .build();
        let message = failure(&spec, &answer).to_string();
        assert!(message.starts_with(
            "the commands on the source `i-1` ended with Failed, exit code 3\nstdout, its last lines:\n  line 61\n"
        ));
        assert!(message.ends_with("  line 100\nstderr:\n  install.sh: no such release"));
    }
}
