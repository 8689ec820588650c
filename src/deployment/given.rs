//! Blocks that deployments add to resources of the stack: a listener whose default action is the router of a
//! deployment gets a forward to both colours. Declarations come in. Changed copies go out, and a mistake for
//! every resource that cannot take the block. Evaluates nothing.

use std::collections::HashMap;

use crate::address::Address;
use crate::diagnostic::{Mistake, Span, did_you_mean};
use crate::lang::ast::{Block, Name};
use crate::lang::declare::{Declarations, Declared};

/// A block for a resource of the stack.
#[derive(Debug, Clone)]
pub struct Given {
    pub address: Address,
    /// The place where the deployment names the resource.
    pub span: Span,
    pub block: Block,
}

/// The stack's resources with the blocks that deployments add, and the deployments that own them.
pub fn give(
    declarations: &Declarations,
    given: Vec<(Name, Given)>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<(Address, (String, Declared))> {
    let mut owners: HashMap<Address, (Name, Span)> = HashMap::new();
    let mut all = Vec::new();
    for (deployment, Given { address, span, block }) in given {
        if let Some((first, at)) = owners.get(&address) {
            mistakes.push(twice(&address, [first, &deployment], [*at, span]));
            continue;
        }
        match declarations.resources.get(&address) {
            Some(declared) => match unfit(&address, declared, &deployment, span, &block) {
                Some(mistake) => mistakes.push(mistake),
                None => {
                    let mut declared = declared.clone();
                    declared.block.body.blocks.push(block);
                    all.push((address.clone(), (deployment.text.clone(), declared)));
                    owners.insert(address, (deployment, span));
                }
            },
            None if declarations.broken.contains(&(address.kind.clone(), address.name.clone())) => {}
            None => {
                let names = of_kind(declarations, &address.kind);
                let (mistake, meant) = missing(&address, span, &names);
                mistakes.push(mistake);
                // The missing block is reported once, here.
                let meant = meant.map(|name| Address::new(&address.kind, name));
                if let Some((address, declared)) =
                    meant.and_then(|meant| declarations.resources.get_key_value(&meant))
                    && unfit(address, declared, &deployment, span, &block).is_none()
                {
                    let mut declared = declared.clone();
                    declared.block.body.blocks.push(block);
                    all.push((address.clone(), (deployment.text.clone(), declared)));
                }
            }
        }
    }
    all
}

fn of_kind(declarations: &Declarations, kind: &str) -> Vec<String> {
    let managed = declarations.resources.iter().filter(|(_, declared)| declared.managed);
    managed.filter(|(one, _)| one.kind == kind).map(|(one, _)| one.name.clone()).collect()
}

/// Why a resource cannot take this block.
fn unfit(
    address: &Address,
    declared: &Declared,
    deployment: &Name,
    span: Span,
    block: &Block,
) -> Option<Mistake> {
    let given = block.keyword.text.as_str();
    let deployment = &deployment.text;
    if !declared.managed {
        return Some(
            Mistake::new(
                "bgform::lang::not_here",
                format!("`{address}` is not this stack's: it is read and never changed"),
            )
            .at(span, format!("every release of `{deployment}` would change its default action"))
            .at(declared.name.span, "it is read here")
            .help(format!(
                "write a rule in the deployment instead: listener_rule {{ listener = {address} ... }}; or take the \
                 listener into the stack: {} \"{}\" {{ ... }}, and bgform import {address} ARN",
                address.kind, address.name
            )),
        );
    }
    if let Some(each) = &declared.for_each {
        return Some(
            Mistake::new(
                "bgform::lang::not_here",
                format!(
                    "`{address}` is several, and a deployment has one with each `{}` block",
                    address.kind
                ),
            )
            .at(span, "this is all of them")
            .at(each.span, "it has an instance for each of these")
            .help(format!("write a `{}` block of its own for the one of the deployment", address.kind)),
        );
    }
    let body = &declared.block.body;
    let written = body.blocks.iter().find(|one| one.keyword.text == given).map(|one| one.keyword.span);
    let written = written
        .or_else(|| body.attributes.iter().find(|one| one.name.text == given).map(|one| one.name.span))?;
    Some(
        Mistake::new(
            "bgform::lang::not_here",
            format!("deployment \"{deployment}\" sets `{given}` of `{address}` itself"),
        )
        .at(written, "leave this out")
        .at(span, "the deployment takes it here")
        .help("it forwards to both colours, by weights that each release moves"),
    )
}

fn twice(address: &Address, deployments: [&Name; 2], spans: [Span; 2]) -> Mistake {
    let [first, second] = deployments.map(|name| name.text.as_str());
    let message = match first == second {
        true => format!("deployment \"{first}\" names `{address}` twice"),
        false => {
            format!("deployments \"{first}\" and \"{second}\" both take the default action of `{address}`")
        }
    };
    let help = match first == second {
        true => "leave one of them out".to_owned(),
        false => format!(
            "a listener has one default action: write a `listener_rule` in \"{second}\", or give it a `{}` of its \
             own, at another port",
            address.kind
        ),
    };
    Mistake::new("bgform::lang::duplicate", message)
        .at(spans[1], "again here")
        .at(spans[0], "first here")
        .help(help)
}

/// The mistake, and the name that was probably meant.
fn missing<'a>(address: &Address, span: Span, names: &'a [String]) -> (Mistake, Option<&'a str>) {
    let mistake = Mistake::new("bgform::lang::not_declared", format!("this stack has no `{address}`"))
        .at(span, "not declared");
    let guess = did_you_mean(&address.name, names.iter().map(String::as_str));
    let mistake = match guess {
        Some(guess) => mistake.help(format!("did you mean `{}.{guess}`?", address.kind)),
        None => mistake.help(format!(
            "add it: {} \"{}\" {{ ... }} with load_balancer, port and protocol",
            address.kind, address.name
        )),
    };
    (mistake, guess)
}
