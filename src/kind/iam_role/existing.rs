//! `existing iam_role`: a role that the stack refers to and never changes.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::Existing;
use crate::kind::answers::{outputs, strings, typed};
use crate::kind::operation::is_reserved_tag;
use crate::kind::schema::{Schema, Type, attribute, output};
use crate::value::Object;

pub struct ExistingIamRole;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "iam_role",
    doc: "An IAM role that exists already.",
    attributes: vec![attribute("name", Type::String { max: 64 }, "Its name, without its path.").required()],
    outputs: vec![
        output("id", "The name."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("unique_id", "The id that no later role of the same name has."),
        output("path", "The path, `/` for none."),
        output("description", "What it says of itself."),
        output("tags", "Its tags."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    name: String,
}

impl Existing for ExistingIamRole {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["iam:GetRole"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let send = || cloud.iam.get_role().role_name(&wanted.name).send();
        let role = match cloud.read(Service::Iam, "GetRole", send).await {
            Ok(answer) => answer.role,
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        let found = role.iter().map(|role| {
            let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
            outputs([
                ("id", role.role_name().into()),
                ("arn", role.arn().into()),
                ("name", role.role_name().into()),
                ("unique_id", role.role_id().into()),
                ("path", role.path().into()),
                ("description", role.description().into()),
                ("tags", strings(tags.filter(|(key, _)| !is_reserved_tag(key)))),
            ])
        });
        Ok(found.collect())
    }
}
