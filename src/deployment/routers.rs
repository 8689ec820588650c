//! The routers of a deployment, lowered: its own rules, or default actions of listeners of the stack, each
//! with a forward to both colours and the preview above it.

use super::given::Given;
use super::lower::{Lowered, misspelt, named};
use super::names;
use super::nested::nested;
use super::syntax::{at, attribute, nested_block, number, of_colour};
use crate::address::{Address, qualified, split};
use crate::diagnostic::{Mistake, Span};
use crate::facts::{Colour, Deployment};
use crate::kind;
use crate::kind::fleet::Fleet;
use crate::kind::router::{MEMBER, Router};
use crate::lang::ast::{Block, Expr, Name, Node};

/// Checks that there is at least one router.
pub(super) fn needs_a_router(name: &Name, block: &Block, mistakes: &mut Vec<Mistake>) {
    let kinds: Vec<&str> =
        nested().iter().map(|(kind, _)| *kind).filter(|kind| kind::router(kind).is_some()).collect();
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

/// The lowering of one deployment's routers.
pub(super) struct Lowering<'a> {
    pub name: &'a Name,
    pub facts: &'a Deployment,
    pub seam: &'static dyn Fleet,
    pub deployment: &'a Block,
    pub lowered: &'a mut Lowered,
}

impl Lowering<'_> {
    pub fn router(&mut self, nested: &Block, router: &dyn Router, mistakes: &mut Vec<Mistake>) {
        match router.named_by() {
            None => self.rule(nested, router, mistakes),
            Some(by) => self.of_the_stack(nested, router, by, mistakes),
        }
    }

    /// Lowers a router that is the deployment's own.
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
        let mut block = named(nested, &own, self.seam);
        block.body.blocks.push(self.forward(router.forward(), span));
        let preview = Name { text: names::preview(&own.text), span: own.span };
        let mut above = named(nested, &preview, self.seam);
        above.body.attributes.retain(|one| one.name.text != "priority");
        self.preview(preview, above);
        self.lowered.routers.push(Address::new(kind, &own.text));
        self.lowered.blocks.push((own, block));
    }

    /// Lowers a router that is a resource of the stack: `listener { listener = listener.tcp }`.
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
                    "leave it out: the listener's default action is the deployment's".to_owned(),
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
        let address = Address::new(kind, qualified(split(&self.name.text).0, &name.text));
        let block = self.forward(router.forward(), span);
        let preview =
            Name { text: names::preview_of_default(&self.name.text, &name.text), span: written.value.span };
        let members = vec![attribute(by, written.value.clone(), span)];
        let above = nested_block(router.preview_kind(), Some(&preview.text), members, Vec::new(), span);
        self.preview(preview, above);
        self.lowered.routers.push(address.clone());
        self.lowered.given.push(Given { address, span: written.value.span, block });
    }

    /// Adds the rule above a router while there is a preview: `block` with its priority and the preview's
    /// header sends requests to the new colour.
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
        block.body.blocks.push(forward("action", self.seam, self.name, &[(to, 1)], span));
        self.lowered.blocks.push((own, block));
    }

    /// The forward to both colours, by their weights.
    fn forward(&self, keyword: &str, span: Span) -> Block {
        let weights = Colour::BOTH.map(|colour| (colour, u32::from(self.facts.weight(colour))));
        forward(keyword, self.seam, self.name, &weights, span)
    }
}

/// `action "forward"`, or `default_action`, with a weight for each of these colours.
fn forward(keyword: &str, seam: &dyn Fleet, name: &Name, weights: &[(Colour, u32)], span: Span) -> Block {
    let groups = weights.iter().map(|(colour, weight)| {
        let members = vec![
            attribute("group", of_colour(seam.targets(), &name.text, *colour, span), span),
            attribute("weight", number(*weight, span), span),
        ];
        nested_block(MEMBER, None, members, Vec::new(), span)
    });
    nested_block(keyword, Some("forward"), Vec::new(), groups.collect(), span)
}
