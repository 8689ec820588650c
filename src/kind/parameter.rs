//! `existing parameter`: a value in Parameter Store, AWS's public ones among them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aws_sdk_ssm::types::{Parameter, ParameterType};
use futures_util::future::try_join_all;
use serde::Deserialize;

use super::Existing;
use super::answers::{list, outputs, typed};
use super::schema::{Schema, Type, attribute, output};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::secrets;
use crate::value::{Object, Value};

pub struct ExistingParameter;

/// `GetParameters` takes at most ten names ([model] ParameterNameList).
const NAMES: usize = 10;

/// Only AWS has parameters below this path (Systems Manager user guide,
/// parameter-store-public-parameters).
const PUBLIC: &str = "/aws/service/";

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "parameter",
    doc: "A parameter of Systems Manager's Parameter Store. The newest version of one of AWS's public \
          parameters, such as the image of /aws/service/ami-amazon-linux-latest/..., is kept in state until \
          `bgform plan --upgrade`.",
    attributes: vec![
        attribute("name", Type::String { max: 2048 }, "Its name, or the ARN of a shared one.").required(),
        attribute(
            "version",
            Type::Integer { min: 1, max: 1_000_000_000 },
            "A version; the newest if not given.",
        ),
    ],
    outputs: vec![
        output("id", "The name."),
        output("arn", "The ARN."),
        output("name", "The name."),
        output("type", "String, StringList or SecureString."),
        output(
            "value",
            "The value. That of a SecureString is sensitive, and reading it wants kms:Decrypt on its key.",
        ),
        output("values", "The items of a StringList; of another type the value alone."),
        output("version", "The number of the version."),
        output("data_type", "text, aws:ec2:image or aws:ssm:integration."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    name: String,
    version: Option<i64>,
}

impl Filters {
    /// The parameter in the form of a request.
    fn asked(&self) -> String {
        match self.version {
            Some(version) => format!("{}:{version}", self.name),
            None => self.name.clone(),
        }
    }

    /// The answer to these filters. One to an ARN has the ARN; without a version it is the newest, even where an
    /// earlier one was asked for beside it.
    fn answer<'a>(&self, found: &'a [&Parameter]) -> Option<&'a Parameter> {
        let fits = |one: &&&Parameter| {
            (one.name() == Some(&self.name) || one.arn() == Some(&self.name))
                && self.version.is_none_or(|version| one.version() == version)
        };
        found.iter().filter(fits).max_by_key(|one| one.version()).copied()
    }
}

fn outputs_of(found: &Parameter) -> Object {
    let is_secret = found.r#type() == Some(&ParameterType::SecureString);
    let text = found.value().unwrap_or_default();
    if is_secret {
        secrets::keep_text(text);
    }
    let values = match found.r#type() {
        Some(ParameterType::StringList) => list(text.split(',')),
        _ => list([text]),
    };
    outputs([
        ("id", found.name().into()),
        ("arn", found.arn().into()),
        ("name", found.name().into()),
        ("type", found.r#type().map(ParameterType::as_str).into()),
        ("value", Value::string(text).marked_if(is_secret)),
        ("values", values.marked_if(is_secret)),
        ("version", found.version().into()),
        ("data_type", found.data_type().into()),
    ])
}

impl Existing for ExistingParameter {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ssm:GetParameters"]
    }

    fn moves(&self, filters: &Object) -> bool {
        let is_public =
            filters.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with(PUBLIC));
        is_public && filters.get("version").is_none_or(Value::is_null)
    }

    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let found = self.read_many(cloud, &[filters]).await.map_err(|(_, error)| error)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// A missing name is not among the answers, and fails no call (API_GetParameters).
    async fn read_many(&self, cloud: &Cloud, blocks: &[&Object]) -> Result<Vec<Vec<Object>>, (usize, Error)> {
        let wanted: Vec<Filters> = blocks
            .iter()
            .enumerate()
            .map(|(place, filters)| typed(&SCHEMA, filters).map_err(|error| (place, error)))
            .collect::<Result<_, _>>()?;
        // A name that is said twice is refused.
        let names: BTreeSet<String> = wanted.iter().map(Filters::asked).collect();
        let names: Vec<String> = names.into_iter().collect();
        let wanted = &wanted;
        let calls = names.chunks(NAMES).map(|names| async move {
            let send =
                || cloud.ssm.get_parameters().set_names(Some(names.to_vec())).with_decryption(true).send();
            cloud.read(Service::Ssm, "GetParameters", send).await.map_err(|error| {
                let place = wanted.iter().position(|one| names.contains(&one.asked()));
                (place.unwrap_or_default(), error)
            })
        });
        let answers = try_join_all(calls).await?;
        let found: Vec<&Parameter> = answers.iter().flat_map(|answer| answer.parameters()).collect();
        let of = |wanted: &Filters| wanted.answer(&found).map(outputs_of).into_iter().collect();
        Ok(wanted.iter().map(of).collect())
    }
}
