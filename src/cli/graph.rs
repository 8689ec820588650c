//! `bgform graph`: the dependencies, drawn from the stack alone.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use super::{CliError, Exit, Global, StackArgs, context, report};
use crate::address::Address;
use crate::stack::{Known, View};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "An arrow goes from a resource to one that it needs. A dashed one is read by the stack and not \
                        managed.\n\n\
                        Examples:\n  bgform graph | dot -Tsvg > stack.svg\n  \
                        bgform graph stacks/explicit.deploy --format mermaid"
)]
pub struct GraphArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// The format: dot for Graphviz, or mermaid for Markdown.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Dot,
    Mermaid,
}

pub fn run(_global: &Global, args: GraphArgs) -> Result<Exit, CliError> {
    let program = context::program(&args.stack)?;
    let view = program.unreleased();
    let edges = edges(&view)?;
    report::out(&match args.format {
        Format::Dot => dot(&view, &edges),
        Format::Mermaid => mermaid(&view, &edges),
    });
    Ok(Exit::Done)
}

/// The dependencies of each address.
type Edges = HashMap<Address, BTreeSet<Address>>;

fn edges(program: &View<'_>) -> Result<Edges, CliError> {
    let mut mistakes = Vec::new();
    let mut edges = Edges::new();
    for node in &program.nodes {
        if let Some(evaluated) = program.evaluate(node, &Known::new(), &mut mistakes) {
            edges.insert(node.address.clone(), evaluated.depends_on);
        }
    }
    match mistakes.is_empty() {
        true => Ok(edges),
        false => Err(CliError::Mistakes { sources: Box::new(program.sources.clone()), mistakes }),
    }
}

/// The address in quotes, in Graphviz's notation.
fn quoted(address: &Address) -> String {
    format!("\"{}\"", address.to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

fn dot(program: &View<'_>, edges: &Edges) -> String {
    let mut text =
        format!("digraph \"{}\" {{\n  rankdir = \"LR\"\n  node [shape = box]\n", program.settings.name);
    for node in &program.nodes {
        let style = if node.managed { "" } else { " [style = dashed]" };
        let _ = writeln!(text, "  {}{style}", quoted(&node.address));
    }
    for node in &program.nodes {
        for needed in edges.get(&node.address).into_iter().flatten() {
            let _ = writeln!(text, "  {} -> {}", quoted(&node.address), quoted(needed));
        }
    }
    text + "}\n"
}

fn mermaid(program: &View<'_>, edges: &Edges) -> String {
    let numbers: HashMap<&Address, usize> =
        program.nodes.iter().enumerate().map(|(number, node)| (&node.address, number)).collect();
    let mut text = "flowchart LR\n".to_owned();
    for (number, node) in program.nodes.iter().enumerate() {
        let label = node.address.to_string().replace('&', "&amp;").replace('"', "#quot;");
        let class = if node.managed { "" } else { ":::existing" };
        let _ = writeln!(text, "  n{number}[\"{label}\"]{class}");
    }
    for (number, node) in program.nodes.iter().enumerate() {
        let needed = edges.get(&node.address).into_iter().flatten();
        for needed in needed.filter_map(|needed| numbers.get(needed)) {
            let _ = writeln!(text, "  n{number} --> n{needed}");
        }
    }
    text + "  classDef existing stroke-dasharray: 5 5\n"
}
