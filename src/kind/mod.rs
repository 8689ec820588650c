//! Resource kinds: one file each, with a schema, a typed spec and the calls that create, read, update and
//! delete a resource. The checker, plan, apply, reference and conformance test all use these declarations. A
//! new kind needs one file and one line in the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;

use crate::address::Address;
use crate::cloud::Cloud;
use crate::cloud::error::Error;
use crate::kind::operation::{Operation, Tagged};
use crate::state::Record;
use crate::value::{Object, Value};

mod answers;
pub mod autoscaling_group;
pub mod availability_zones;
pub mod caller;
pub mod certificate;
pub mod container_image;
mod ec2;
mod ecs;
pub mod ecs_cluster;
pub mod ecs_service;
pub mod elastic_ip;
pub mod elbv2;
pub use elbv2::{health as targets, name_in, routes};
pub mod existing_load_balancing;
pub mod fleet;
pub mod hosted_zone;
mod iam_policy;
pub mod iam_role;
pub mod image;
pub mod instance;
pub mod instance_profile;
pub mod key_pair;
pub mod launch_template;
pub mod listener;
pub mod listener_rule;
pub mod load_balancer;
pub mod log_group;
pub mod operation;
pub mod parameter;
pub mod preflight;
pub mod route53_record;
pub mod router;
pub mod rules;
pub mod schema;
pub mod secret;
pub mod security_group;
pub mod shell;
pub mod shutdown;
pub mod subnet;
pub mod target_group;
pub mod task_definition;
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
    /// Top-level attributes that the stack or the state declares. An attribute that can be read only for one
    /// resource at a time is read only if it is among them.
    pub declared: &'a BTreeSet<String>,
    /// The last record in the state: outputs that cannot be read again may be copied from it.
    pub last: Option<&'a Record>,
}

/// A live resource.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Attribute values in the schema's terms: ids and ARNs as strings, durations as [`Value::Duration`] or
    /// seconds. An attribute that was not read is left out; one that is not set is null.
    pub inputs: Object,
    /// Every output of the schema; always `id`, and also `arn` and `name` if other kinds refer by them.
    pub outputs: Object,
}

/// The way to make a change that AWS does not make in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// By replacement.
    Anew,
    /// Not possible: the reason, and the remedy.
    Never(String, &'static str),
}

/// The known attributes of a referenced resource: its inputs, overlaid with its outputs. `None` if nothing is
/// known.
pub type Named<'a> = &'a dyn Fn(&Value) -> Option<Object>;

/// The start and the target of an update.
#[derive(Debug)]
pub struct Update<'a, S> {
    pub id: &'a str,
    /// The live resource, re-read just before.
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

/// The effect of an update, replacement or deletion on traffic. Target groups are in the form of the inputs:
/// a [`Value::Ref`] before apply, an ARN string after.
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
    /// Shipping a release with it: preflight and retirement.
    pub ship: &'static [&'static str],
}

/// A resource kind. Every function may be called again after a crash. `create` must be safe to repeat with
/// the same operation once `find` has found nothing. `update` converges on `after` from any state of the
/// resource. `delete` of a missing resource succeeds.
pub trait Kind: Send + Sync + 'static {
    /// The typed form of canonical inputs: references are ids or ARNs, durations are seconds, defaults are
    /// filled in, undeclared attributes are absent.
    type Spec: DeserializeOwned + Send;

    fn schema(&self) -> &'static Schema;

    fn permissions(&self) -> Permissions;

    /// Creates the whole resource, with its tags on the creating call, and returns its id. An attribute that
    /// the creating call cannot set is set by later calls of the same function.
    fn create(
        &self,
        op: &Operation<'_>,
        spec: Self::Spec,
    ) -> impl Future<Output = Result<String, Error>> + Send;

    /// Reads all of `wanted` in as few calls as the API allows. Missing resources are left out.
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

    /// Deletes the resource and everything made for it, and waits until the resources that it refers to can
    /// be deleted.
    fn delete(&self, op: &Operation<'_>, record: &Record) -> impl Future<Output = Result<(), Error>> + Send;

    /// Recovers after a crash: returns the id that this operation's `create` made, found by token, name or
    /// the operation's tag. Also repairs what was left half done (a builder left running).
    fn find(
        &self,
        op: &Operation<'_>,
        spec: Self::Spec,
    ) -> impl Future<Output = Result<Option<String>, Error>> + Send;

    /// Returns mistakes that no single attribute's type or rule shows, from canonical inputs that may hold
    /// unknowns and references.
    fn check(&self, _inputs: &Object) -> Vec<Wrong> {
        Vec::new()
    }

    /// Returns mistakes that show only together with the referenced resources.
    fn beside(&self, _inputs: &Object, _named: Named<'_>) -> Vec<Wrong> {
        Vec::new()
    }

    fn traffic(&self, _inputs: &Object) -> Traffic {
        Traffic::default()
    }

    /// The number of targets that the resource provides with these inputs, if it had `now` before; `None` if
    /// it provides none or the number is unknown.
    fn capacity(&self, _inputs: &Object, _now: Option<u32>) -> Option<u32> {
        None
    }

    /// The way to make this change of an attribute, if AWS does not make it in place for these values.
    fn not_in_place(&self, _attribute: &str, _before: &Object, _after: &Object) -> Option<Made> {
        None
    }

    /// Whether a replacement cannot be made while the resource that it replaces stands, beyond what
    /// [`Schema::unique`] tells.
    fn in_the_way(&self, _before: &Object, _after: &Object) -> bool {
        false
    }

    /// Finds faults that would stop a rollout that is about to begin.
    fn before<'a>(&'a self, _ground: &'a preflight::Ground<'a>) -> Boxed<'a, Vec<preflight::Finding>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The resources with the tag of a stack, the newest last. `within` are the ids of resources that they
    /// may be part of, for APIs without another search.
    fn tagged<'a>(&'a self, cloud: &'a Cloud, stack: &'a str, within: &'a [String])
    -> Boxed<'a, Vec<Tagged>>;

    /// Whether [`Kind::tagged`] reads everything of its kind in the account. `state rebuild` does so; the look
    /// for a lost state, before the first apply of every stack, does not.
    fn searches_all(&self) -> bool {
        false
    }

    /// The kind as a router, which divides traffic among the colours of a deployment; `None` if it is not
    /// one.
    fn router(&self) -> Option<&'static dyn Router> {
        None
    }

    /// The kind as the fleet of a colour; `None` if it is not one.
    fn fleet(&self) -> Option<&'static dyn Fleet> {
        None
    }

    /// The attribute of the kind that one call changes for several resources; `None` if there is none.
    fn together(&self) -> Option<&'static dyn Together> {
        None
    }

    /// The attribute in these inputs that AWS accepts only once a router forwards to the resource's target
    /// groups.
    fn after_routers(&self, _inputs: &Object) -> Option<&'static str> {
        None
    }

    /// The attribute with target groups that AWS takes only once a router names them, with or without weight:
    /// the resource comes after the routers then. `None` if it comes before them.
    fn joins_after_routers(&self) -> Option<&'static str> {
        None
    }

    /// Why this change must not be made while the resource's targets carry traffic, and the remedy; `None` if
    /// it may be made.
    fn refused_under_traffic(
        &self,
        _changed: &BTreeSet<String>,
        _after: &Object,
    ) -> Option<(String, String)> {
        None
    }

    /// Whether a release is identified by the resource's inputs instead of its id: an image's id comes only
    /// with the bake.
    fn is_its_inputs(&self) -> bool {
        false
    }

    /// The key of operations that run one after another, such as bakes of one source.
    fn turn(&self, _inputs: &Object) -> Option<String> {
        None
    }

    /// Ids of other resources that this record still needs besides those in its inputs, such as images of
    /// kept launch template versions. They are not deleted while it does.
    fn keeps(&self, _record: &Record) -> Vec<String> {
        Vec::new()
    }

    /// Debug output of the SDK's empty create inputs, whose fields a test compares with the schema.
    fn create_inputs(&self) -> Vec<String>;
}

/// A resource that a stack reads and never changes.
pub trait Existing: Send + Sync + 'static {
    /// The schema: attributes are the filters, outputs those of a member.
    fn schema(&self) -> &'static Schema;

    fn permissions(&self) -> &'static [&'static str];

    /// For a plural kind (`subnets`), the kind of one member (`subnet`).
    fn member_kind(&self) -> Option<&'static str> {
        None
    }

    /// Whether the answer to these filters may change (`most_recent`): it is then kept in the state until
    /// `plan --upgrade`.
    fn moves(&self, _filters: &Object) -> bool {
        false
    }

    /// Returns the outputs of all matches, in a stable order. The caller reports none or several matches of a
    /// singular kind.
    fn read(
        &self,
        cloud: &Cloud,
        filters: &Object,
    ) -> impl Future<Output = Result<Vec<Object>, Error>> + Send;

    /// Answers several blocks, in their order. A kind whose API reads several at once does so here.
    ///
    /// # Errors
    /// The place of a block that was not read, and why.
    fn read_many(
        &self,
        cloud: &Cloud,
        blocks: &[&Object],
    ) -> impl Future<Output = Result<Vec<Vec<Object>>, (usize, Error)>> + Send {
        let read =
            |(place, filters)| async move { self.read(cloud, filters).await.map_err(|error| (place, error)) };
        try_join_all(blocks.iter().copied().enumerate().map(read))
    }
}

pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// [`Kind`] without its types, for the registry. The blanket implementation below covers every kind.
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
    /// Returns broken rules of the schema, and the mistakes of [`Kind::check`].
    fn check(&self, inputs: &Object) -> Vec<Wrong>;
    fn beside(&self, inputs: &Object, named: Named<'_>) -> Vec<Wrong>;
    fn traffic(&self, inputs: &Object) -> Traffic;
    fn capacity(&self, inputs: &Object, now: Option<u32>) -> Option<u32>;
    fn not_in_place(&self, attribute: &str, before: &Object, after: &Object) -> Option<Made>;
    fn in_the_way(&self, before: &Object, after: &Object) -> bool;
    fn before<'a>(&'a self, ground: &'a preflight::Ground<'a>) -> Boxed<'a, Vec<preflight::Finding>>;
    fn tagged<'a>(&'a self, cloud: &'a Cloud, stack: &'a str, within: &'a [String])
    -> Boxed<'a, Vec<Tagged>>;
    fn searches_all(&self) -> bool;
    fn router(&self) -> Option<&'static dyn Router>;
    fn fleet(&self) -> Option<&'static dyn Fleet>;
    fn together(&self) -> Option<&'static dyn Together>;
    fn after_routers(&self, inputs: &Object) -> Option<&'static str>;
    fn joins_after_routers(&self) -> Option<&'static str>;
    fn refused_under_traffic(&self, changed: &BTreeSet<String>, after: &Object) -> Option<(String, String)>;
    fn is_its_inputs(&self) -> bool;
    fn turn(&self, inputs: &Object) -> Option<String>;
    fn keeps(&self, record: &Record) -> Vec<String>;
    fn create_inputs(&self) -> Vec<String>;
}

/// Parses the typed spec from canonical inputs.
pub fn typed<K: Kind>(kind: &K, inputs: &Object) -> Result<K::Spec, Error> {
    let canonical = Value::Object(kind.schema().canonical(inputs));
    serde_json::from_value(canonical.to_plain_json()).map_err(|mismatch| Error::Failed {
        message: format!("the inputs of this `{}` do not fit its spec: {mismatch}", kind.schema().kind),
        help: "this is a bug in bgform; report it with the block as it is written".to_owned(),
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

    fn in_the_way(&self, before: &Object, after: &Object) -> bool {
        Kind::in_the_way(self, before, after)
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

    fn searches_all(&self) -> bool {
        Kind::searches_all(self)
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

    fn joins_after_routers(&self) -> Option<&'static str> {
        Kind::joins_after_routers(self)
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

/// Live inputs in canonical form. An attribute that was not read is left out; one that is not set is null.
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
    fn read_many<'a>(&'a self, cloud: &'a Cloud, blocks: &'a [&'a Object]) -> Answers<'a>;
}

/// See [`Existing::read_many`].
pub type Answers<'a> = Pin<Box<dyn Future<Output = Result<Vec<Vec<Object>>, (usize, Error)>> + Send + 'a>>;

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

    fn read_many<'a>(&'a self, cloud: &'a Cloud, blocks: &'a [&'a Object]) -> Answers<'a> {
        Box::pin(Existing::read_many(self, cloud, blocks))
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
        &ecs_cluster::EcsCluster,
        &task_definition::TaskDefinition,
        &ecs_service::EcsService,
        &route53_record::Route53Record,
        &log_group::LogGroup,
        &iam_role::IamRole,
        &instance_profile::InstanceProfile,
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
        &launch_template::ExistingLaunchTemplate,
        &key_pair::ExistingKeyPair,
        &elastic_ip::ExistingElasticIp,
        &availability_zones::ExistingAvailabilityZones,
        &hosted_zone::ExistingHostedZone,
        &certificate::ExistingCertificate,
        &iam_role::ExistingIamRole,
        &instance_profile::ExistingInstanceProfile,
        &container_image::ExistingContainerImage,
        &parameter::ExistingParameter,
        &secret::ExistingSecret,
        &caller::ExistingCaller,
    ]
}

pub fn find_managed(kind: &str) -> Option<&'static dyn AnyKind> {
    managed().iter().copied().find(|one| one.schema().kind == kind)
}

pub fn find_existing(kind: &str) -> Option<&'static dyn AnyExisting> {
    existing().iter().copied().find(|one| one.schema().kind == kind)
}

pub fn router(kind: &str) -> Option<&'static dyn Router> {
    find_managed(kind)?.router()
}

pub fn fleet(kind: &str) -> Option<&'static dyn Fleet> {
    find_managed(kind)?.fleet()
}

/// All kinds that are fleets.
pub fn fleets() -> impl Iterator<Item = &'static dyn Fleet> {
    managed().iter().filter_map(|kind| kind.fleet())
}
