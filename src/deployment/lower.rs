//! Lowers a deployment to ordinary resources. Its block and the facts of the state come in. Blocks in an
//! author's form go out, with the attributes of each colour that keep their values. Makes no call and
//! evaluates nothing.
//!
//! `deployment "web"` becomes `target_group.web["blue"]` and `["green"]`, two fleets, the fleet's launch
//! source, and the routers ([`super::routers`]).

use std::collections::HashMap;

use super::given::Given;
use super::nested::{fleet_of, nested, parts};
use super::one_colour;
use super::own;
use super::routers::{Lowering, needs_a_router};
use super::syntax::{at, attribute, by_colour, colours, larger, less, member, number, text, word};
use crate::address::Address;
use crate::diagnostic::{Mistake, Span, did_you_mean};
use crate::facts::{Colour, Deployment, Sizing};
use crate::kind::{self, fleet::Fleet};
use crate::lang::ast::{Attribute, Block, Expr, Name, Node};

/// The lowered form of a deployment.
#[derive(Debug, Default)]
pub struct Lowered {
    /// The name and the block of each resource.
    pub blocks: Vec<(Name, Block)>,
    /// Blocks that it adds to resources of the stack.
    pub given: Vec<Given>,
    /// Its routers, in the order of its blocks, without the previews above them.
    pub routers: Vec<Address>,
    /// Attributes that keep their values on the resource at this address, if it exists.
    pub frozen: HashMap<Address, Vec<&'static str>>,
    /// Those of them that keep the applied values: a live value that differs is somebody else's.
    pub applied: HashMap<Address, Vec<&'static str>>,
    /// Launch attributes that keep their values on the fleet of a colour with a release.
    pub launched: HashMap<Address, Vec<&'static str>>,
    /// Attributes that scaling policies and retirements change: that they differ is no drift.
    pub others: HashMap<Address, Vec<&'static str>>,
}

/// Lowers a deployment with its facts; the mistakes are those of its own form.
pub fn lower(name: &Name, block: &Block, facts: &Deployment, mistakes: &mut Vec<Mistake>) -> Lowered {
    let mut lowered = Lowered::default();
    let seam = fleet_of(block);
    one_colour::check(block, seam, mistakes);
    for (kind, many) in nested() {
        let (kind, many) = (*kind, *many);
        let written: Vec<&Block> = block.body.blocks.iter().filter(|one| one.keyword.text == kind).collect();
        if kind::router(kind).is_some() || parts(seam).contains(&kind) {
            check(name, block, kind, many, &written, mistakes);
        } else {
            mistakes.extend(written.iter().map(|other| of_another(other, seam)));
            continue;
        }
        for nested in written.iter().take(if many { usize::MAX } else { 1 }) {
            ours(nested, seam, mistakes);
            if let Some(router) = kind::router(kind) {
                let mut lowering = Lowering { name, facts, seam, deployment: block, lowered: &mut lowered };
                lowering.router(nested, router, mistakes);
                continue;
            }
            let mut plain = named(nested, name, seam);
            match kind == seam.kind() {
                true => own::fleet(&mut plain, name, seam, mistakes),
                false => own::none(&mut plain, seam, mistakes),
            }
            let block = match kind {
                kind if kind == seam.source() => one_colour::source(plain, block, seam),
                kind if kind == seam.targets() => coloured(plain),
                _ => one_colour::fleet(fleet(plain, nested, name, facts, seam), block, seam, mistakes),
            };
            lowered.blocks.push((name.clone(), block));
        }
    }
    needs_a_router(name, block, mistakes);
    let shape = seam.shape();
    let [_, _, desired] = &shape.sizes;
    for colour in Colour::BOTH {
        let at = |kind: &str| Address::new(kind, &name.text).with_key(colour.name());
        let follows = facts.follows_file(colour);
        let sizes: &[&str] = match facts.sizing(colour) {
            Sizing::File | Sizing::Standby(_) | Sizing::AtLeast(_) => std::slice::from_ref(desired),
            Sizing::Left => &shape.sizes,
            Sizing::Raised(_) | Sizing::Empty => &[],
        };
        let mut others = match facts.sizing(colour) {
            Sizing::File | Sizing::Standby(_) | Sizing::AtLeast(_) => vec![*desired],
            Sizing::Raised(_) | Sizing::Left | Sizing::Empty => shape.sizes.to_vec(),
        };
        // A fleet without instances is at its pinned version, whatever the instances ran.
        others.extend((facts.sizing(colour) == Sizing::Empty).then_some(shape.source));
        lowered.others.insert(at(seam.kind()), others);
        let mut frozen = sizes.to_vec();
        if !follows {
            let launched = [&[shape.source], shape.ships].concat();
            frozen.extend(&launched);
            if facts.releases.contains_key(&colour) {
                lowered.launched.insert(at(seam.kind()), launched);
            }
        }
        lowered.frozen.insert(at(seam.kind()), frozen);
        // A target group that carries traffic keeps its settings, whatever the strategy.
        if !follows || facts.live == Some(colour) {
            let settings = settings_of(seam.targets());
            lowered.applied.insert(at(seam.targets()), settings.clone());
            lowered.frozen.insert(at(seam.targets()), settings);
        }
    }
    let source = Address::new(seam.source(), &name.text);
    // A version is made for a colour that is raised. After a way back, the newest version has no colour, and
    // it is not made again.
    let registered = facts.rollout.as_ref().is_some_and(|rollout| rollout.registered);
    if !registered && !Colour::BOTH.into_iter().any(|colour| facts.follows_file(colour)) {
        lowered.frozen.insert(source.clone(), settings_of(seam.source()));
    }
    if facts.adopted.is_some() {
        let blue = |kind: &str| Address::new(kind, &name.text).with_key(Colour::Blue.name());
        // Adopted resources keep their names.
        for address in [source, blue(seam.targets()), blue(seam.kind())] {
            lowered.frozen.entry(address).or_default().push("name");
        }
    }
    lowered
}

/// A block that belongs to another kind of fleet.
fn of_another(block: &Block, seam: &dyn Fleet) -> Mistake {
    let kind = &block.keyword.text;
    let message = format!("`{kind}` is of another fleet than `{}`, and a deployment has one", seam.kind());
    Mistake::new("bgform::lang::not_here", message).at(block.keyword.span, "not beside it").help(format!(
        "keep the `{}` and the `{}`, or take them away for this one",
        seam.source(),
        seam.kind()
    ))
}

/// The attributes of a kind that reach an instance, or say how it is reached and judged.
fn settings_of(kind: &str) -> Vec<&'static str> {
    let schema = kind::find_managed(kind).map(|kind| kind.schema());
    let attributes = schema.into_iter().flat_map(|schema| &schema.attributes);
    attributes.map(|attribute| attribute.name).filter(|name| *name != "tags").collect()
}

fn check(
    name: &Name,
    block: &Block,
    kind: &str,
    many: bool,
    written: &[&Block],
    mistakes: &mut Vec<Mistake>,
) {
    match written {
        [] if !block.broken => mistakes.extend(match misspelt(block, kind) {
            Some(word) => {
                let message = format!("`deployment` has no block `{}`", word.text);
                let mistake = Mistake::new("bgform::lang::unknown_block", message).at(word.span, "not known");
                Some(mistake.help(format!("did you mean `{kind}`?")))
            }
            None if kind::router(kind).is_some() => None,
            None => Some(
                Mistake::new("bgform::lang::missing_block", format!("`deployment` needs a `{kind}` block"))
                    .at(name.span, format!("`{kind}` is not written here"))
                    .help(format!("write {kind} {{ ... }} in it, with the attributes of that kind")),
            ),
        }),
        [first, second, ..] if !many => mistakes.push(
            Mistake::new("bgform::lang::duplicate", format!("`{kind}` is written twice"))
                .at(second.keyword.span, "again here")
                .at(first.keyword.span, "first here")
                .help("both colours are made of one block"),
        ),
        _ => {}
    }
    for nested in written {
        if let Some(label) = nested.labels.get(usize::from(many)) {
            mistakes.push(
                Mistake::new("bgform::lang::labels", format!("`{kind}` takes no such label in a deployment"))
                    .at(label.span, "not here")
                    .help(format!("write {kind} {{; its name is the deployment's")),
            );
        }
    }
}

/// The keyword of a nested block that looks like this kind, if no block has it.
pub(super) fn misspelt<'a>(block: &'a Block, kind: &str) -> Option<&'a Name> {
    let mut words = block.body.blocks.iter().map(|one| &one.keyword);
    match words.clone().any(|word| word.text == kind) {
        true => None,
        false => words.find(|word| {
            let mut kinds = nested().iter().map(|(nested, _)| *nested);
            !kinds.clone().any(|nested| nested == word.text)
                && did_you_mean(&word.text, kinds.by_ref()) == Some(kind)
        }),
    }
}

/// Tells whether bgform sets this attribute of a nested block itself, so that an author cannot.
fn is_ours(kind: &str, attribute: &str, seam: &dyn Fleet) -> bool {
    let shape = seam.shape();
    let own = kind == seam.kind() && [shape.source, shape.targets].contains(&attribute);
    own || ([seam.kind(), seam.targets()].contains(&kind) && attribute == "for_each")
}

fn ours(nested: &Block, seam: &dyn Fleet, mistakes: &mut Vec<Mistake>) {
    for attribute in &nested.body.attributes {
        let kind = nested.keyword.text.as_str();
        if attribute.name.text == "enabled" {
            mistakes.push(
                Mistake::new(
                    "bgform::lang::not_here",
                    format!("a `{kind}` of a deployment has no `enabled` of its own"),
                )
                .at(attribute.name.span, "not here")
                .help("write it in the deployment, which is there as a whole or not at all"),
            );
        }
        if is_ours(kind, &attribute.name.text, seam) {
            mistakes.push(
                Mistake::new(
                    "bgform::lang::not_here",
                    format!("a deployment sets `{}` of its `{kind}` itself", attribute.name.text),
                )
                .at(attribute.name.span, "leave this out")
                .help("each colour has its own"),
            );
        }
    }
}

/// The nested block with the deployment's name, without the attributes that bgform sets itself.
pub(super) fn named(nested: &Block, name: &Name, seam: &dyn Fleet) -> Block {
    let mut block = Block { labels: vec![name.clone()], ..nested.clone() };
    let kind = nested.keyword.text.as_str();
    block.body.attributes.retain(|one| one.name.text != "enabled" && !is_ours(kind, &one.name.text, seam));
    block
}

/// The block with an instance for each colour. An author's name gets the colour as a suffix, since no two
/// resources have the same name.
fn coloured(mut block: Block) -> Block {
    for name in block.body.attributes.iter_mut().filter(|one| one.name.text == "name") {
        let span = name.value.span;
        let parts = at(Node::List(vec![name.value.clone(), member(word("each", span), "key", span)]), span);
        let function = Name { text: "join".to_owned(), span };
        let arguments = vec![text("-", span), parts];
        name.value = at(Node::Call { function, arguments, spread: false }, span);
    }
    block.body.attributes.push(colours(block.keyword.span));
    block
}

/// The fleets of both colours, each of its size, with its own targets.
fn fleet(plain: Block, nested: &Block, name: &Name, facts: &Deployment, seam: &dyn Fleet) -> Block {
    let mut block = coloured(plain);
    let (span, shape) = (nested.keyword.span, seam.shape());
    let mut take = |wanted: &str| {
        let place = block.body.attributes.iter().position(|one| one.name.text == wanted)?;
        Some(block.body.attributes.remove(place))
    };
    let [min, max, desired] = shape.sizes.map(&mut take);
    let sizes = Sizes { min, max, desired };
    let [blue, green] = Colour::BOTH.map(|colour| sizes.of(facts.sizing(colour), span));
    for ((name, blue), green) in shape.sizes.into_iter().zip(blue).zip(green) {
        // A missing attribute is reported elsewhere.
        if let (Some(blue), Some(green)) = (blue, green) {
            block.body.attributes.push(attribute(name, by_colour(blue, green, span), span));
        }
    }
    let said = |name: &str| nested.body.attributes.iter().any(|one| one.name.text == name);
    for (name, value) in shape.defaults.iter().filter(|(name, _)| !said(name)) {
        block.body.attributes.push(attribute(name, text(value, span), span));
    }
    let source = member(word(seam.source(), span), &name.text, span);
    let targets = own::of_each(seam.targets(), &name.text, span);
    block.body.attributes.extend([
        attribute(shape.source, source, span),
        attribute(shape.targets, at(Node::List(vec![targets]), span), span),
    ]);
    block
}

/// The author's sizes.
struct Sizes {
    min: Option<Attribute>,
    max: Option<Attribute>,
    desired: Option<Attribute>,
}

impl Sizes {
    /// Minimum, maximum and desired capacity of a colour.
    fn of(&self, sizing: Sizing, span: Span) -> [Option<Expr>; 3] {
        let written = |one: &Option<Attribute>| one.as_ref().map(|attribute| attribute.value.clone());
        let (min, max) = (written(&self.min), written(&self.max));
        let at_least = |bound: Option<Expr>, n: u32| Some(larger(bound?, number(n, span), span));
        let null = || Some(at(Node::Null, span));
        match sizing {
            Sizing::File | Sizing::Left => [min, max, written(&self.desired).or_else(null)],
            Sizing::Standby(n) => [min.map(|bound| less(bound, n, span)), max, null()],
            Sizing::AtLeast(n) => [at_least(min, n), at_least(max, n), null()],
            Sizing::Raised(n) => [at_least(min.clone(), n), at_least(max, n), at_least(min, n)],
            // Zero, in a form that keeps the mistakes of the declared expression.
            Sizing::Empty => {
                [min.map(|_| number(0, span)), max.map(|_| number(0, span)), Some(number(0, span))]
            }
        }
    }
}
