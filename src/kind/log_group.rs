//! `log_group`: where containers and functions write what they print.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use aws_sdk_cloudwatchlogs::types::{LogGroup as Described, LogGroupClass};
use futures_util::future::try_join_all;
use serde::Deserialize;

use super::answers::{pages, strings, unless_gone};
use super::rules::form;
use super::schema::{NOT_AT_CREATE, Schema, Type, Wrong, attribute, output, tags_attribute};
use super::{Boxed, Kind, Live, Permissions, Tags, Update, Wanted};
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{
    OPERATION_TAG, Operation, Poll, SHOWN_WITHIN, Tagged, is_reserved_tag, tag_changes,
};
use crate::state::Record;
use crate::value::{Object, Value};

/// A log group of CloudWatch Logs.
pub struct LogGroup;

const SERVICE: Service = Service::Logs;

/// Groups that one call reads ([model] DescribeLogGroupsLogGroupIdentifiers).
const AT_ONCE: usize = 50;

/// The days that a retention may have (API_PutRetentionPolicy).
const DAYS: [i64; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    3654,
];

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "log_group",
    doc: "A log group of CloudWatch Logs.",
    attributes: vec![
        attribute("name", Type::String { max: 512 }, "Its name; made from the stack's if not given.")
            .rule(name)
            .replaces()
            .api(&["log_group_name"]),
        attribute(
            "retention_in_days",
            Type::Integer { min: 1, max: 3654 },
            "Days after which entries go; never if not given.",
        )
        .rule(days)
        .api(NOT_AT_CREATE),
        attribute("kms_key", Type::String { max: 256 }, "The ARN of the key that encrypts it.")
            .api(&["kms_key_id"]),
        attribute(
            "log_group_class",
            Type::Choice(&["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]),
            "What can be done with its entries, at which price.",
        )
        .default("STANDARD")
        .replaces(),
        attribute("deletion_protection_enabled", Type::Bool, "Whether AWS refuses to delete it.")
            .default(false),
        tags_attribute(&["tags"]),
    ],
    outputs: vec![output("id", "The name."), output("arn", "The ARN."), output("name", "The name.")],
    not_offered: &[],
    unique: &["name"],
});

/// [model] LogGroupName.
fn name(name: &Value) -> Vec<Wrong> {
    let sign = |c: char| c.is_ascii_alphanumeric() || "._-/#".contains(c);
    let fits = |name: &str| name.chars().all(sign) && !name.starts_with("aws/");
    form("log group's name", name, fits, "use letters, digits and . _ - / #, and not aws/ at the beginning")
}

fn days(days: &Value) -> Vec<Wrong> {
    let wrong = days.as_number().filter(|days| !DAYS.iter().any(|known| *known as f64 == *days));
    let known: Vec<String> = DAYS.iter().map(i64::to_string).collect();
    let message = |days: f64| {
        ("", format!("entries cannot be kept for {days} days"), format!("write one of {}", known.join(", ")))
    };
    wrong.map(message).into_iter().collect()
}

#[derive(Debug, Deserialize)]
pub struct Spec {
    name: Option<String>,
    retention_in_days: Option<i32>,
    kms_key: Option<String>,
    log_group_class: String,
    deletion_protection_enabled: bool,
    tags: Tags,
}

/// The groups of these names that there are.
async fn described(cloud: &Cloud, names: &[&str]) -> Result<Vec<Described>, Error> {
    let reads = names.chunks(AT_ONCE).map(|some| async move {
        let found = pages(|token| async move {
            let send = || {
                let names = some.iter().map(|name| (*name).to_owned()).collect();
                let describe = cloud.logs.describe_log_groups().set_log_group_identifiers(Some(names));
                describe.limit(50).set_next_token(token.clone()).send()
            };
            let page = cloud.read(SERVICE, "DescribeLogGroups", send).await?;
            Ok((page.log_groups, page.next_token))
        });
        // moto answers with all groups whatever it is asked.
        let asked = |group: &Described| group.log_group_name().is_some_and(|name| some.contains(&name));
        Ok::<_, Error>(found.await?.into_iter().filter(asked).collect::<Vec<_>>())
    });
    Ok(try_join_all(reads).await?.concat())
}

/// The ARN by which tags are read and set: without the `:*` of its streams (API_TagResource).
fn arn(group: &Described) -> &str {
    group.log_group_arn().or(group.arn()).unwrap_or_default().trim_end_matches(":*")
}

async fn tags(cloud: &Cloud, arn: &str) -> Result<Tags, Error> {
    let send = || cloud.logs.list_tags_for_resource().resource_arn(arn).send();
    match cloud.read(SERVICE, "ListTagsForResource", send).await {
        Ok(answer) => Ok(answer.tags.unwrap_or_default().into_iter().collect()),
        Err(error) if error.is_not_found() => Ok(Tags::new()),
        Err(error) => Err(error),
    }
}

/// The group of this name, if the operation made it.
async fn made(op: &Operation<'_>, name: &str) -> Result<Option<String>, Error> {
    let Some(group) = described(op.cloud, &[name]).await?.into_iter().next() else { return Ok(None) };
    let tags = tags(op.cloud, arn(&group)).await?;
    Ok((tags.get(OPERATION_TAG) == Some(&op.id)).then(|| name.to_owned()))
}

/// A group that was made just now may not be visible yet.
async fn retain(op: &Operation<'_>, name: &str, days: Option<i32>) -> Result<(), Error> {
    let logs = &op.cloud.logs;
    let look = || async {
        match days {
            Some(days) => {
                let send = || logs.put_retention_policy().log_group_name(name).retention_in_days(days).send();
                op.call(SERVICE, "PutRetentionPolicy", Repeat::Safe, send).await?;
            }
            None => {
                let send = || logs.delete_retention_policy().log_group_name(name).send();
                op.call(SERVICE, "DeleteRetentionPolicy", Repeat::Safe, send).await?;
            }
        }
        Ok(Poll::Ready(()))
    };
    op.wait("the log group has its retention", SHOWN_WITHIN, look).await
}

impl Kind for LogGroup {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &["logs:DescribeLogGroups", "logs:ListTagsForResource"],
            write: &[
                "logs:AssociateKmsKey",
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:DisassociateKmsKey",
                "logs:PutLogGroupDeletionProtection",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let name = spec.name.clone().unwrap_or_else(|| op.name(512));
        let tags: HashMap<String, String> = op.tags(&spec.tags).into_iter().collect();
        let create = op
            .cloud
            .logs
            .create_log_group()
            .log_group_name(&name)
            .set_kms_key_id(spec.kms_key.clone())
            .log_group_class(LogGroupClass::from(spec.log_group_class.as_str()))
            .set_deletion_protection_enabled(spec.deletion_protection_enabled.then_some(true))
            .set_tags(Some(tags));
        match op.call(SERVICE, "CreateLogGroup", Repeat::Safe, || create.clone().send()).await {
            Ok(_) => {}
            Err(error) if error.already_exists() => {
                op.said_twice(error, || made(op, &name)).await?;
            }
            Err(error) => return Err(error),
        }
        if spec.retention_in_days.is_some() {
            retain(op, &name, spec.retention_in_days).await?;
        }
        Ok(name)
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let names: Vec<&str> = wanted.iter().map(|one| one.id).collect();
        let declares_tags =
            |name: &str| wanted.iter().any(|one| one.id == name && one.declared.contains("tags"));
        let found = described(cloud, &names).await?;
        let reads = found.iter().map(|group| async move {
            let name = group.log_group_name().unwrap_or_default();
            let tags = match declares_tags(name) {
                true => Some(tags(cloud, arn(group)).await?),
                false => None,
            };
            let mut inputs = Object::from_iter([
                ("name".to_owned(), name.into()),
                ("retention_in_days".to_owned(), group.retention_in_days().into()),
                ("kms_key".to_owned(), group.kms_key_id().into()),
                (
                    "log_group_class".to_owned(),
                    group.log_group_class().map_or("STANDARD", LogGroupClass::as_str).into(),
                ),
                (
                    "deletion_protection_enabled".to_owned(),
                    group.deletion_protection_enabled().unwrap_or_default().into(),
                ),
            ]);
            let free = |tags: Tags| strings(tags.into_iter().filter(|(key, _)| !is_reserved_tag(key)));
            inputs.extend(tags.map(|tags| ("tags".to_owned(), free(tags))));
            let outputs = Object::from_iter([
                ("id".to_owned(), name.into()),
                ("arn".to_owned(), arn(group).into()),
                ("name".to_owned(), name.into()),
            ]);
            Ok::<_, Error>((name.to_owned(), Live { inputs, outputs }))
        });
        Ok(try_join_all(reads).await?.into_iter().collect())
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let (logs, name, after) = (&op.cloud.logs, update.id, &update.after);
        if update.touches("retention_in_days") {
            retain(op, name, after.retention_in_days).await?;
        }
        if update.touches("kms_key") {
            match &after.kms_key {
                Some(key) => {
                    let send = || logs.associate_kms_key().log_group_name(name).kms_key_id(key).send();
                    op.call(SERVICE, "AssociateKmsKey", Repeat::Safe, send).await?;
                }
                None => {
                    let send = || logs.disassociate_kms_key().log_group_name(name).send();
                    op.call(SERVICE, "DisassociateKmsKey", Repeat::Safe, send).await?;
                }
            }
        }
        if update.touches("deletion_protection_enabled") {
            let put = logs.put_log_group_deletion_protection().log_group_identifier(name);
            let put = put.deletion_protection_enabled(after.deletion_protection_enabled);
            op.call(SERVICE, "PutLogGroupDeletionProtection", Repeat::Safe, || put.clone().send()).await?;
        }
        if update.touches("tags") {
            let arn = update.outputs.get("arn").and_then(Value::as_str).unwrap_or_default();
            let (set, gone) = tag_changes(&update.before.tags, &after.tags);
            if !set.is_empty() {
                let tag = logs.tag_resource().resource_arn(arn).set_tags(Some(set.into_iter().collect()));
                op.call(SERVICE, "TagResource", Repeat::Safe, || tag.clone().send()).await?;
            }
            if !gone.is_empty() {
                let untag = logs.untag_resource().resource_arn(arn).set_tag_keys(Some(gone));
                op.call(SERVICE, "UntagResource", Repeat::Safe, || untag.clone().send()).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let send = || op.cloud.logs.delete_log_group().log_group_name(&record.id).send();
        unless_gone(op.call(SERVICE, "DeleteLogGroup", Repeat::Safe, send).await).map(drop)
    }

    async fn find(&self, op: &Operation<'_>, spec: Spec) -> Result<Option<String>, Error> {
        let name = spec.name.clone().unwrap_or_else(|| op.name(512));
        let Some(name) = made(op, &name).await? else { return Ok(None) };
        if spec.retention_in_days.is_some() {
            op.unless_refused(retain(op, &name, spec.retention_in_days).await)?;
        }
        Ok(Some(name))
    }

    fn check(&self, inputs: &Object) -> Vec<Wrong> {
        let is_delivery = inputs.get("log_group_class").and_then(Value::as_str) == Some("DELIVERY");
        let retains = inputs.get("retention_in_days").is_some_and(|days| !days.is_null());
        // CloudWatch Logs user guide, CloudWatch_Logs_Log_Classes.
        let wrong = || {
            let message = "entries of the class DELIVERY are kept for two days, and no other time".to_owned();
            ("retention_in_days", message, "take it away, or choose another class".to_owned())
        };
        (is_delivery && retains).then(wrong).into_iter().collect()
    }

    /// The API has no search by tag: each group of the account is asked for its own.
    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let all = pages(|token| async move {
                let send = || cloud.logs.describe_log_groups().limit(50).set_next_token(token.clone()).send();
                let page = cloud.read(SERVICE, "DescribeLogGroups", send).await?;
                Ok((page.log_groups, page.next_token))
            });
            let all = all.await?;
            let tags = try_join_all(all.iter().map(|group| tags(cloud, arn(group)))).await?;
            let tagged = |(group, tags): (&Described, &Tags)| {
                let tags = tags.iter().map(|(key, value)| (Some(key.as_str()), Some(value.as_str())));
                Tagged::of(group.log_group_name(), stack, tags)
            };
            Ok(all.iter().zip(&tags).filter_map(tagged).collect())
        })
    }

    fn searches_all(&self) -> bool {
        true
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupInput;
        CreateLogGroupInput::builder().build().iter().map(|input| format!("{input:?}")).collect()
    }
}
