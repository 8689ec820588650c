//! The `deployment` blocks of a stack: read, and lowered to ordinary resources with their facts.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;

use super::check::{Check, Place};
use super::program::{Program, Registry, member_kind};
use super::scope::{Known, Names};
use super::view::View;
use crate::address::{Address, split};
use crate::deployment::given::give;
use crate::deployment::lower::lower;
use crate::deployment::names;
use crate::deployment::nested::{fleet_of, nested, parts};
use crate::deployment::schema::ATTRIBUTES;
use crate::deployment::sides::{Sides, own_body};
use crate::deployment::{Declaration, Strategy};
use crate::diagnostic::Mistake;
use crate::facts::{Colour, Deployment};
use crate::kind::{self, fleet::Fleet};
use crate::lang::declare::{Declared, declare_beside};
use crate::secrets;
use crate::terminal;
use crate::value::{Object, Value};

/// The resources of deployments as the facts say, and the stack's resources that deployments add a block to,
/// with that block.
#[derive(Default)]
pub(super) struct Lowered {
    pub resources: IndexMap<Address, Declared>,
    /// `(kind, name)` of blocks that a deployment should nest and does not, or that hold a mistake.
    pub broken: BTreeSet<(String, String)>,
    /// The owning deployment of each resource, by address without a key.
    owners: HashMap<Address, String>,
    /// The routers of each deployment, in the order of its blocks.
    routers: HashMap<String, Vec<Address>>,
    /// Attributes of a deployment's colours that keep their values, by address.
    pub frozen: HashMap<Address, Vec<&'static str>>,
    /// Those of them that keep the applied values, and not the live ones.
    pub applied: HashMap<Address, Vec<&'static str>>,
    /// Launch attributes that keep their values on fleets of colours with a release.
    pub launched: HashMap<Address, Vec<&'static str>>,
    /// Attributes of theirs that scaling policies and retirements change.
    pub others: HashMap<Address, Vec<&'static str>>,
}

impl Lowered {
    /// Lowers every deployment with its `facts`; one without facts is as before its first release.
    pub fn new(program: &Program, facts: &IndexMap<String, Deployment>, mistakes: &mut Vec<Mistake>) -> Self {
        let first = Deployment::first();
        let mut all = Self::default();
        let (mut blocks, mut given) = (Vec::new(), Vec::new());
        for (text, (name, block)) in program.deployments() {
            let lowered = lower(name, block, facts.get(text).unwrap_or(&first), mistakes);
            // A missing nested block is reported once, not at everything that needs it.
            for (kind, _) in nested() {
                let is_needed = match kind::router(kind) {
                    Some(_) => lowered.routers.is_empty(),
                    None => parts(fleet_of(block)).contains(kind),
                };
                if is_needed && !lowered.blocks.iter().any(|(_, block)| block.keyword.text == *kind) {
                    all.broken.insert(((*kind).to_owned(), text.clone()));
                }
            }
            let addresses =
                lowered.blocks.iter().map(|(name, block)| Address::new(&block.keyword.text, &name.text));
            all.owners.extend(addresses.map(|address| (address, text.clone())));
            blocks.extend(lowered.blocks);
            given.extend(lowered.given.into_iter().map(|given| (name.clone(), given)));
            all.routers.insert(text.clone(), lowered.routers);
            all.frozen.extend(lowered.frozen);
            all.applied.extend(lowered.applied);
            all.launched.extend(lowered.launched);
            all.others.extend(lowered.others);
        }
        let declared = declare_beside(&program.declarations, blocks, &Registry, mistakes);
        all.resources = declared.resources;
        all.broken.extend(declared.broken);
        for (address, (owner, declared)) in give(&program.declarations, given, mistakes) {
            all.owners.insert(address.clone(), owner);
            all.resources.insert(address, declared);
        }
        all
    }
}

impl View<'_> {
    /// Tells whether a target of the command line selects a resource: by its address, or by its deployment,
    /// `deployment.web`.
    pub fn selects(&self, target: &Address, address: &Address) -> bool {
        let is_deployment = target.kind == "deployment" && target.key.is_none();
        target.selects(address) || (is_deployment && self.is_of(address, &target.name))
    }

    /// Tells whether a declared resource belongs to a deployment.
    pub fn is_of(&self, address: &Address, deployment: &str) -> bool {
        self.lowered.owners.get(&address.block()).is_some_and(|owner| owner == deployment)
    }

    /// The routers that a deployment's author declared, in that order, without the previews above them.
    pub fn routers_of(&self, deployment: &str) -> Vec<Address> {
        self.lowered.routers.get(deployment).cloned().unwrap_or_default()
    }

    /// The kind of fleet that a deployment's author declared.
    pub fn fleet(&self, deployment: &str) -> Option<&'static dyn Fleet> {
        self.declarations.deployments.get(deployment).map(|(_, block)| fleet_of(block))
    }

    /// A deployment's own settings, with the known facts; an unknown value is `""`.
    pub fn deployment(
        &self,
        text: &str,
        sides: &Sides<'_>,
        known: &Known,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Declaration> {
        let (name, block) = self.declarations.deployments.get(text)?;
        let body = own_body(block, sides);
        let scope = Names::new(self, known, None).within(split(text).0);
        let declared_at = |address: &Address| self.declared_at(address);
        let mut check = Check {
            scope: &scope,
            member_kind: &member_kind,
            declared_at: &declared_at,
            sources: &self.sources,
            mistakes,
        };
        let beside: Vec<_> = nested().iter().map(|(kind, _)| *kind).collect();
        let place = Place { what: "deployment", span: name.span, broken: block.broken, beside: &beside };
        let inputs = check.body(&ATTRIBUTES, &body, place)?;
        if inputs.get("release").is_some_and(Value::has_sensitive) {
            mistakes.push(
                Mistake::new(
                    "bgform::lang::sensitive_release",
                    "`release` is sensitive, and everybody is shown what a release is called",
                )
                .at(name.span, "this one")
                .help("give it a name that is not secret"),
            );
        }
        if let Some(Value::String(label)) = inputs.get("release") {
            let written = block.body.attributes.iter().find(|one| one.name.text == "release");
            let span = written.map_or(name.span, |written| written.value.span);
            mistakes.extend(unfit(label).map(|mistake| mistake.at(span, "this one")));
        }
        // Marks end here: a secret in a gate or a strategy is hidden by its text.
        secrets::keep_all(&inputs);
        let plain = Value::Object(without_unknown(inputs)).to_plain_json();
        match serde_json::from_value::<Declaration>(plain) {
            Ok(declaration) => Some(Declaration { members: fleet_of(block).members(), ..declaration }),
            Err(mismatch) => {
                mistakes.push(
                    Mistake::new(
                        "bgform::lang::does_not_fit",
                        format!("this deployment cannot be read: {mismatch}"),
                    )
                    .at(name.span, "this one")
                    .help("this is a bug in bgform; report it with the block as it is written"),
                );
                None
            }
        }
    }

    /// Reads every deployment offline, for its mistakes.
    pub(super) fn check_deployments(&self, mistakes: &mut Vec<Mistake>) {
        for name in self.declarations.deployments.keys() {
            let sides = Sides { name, new: Colour::Blue, releases: ["", ""] };
            let before = mistakes.len();
            if let Some(declaration) = self.deployment(name, &sides, &Known::new(), mistakes)
                && let Some((name, _)) = self.declarations.deployments.get(name)
                && mistakes.len() == before
            {
                if declaration.preview.is_some() {
                    self.check_previews(&name.text, mistakes);
                    self.check_routers(&name.text, mistakes);
                }
                self.check_batches(&name.text, &declaration, mistakes);
                declaration.check(name.span, mistakes);
            }
        }
    }

    /// Checks that each router can show a preview.
    fn check_routers(&self, deployment: &str, mistakes: &mut Vec<Mistake>) {
        let Some((name, block)) = self.declarations.deployments.get(deployment) else { return };
        let preview = block.body.blocks.iter().find(|one| one.keyword.text == "preview");
        let written = preview.map_or(name.span, |one| one.keyword.span);
        for address in self.routers_of(deployment) {
            let Some(router) = kind::router(&address.kind) else { continue };
            let Some((message, help)) = offline(self, &address).and_then(|inputs| router.no_preview(&inputs))
            else {
                continue;
            };
            let said = self.declared_at(&address).unwrap_or(name.span);
            let mistake = Mistake::new("bgform::lang::does_not_fit", message).at(written, "this cannot be");
            mistakes.push(mistake.at(said, format!("`{address}` divides the traffic")).help(help));
        }
    }

    /// Checks that a batch leaves another instance to carry the traffic.
    fn check_batches(&self, deployment: &str, declaration: &Declaration, mistakes: &mut Vec<Mistake>) {
        let (Strategy::InPlace { .. }, Some((name, block))) =
            (&declaration.strategy, self.declarations.deployments.get(deployment))
        else {
            return;
        };
        let seam = fleet_of(block);
        let colour = Address::new(seam.kind(), deployment).with_key(Colour::Blue.name());
        let inputs = offline(self, &colour).unwrap_or_default();
        let [min, max, desired] = seam.shape().sizes.map(|size| inputs.get(size).and_then(Value::as_number));
        let is_scaled =
            inputs.get("scaling_policy").and_then(Value::as_list).is_some_and(|all| !all.is_empty());
        let single = max == Some(1.0) || (!is_scaled && desired.or(min) == Some(1.0));
        if single {
            let written = block.body.blocks.iter().find(|one| one.keyword.text == "strategy");
            mistakes.push(
                Mistake::new(
                    "bgform::lang::does_not_fit",
                    format!("`{deployment}` has one instance, and no batch of it leaves another to carry the traffic"),
                )
                .at(written.map_or(name.span, |one| one.keyword.span), "this takes it out of service")
                .help(format!("write {} = 2 or more, or another strategy", seam.shape().sizes[0])),
            );
        }
    }

    /// Checks that no other resource has the name of a future preview.
    fn check_previews(&self, deployment: &str, mistakes: &mut Vec<Mistake>) {
        for address in self.routers_of(deployment) {
            let Some(rule) = self.resource(&address) else { continue };
            let preview = names::preview_address(&address, deployment);
            if let Some(other) = self.resource(&preview) {
                mistakes.push(
                    Mistake::new(
                        "bgform::lang::duplicate",
                        format!("`{preview}` is what the preview of `{address}` is called"),
                    )
                    .at(other.name.span, "this is called the same")
                    .at(rule.name.span, "its preview stands while a release is being shipped")
                    .help("give one of them another name"),
                );
            }
        }
    }
}

/// The inputs of a resource in the file, with no facts of the cloud.
fn offline(view: &View<'_>, address: &Address) -> Option<Object> {
    let node = view.nodes.iter().find(|node| node.address == *address)?;
    Some(view.evaluate(node, &Known::new(), &mut Vec::new())?.inputs)
}

/// The members with each unknown value as an empty text.
fn without_unknown(members: Object) -> Object {
    fn plain(value: Value) -> Value {
        match value {
            Value::Unknown(_) => Value::string(""),
            Value::Sensitive(inner) => plain(*inner),
            Value::List(items) => Value::List(items.into_iter().map(plain).collect()),
            Value::Object(members) => Value::Object(without_unknown(members)),
            other => other,
        }
    }
    members.into_iter().map(|(name, value)| (name, plain(value))).collect()
}

/// Checks a release's label.
fn unfit(label: &str) -> Option<Mistake> {
    const CODE: &str = "bgform::lang::bad_release";
    if label.trim().is_empty() {
        let help = "name the release after its content, such as a version or a commit";
        return Some(Mistake::new(CODE, "`release` is empty").help(help));
    }
    let acts = label.chars().find(|c| terminal::acts(*c))?;
    let message = format!("`release` has a character that is none to read: `{}`", terminal::escaped(acts));
    let help = "leave it out: plans, `status` and `history` show what a release is called, on one line";
    Some(Mistake::new(CODE, message).help(help))
}
