//! `existing instance_profile`: a profile that instances of the stack are launched with.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::kind::Existing;
use crate::kind::answers::{outputs, strings, typed};
use crate::kind::operation::is_reserved_tag;
use crate::kind::schema::{Schema, Type, attribute, output};
use crate::value::Object;

pub struct ExistingInstanceProfile;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "instance_profile",
    doc: "An instance profile that exists already: `iam_instance_profile = instance_profile.NAME.name`.",
    attributes: vec![attribute("name", Type::String { max: 128 }, "Its name, without its path.").required()],
    outputs: vec![
        output("id", "The name."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("unique_id", "The id that no later profile of the same name has."),
        output("path", "The path, `/` for none."),
        output("role_name", "The name of its role, or null."),
        output("role_arn", "The ARN of its role, or null."),
        output("tags", "Its tags."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    name: String,
}

impl Existing for ExistingInstanceProfile {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["iam:GetInstanceProfile"]
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let send = || cloud.iam.get_instance_profile().instance_profile_name(&wanted.name).send();
        let profile = match cloud.read(Service::Iam, "GetInstanceProfile", send).await {
            Ok(answer) => answer.instance_profile,
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        let found = profile.iter().map(|profile| {
            let role = profile.roles().first();
            let tags = profile.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
            outputs([
                ("id", profile.instance_profile_name().into()),
                ("arn", profile.arn().into()),
                ("name", profile.instance_profile_name().into()),
                ("unique_id", profile.instance_profile_id().into()),
                ("path", profile.path().into()),
                ("role_name", role.map(|role| role.role_name()).into()),
                ("role_arn", role.map(|role| role.arn()).into()),
                ("tags", strings(tags.filter(|(key, _)| !is_reserved_tag(key)))),
            ])
        });
        Ok(found.collect())
    }
}
