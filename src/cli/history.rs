//! `bgform history`: the shipped releases, from the state. Makes no call, and needs no variable.

use serde_json::{Value as Json, json};

use super::rollout::{Site, Which};
use super::show::table;
use super::{CliError, Exit, Global, report};
use crate::facts::{Ending, Shipped};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The newest release is first; 200 are kept for each deployment. The JSON has `format` bgform.history and \
                        `version` 1: `shipped`, each with deployment, release, colour, by, commit, began, ended, ending \
                        (shipped, rolled_back, aborted, superseded, adopted) and reason.\n\n\
                        Examples:\n  bgform history\n  bgform history stacks/shop.deploy --deployment web\n  \
                        bgform history --json | jq -r '.shipped[0].release'"
)]
pub struct HistoryArgs {
    #[command(flatten)]
    which: Which,
    /// Print JSON (format bgform.history, version 1).
    #[arg(long)]
    json: bool,
}

pub fn run(global: &Global, args: HistoryArgs) -> Result<Exit, CliError> {
    let site = Site::find(global, &args.which)?;
    let all = site.all(&site.snapshot()?)?;
    let mut shipped: Vec<(&str, &Shipped)> =
        all.iter().flat_map(|(name, facts)| facts.history.iter().map(|one| (name.as_str(), one))).collect();
    shipped.sort_by_key(|(_, one)| std::cmp::Reverse(one.ended));
    let text = match args.json {
        true => {
            let shipped: Vec<Json> = shipped.iter().map(|(name, one)| document(name, one)).collect();
            format!("{:#}\n", json!({ "format": "bgform.history", "version": 1, "shipped": shipped }))
        }
        false if shipped.is_empty() => {
            "No rollout has ended yet; `bgform status` shows the one under way.\n".to_owned()
        }
        false => table(&shipped.iter().map(|(name, one)| row(name, one)).collect::<Vec<_>>(), ""),
    };
    report::out(&text);
    Ok(Exit::Done)
}

fn row(name: &str, one: &Shipped) -> [String; 7] {
    let commit = one.release.commit.as_deref().map(|commit| commit.chars().take(10).collect());
    let ended = match &one.reason {
        Some(reason) => format!("{}: {reason}", word(one.ending)),
        None => word(one.ending).to_owned(),
    };
    [
        format!("{:.0}", one.ended),
        name.to_owned(),
        one.release.label.clone(),
        one.colour.to_string(),
        one.release.by.clone(),
        commit.unwrap_or_else(|| "-".to_owned()),
        ended,
    ]
}

fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Shipped => "shipped",
        Ending::RolledBack => "taken back",
        Ending::Aborted => "aborted",
        Ending::Superseded => "superseded",
        Ending::Adopted => "adopted",
    }
}

fn document(name: &str, one: &Shipped) -> Json {
    json!({
        "deployment": name,
        "release": one.release.label,
        "colour": one.colour,
        "by": one.release.by,
        "commit": one.release.commit,
        "began": one.release.began.to_string(),
        "ended": one.ended.to_string(),
        "ending": one.ending,
        "reason": one.reason,
    })
}
