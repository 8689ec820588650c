//! A deployment as the ordinary resources that it stands for. Its block and the facts of state come
//! in; blocks as an author could have written them go out, with the attributes of each colour that
//! stay as they are. Makes no call and evaluates nothing.
//!
//! `deployment "web"` becomes `launch_template.web`, `target_group.web["blue"]` and `["green"]`,
//! `autoscaling_group.web[...]` the same, and `listener_rule.web` (a rule with a label has it after
//! the name: `listener_rule.web-api`). A block that names a resource of the stack, `listener { listener =
//! listener.tcp }`, becomes no resource: the stack's own gets the forward ([`super::given`]).

use std::collections::HashMap;

use super::given::Given;
use super::schema::NESTED;
use super::{names, one_colour};
use crate::address::Address;
use crate::diagnostic::{Mistake, Span, did_you_mean};
use crate::facts::{Colour, Deployment, Sizing};
use crate::kind::{self, router::Router};
use crate::lang::ast::{Attribute, Binary, Block, Body, Expr, Name, Node};

/// What a deployment stands for.
#[derive(Debug, Default)]
pub struct Lowered {
    /// The name and the block of each resource.
    pub blocks: Vec<(Name, Block)>,
    /// What resources of the stack get from it.
    pub given: Vec<Given>,
    /// What divides its traffic, in the order of its blocks, without the previews above it.
    pub routers: Vec<Address>,
    /// Attributes that stay as they are on the resource at this address, if it exists.
    pub frozen: HashMap<Address, Vec<&'static str>>,
    /// Attributes that scaling policies and retirements change: that they differ is no drift.
    pub others: HashMap<Address, Vec<&'static str>>,
}

/// What of a group decides what runs on its instances.
pub const LAUNCHED: [&str; 2] = ["launch_template", "mixed_instances"];
/// What changes in place whichever colour it is: it reaches no instance.
pub const OF_NO_RELEASE: [&str; 2] = ["tags", "name"];
/// What bgform sets itself, so that an author cannot.
const OURS: [(&str, &str); 4] = [
    ("autoscaling_group", "launch_template"),
    ("autoscaling_group", "target_groups"),
    ("autoscaling_group", "for_each"),
    ("target_group", "for_each"),
];

/// Lowers a deployment as it stands; mistakes are those of its own shape.
pub fn lower(name: &Name, block: &Block, facts: &Deployment, mistakes: &mut Vec<Mistake>) -> Lowered {
    let mut lowered = Lowered::default();
    one_colour::check(block, mistakes);
    for (kind, many) in NESTED {
        let written: Vec<&Block> = block.body.blocks.iter().filter(|one| one.keyword.text == kind).collect();
        check(name, block, kind, many, &written, mistakes);
        for nested in written.iter().take(if many { usize::MAX } else { 1 }) {
            ours(nested, mistakes);
            if let Some(router) = kind::router(kind) {
                let mut lowering = Lowering { name, facts, deployment: block, lowered: &mut lowered };
                match router.named_by() {
                    None => lowering.rule(nested, router, mistakes),
                    Some(by) => lowering.of_the_stack(nested, router, by, mistakes),
                }
                continue;
            }
            match kind {
                "launch_template" => {
                    lowered.blocks.push((name.clone(), one_colour::template(named(nested, name), block)))
                }
                "target_group" => lowered.blocks.push((name.clone(), target_group(nested, name))),
                _ => {
                    let group = group(nested, name, facts);
                    lowered.blocks.push((name.clone(), one_colour::group(group, block, mistakes)));
                }
            }
        }
    }
    needs_a_router(name, block, mistakes);
    for colour in Colour::BOTH {
        let at = |kind: &str| Address::new(kind, &name.text).with_key(colour.name());
        let follows = facts.follows_file(colour);
        let sizes: &[&str] = match facts.sizing(colour) {
            Sizing::File | Sizing::Standby(_) | Sizing::AtLeast(_) => &["desired_capacity"],
            Sizing::Left => &["min_size", "max_size", "desired_capacity"],
            Sizing::Raised(_) | Sizing::Empty => &[],
        };
        let others: &[&str] = match facts.sizing(colour) {
            Sizing::File | Sizing::Standby(_) | Sizing::AtLeast(_) => &["desired_capacity"],
            Sizing::Raised(_) | Sizing::Left => &["min_size", "max_size", "desired_capacity"],
            // Without instances it stands at the version of its pin, whatever they ran.
            Sizing::Empty => &["min_size", "max_size", "desired_capacity", "launch_template"],
        };
        lowered.others.insert(at("autoscaling_group"), others.to_vec());
        let launched: &[&str] = if follows { &[] } else { &LAUNCHED };
        lowered.frozen.insert(at("autoscaling_group"), [sizes, launched].concat());
        // A target group that carries traffic stays as it is, whatever the strategy.
        if !follows || facts.live == Some(colour) {
            lowered.frozen.insert(at("target_group"), settings_of("target_group"));
        }
    }
    let template = Address::new("launch_template", &name.text);
    // A version is made for a colour that is raised: after a release was gone back from, the newest
    // one is nobody's, and is not made again.
    if !Colour::BOTH.into_iter().any(|colour| facts.follows_file(colour)) {
        lowered.frozen.insert(template.clone(), settings_of("launch_template"));
    }
    if facts.adopted.is_some() {
        let blue = |kind: &str| Address::new(kind, &name.text).with_key(Colour::Blue.name());
        // What was taken over keeps its name.
        for address in [template, blue("target_group"), blue("autoscaling_group")] {
            lowered.frozen.entry(address).or_default().push("name");
        }
    }
    lowered
}

/// All that reaches an instance, or says how it is reached and judged.
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

/// Traffic comes by one router at least.
fn needs_a_router(name: &Name, block: &Block, mistakes: &mut Vec<Mistake>) {
    let kinds: Vec<&str> =
        NESTED.iter().map(|(kind, _)| *kind).filter(|kind| kind::router(kind).is_some()).collect();
    let is_written = |kind: &&str| block.body.blocks.iter().any(|one| one.keyword.text == **kind);
    let is_told = |kind: &&str| misspelt(block, kind).is_some();
    if block.broken || kinds.iter().any(|kind| is_written(kind) || is_told(kind)) {
        return;
    }
    let names: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
    let message = format!("`deployment` needs a {} block", names.join(" or a "));
    mistakes.push(
        Mistake::new("bgform::lang::missing_block", message).at(name.span, "nothing sends it traffic").help(
            "write listener_rule { listener = listener.http ... } for some of a listener's requests, or listener { \
             listener = listener.http } for all that no rule is for; only that one suits a Network Load Balancer",
        ),
    );
}

/// The keyword of a block in it that looks like this kind, where no block is of it.
fn misspelt<'a>(block: &'a Block, kind: &str) -> Option<&'a Name> {
    let mut words = block.body.blocks.iter().map(|one| &one.keyword);
    match words.clone().any(|word| word.text == kind) {
        true => None,
        false => words.find(|word| {
            let mut kinds = NESTED.iter().map(|(nested, _)| *nested);
            !kinds.clone().any(|nested| nested == word.text)
                && did_you_mean(&word.text, kinds.by_ref()) == Some(kind)
        }),
    }
}

fn ours(nested: &Block, mistakes: &mut Vec<Mistake>) {
    for attribute in &nested.body.attributes {
        let kind = nested.keyword.text.as_str();
        if OURS.contains(&(kind, &attribute.name.text)) {
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

/// The nested block with the deployment's name, without what bgform sets itself.
fn named(nested: &Block, name: &Name) -> Block {
    let mut block = Block { labels: vec![name.clone()], ..nested.clone() };
    let kind = nested.keyword.text.as_str();
    block.body.attributes.retain(|one| !OURS.contains(&(kind, &one.name.text)));
    block
}

/// A name that the author gave, with the colour after it: no two resources have the same.
fn coloured(block: &mut Block) {
    for name in block.body.attributes.iter_mut().filter(|one| one.name.text == "name") {
        let span = name.value.span;
        let parts = at(Node::List(vec![name.value.clone(), member(word("each", span), "key", span)]), span);
        let function = Name { text: "join".to_owned(), span };
        let arguments = vec![text("-", span), parts];
        name.value = at(Node::Call { function, arguments, spread: false }, span);
    }
}

fn target_group(nested: &Block, name: &Name) -> Block {
    let mut block = named(nested, name);
    coloured(&mut block);
    let span = nested.keyword.span;
    block.body.attributes.push(colours(span));
    block
}

fn group(nested: &Block, name: &Name, facts: &Deployment) -> Block {
    let mut block = named(nested, name);
    coloured(&mut block);
    let span = nested.keyword.span;
    let mut take = |wanted: &str| {
        let place = block.body.attributes.iter().position(|one| one.name.text == wanted)?;
        Some(block.body.attributes.remove(place))
    };
    let sizes = Sizes { min: take("min_size"), max: take("max_size"), desired: take("desired_capacity") };
    let [blue, green] = Colour::BOTH.map(|colour| sizes.of(facts.sizing(colour), span));
    let names = ["min_size", "max_size", "desired_capacity"];
    for ((name, blue), green) in names.into_iter().zip(blue).zip(green) {
        // What the author has not written is told to be missing.
        if let (Some(blue), Some(green)) = (blue, green) {
            block.body.attributes.push(attribute(name, by_colour(blue, green, span), span));
        }
    }
    let said = |name: &str| nested.body.attributes.iter().any(|one| one.name.text == name);
    if !said("health_check_type") {
        block.body.attributes.push(attribute("health_check_type", text("ELB", span), span));
    }
    let template = member(word("launch_template", span), &name.text, span);
    let targets = member(word("target_group", span), &name.text, span);
    let targets = at(Node::Index(Box::new(targets), Box::new(member(word("each", span), "key", span))), span);
    block.body.attributes.extend([
        colours(span),
        attribute("launch_template", template, span),
        attribute("target_groups", at(Node::List(vec![targets]), span), span),
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
            // Zero, in a form that keeps the mistakes of what was written.
            Sizing::Empty => {
                [min.map(|_| number(0, span)), max.map(|_| number(0, span)), Some(number(0, span))]
            }
        }
    }
}

/// One deployment whose routers are lowered.
struct Lowering<'a> {
    name: &'a Name,
    facts: &'a Deployment,
    deployment: &'a Block,
    lowered: &'a mut Lowered,
}

impl Lowering<'_> {
    /// A router that is the deployment's own.
    fn rule(&mut self, nested: &Block, router: &dyn Router, mistakes: &mut Vec<Mistake>) {
        let span = nested.keyword.span;
        if let Some(forward) = nested.body.blocks.iter().find(|block| {
            block.keyword.text == router.forward()
                && block.labels.first().is_some_and(|label| label.text == "forward")
        }) {
            mistakes.push(
                Mistake::new("bgform::lang::not_here", "a deployment forwards to its colours itself")
                    .at(forward.keyword.span, "leave this out")
                    .help("other actions, such as an authentication before it, may stand here"),
            );
        }
        let kind = nested.keyword.text.as_str();
        let own = match nested.labels.first() {
            Some(label) => {
                let own = Name { text: names::rule(&self.name.text, &label.text), span: label.span };
                if names::is_preview(&Address::new(kind, &own.text), &self.name.text) {
                    mistakes.push(
                        Mistake::new(
                            "bgform::lang::bad_name",
                            format!("a rule called `{}` would be taken for a preview", label.text),
                        )
                        .at(label.span, "this label")
                        .help("choose another label: the previews of a deployment's rules end in `-preview`"),
                    );
                }
                own
            }
            None => self.name.clone(),
        };
        let mut block = named(nested, &own);
        block.body.blocks.push(self.forward(router.forward(), span));
        let preview = Name { text: names::preview(&own.text), span: own.span };
        let mut above = named(nested, &preview);
        above.body.attributes.retain(|one| one.name.text != "priority");
        self.preview(preview, above);
        self.lowered.routers.push(Address::new(kind, &own.text));
        self.lowered.blocks.push((own, block));
    }

    /// A router that is a resource of the stack: `listener { listener = listener.tcp }`.
    fn of_the_stack(&mut self, nested: &Block, router: &dyn Router, by: &str, mistakes: &mut Vec<Mistake>) {
        let (span, kind) = (nested.keyword.span, nested.keyword.text.as_str());
        let write = format!("write {by} = {kind}.NAME, the name of a `{kind}` of this stack");
        if let Some(label) = nested.labels.first() {
            mistakes.push(
                Mistake::new("bgform::lang::labels", format!("`{kind}` takes no label in a deployment"))
                    .at(label.span, "not here")
                    .help(format!("write {kind} {{ {by} = {kind}.{} }}", label.text)),
            );
            return;
        }
        for other in nested.body.blocks.iter().map(|block| &block.keyword).chain(
            nested.body.attributes.iter().map(|attribute| &attribute.name).filter(|name| name.text != by),
        ) {
            let (message, help) = match other.text == router.forward() {
                true => (
                    "a deployment forwards to its colours itself".to_owned(),
                    "leave it out: what the listener does by default is the deployment's".to_owned(),
                ),
                false => (
                    format!(
                        "`{}` is said of the {kind} where it is declared, not in a deployment",
                        other.text
                    ),
                    format!("write it in the block {kind} \"NAME\" {{ ... }} of the stack"),
                ),
            };
            mistakes.push(
                Mistake::new("bgform::lang::not_here", message).at(other.span, "leave this out").help(help),
            );
        }
        let Some(written) = nested.body.attributes.iter().find(|one| one.name.text == by) else {
            if !nested.broken {
                mistakes.push(
                    Mistake::new("bgform::lang::missing_attribute", format!("`{kind}` needs `{by}`"))
                        .at(span, format!("`{by}` is not written here"))
                        .help(write),
                );
            }
            return;
        };
        let name = match &written.value.node {
            Node::Attribute(target, name) if matches!(&target.node, Node::Name(word) if word == kind) => name,
            _ => {
                mistakes.push(
                    Mistake::new(
                        "bgform::lang::wrong_type",
                        format!("a deployment takes a `{kind}` of this stack, by its name"),
                    )
                    .at(written.value.span, "this names none")
                    .help(format!("{write}; behind one that is not this stack's, write a `listener_rule`")),
                );
                return;
            }
        };
        let address = Address::new(kind, &name.text);
        let block = self.forward(router.forward(), span);
        let preview =
            Name { text: names::preview_of_default(&self.name.text, &name.text), span: written.value.span };
        let members = vec![attribute("listener", written.value.clone(), span)];
        let above = nested_block(router.preview_kind(), Some(&preview.text), members, Vec::new(), span);
        self.preview(preview, above);
        self.lowered.routers.push(address.clone());
        self.lowered.given.push(Given { address, span: written.value.span, block });
    }

    /// Puts the rule above a router in place, while there is a preview: `block` with its priority and the
    /// preview's header sends requests to the new colour.
    fn preview(&mut self, own: Name, mut block: Block) {
        let span = block.keyword.span;
        let Some(priority) = self.facts.previews.get(self.lowered.routers.len()) else { return };
        let Some(to) = self.facts.rollout.as_ref().map(|rollout| rollout.to) else { return };
        block.body.attributes.push(attribute("priority", number(*priority, span), span));
        let previews = self.deployment.body.blocks.iter().filter(|block| block.keyword.text == "preview");
        let headers = previews.flat_map(|block| &block.body.attributes);
        for header in headers.filter(|one| one.name.text == "header") {
            let Node::Object(members) = &header.value.node else { continue };
            for (key, value) in members {
                let key = match &key.node {
                    Node::Name(text) => Expr { node: Node::String(text.clone()), span: key.span },
                    _ => key.clone(),
                };
                let members = vec![
                    attribute("name", key, span),
                    attribute("values", at(Node::List(vec![value.clone()]), span), span),
                ];
                let header = nested_block("http_header", None, members, Vec::new(), span);
                block.body.blocks.push(nested_block("condition", None, Vec::new(), vec![header], span));
            }
        }
        block.body.blocks.push(forward("action", self.name, &[(to, 1)], span));
        self.lowered.blocks.push((own, block));
    }

    /// The forward to both colours, by their weights.
    fn forward(&self, keyword: &str, span: Span) -> Block {
        let weights = Colour::BOTH.map(|colour| (colour, u32::from(self.facts.weight(colour))));
        forward(keyword, self.name, &weights, span)
    }
}

/// `action "forward"`, or `default_action`, with a weight for each of these colours.
fn forward(keyword: &str, name: &Name, weights: &[(Colour, u32)], span: Span) -> Block {
    let groups = weights.iter().map(|(colour, weight)| {
        let members = vec![
            attribute("group", of_colour("target_group", &name.text, *colour, span), span),
            attribute("weight", number(*weight, span), span),
        ];
        nested_block("target_group", None, members, Vec::new(), span)
    });
    nested_block(keyword, Some("forward"), Vec::new(), groups.collect(), span)
}

/// `kind.name["blue"]`
pub fn of_colour(kind: &str, name: &str, colour: Colour, span: Span) -> Expr {
    let all = member(word(kind, span), name, span);
    at(Node::Index(Box::new(all), Box::new(text(colour.name(), span))), span)
}

/// What `new` and `old` mean in a gate.
pub struct Sides<'a> {
    /// The deployment's name.
    pub name: &'a str,
    pub new: Colour,
    /// The labels of the new release and of the old one.
    pub releases: [&'a str; 2],
}

/// Puts what they stand for in place of `new` and `old`: `new.target_group.arn_suffix` is
/// `target_group.web["green"].arn_suffix`, and `new.release` the label.
pub fn name_sides(expr: &mut Expr, sides: &Sides<'_>) {
    let span = expr.span;
    if let Node::Attribute(target, what) = &expr.node
        && let Node::Name(side) = &target.node
        && ["new", "old"].contains(&side.as_str())
    {
        let (colour, release) = match side.as_str() {
            "new" => (sides.new, sides.releases[0]),
            _ => (sides.new.other(), sides.releases[1]),
        };
        *expr = match what.text.as_str() {
            "release" => text(release, span),
            "colour" => text(colour.name(), span),
            "launch_template" => member(word("launch_template", span), sides.name, span),
            kind => of_colour(kind, sides.name, colour, span),
        };
        return;
    }
    expr.children_mut(&mut |child| name_sides(child, sides));
}

/// The block without the kinds that it nests, as its own schema takes it: a gate's label is its
/// `name`, and `new` and `old` are named.
pub fn own_body(block: &Block, sides: &Sides<'_>) -> Body {
    let mut body = block.body.clone();
    // One that is misspelt has been told of.
    let misspelt: Vec<&Name> = NESTED.iter().filter_map(|(kind, _)| misspelt(block, kind)).collect();
    body.blocks.retain(|one| {
        !NESTED.iter().any(|(kind, _)| *kind == one.keyword.text) && !misspelt.contains(&&one.keyword)
    });
    for gate in body.blocks.iter_mut().filter(|one| one.keyword.text == "gate") {
        if let [label] = std::mem::take(&mut gate.labels).as_slice() {
            gate.body.attributes.insert(0, attribute("name", text(&label.text, label.span), label.span));
        }
        sides_of_body(&mut gate.body, sides);
    }
    body
}

fn sides_of_body(body: &mut Body, sides: &Sides<'_>) {
    body.attributes.iter_mut().for_each(|one| name_sides(&mut one.value, sides));
    body.blocks.iter_mut().for_each(|block| sides_of_body(&mut block.body, sides));
}

pub(super) fn attribute(name: &str, value: Expr, span: Span) -> Attribute {
    Attribute { name: Name { text: name.to_owned(), span }, value }
}

pub(super) fn nested_block(
    keyword: &str,
    label: Option<&str>,
    attributes: Vec<Attribute>,
    blocks: Vec<Block>,
    span: Span,
) -> Block {
    let name = |text: &str| Name { text: text.to_owned(), span };
    let labels = label.map(name).into_iter().collect();
    Block { keyword: name(keyword), labels, body: Body { attributes, blocks }, span, broken: false }
}

/// `for_each = { blue = "blue", green = "green" }`
fn colours(span: Span) -> Attribute {
    let both = Colour::BOTH.map(|colour| (text(colour.name(), span), text(colour.name(), span)));
    attribute("for_each", at(Node::Object(both.to_vec()), span), span)
}

/// `each.key == "blue" ? blue : green`
fn by_colour(blue: Expr, green: Expr, span: Span) -> Expr {
    let key = member(word("each", span), "key", span);
    let is_blue = Node::Binary(Binary::Equal, Box::new(key), Box::new(text(Colour::Blue.name(), span)));
    let (yes, no) = (Box::new(blue), Box::new(green));
    at(Node::Conditional { condition: Box::new(at(is_blue, span)), yes, no }, span)
}

/// `max(0, a - n)`
fn less(a: Expr, n: u32, span: Span) -> Expr {
    let rest = Node::Binary(Binary::Subtract, Box::new(a), Box::new(number(n, span)));
    larger(number(0, span), at(rest, span), span)
}

/// `max(a, b)`
fn larger(a: Expr, b: Expr, span: Span) -> Expr {
    let function = Name { text: "max".to_owned(), span };
    at(Node::Call { function, arguments: vec![a, b], spread: false }, span)
}

pub(super) fn at(node: Node, span: Span) -> Expr {
    Expr { node, span }
}

pub(super) fn text(text: &str, span: Span) -> Expr {
    at(Node::String(text.to_owned()), span)
}

fn number(number: u32, span: Span) -> Expr {
    at(Node::Number(f64::from(number)), span)
}

fn word(word: &str, span: Span) -> Expr {
    at(Node::Name(word.to_owned()), span)
}

fn member(target: Expr, name: &str, span: Span) -> Expr {
    at(Node::Attribute(Box::new(target), Name { text: name.to_owned(), span }), span)
}
