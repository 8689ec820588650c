//! `bgform help`: a command, a topic, a kind or a function. Topics are the Markdown files of `src/help`; the pages of
//! kinds and functions are made from their schemas.

mod markdown;

use std::io::IsTerminal;

use clap::{CommandFactory, Parser};

use super::{Args, CliError, Exit, Global, report};
use crate::diagnostic::did_you_mean;
use crate::stack::reference;
use crate::stack::reference::Page;
use crate::terminal::out_painted;

#[derive(Debug, clap::Args)]
#[command(after_help = "It is Markdown, and wrapped where it is printed to a terminal.\n\n\
                        Examples:\n  \
                        bgform help apply\n  \
                        bgform help sandbox up\n  \
                        bgform help recovery\n  \
                        bgform help target_group\n  \
                        bgform help cidrsubnet\n  \
                        bgform help existing vpc | less")]
pub struct HelpArgs {
    /// A command, a topic, a kind or a function; left out, all but the functions are listed.
    #[arg(value_name = "COMMAND|TOPIC|KIND|FUNCTION")]
    words: Vec<String>,
}

/// The written topics: name, summary, text.
const WRITTEN: [(&str, &str, &str); 13] = [
    (
        "language",
        "Blocks, values, references, expressions, variables, modules",
        include_str!("../../help/language.md"),
    ),
    ("deployments", "A service in two colours, and its releases", include_str!("../../help/deployments.md")),
    ("strategies", "Canary, linear, blue/green, rolling, in place", include_str!("../../help/strategies.md")),
    ("gates", "Checks, alarms, approvals, and changes of a database", include_str!("../../help/gates.md")),
    ("adoption", "Taking over a service that runs already", include_str!("../../help/adoption.md")),
    ("plan", "How a plan is made, ordered and applied", include_str!("../../help/plan.md")),
    ("state", "Where the state is kept, and who may write it", include_str!("../../help/state.md")),
    ("recovery", "Each kind of failure, and the way on from it", include_str!("../../help/recovery.md")),
    ("sandbox", "The local region, and the faults that it can have", include_str!("../../help/sandbox.md")),
    ("rehearse", "A release under load before it ships", include_str!("../../help/rehearse.md")),
    ("aws", "Credentials, accounts and permissions", include_str!("../../help/aws.md")),
    ("ci", "bgform in a pipeline", include_str!("../../help/ci.md")),
    ("exit-codes", "The exit codes", include_str!("../../help/exit-codes.md")),
];

fn topics() -> Vec<Page> {
    let written =
        WRITTEN.iter().map(|(name, summary, text)| Page::new(name, summary, || without_comments(text)));
    written.chain(reference::topics()).collect()
}

/// A page without its comments for the tests.
fn without_comments(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, (_, after))) =
        rest.split_once("<!--").and_then(|(before, from)| Some((before, from.split_once("-->")?)))
    {
        let before = before.trim_end_matches(' ');
        out.push_str(before);
        // A comment on a line of its own is removed with the empty line after it.
        rest = if before.ends_with('\n') { after.trim_start_matches('\n') } else { after };
    }
    out + rest
}

/// Every page: topics and kinds.
pub fn pages() -> Vec<Page> {
    topics().into_iter().chain(reference::kinds()).collect()
}

/// The topics and the kinds, for the end of the list of commands.
pub fn listed() -> String {
    let topics: String =
        topics().iter().map(|Page { name, summary, .. }| format!("  {name:<11}  {summary}\n")).collect();
    let (existing, managed): (Vec<_>, Vec<_>) =
        reference::kinds().into_iter().map(|page| page.name).partition(|name| name.starts_with("existing "));
    format!(
        "Topics (bgform help TOPIC):\n{topics}\nKinds (bgform help KIND):\n  {}\n\n\
         Kinds that a stack reads (bgform help existing KIND):\n  {}",
        managed.join(", "),
        existing.join(", ").replace("existing ", ""),
    )
}

pub fn run(global: &Global, args: &HelpArgs) -> Result<Exit, CliError> {
    let page = page(&args.words.join(" "));
    let command = is_command(&args.words).then(|| of_command(&args.words));
    match (page, command.flatten()) {
        (Some(page), command) => {
            let mut text = page.text();
            // A command that is a topic too.
            if let Some(command) = command {
                let line = args.words.join(" ");
                text.push_str(&format!("\n## `bgform {line} --help`\n\n```text\n{}```\n", command.render()));
            }
            out_painted(&match std::io::stdout().is_terminal() {
                true => markdown::render(&text, report::width(), report::colour(global)),
                false => text,
            });
        }
        (None, Some(command)) => {
            report::usage(&command);
        }
        (None, None) => return Err(unknown(&args.words.join(" "))),
    }
    Ok(Exit::Done)
}

/// The page of a name, however its words are joined.
fn page(asked: &str) -> Option<Page> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_'], " ");
    let all = pages().into_iter().chain(reference::each_function());
    // A kind and a function may have one name: the kind is meant.
    let mut named = all.filter(|page| plain(&page.name) == plain(asked.trim_end_matches("()")));
    named.next()
}

fn is_command(words: &[String]) -> bool {
    let top = Args::command();
    words.iter().try_fold(&top, |command, word| command.find_subcommand(word)).is_some()
}

/// clap's help of a command.
fn of_command(words: &[String]) -> Option<clap::Error> {
    let line = ["bgform"].into_iter().chain(words.iter().map(String::as_str)).chain(["--help"]);
    Args::try_parse_from(line).err()
}

fn unknown(asked: &str) -> CliError {
    let topics = topics().into_iter().map(|page| page.name);
    let names: Vec<String> = topics.collect();
    let top = Args::command();
    let commands = top.get_subcommands().map(|command| command.get_name().to_owned());
    let named = pages().into_iter().chain(reference::each_function()).map(|page| page.name);
    let known: Vec<String> = commands.chain(named).collect();
    let guess = did_you_mean(asked, known.iter().map(String::as_str));
    let guess = guess.map(|name| format!("did you mean `bgform help {name}`?\n")).unwrap_or_default();
    CliError::usage(
        "bgform::cli::help",
        format!("there is no command, topic, kind or function `{asked}`"),
        format!(
            "{guess}the topics are {}; `bgform help` lists the commands and the kinds too",
            names.join(", ")
        ),
    )
}
