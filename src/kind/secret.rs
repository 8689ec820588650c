//! `existing secret`: a secret of Secrets Manager, by what refers to it. Its value is read by no call of bgform.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Existing;
use super::answers::{outputs, strings, typed};
use super::operation::is_reserved_tag;
use super::schema::{Schema, Type, attribute, output};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::Object;

pub struct ExistingSecret;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "secret",
    doc: "A secret of Secrets Manager that exists already. Only what it is called is read: its value is in no \
          state and no plan. One that is scheduled for deletion is not found.",
    attributes: vec![attribute("name", Type::String { max: 2048 }, "Its name, or its ARN.").required()],
    outputs: vec![
        output("id", "The ARN."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("description", "What it says of itself."),
        output("kms_key_id", "The key that encrypts it; null for the account's aws/secretsmanager."),
        output("rotation_enabled", "Whether it is rotated."),
        output("version_id", "The version that AWSCURRENT stands for; another one after a rotation."),
        output("tags", "Its tags."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    name: String,
}

/// The label of the version that is in use (Secrets Manager user guide, whats-in-a-secret).
const CURRENT: &str = "AWSCURRENT";

impl Existing for ExistingSecret {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["secretsmanager:DescribeSecret"]
    }

    /// `ListSecrets` would read several at once, and may not have one of the last five minutes
    /// (API_ListSecrets).
    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let send = || cloud.secretsmanager.describe_secret().secret_id(&wanted.name).send();
        let secret = match cloud.read(Service::SecretsManager, "DescribeSecret", send).await {
            Ok(secret) if secret.deleted_date().is_none() => secret,
            Ok(_) => return Ok(Vec::new()),
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let versions = secret.version_ids_to_stages().into_iter().flatten();
        let mut current = versions.filter(|(_, stages)| stages.iter().any(|stage| stage == CURRENT));
        let tags =
            secret.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
        Ok(vec![outputs([
            ("id", secret.arn().into()),
            ("arn", secret.arn().into()),
            ("name", secret.name().into()),
            ("description", secret.description().into()),
            ("kms_key_id", secret.kms_key_id().into()),
            ("rotation_enabled", secret.rotation_enabled().unwrap_or_default().into()),
            ("version_id", current.next().map(|(id, _)| id.as_str()).into()),
            ("tags", strings(tags.filter(|(key, _)| !is_reserved_tag(key)))),
        ])])
    }
}
