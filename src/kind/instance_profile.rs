//! `instance_profile`: the role of instances, in the form in which EC2 takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use aws_sdk_iam::types::InstanceProfile as Described;
use futures_util::future::{try_join, try_join_all};
use serde::Deserialize;

use super::answers::{deleted, pages, unless_gone};
use super::iam_role::{SERVICE, declared_tags, sdk_tags, tags_of};
use super::rules::form;
use super::schema::{NOT_AT_CREATE, Schema, Type, attribute, output, tags_attribute};
use super::{Boxed, Kind, Live, Permissions, Tags, Update, Wanted};
use crate::cloud::error::Error;
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{OPERATION_TAG, Operation, Poll, SHOWN_WITHIN, Tagged, tag_changes};
use crate::state::Record;
use crate::value::{Object, Value};

mod existing;

pub use existing::ExistingInstanceProfile;

/// An instance profile and its role.
pub struct InstanceProfile;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "instance_profile",
    doc: "An instance profile: `iam_instance_profile = instance_profile.NAME.name` gives its role to instances.",
    attributes: vec![
        attribute("name", Type::String { max: 128 }, "Its name; made from the stack's if not given.")
            .rule(|name| {
                // IAM, API_CreateInstanceProfile.
                let sign = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
                let fits = |name: &str| name.chars().all(sign);
                form("instance profile's name", name, fits, "use letters, digits and _ + = , . @ -")
            })
            .replaces()
            .api(&["instance_profile_name"]),
        attribute("path", Type::String { max: 512 }, "The path before its name, such as /shop/.").replaces(),
        attribute("role", Type::name_of(&["iam_role"]), "The role.").required().api(NOT_AT_CREATE),
        tags_attribute(&["tags"]),
    ],
    outputs: vec![
        output("id", "The name."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("unique_id", "The id that no later profile of the same name has."),
    ],
    not_offered: &[],
    unique: &["name"],
});

#[derive(Debug, Deserialize)]
pub struct Spec {
    name: Option<String>,
    path: Option<String>,
    role: String,
    tags: Tags,
}

/// All profiles of the account, without their tags (API_ListInstanceProfiles).
async fn all(cloud: &Cloud) -> Result<Vec<Described>, Error> {
    pages(|marker| async move {
        let send = || cloud.iam.list_instance_profiles().max_items(1000).set_marker(marker.clone()).send();
        let page = cloud.read(SERVICE, "ListInstanceProfiles", send).await?;
        Ok((Some(page.instance_profiles), page.marker.filter(|_| page.is_truncated)))
    })
    .await
}

/// The profile of this name.
async fn named(cloud: &Cloud, name: &str) -> Result<Option<Described>, Error> {
    let send = || cloud.iam.get_instance_profile().instance_profile_name(name).send();
    match cloud.read(SERVICE, "GetInstanceProfile", send).await {
        Ok(answer) => Ok(answer.instance_profile),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name, if the profile of this name was made by the operation.
async fn made(op: &Operation<'_>, name: &str) -> Result<Option<String>, Error> {
    let ours = |profile: &Described| tags_of(profile.tags()).get(OPERATION_TAG) == Some(&op.id);
    let found = named(op.cloud, name).await?.filter(ours);
    Ok(found.map(|profile| profile.instance_profile_name))
}

/// Gives the profile its role, and takes another one away. A profile or a role that was made just now may not be
/// visible yet.
async fn converge(op: &Operation<'_>, name: &str, role: &str) -> Result<(), Error> {
    let iam = &op.cloud.iam;
    let look = || async {
        let Some(profile) = named(op.cloud, name).await? else {
            return Ok(Poll::Pending("the profile is not visible yet".to_owned()));
        };
        let has: Vec<&str> = profile.roles().iter().map(|role| role.role_name()).collect();
        for other in has.iter().filter(|other| **other != role) {
            take(op, name, other).await?;
        }
        if !has.contains(&role) {
            let send =
                || iam.add_role_to_instance_profile().instance_profile_name(name).role_name(role).send();
            op.call(SERVICE, "AddRoleToInstanceProfile", Repeat::Safe, send).await?;
        }
        Ok(Poll::Ready(()))
    };
    op.wait("the profile has its role", SHOWN_WITHIN, look).await
}

async fn take(op: &Operation<'_>, name: &str, role: &str) -> Result<(), Error> {
    let iam = &op.cloud.iam;
    let send = || iam.remove_role_from_instance_profile().instance_profile_name(name).role_name(role).send();
    unless_gone(op.call(SERVICE, "RemoveRoleFromInstanceProfile", Repeat::Safe, send).await).map(drop)
}

/// The tags of a profile, which no list has.
async fn tags(cloud: &Cloud, name: &str) -> Result<(String, Value), Error> {
    let found = named(cloud, name).await?;
    Ok((name.to_owned(), found.map(|profile| declared_tags(profile.tags())).unwrap_or_default()))
}

impl Kind for InstanceProfile {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &["iam:GetInstanceProfile", "iam:ListInstanceProfiles"],
            write: &[
                "iam:AddRoleToInstanceProfile",
                "iam:CreateInstanceProfile",
                "iam:DeleteInstanceProfile",
                "iam:PassRole",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:TagInstanceProfile",
                "iam:UntagInstanceProfile",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let name = spec.name.clone().unwrap_or_else(|| op.name(128));
        let create = op.cloud.iam.create_instance_profile().instance_profile_name(&name);
        let create = create.set_path(spec.path.clone()).set_tags(Some(sdk_tags(&op.tags(&spec.tags))?));
        match op.call(SERVICE, "CreateInstanceProfile", Repeat::Safe, || create.clone().send()).await {
            Ok(_) => {}
            Err(error) if error.already_exists() => {
                op.said_twice(error, || made(op, &name)).await?;
            }
            Err(error) => return Err(error),
        }
        converge(op, &name, &spec.role).await?;
        Ok(name)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let asked = wanted.iter().filter(|one| one.declared.contains("tags"));
        let (all, tags) = try_join(all(cloud), try_join_all(asked.map(|one| tags(cloud, one.id)))).await?;
        let mut tags: BTreeMap<String, Value> = tags.into_iter().collect();
        let ids: BTreeSet<&str> = wanted.iter().map(|one| one.id).collect();
        let found =
            all.iter().filter(|profile| ids.contains(profile.instance_profile_name())).map(|profile| {
                let name = profile.instance_profile_name().to_owned();
                let mut inputs = Object::from_iter([
                    ("name".to_owned(), name.as_str().into()),
                    ("path".to_owned(), profile.path().into()),
                    ("role".to_owned(), profile.roles().first().map(|role| role.role_name()).into()),
                ]);
                inputs.extend(tags.remove(&name).map(|tags| ("tags".to_owned(), tags)));
                let outputs = Object::from_iter([
                    ("id".to_owned(), name.as_str().into()),
                    ("arn".to_owned(), profile.arn().into()),
                    ("name".to_owned(), name.as_str().into()),
                    ("unique_id".to_owned(), profile.instance_profile_id().into()),
                ]);
                (name, Live { inputs, outputs })
            });
        Ok(found.collect())
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let iam = &op.cloud.iam;
        if update.touches("role") {
            converge(op, update.id, &update.after.role).await?;
        }
        if update.touches("tags") {
            let (set, gone) = tag_changes(&update.before.tags, &update.after.tags);
            if !set.is_empty() {
                let tag = iam.tag_instance_profile().instance_profile_name(update.id);
                let tag = tag.set_tags(Some(sdk_tags(&set)?));
                op.call(SERVICE, "TagInstanceProfile", Repeat::Safe, || tag.clone().send()).await?;
            }
            if !gone.is_empty() {
                let untag = iam.untag_instance_profile().instance_profile_name(update.id);
                let untag = untag.set_tag_keys(Some(gone));
                op.call(SERVICE, "UntagInstanceProfile", Repeat::Safe, || untag.clone().send()).await?;
            }
        }
        Ok(())
    }

    /// A profile goes once it has no role (API_DeleteInstanceProfile).
    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let name = record.id.as_str();
        let Some(profile) = named(op.cloud, name).await? else { return Ok(()) };
        for role in profile.roles() {
            take(op, name, role.role_name()).await?;
        }
        let look = || async {
            let send = || op.cloud.iam.delete_instance_profile().instance_profile_name(name).send();
            deleted(op.call(SERVICE, "DeleteInstanceProfile", Repeat::Safe, send).await)
        };
        op.wait("the profile has no role", SHOWN_WITHIN, look).await
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let name = spec.name.clone().unwrap_or_else(|| op.name(128));
        let Some(name) = made(op, &name).await? else { return Ok(None) };
        op.unless_refused(converge(op, &name, &spec.role).await)?;
        Ok(Some(name))
    }

    /// The API has no list of profiles with their tags: each is asked for its own.
    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let all = all(cloud).await?;
            let reads = all.iter().map(|profile| named(cloud, profile.instance_profile_name()));
            let found = try_join_all(reads).await?.into_iter().flatten().filter_map(|profile| {
                let tags = profile.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value())));
                Tagged::of(Some(profile.instance_profile_name()), stack, tags)
            });
            Ok(found.collect())
        })
    }

    fn searches_all(&self) -> bool {
        true
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_iam::operation::create_instance_profile::CreateInstanceProfileInput;
        CreateInstanceProfileInput::builder().build().iter().map(|input| format!("{input:?}")).collect()
    }
}
