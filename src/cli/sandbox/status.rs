//! `bgform sandbox status`: the content of the sandbox.

use std::fmt::Write;
use std::time::Duration;

use super::home::{Home, Standing};
use super::{DirArg, told};
use crate::cli::{CliError, Exit, report};
use crate::sandbox::control::{Client, RegionStatus, Status};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It exits with 1 where none runs. The JSON has version, pid, endpoint, folder, since, now, \
                        faults, and regions with name, account, network, instances by state, groups, \
                        load_balancers, services, tasks by status, calls by action, and failure: why the state cannot be written.\n\n\
                        Examples:\n  bgform sandbox status\n  \
                        bgform sandbox status --json | jq -r '.regions[].load_balancers[].dns_name'"
)]
pub struct StatusArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    dir: DirArg,
}

/// Maximum time to wait for the answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn run(args: StatusArgs) -> Result<Exit, CliError> {
    let home = Home::of(args.dir.dir.as_deref())?;
    if let (Standing::Down, false) = (home.standing(), args.json) {
        report::out(&format!(
            "No sandbox runs in {}. `bgform sandbox up` starts one.\n",
            home.folder.display()
        ));
        return Ok(Exit::Failed);
    }
    let record = home.running()?;
    let client = Client { patience: PATIENCE, ..home.client(&record)? };
    let status = client.status().await.map_err(|error| told(&record, error))?;
    match args.json {
        true => report::out(&format!("{:#}\n", serde_json::to_value(&status).unwrap_or_default())),
        false => report::out(&text(&status)),
    }
    Ok(Exit::Done)
}

fn text(status: &Status) -> String {
    let mut text = format!(
        "The sandbox is at {}, in {} (process {}, since {:.0}).\n",
        status.endpoint,
        status.folder.display(),
        status.pid,
        status.since
    );
    for region in &status.regions {
        of_region(&mut text, region);
    }
    if !status.faults.is_empty() {
        let _ = writeln!(text, "\nGoes wrong on purpose:");
        for fault in &status.faults {
            let _ = writeln!(text, "  {fault}");
        }
    }
    text
}

fn of_region(text: &mut String, region: &RegionStatus) {
    let network = region.network.as_deref().unwrap_or("ports of 127.0.0.1");
    let _ = writeln!(text, "\n{} (account {}, {network})", region.name, region.account);
    if let Some(failure) = &region.failure {
        let _ = writeln!(text, "  its state cannot be written: {failure}");
        let _ = writeln!(text, "  calls that change something are refused until it can");
    }
    let instances: Vec<_> =
        region.instances.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let instances = if instances.is_empty() { "none".to_owned() } else { instances.join(", ") };
    let _ = writeln!(text, "  instances: {instances}");
    let _ = writeln!(text, "  Auto Scaling groups: {}", region.groups);
    for balancer in &region.load_balancers {
        let _ =
            writeln!(text, "  load balancer {}: {} at {}", balancer.name, balancer.state, balancer.dns_name);
    }
    for service in &region.services {
        let _ = writeln!(
            text,
            "  ECS service {} in {}: {}, {} of {} tasks running, {}",
            service.name, service.cluster, service.status, service.running, service.desired, service.rollout
        );
    }
    if !region.tasks.is_empty() {
        let tasks: Vec<_> = region.tasks.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let _ = writeln!(text, "  tasks: {}", tasks.join(", "));
    }
    let mut calls: Vec<_> = region.calls.iter().collect();
    calls.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let total: u64 = region.calls.values().sum();
    let most: Vec<_> = calls.iter().take(5).map(|(name, count)| format!("{name} {count}")).collect();
    let most = if most.is_empty() { String::new() } else { format!(", most of them {}", most.join(", ")) };
    let _ = writeln!(text, "  calls: {total}{most}");
}
