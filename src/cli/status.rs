//! `bgform status`: the release of each deployment and the progress of its rollout, from the state and from
//! AWS. Needs no variable and no lock, so that it works beside a running apply.

use std::io::IsTerminal;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::rollout::{Site, Which};
use super::{CliError, Exit, Global, lock, report};
use crate::clock;
use crate::facts::{Colour, Deployment};
use crate::rollout::picture::lines;
use crate::rollout::seen::{Seen, see};
use crate::state::Holder;
use crate::terminal::{self, about};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The JSON has `format` bgform.status and `version` 1: deployments, each with name, live, \
                        colours (colour, release, weight and live_weight in percent, desired, in_service, targets, \
                        healthy, reasons), retirement, rollout (release, to, strategy, stages, at, left in seconds, \
                        course, driver: who goes on with it now, null where nobody does), no_way_back. live_weight is the weight in the rule, weight that in the state.\n\n\
                        Examples:\n  bgform status\n  bgform status --watch\n  \
                        bgform status --json | jq -r '.deployments[0].live'"
)]
pub struct StatusArgs {
    #[command(flatten)]
    which: Which,
    /// Look again every 2 seconds until interrupted.
    #[arg(long)]
    watch: bool,
    /// Print JSON (format bgform.status, version 1); with --watch a line each time.
    #[arg(long)]
    json: bool,
}

/// The time between two looks.
const LOOK: Duration = Duration::from_secs(2);

pub async fn run(global: &Global, args: StatusArgs) -> Result<Exit, CliError> {
    let site = Site::find(global, &args.which)?;
    let (_, cloud) = site.connect(global, &site.snapshot()?).await?;
    let live_view = args.watch && !args.json && std::io::stdout().is_terminal();
    let mut drawn = 0;
    loop {
        let snapshot = site.snapshot()?;
        let all = site.all(&snapshot)?;
        let mut seen = Vec::new();
        for (name, facts) in &all {
            seen.push((name.as_str(), facts, see(&cloud, &snapshot, name).await?));
        }
        let now = cloud.clock.now();
        // The lock's holder leads the rollout; left out if it cannot be read.
        let driver = lock::contend(&site.store, "bgform status").holder().ok().flatten();
        let text = match (args.json, args.watch) {
            (true, watch) => {
                let all: Vec<Json> = seen
                    .iter()
                    .map(|(name, facts, seen)| document(name, facts, seen, driver.as_ref()))
                    .collect();
                let document = json!({ "format": "bgform.status", "version": 1, "deployments": all });
                if watch { format!("{document}\n") } else { format!("{document:#}\n") }
            }
            (false, _) => {
                let told = seen.iter().map(|(name, facts, seen)| {
                    let mut all = lines(name, facts, seen, now);
                    if facts.rollout.is_some() && driver.is_none() {
                        all.push("  no process drives it now; `bgform apply` continues it".to_owned());
                    }
                    about(name, &all.join("\n")).into_owned() + "\n"
                });
                told.collect::<Vec<_>>().join("\n")
            }
        };
        if live_view && drawn > 0 {
            // Up to the start of the last output, and clears everything below.
            terminal::back(drawn);
        }
        let (columns, lines) = terminal::size().unwrap_or((80, 24));
        // At most the height of the screen: lines that have scrolled off stay.
        drawn = terminal::rows(&text, columns).min(lines.saturating_sub(1));
        report::out(&text);
        if !args.watch {
            return Ok(Exit::Done);
        }
        if !live_view && !args.json {
            report::out("\n");
        }
        clock::sleep(LOOK).await;
    }
}

fn document(name: &str, facts: &Deployment, seen: &Seen, driver: Option<&Holder>) -> Json {
    let colours: Vec<Json> = Colour::BOTH
        .into_iter()
        .filter(|colour| facts.live.is_some() || facts.releases.contains_key(colour) || facts.rollout.is_some())
        .map(|colour| {
            let fleet = seen.fleet(colour);
            json!({
                "colour": colour,
                "release": facts.running(colour).map(|release| &release.label),
                "weight": facts.weight(colour),
                "live_weight": seen.weights.as_ref().map(|weights| weights.get(&colour).copied().unwrap_or_default()),
                "desired": fleet.desired,
                "in_service": fleet.in_service,
                "running": fleet.running,
                "targets": fleet.targets,
                "healthy": fleet.healthy,
                "reasons": fleet.reasons,
            })
        })
        .collect();
    let rollout = facts.rollout.as_ref().map(|rollout| {
        json!({
            "release": rollout.release.label,
            "by": rollout.release.by,
            "to": rollout.to,
            "strategy": rollout.strategy,
            "stages": rollout.stages,
            "at": rollout.at,
            "left": facts.left().map(|left| left.as_secs()),
            "passed": rollout.passed,
            "course": rollout.course,
            "driver": driver.map(ToString::to_string),
        })
    });
    json!({
        "name": name,
        "live": facts.live,
        "colours": colours,
        "retirement": facts.due().map(|one| json!({ "colour": one.colour, "at": one.at.to_string() })),
        "rollout": rollout,
        "no_way_back": facts.no_way_back,
    })
}
