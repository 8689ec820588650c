//! `task_definition`: a family, with a revision for each change of its containers. A revision never changes, and
//! a family is known by its name alone (API_RegisterTaskDefinition): whoever registers under it adds the next
//! revision to it.

use std::collections::BTreeMap;

use aws_sdk_ecs::types as t;
use futures_util::future::try_join_all;

use super::answers::{outputs, pages};
use super::ec2::carry_over;
use super::ecs::{self, NAME, SERVICE};
use super::schema::{Schema, Wrong};
use super::{Boxed, Kind, Live, Permissions, Update, Wanted, fleet};
use crate::cloud::Cloud;
use crate::cloud::error::{Class, CloudError, Error};
use crate::kind::operation::{ADDRESS_TAG, Operation, Tagged};
use crate::state::Record;
use crate::value::{Object, Value};

mod check;
mod container;
mod fargate;
mod live;
mod request;
mod revisions;
mod schema;
mod volume;

pub use check::{containers, listens_at};
use request::Spec;
use revisions::Revision;
use schema::{BESIDE_REVISION, SCHEMA};

pub const KIND: &str = "task_definition";

pub struct TaskDefinition;

impl Kind for TaskDefinition {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "ecs:DescribeTaskDefinition",
                "ecs:ListTaskDefinitions",
                "ecs:ListTaskDefinitionFamilies",
            ],
            write: &[
                "ecs:DeregisterTaskDefinition",
                "ecs:DescribeServices",
                "ecs:ListClusters",
                "ecs:ListServices",
                "ecs:RegisterTaskDefinition",
                "ecs:TagResource",
                "ecs:UntagResource",
                // Of the task's role and the execution role.
                "iam:PassRole",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let family = spec.name.clone().unwrap_or_else(|| op.name(NAME));
        if revisions::made(op, &family).await?.is_none()
            && let Some(there) = revisions::described(op.cloud, &family).await?.filter(Revision::is_active)
        {
            return Err(taken(&family, &there));
        }
        revisions::register(op, &family, &spec).await?;
        Ok(family)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        // The API describes one at a time.
        let found = try_join_all(wanted.iter().map(|one| async {
            let found = revisions::described(cloud, one.id).await?.filter(Revision::is_active);
            Ok::<_, Error>(found.map(|found| (one.id.to_owned(), live_revision(&found, one))))
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let (family, after) = (update.id, &update.after);
        let registers = update.changed.iter().any(|name| !BESIDE_REVISION.contains(&name.as_str()));
        if registers {
            revisions::register(op, family, after).await?;
        } else if update.touches("tags")
            && let Some(newest) = revisions::described(op.cloud, family).await?
        {
            ecs::retag(op, newest.arn(), &update.before.tags, &after.tags).await?;
        }
        if registers || update.touches("keep_revisions") || update.changed.is_empty() {
            revisions::prune(op, family, after.keep_revisions).await?;
        }
        Ok(())
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        for arn in revisions::active(op.cloud, &record.id).await? {
            revisions::deregister(op, &arn).await?;
        }
        Ok(())
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let family = spec.name.clone().unwrap_or_else(|| op.name(NAME));
        Ok(revisions::made(op, &family).await?.map(|_| family))
    }

    fn check(&self, inputs: &Object) -> Vec<Wrong> {
        check::check(inputs)
    }

    fn searches_all(&self) -> bool {
        true
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for family in families(cloud).await? {
                let Some(newest) = revisions::described(cloud, &family).await? else { continue };
                let tags = newest.tags.iter().map(|tag| (tag.key(), tag.value()));
                found.extend(Tagged::of(Some(&family), stack, tags));
            }
            Ok(found)
        })
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
        RegisterTaskDefinitionInput::builder().build().iter().map(|input| format!("{input:?}")).collect()
    }
}

/// The families of the region with an active revision.
async fn families(cloud: &Cloud) -> Result<Vec<String>, Error> {
    pages(|token| async move {
        let send = || {
            let list = cloud.ecs.list_task_definition_families();
            list.status(t::TaskDefinitionFamilyStatus::Active).set_next_token(token.clone()).send()
        };
        let page = cloud.read(SERVICE, "ListTaskDefinitionFamilies", send).await?;
        Ok((page.families, page.next_token))
    })
    .await
}

fn live_revision(found: &Revision, one: &Wanted<'_>) -> Live {
    let mut inputs = live::inputs(&found.definition);
    // bgform's own setting; the default if the state does not have it.
    inputs.insert("keep_revisions".to_owned(), 5.into());
    carry_over(&mut inputs, one, &["keep_revisions"]);
    inputs.insert("name".to_owned(), found.definition.family().into());
    inputs.insert("tags".to_owned(), ecs::declared_tags(&found.tags));
    let outputs = outputs([
        ("id", found.definition.family().into()),
        ("name", found.definition.family().into()),
        ("arn", found.arn().into()),
        ("revision", found.definition.revision().into()),
    ]);
    Live { inputs, outputs }
}

/// The inputs of a family at `version`, with those of the record that no revision has. `None` if it is the newest
/// revision of the record, or ECS no longer has it.
pub async fn at_version(
    cloud: &Cloud,
    version: &fleet::Template,
    record: &Record,
) -> Result<Option<Object>, Error> {
    if record.outputs.get("revision").and_then(Value::as_number) == version.number().map(|one| one as f64) {
        return Ok(None);
    }
    let Some(found) = revisions::described(cloud, &format!("{}:{}", version.id, version.version)).await?
    else {
        return Ok(None);
    };
    let mut inputs = record.inputs.clone();
    inputs.retain(|name, _| BESIDE_REVISION.contains(&name.as_str()));
    inputs.extend(live::inputs(&found.definition));
    Ok(Some(inputs))
}

/// The missing revision of a version, in words; `None` if new tasks can be started from it.
pub async fn gone(cloud: &Cloud, version: &fleet::Template) -> Result<Option<String>, Error> {
    let found = revisions::described(cloud, &format!("{}:{}", version.id, version.version)).await?;
    let is_active = found.is_some_and(|found| found.is_active());
    Ok((!is_active).then(|| format!("revision {} of its task definition", version.version)))
}

fn taken(family: &str, there: &Revision) -> Error {
    let owner = ecs::pairs(&there.tags).remove(ADDRESS_TAG).map_or_else(
        || "bgform did not register it".to_owned(),
        |address| format!("it was registered for {address}"),
    );
    Error::Cloud(CloudError {
        service: SERVICE,
        action: "RegisterTaskDefinition",
        class: Class::AlreadyExists,
        code: None,
        message: format!("the family `{family}` has an active revision already, and {owner}"),
        request_id: None,
        after_doubt: false,
        access_key: None,
    })
}
