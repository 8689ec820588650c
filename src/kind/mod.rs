//! Resource kinds: one file each, declaring a schema, a typed spec and the calls that make, read,
//! change and remove one. Everything else (checker, plan, apply, reference, conformance test)
//! works from what those files declare; adding a kind is one file and one line in the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use serde::de::DeserializeOwned;

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::operation::{Operation, Tagged};
use crate::state::Record;
use crate::value::{Object, Value};

pub mod autoscaling_group;
mod ec2;
pub mod elbv2;
pub use elbv2::{health as targets, name_in, routes};
pub mod existing_load_balancing;
pub mod fleet;
pub mod image;
pub mod instance;
pub mod launch_template;
pub mod listener;
pub mod listener_rule;
pub mod load_balancer;
pub mod operation;
pub mod preflight;
pub mod router;
pub mod rules;
pub mod schema;
pub mod security_group;
pub mod shell;
pub mod shutdown;
pub mod subnet;
pub mod target_group;
pub mod terraform;
pub mod together;
pub mod vpc;

use fleet::Fleet;
use router::Router;
use schema::{Schema, Wrong};
use together::Together;

/// Tags as an author declares them.
pub type Tags = BTreeMap<String, String>;

/// One resource to read.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    pub address: &'a Address,
    /// The cloud's id or ARN: what [`Kind::create`] returned.
    pub id: &'a str,
    /// Top-level attributes that the stack or the state declares. What can only be read one
    /// resource at a time is read only if it is among them.
    pub declared: &'a BTreeSet<String>,
    /// What state last knew: outputs that cannot be read again may be carried over from it.
    pub last: Option<&'a Record>,
}

/// What a resource is now.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Attribute values in the schema's terms: ids and ARNs as strings, durations as
    /// [`Value::Duration`] or seconds. An attribute that was not read is left out, one that is
    /// not set is null.
    pub inputs: Object,
    /// Every output of the schema; always `id`, and `arn` and `name` where other kinds refer by them.
    pub outputs: Object,
}

/// How a change that AWS does not make in place is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// By a new resource.
    Anew,
    /// In no way: the reason, and what to do instead.
    Never(String, &'static str),
}

/// What is known of that which a reference names: inputs, and outputs over them. `None` where nothing is.
pub type Named<'a> = &'a dyn Fn(&Value) -> Option<Object>;

/// What an update starts from and goes to.
#[derive(Debug)]
pub struct Update<'a, S> {
    pub id: &'a str,
    /// What is live (re-read just before).
    pub before: S,
    pub after: S,
    /// Names of the top-level attributes that differ.
    pub changed: &'a BTreeSet<String>,
    /// The live outputs.
    pub outputs: &'a Object,
}

impl<S> Update<'_, S> {
    pub fn touches(&self, attribute: &str) -> bool {
        self.changed.contains(attribute)
    }

    pub fn touches_any(&self, attributes: &[&str]) -> bool {
        attributes.iter().any(|attribute| self.touches(attribute))
    }
}

/// What an update, replacement or deletion of a resource does to traffic. Target groups are given
/// as the inputs hold them: a [`Value::Ref`] before apply, an ARN string after.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// Target groups that the resource forwards to, with their weights: listener rules and
    /// listeners' default actions.
    pub forwards: Vec<(Value, u32)>,
    /// Target groups whose targets the resource provides: Auto Scaling groups.
    pub serves: Vec<Value>,
}

/// The IAM actions that a kind's calls need, for `bgform permissions`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permissions {
    pub read: &'static [&'static str],
    /// Create, update and delete.
    pub write: &'static [&'static str],
    /// What shipping a release with it takes beside: looks before it begins, retirement.
    pub ship: &'static [&'static str],
}

/// A resource kind. Every function may be called again after a crash: `create` must be safe to
/// repeat with the same operation once `find` has said that nothing is there, `update` converges
/// on `after` from wherever the resource is, `delete` of what is gone is a success.
pub trait Kind: Send + Sync + 'static {
    /// The typed form of canonical inputs: references are ids or ARNs, durations are seconds,
    /// defaults are filled in, what was not declared is absent.
    type Spec: DeserializeOwned + Send;

    fn schema(&self) -> &'static Schema;

    fn permissions(&self) -> Permissions;

    /// Makes the resource whole (with its tags on the creating call) and returns its id. An
    /// attribute that the creating call cannot set is set by later calls of the same function.
    fn create(
        &self,
        op: &Operation<'_>,
        spec: Self::Spec,
    ) -> impl Future<Output = Result<String, Error>> + Send;

    /// Reads all of `wanted` in as few calls as the API allows. What is gone is left out.
    fn read(
        &self,
        cloud: &Cloud,
        wanted: &[Wanted<'_>],
    ) -> impl Future<Output = Result<BTreeMap<String, Live>, Error>> + Send;

    fn update(
        &self,
        op: &Operation<'_>,
        update: Update<'_, Self::Spec>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes the resource and all that was made for it, and waits until it is gone as far as
    /// what it refers to is concerned.
    fn delete(&self, op: &Operation<'_>, record: &Record) -> impl Future<Output = Result<(), Error>> + Send;

    /// After a crash: the id of what this operation's `create` made, by token, name or the
    /// operation's tag; and whatever was left half done (a builder left running) is put right.
    fn find(
        &self,
        op: &Operation<'_>,
        spec: Self::Spec,
    ) -> impl Future<Output = Result<Option<String>, Error>> + Send;

    /// Mistakes that no single attribute's type and rule show, over canonical inputs that may hold
    /// unknowns and references.
    fn check(&self, _inputs: &Object) -> Vec<Wrong> {
        Vec::new()
    }

    /// Mistakes that show only beside what the inputs name.
    fn beside(&self, _inputs: &Object, _named: Named<'_>) -> Vec<Wrong> {
        Vec::new()
    }

    fn traffic(&self, _inputs: &Object) -> Traffic {
        Traffic::default()
    }

    /// How many targets the resource provides with these inputs, where it had `now` of them before; `None` where
    /// it provides none or that is not known.
    fn capacity(&self, _inputs: &Object, _now: Option<u32>) -> Option<u32> {
        None
    }

    /// How this attribute gets from one value to the other, where that depends on the values and is not in
    /// place.
    fn not_in_place(&self, _attribute: &str, _before: &Object, _after: &Object) -> Option<Made> {
        None
    }

    /// What would go wrong halfway in the rollouts that are about to begin.
    fn before<'a>(&'a self, _ground: &'a preflight::Ground<'a>) -> Boxed<'a, Vec<preflight::Finding>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// What bears the tag of a stack, the newest last. `within` are the ids of what it may be a part of, where the
    /// API can be searched for it in no other way.
    fn tagged<'a>(&'a self, cloud: &'a Cloud, stack: &'a str, within: &'a [String])
    -> Boxed<'a, Vec<Tagged>>;

    /// The kind as what divides traffic among the colours of a deployment; `None` where it cannot.
    fn router(&self) -> Option<&'static dyn Router> {
        None
    }

    /// The kind as the instances of a colour; `None` where it is none.
    fn fleet(&self) -> Option<&'static dyn Fleet> {
        None
    }

    /// What of the kind is changed for several resources in one call; `None` where nothing is.
    fn together(&self) -> Option<&'static dyn Together> {
        None
    }

    /// The attribute that AWS takes only once something forwards to the target groups that the resource
    /// serves, where these inputs have it set so.
    fn after_routers(&self, _inputs: &Object) -> Option<&'static str> {
        None
    }

    /// Why this change must not be made while the resource's targets carry traffic, and what to
    /// do instead; `None` where it may.
    fn refused_under_traffic(
        &self,
        _changed: &BTreeSet<String>,
        _after: &Object,
    ) -> Option<(String, String)> {
        None
    }

    /// Whether a release is told by what the resource is made from in place of its id: that of an image comes
    /// only with the bake.
    fn is_its_inputs(&self) -> bool {
        false
    }

    /// Operations with the same key run one after the other, such as bakes of one source.
    fn turn(&self, _inputs: &Object) -> Option<String> {
        None
    }

    /// Ids of other resources that this record still needs beside what its inputs name, such as
    /// images of kept launch template versions: they are not deleted while it does.
    fn keeps(&self, _record: &Record) -> Vec<String> {
        Vec::new()
    }

    /// Debug output of the SDK's empty create input(s), whose fields a test holds against the schema.
    fn create_inputs(&self) -> Vec<String>;
}

/// Something that a stack reads and never changes.
pub trait Existing: Send + Sync + 'static {
    /// Attributes are the filters; outputs are what a member has.
    fn schema(&self) -> &'static Schema;

    fn permissions(&self) -> &'static [&'static str];

    /// For a plural kind (`subnets`), the kind of one member (`subnet`).
    fn member_kind(&self) -> Option<&'static str> {
        None
    }

    /// Whether the answer to these filters may be another one tomorrow (`most_recent`): then it
    /// is kept in state until `plan --upgrade`.
    fn moves(&self, _filters: &Object) -> bool {
        false
    }

    /// The outputs of all that match, in a stable order. Of a singular kind one is expected;
    /// the caller says so when there are none or several.
    fn read(
        &self,
        cloud: &Cloud,
        filters: &Object,
    ) -> impl Future<Output = Result<Vec<Object>, Error>> + Send;
}

pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// [`Kind`] without its types, for the registry. Implemented for every kind by the blanket below.
pub trait AnyKind: Send + Sync {
    fn schema(&self) -> &'static Schema;
    fn permissions(&self) -> Permissions;
    fn create<'a>(&'a self, op: &'a Operation<'a>, inputs: &'a Object) -> Boxed<'a, String>;
    fn read<'a>(&'a self, cloud: &'a Cloud, wanted: &'a [Wanted<'a>]) -> Boxed<'a, BTreeMap<String, Live>>;
    fn update<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        before: &'a Live,
        after: &'a Object,
        changed: &'a BTreeSet<String>,
    ) -> Boxed<'a, ()>;
    fn delete<'a>(&'a self, op: &'a Operation<'a>, record: &'a Record) -> Boxed<'a, ()>;
    fn find<'a>(&'a self, op: &'a Operation<'a>, inputs: &'a Object) -> Boxed<'a, Option<String>>;
    /// What breaks the schema's rules, and what [`Kind::check`] finds.
    fn check(&self, inputs: &Object) -> Vec<Wrong>;
    fn beside(&self, inputs: &Object, named: Named<'_>) -> Vec<Wrong>;
    fn traffic(&self, inputs: &Object) -> Traffic;
    fn capacity(&self, inputs: &Object, now: Option<u32>) -> Option<u32>;
    fn not_in_place(&self, attribute: &str, before: &Object, after: &Object) -> Option<Made>;
    fn before<'a>(&'a self, ground: &'a preflight::Ground<'a>) -> Boxed<'a, Vec<preflight::Finding>>;
    fn tagged<'a>(&'a self, cloud: &'a Cloud, stack: &'a str, within: &'a [String])
    -> Boxed<'a, Vec<Tagged>>;
    fn router(&self) -> Option<&'static dyn Router>;
    fn fleet(&self) -> Option<&'static dyn Fleet>;
    fn together(&self) -> Option<&'static dyn Together>;
    fn after_routers(&self, inputs: &Object) -> Option<&'static str>;
    fn refused_under_traffic(&self, changed: &BTreeSet<String>, after: &Object) -> Option<(String, String)>;
    fn is_its_inputs(&self) -> bool;
    fn turn(&self, inputs: &Object) -> Option<String>;
    fn keeps(&self, record: &Record) -> Vec<String>;
    fn create_inputs(&self) -> Vec<String>;
}

/// The typed spec of canonical inputs.
pub fn typed<K: Kind>(kind: &K, inputs: &Object) -> Result<K::Spec, Error> {
    let canonical = Value::Object(kind.schema().canonical(inputs));
    serde_json::from_value(canonical.to_plain_json()).map_err(|mismatch| Error::Failed {
        message: format!("the inputs of this `{}` do not fit its spec: {mismatch}", kind.schema().kind),
        help: "this is a fault of bgform; report it with the block as it is written".to_owned(),
    })
}

impl<K: Kind> AnyKind for K {
    fn schema(&self) -> &'static Schema {
        Kind::schema(self)
    }

    fn permissions(&self) -> Permissions {
        Kind::permissions(self)
    }

    fn create<'a>(&'a self, op: &'a Operation<'a>, inputs: &'a Object) -> Boxed<'a, String> {
        Box::pin(async move { Kind::create(self, op, typed(self, inputs)?).await })
    }

    fn read<'a>(&'a self, cloud: &'a Cloud, wanted: &'a [Wanted<'a>]) -> Boxed<'a, BTreeMap<String, Live>> {
        Box::pin(async move {
            let mut live = Kind::read(self, cloud, wanted).await?;
            for one in live.values_mut() {
                one.inputs = canonical_live(Kind::schema(self), &one.inputs);
            }
            Ok(live)
        })
    }

    fn update<'a>(
        &'a self,
        op: &'a Operation<'a>,
        id: &'a str,
        before: &'a Live,
        after: &'a Object,
        changed: &'a BTreeSet<String>,
    ) -> Boxed<'a, ()> {
        Box::pin(async move {
            let (outputs, before) = (&before.outputs, typed(self, &before.inputs)?);
            let update = Update { id, before, after: typed(self, after)?, changed, outputs };
            Kind::update(self, op, update).await
        })
    }

    fn delete<'a>(&'a self, op: &'a Operation<'a>, record: &'a Record) -> Boxed<'a, ()> {
        Box::pin(Kind::delete(self, op, record))
    }

    fn find<'a>(&'a self, op: &'a Operation<'a>, inputs: &'a Object) -> Boxed<'a, Option<String>> {
        Box::pin(async move { Kind::find(self, op, typed(self, inputs)?).await })
    }

    fn check(&self, inputs: &Object) -> Vec<Wrong> {
        Kind::schema(self).wrong(inputs).into_iter().chain(Kind::check(self, inputs)).collect()
    }

    fn beside(&self, inputs: &Object, named: Named<'_>) -> Vec<Wrong> {
        Kind::beside(self, inputs, named)
    }

    fn traffic(&self, inputs: &Object) -> Traffic {
        Kind::traffic(self, inputs)
    }

    fn capacity(&self, inputs: &Object, now: Option<u32>) -> Option<u32> {
        Kind::capacity(self, inputs, now)
    }

    fn not_in_place(&self, attribute: &str, before: &Object, after: &Object) -> Option<Made> {
        Kind::not_in_place(self, attribute, before, after)
    }

    fn before<'a>(&'a self, ground: &'a preflight::Ground<'a>) -> Boxed<'a, Vec<preflight::Finding>> {
        Kind::before(self, ground)
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Kind::tagged(self, cloud, stack, within)
    }

    fn router(&self) -> Option<&'static dyn Router> {
        Kind::router(self)
    }

    fn fleet(&self) -> Option<&'static dyn Fleet> {
        Kind::fleet(self)
    }

    fn together(&self) -> Option<&'static dyn Together> {
        Kind::together(self)
    }

    fn after_routers(&self, inputs: &Object) -> Option<&'static str> {
        Kind::after_routers(self, inputs)
    }

    fn refused_under_traffic(&self, changed: &BTreeSet<String>, after: &Object) -> Option<(String, String)> {
        Kind::refused_under_traffic(self, changed, after)
    }

    fn is_its_inputs(&self) -> bool {
        Kind::is_its_inputs(self)
    }

    fn turn(&self, inputs: &Object) -> Option<String> {
        Kind::turn(self, inputs)
    }

    fn keeps(&self, record: &Record) -> Vec<String> {
        Kind::keeps(self, record)
    }

    fn create_inputs(&self) -> Vec<String> {
        Kind::create_inputs(self)
    }
}

/// Live inputs in canonical form. What was not read is left out; what was read and is not set is null.
fn canonical_live(schema: &Schema, inputs: &Object) -> Object {
    let mut canonical = Object::new();
    for attribute in &schema.attributes {
        if let Some(value) = inputs.get(attribute.name) {
            let value = if value.is_null() { Value::Null } else { attribute.canonical(value) };
            canonical.insert(attribute.name.to_owned(), value);
        }
    }
    canonical
}

/// [`Existing`] without its types.
pub trait AnyExisting: Send + Sync {
    fn schema(&self) -> &'static Schema;
    fn permissions(&self) -> &'static [&'static str];
    fn member_kind(&self) -> Option<&'static str>;
    fn moves(&self, filters: &Object) -> bool;
    fn read<'a>(&'a self, cloud: &'a Cloud, filters: &'a Object) -> Boxed<'a, Vec<Object>>;
}

impl<E: Existing> AnyExisting for E {
    fn schema(&self) -> &'static Schema {
        Existing::schema(self)
    }

    fn permissions(&self) -> &'static [&'static str] {
        Existing::permissions(self)
    }

    fn member_kind(&self) -> Option<&'static str> {
        Existing::member_kind(self)
    }

    fn moves(&self, filters: &Object) -> bool {
        Existing::moves(self, filters)
    }

    fn read<'a>(&'a self, cloud: &'a Cloud, filters: &'a Object) -> Boxed<'a, Vec<Object>> {
        Box::pin(Existing::read(self, cloud, filters))
    }
}

/// Every managed kind, in the order of the reference.
pub fn managed() -> &'static [&'static dyn AnyKind] {
    &[
        &instance::Instance,
        &image::Image,
        &security_group::SecurityGroup,
        &launch_template::LaunchTemplate,
        &autoscaling_group::AutoscalingGroup,
        &load_balancer::LoadBalancer,
        &target_group::TargetGroup,
        &listener::Listener,
        &listener_rule::ListenerRule,
    ]
}

/// Every kind that `existing` can read.
pub fn existing() -> &'static [&'static dyn AnyExisting] {
    &[
        &vpc::ExistingVpc,
        &subnet::ExistingSubnet,
        &subnet::ExistingSubnets,
        &security_group::ExistingSecurityGroup,
        &instance::ExistingInstance,
        &image::ExistingImage,
        &existing_load_balancing::LoadBalancer,
        &existing_load_balancing::Listener,
        &existing_load_balancing::TargetGroup,
    ]
}

pub fn find_managed(kind: &str) -> Option<&'static dyn AnyKind> {
    managed().iter().copied().find(|one| one.schema().kind == kind)
}

pub fn find_existing(kind: &str) -> Option<&'static dyn AnyExisting> {
    existing().iter().copied().find(|one| one.schema().kind == kind)
}

/// A kind as what divides traffic among the colours of a deployment.
pub fn router(kind: &str) -> Option<&'static dyn Router> {
    find_managed(kind)?.router()
}

/// A kind as the instances of a colour.
pub fn fleet(kind: &str) -> Option<&'static dyn Fleet> {
    find_managed(kind)?.fleet()
}

/// All kinds that carry colours.
pub fn fleets() -> impl Iterator<Item = &'static dyn Fleet> {
    managed().iter().filter_map(|kind| kind.fleet())
}
