//! Shell commands on one instance, through Systems Manager: sends one script as soon as the instance is
//! reachable, and shows the end of its output if it fails.

use std::time::Duration;

use aws_sdk_ssm::operation::get_command_invocation::GetCommandInvocationOutput;
use aws_sdk_ssm::types::{CommandInvocationStatus, CommandStatus};

use crate::cloud::Repeat;
use crate::cloud::error::{Error, Service, WaitEnd};
use crate::kind::operation::{Operation, Poll};
use crate::secrets::hidden;

/// The IAM actions of a run, and those of a search for an earlier process's run.
pub const ACTIONS: [&str; 3] = ["ssm:CancelCommand", "ssm:GetCommandInvocation", "ssm:SendCommand"];
pub const EARLIER: [&str; 1] = ["ssm:ListCommands"];

/// Maximum time for a command to reach its instance, once Systems Manager has accepted it.
const DELIVERY: Duration = Duration::from_secs(600);
/// Lines of a failed script's output that are shown.
const LINES: usize = 40;

/// A script and its instance.
#[derive(Debug, Clone)]
pub struct Script<'a> {
    pub instance: &'a str,
    /// The instance's name in messages, such as ``the source `i-1` ``.
    pub who: String,
    /// The run's name at Systems Manager.
    pub name: String,
    /// Whether an earlier process may have sent it. A run of that name on the instance that goes on or has
    /// succeeded is then used.
    pub resumed: bool,
    pub commands: &'a [String],
    /// Timeout of the commands.
    pub timeout: Duration,
    /// Maximum time until Systems Manager knows the instance.
    pub reach: Duration,
    /// The remedy if the commands fail.
    pub help: &'static str,
}

/// Runs the commands and waits until they succeed.
///
/// # Errors
/// [`Error::Failed`] if they do not, with their status and the end of their output, or if the instance was
/// not reached; other errors if AWS cannot be asked.
pub async fn run(op: &Operation<'_>, script: &Script<'_>) -> Result<(), Error> {
    let earlier = if script.resumed { sent_before(op, script).await? } else { None };
    let id = match earlier {
        Some(id) => id,
        None => send(op, script).await?,
    };
    op.progress(&format!("running {} commands on {}", script.commands.len(), script.instance));
    let until = format!("the commands of {} have ended", script.instance);
    let ended = op.wait(&until, script.timeout + DELIVERY, || ended(op, script, &id)).await;
    match ended {
        Ok(answer) if answer.status() == Some(&CommandInvocationStatus::Success) => Ok(()),
        Ok(answer) => Err(Error::failed(hidden(&failure(script, &answer)), script.help)),
        Err(error) => {
            // The result of this call is ignored: terminating the instance ends its commands as well.
            let cancel = || op.cloud.ssm.cancel_command().command_id(&id).send();
            let _ = op.call(Service::Ssm, "CancelCommand", Repeat::OnThrottle, cancel).await;
            Err(error)
        }
    }
}

/// Sends the script. While Systems Manager answers `InvalidInstanceId`, the agent on the instance has not
/// registered yet (API_SendCommand).
async fn send(op: &Operation<'_>, script: &Script<'_>) -> Result<String, Error> {
    let ssm = &op.cloud.ssm;
    let lines: Vec<String> =
        std::iter::once("set -e".to_owned()).chain(script.commands.iter().cloned()).collect();
    let comment = comment(script);
    let timeout = script.timeout.as_secs_f64().ceil().to_string();
    let sent = op
        .wait(&format!("Systems Manager reaches {}", script.instance), script.reach, || async {
            let sent = op.call(Service::Ssm, "SendCommand", Repeat::OnThrottle, || {
                ssm.send_command()
                    .document_name("AWS-RunShellScript")
                    .instance_ids(script.instance)
                    .comment(&comment)
                    .timeout_seconds(DELIVERY.as_secs() as i32)
                    .parameters("commands", lines.clone())
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
                "Systems Manager did not reach {} within {}, so nothing was run on it",
                script.who,
                crate::value::format_duration(script.reach)
            ),
            "give it an `iam_instance_profile` with the policy AmazonSSMManagedInstanceCore, an image with the \
             SSM agent, and a way out to Systems Manager (a public address, NAT or VPC endpoints); or raise \
             `ready_timeout`",
        )),
        other => other,
    }
}

/// The id of the run of that name on the instance that goes on or has succeeded, if there is one.
async fn sent_before(op: &Operation<'_>, script: &Script<'_>) -> Result<Option<String>, Error> {
    use CommandStatus::{InProgress, Pending, Success};
    let send = || op.cloud.ssm.list_commands().instance_id(script.instance).send();
    let answer = match op.cloud.read(Service::Ssm, "ListCommands", send).await {
        Ok(answer) => answer,
        // Systems Manager does not know the instance, so it has run nothing there.
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = answer.commands().iter().filter(|one| {
        one.comment() == Some(&*comment(script))
            && matches!(one.status(), Some(Pending | InProgress | Success))
    });
    let newest = found.max_by_key(|one| one.requested_date_time().map(|at| at.as_nanos()));
    Ok(newest.and_then(|one| one.command_id()).map(str::to_owned))
}

/// API_SendCommand takes 100 characters.
fn comment(script: &Script<'_>) -> String {
    script.name.chars().take(100).collect()
}

async fn ended(
    op: &Operation<'_>,
    script: &Script<'_>,
    id: &str,
) -> Result<Poll<GetCommandInvocationOutput>, Error> {
    use CommandInvocationStatus::{Cancelling, Delayed, InProgress, Pending};
    let send = || op.cloud.ssm.get_command_invocation().command_id(id).instance_id(script.instance).send();
    let answer = match op.cloud.read(Service::Ssm, "GetCommandInvocation", send).await {
        Ok(answer) => answer,
        // `InvocationDoesNotExist`: accepted, but not delivered yet.
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

/// The failure in words: the commands' status, and the end of their output.
fn failure(script: &Script<'_>, answer: &GetCommandInvocationOutput) -> String {
    let status = answer.status_details().unwrap_or("Failed");
    let mut message = format!("the commands on {} ended with {status}", script.who);
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
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_script_shows_its_exit_code_and_the_end_of_its_output() {
        let script = Script {
            instance: "i-1",
            who: "the source `i-1`".to_owned(),
            name: String::new(),
            resumed: false,
            commands: &[],
            timeout: Duration::ZERO,
            reach: Duration::ZERO,
            help: "",
        };
        let long: String = (1..=100).map(|number| format!("line {number}\n")).collect();
        let answer = GetCommandInvocationOutput::builder()
            .status(CommandInvocationStatus::Failed)
            .status_details("Failed")
            .response_code(3)
            .standard_output_content(long)
            .standard_error_content("install.sh: no such release\n")
            .build();
        let message = failure(&script, &answer);
        assert!(message.starts_with(
            "the commands on the source `i-1` ended with Failed, exit code 3\nstdout, its last lines:\n  line 61\n"
        ));
        assert!(message.ends_with("  line 100\nstderr:\n  install.sh: no such release"));
    }
}
