//! `iam_role`: what instances and tasks may do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_iam::types::{EntityType, Role as Listed, RoleDetail, Tag};
use serde::Deserialize;

use super::answers::{deleted, list, pages, strings, unless_gone};
use super::iam_policy as policy;
use super::rules::form;
use super::schema::{NOT_AT_CREATE, Schema, Type, attribute, output, tags_attribute};
use super::{Boxed, Kind, Live, Permissions, Tags, Update, Wanted};
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{OPERATION_TAG, Operation, Poll, Tagged, is_reserved_tag, tag_changes};
use crate::state::Record;
use crate::value::{Object, Value};

mod existing;

pub use existing::ExistingIamRole;

/// A role with its policies.
pub struct IamRole;

pub const SERVICE: Service = Service::Iam;

/// Maximum time that something which was taken away still holds the role.
const LET_GO: Duration = Duration::from_secs(5 * 60);

/// The session of a role that says none, in seconds (API_CreateRole).
const SESSION: i32 = 3600;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "iam_role",
    doc: "An IAM role of instances or tasks: who may take it, and what it may do. Policies that are declared are all \
          that it has.",
    attributes: vec![
        attribute("name", Type::String { max: 64 }, "Its name; made from the stack's if not given.")
            .rule(name)
            .replaces()
            .api(&["role_name"]),
        attribute("path", Type::String { max: 512 }, "The path before its name, such as /shop/.").replaces(),
        attribute(
            "assume_role_policy_document",
            Type::Text { max: 131_072 },
            "Who may take it: a policy, as JSON.",
        )
        .required()
        .normal(policy::normal)
        .rule(policy::trust),
        attribute("managed_policies", Type::String { max: 2048 }.set(), "ARNs of managed policies.")
            .api(NOT_AT_CREATE),
        attribute(
            "inline_policies",
            Type::Text { max: 131_072 }.map(),
            "Policies of its own, as JSON, by their names.",
        )
        .api(NOT_AT_CREATE)
        .normal(each_normal)
        .rule(policy::inline),
        attribute("description", Type::String { max: 1000 }, "What it is for."),
        attribute(
            "max_session_duration",
            Type::Duration { min: 3600, max: 43_200 },
            "How long it may be taken for.",
        ),
        attribute(
            "permissions_boundary",
            Type::String { max: 2048 },
            "The ARN of the policy that bounds it.",
        ),
        tags_attribute(&["tags"]),
    ],
    outputs: vec![
        output("id", "The name."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("unique_id", "The id that no later role of the same name has."),
    ],
    not_offered: &[],
    unique: &["name"],
});

/// IAM, API_CreateRole.
fn name(name: &Value) -> Vec<super::schema::Wrong> {
    let sign = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    form("role's name", name, |name| name.chars().all(sign), "use letters, digits and _ + = , . @ -")
}

fn each_normal(policies: Value) -> Value {
    let Value::Object(policies) = policies else { return policies };
    Value::Object(policies.into_iter().map(|(name, document)| (name, policy::normal(document))).collect())
}

#[derive(Debug, Deserialize)]
pub struct Spec {
    name: Option<String>,
    path: Option<String>,
    assume_role_policy_document: String,
    managed_policies: Option<BTreeSet<String>>,
    inline_policies: Option<BTreeMap<String, String>>,
    description: Option<String>,
    max_session_duration: Option<i32>,
    permissions_boundary: Option<String>,
    tags: Tags,
}

/// Tags in the SDK's form.
pub fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, Error> {
    let built = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    built.collect::<Result<_, _>>().map_err(|error| {
        Error::failed(format!("the tags cannot be said to IAM: {error}"), "report it with the block as it is")
    })
}

/// Tags of an answer.
pub fn tags_of(tags: &[Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// The author's tags, as the value of the `tags` attribute.
pub fn declared_tags(tags: &[Tag]) -> Value {
    strings(tags_of(tags).into_iter().filter(|(key, _)| !is_reserved_tag(key)))
}

/// All roles of the account, with their policies and tags. One call reads a thousand of them, and there is no
/// other that reads several (API_GetAccountAuthorizationDetails).
async fn all(cloud: &Cloud) -> Result<Vec<RoleDetail>, Error> {
    pages(|marker| async move {
        let send = || {
            let details = cloud.iam.get_account_authorization_details().filter(EntityType::Role);
            details.max_items(1000).set_marker(marker.clone()).send()
        };
        let page = cloud.read(SERVICE, "GetAccountAuthorizationDetails", send).await?;
        Ok((page.role_detail_list, page.marker.filter(|_| page.is_truncated)))
    })
    .await
}

/// The same with their descriptions and sessions, which no other call lists (API_ListRoles).
async fn listed(cloud: &Cloud) -> Result<Vec<Listed>, Error> {
    pages(|marker| async move {
        let send = || cloud.iam.list_roles().max_items(1000).set_marker(marker.clone()).send();
        let page = cloud.read(SERVICE, "ListRoles", send).await?;
        Ok((Some(page.roles), page.marker.filter(|_| page.is_truncated)))
    })
    .await
}

fn live(role: &RoleDetail, listed: Option<&Listed>) -> Live {
    let managed =
        role.attached_managed_policies().iter().filter_map(|one| one.policy_arn().map(str::to_owned));
    let inline = role.role_policy_list().iter().filter_map(|one| {
        Some((one.policy_name()?.to_owned(), policy::decoded(one.policy_document().unwrap_or_default())))
    });
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    let mut inputs = Object::from_iter([
        ("name".to_owned(), role.role_name().into()),
        ("path".to_owned(), role.path().into()),
        (
            "assume_role_policy_document".to_owned(),
            policy::decoded(role.assume_role_policy_document().unwrap_or_default()),
        ),
        ("managed_policies".to_owned(), list(managed)),
        ("inline_policies".to_owned(), Value::Object(inline.collect())),
        ("permissions_boundary".to_owned(), boundary.into()),
        ("tags".to_owned(), declared_tags(role.tags())),
    ]);
    if let Some(listed) = listed {
        let session = listed.max_session_duration().unwrap_or(SESSION);
        inputs.insert("max_session_duration".to_owned(), session.into());
        inputs.insert("description".to_owned(), listed.description().filter(|text| !text.is_empty()).into());
    }
    let outputs = Object::from_iter([
        ("id".to_owned(), role.role_name().into()),
        ("arn".to_owned(), role.arn().into()),
        ("name".to_owned(), role.role_name().into()),
        ("unique_id".to_owned(), role.role_id().into()),
    ]);
    Live { inputs, outputs }
}

/// The policies of a role as they are now.
async fn policies(cloud: &Cloud, name: &str) -> Result<(BTreeSet<String>, BTreeSet<String>), Error> {
    let attached = pages(|marker| async move {
        let send =
            || cloud.iam.list_attached_role_policies().role_name(name).set_marker(marker.clone()).send();
        let page = cloud.read(SERVICE, "ListAttachedRolePolicies", send).await?;
        Ok((page.attached_policies, page.marker.filter(|_| page.is_truncated)))
    });
    let inline = pages(|marker| async move {
        let send = || cloud.iam.list_role_policies().role_name(name).set_marker(marker.clone()).send();
        let page = cloud.read(SERVICE, "ListRolePolicies", send).await?;
        Ok((Some(page.policy_names), page.marker.filter(|_| page.is_truncated)))
    });
    let attached = attached.await?.into_iter().filter_map(|one| one.policy_arn).collect();
    Ok((attached, inline.await?.into_iter().collect()))
}

/// Brings the policies of a role to what is declared, from wherever they are. A role that was made just now may
/// not be visible yet.
async fn converge(op: &Operation<'_>, name: &str, spec: &Spec) -> Result<(), Error> {
    let (attached, inline) = op
        .wait("the role is visible", LET_GO, || async { Ok(Poll::Ready(policies(op.cloud, name).await?)) })
        .await?;
    let iam = &op.cloud.iam;
    if let Some(wanted) = &spec.managed_policies {
        for arn in wanted.difference(&attached) {
            let send = || iam.attach_role_policy().role_name(name).policy_arn(arn).send();
            op.call(SERVICE, "AttachRolePolicy", Repeat::Safe, send).await?;
        }
        for arn in attached.difference(wanted) {
            detach(op, name, arn).await?;
        }
    }
    if let Some(wanted) = &spec.inline_policies {
        for (policy_name, document) in wanted {
            let document = policy::compact(document);
            let put =
                iam.put_role_policy().role_name(name).policy_name(policy_name).policy_document(document);
            op.call(SERVICE, "PutRolePolicy", Repeat::Safe, || put.clone().send()).await?;
        }
        for policy_name in inline.iter().filter(|policy_name| !wanted.contains_key(*policy_name)) {
            delete_policy(op, name, policy_name).await?;
        }
    }
    Ok(())
}

async fn detach(op: &Operation<'_>, name: &str, arn: &str) -> Result<(), Error> {
    let send = || op.cloud.iam.detach_role_policy().role_name(name).policy_arn(arn).send();
    unless_gone(op.call(SERVICE, "DetachRolePolicy", Repeat::Safe, send).await).map(drop)
}

async fn delete_policy(op: &Operation<'_>, name: &str, policy_name: &str) -> Result<(), Error> {
    let send = || op.cloud.iam.delete_role_policy().role_name(name).policy_name(policy_name).send();
    unless_gone(op.call(SERVICE, "DeleteRolePolicy", Repeat::Safe, send).await).map(drop)
}

/// The name, if the role of this name was made by the operation.
async fn made(op: &Operation<'_>, name: &str) -> Result<Option<String>, Error> {
    let send = || op.cloud.iam.get_role().role_name(name).send();
    let role = match op.cloud.read(SERVICE, "GetRole", send).await {
        Ok(answer) => answer.role,
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    let ours = role.filter(|role| tags_of(role.tags()).get(OPERATION_TAG) == Some(&op.id));
    Ok(ours.map(|role| role.role_name))
}

impl Kind for IamRole {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &["iam:GetAccountAuthorizationDetails", "iam:GetRole", "iam:ListRoles"],
            write: &[
                "iam:AttachRolePolicy",
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:DeleteRolePermissionsBoundary",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let name = spec.name.clone().unwrap_or_else(|| op.name(64));
        let create = op
            .cloud
            .iam
            .create_role()
            .role_name(&name)
            .set_path(spec.path.clone())
            .assume_role_policy_document(policy::compact(&spec.assume_role_policy_document))
            .set_description(spec.description.clone())
            .set_max_session_duration(spec.max_session_duration)
            .set_permissions_boundary(spec.permissions_boundary.clone())
            .set_tags(Some(sdk_tags(&op.tags(&spec.tags))?));
        match op.call(SERVICE, "CreateRole", Repeat::Safe, || create.clone().send()).await {
            Ok(_) => {}
            Err(error) if error.already_exists() => {
                op.said_twice(error, || made(op, &name)).await?;
            }
            Err(error) => return Err(error),
        }
        converge(op, &name, &spec).await?;
        Ok(name)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let lists = |one: &Wanted<'_>| {
            one.declared.contains("description") || one.declared.contains("max_session_duration")
        };
        let listed: BTreeMap<String, Listed> = match wanted.iter().any(lists) {
            true => listed(cloud).await?.into_iter().map(|role| (role.role_name.clone(), role)).collect(),
            false => BTreeMap::new(),
        };
        let ids: BTreeSet<&str> = wanted.iter().map(|one| one.id).collect();
        let all = all(cloud).await?;
        let found = all.iter().filter_map(|role| {
            let name = role.role_name().filter(|name| ids.contains(name))?;
            Some((name.to_owned(), live(role, listed.get(name))))
        });
        Ok(found.collect())
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let touches = |attribute: &str| update.changed.contains(attribute);
        let (iam, name) = (&op.cloud.iam, update.id);
        let mut after = update.after;
        if touches("assume_role_policy_document") {
            let document = policy::compact(&after.assume_role_policy_document);
            let put = iam.update_assume_role_policy().role_name(name).policy_document(document);
            op.call(SERVICE, "UpdateAssumeRolePolicy", Repeat::Safe, || put.clone().send()).await?;
        }
        if touches("description") || touches("max_session_duration") {
            let put = iam
                .update_role()
                .role_name(name)
                .description(after.description.as_deref().unwrap_or_default());
            let put = put.max_session_duration(after.max_session_duration.unwrap_or(SESSION));
            op.call(SERVICE, "UpdateRole", Repeat::Safe, || put.clone().send()).await?;
        }
        if touches("permissions_boundary") {
            match &after.permissions_boundary {
                Some(arn) => {
                    let send = || {
                        iam.put_role_permissions_boundary().role_name(name).permissions_boundary(arn).send()
                    };
                    op.call(SERVICE, "PutRolePermissionsBoundary", Repeat::Safe, send).await?;
                }
                None => {
                    let send = || iam.delete_role_permissions_boundary().role_name(name).send();
                    unless_gone(op.call(SERVICE, "DeleteRolePermissionsBoundary", Repeat::Safe, send).await)?;
                }
            }
        }
        // What is no longer declared is taken away.
        if touches("managed_policies") {
            after.managed_policies.get_or_insert_default();
        }
        if touches("inline_policies") {
            after.inline_policies.get_or_insert_default();
        }
        if touches("managed_policies") || touches("inline_policies") {
            converge(op, name, &after).await?;
        }
        if touches("tags") {
            let (set, gone) = tag_changes(&update.before.tags, &after.tags);
            if !set.is_empty() {
                let tag = iam.tag_role().role_name(name).set_tags(Some(sdk_tags(&set)?));
                op.call(SERVICE, "TagRole", Repeat::Safe, || tag.clone().send()).await?;
            }
            if !gone.is_empty() {
                let untag = iam.untag_role().role_name(name).set_tag_keys(Some(gone));
                op.call(SERVICE, "UntagRole", Repeat::Safe, || untag.clone().send()).await?;
            }
        }
        Ok(())
    }

    /// A role goes once it has no policies (API_DeleteRole).
    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let name = record.id.as_str();
        let (attached, inline) = match policies(op.cloud, name).await {
            Ok(policies) => policies,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        for arn in &attached {
            detach(op, name, arn).await?;
        }
        for policy_name in &inline {
            delete_policy(op, name, policy_name).await?;
        }
        let look = || async {
            let send = || op.cloud.iam.delete_role().role_name(name).send();
            deleted(op.call(SERVICE, "DeleteRole", Repeat::Safe, send).await)
        };
        op.wait("no instance profile has the role", LET_GO, look).await
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let name = spec.name.clone().unwrap_or_else(|| op.name(64));
        let Some(name) = made(op, &name).await? else { return Ok(None) };
        op.unless_refused(converge(op, &name, &spec).await)?;
        Ok(Some(name))
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let all = all(cloud).await?;
            let tagged = |role: &RoleDetail| {
                let tags = role.tags().iter().map(|tag| (Some(tag.key()), Some(tag.value())));
                Tagged::of(role.role_name(), stack, tags)
            };
            Ok(all.iter().filter_map(tagged).collect())
        })
    }

    fn searches_all(&self) -> bool {
        true
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_iam::operation::create_role::CreateRoleInput;
        CreateRoleInput::builder().build().iter().map(|input| format!("{input:?}")).collect()
    }
}
