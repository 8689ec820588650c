//! `launch_template`: a name, with a version for each change of the launch parameters.
//!
//! Versions never change (API_CreateLaunchTemplateVersion), so a template whose newest version is the state's
//! can be read by one batched call.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, LaunchTemplate as Template, LaunchTemplateVersion, ResourceType};

use super::ec2::{
    FILTER_VALUES, Members, arn, by_id, carry_over, declared_tags, filter, made_by, of_stack, outputs,
    own_tags, pages, tagged, update_tags,
};
use super::schema::Schema;
use super::{Boxed, Kind, Live, Permissions, Update, Wanted};
use crate::cloud::error::{Error, Service};
use crate::cloud::{Cloud, Repeat};
use crate::kind::operation::{Operation, Tagged};
use crate::state::Record;
use crate::value::{Object, Value};

pub(super) mod check;
pub(super) mod data;
mod existing;
mod live;
pub(super) mod schema;
mod versions;
pub(super) mod volume;

use data::Spec;
pub use existing::ExistingLaunchTemplate;
use schema::{BESIDE_DATA, SCHEMA};

pub struct LaunchTemplate;

impl Kind for LaunchTemplate {
    type Spec = Spec;

    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> Permissions {
        Permissions {
            read: &[
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribeLaunchTemplateVersions",
                "autoscaling:DescribeAutoScalingGroups",
            ],
            write: &[
                "ec2:CreateLaunchTemplate",
                "ec2:CreateLaunchTemplateVersion",
                "ec2:ModifyLaunchTemplate",
                "ec2:DeleteLaunchTemplate",
                "ec2:DeleteLaunchTemplateVersions",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            ship: &[],
        }
    }

    async fn create(&self, op: &Operation<'_>, spec: Spec) -> Result<String, Error> {
        let ec2 = &op.cloud.ec2;
        let name = spec.name.clone().unwrap_or_else(|| op.name(128));
        let tags = own_tags(op, ResourceType::LaunchTemplate, &spec.tags);
        let data = spec.data.request();
        let answer = op
            .call(Service::Ec2, "CreateLaunchTemplate", Repeat::Safe, || {
                ec2.create_launch_template()
                    .launch_template_name(&name)
                    .client_token(op.token("launch_template"))
                    .version_description(&op.id)
                    .launch_template_data(data.clone())
                    .set_tag_specifications(tags.clone().map(|tags| vec![tags]))
                    .send()
            })
            .await?;
        if let Some(warning) = answer.warning() {
            let texts: Vec<_> = warning.errors().iter().filter_map(|error| error.message()).collect();
            op.progress(&format!("EC2 warns of the template: {}", texts.join("; ")));
        }
        Ok(answer.launch_template.and_then(|template| template.launch_template_id).unwrap_or_default())
    }

    async fn read(&self, cloud: &Cloud, wanted: &[Wanted<'_>]) -> Result<BTreeMap<String, Live>, Error> {
        let by_id = by_id(wanted);
        let (named, unnamed): (Vec<_>, Vec<_>) = wanted.iter().partition(|one| known_name(one).is_some());
        let names: Vec<_> = named.into_iter().filter_map(known_name).collect();
        let mut templates = Vec::new();
        for names in names.chunks(FILTER_VALUES) {
            templates.extend(matching(cloud, &[filter("launch-template-name", names)]).await?);
        }
        let ids: Vec<_> = unnamed.iter().map(|one| one.id).collect();
        for ids in ids.chunks(FILTER_VALUES) {
            templates.extend(described(cloud, ids).await?);
        }
        let mut live = BTreeMap::new();
        for template in templates {
            let id = template.launch_template_id().unwrap_or_default();
            let Some(one) = by_id.get(id) else { continue };
            live.insert(id.to_owned(), live_template(cloud, &template, one).await?);
        }
        Ok(live)
    }

    async fn update(&self, op: &Operation<'_>, update: Update<'_, Spec>) -> Result<(), Error> {
        let after = &update.after;
        if update.changed.iter().any(|name| !BESIDE_DATA.contains(&name.as_str())) {
            let (number, versions) = versions::make_next(op, update.id, &after.data).await?;
            versions::prune(op, update.id, after.keep_versions, number, &versions).await?;
        } else if update.changed.is_empty() {
            versions::finish(op, update.id, after.keep_versions).await?;
        } else if update.touches("keep_versions") {
            let versions = versions::all(op.cloud, update.id).await?;
            let default = versions.iter().find(|one| one.default_version() == Some(true));
            let default = default.and_then(|one| one.version_number()).unwrap_or_default();
            versions::prune(op, update.id, after.keep_versions, default, &versions).await?;
        }
        if update.touches("tags") {
            update_tags(op, update.id, &update.before.tags, &after.tags).await?;
        }
        Ok(())
    }

    async fn delete(&self, op: &Operation<'_>, record: &Record) -> Result<(), Error> {
        let ec2 = &op.cloud.ec2;
        let deleted = op
            .call(Service::Ec2, "DeleteLaunchTemplate", Repeat::Safe, || {
                ec2.delete_launch_template().launch_template_id(&record.id).send()
            })
            .await;
        match deleted {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn find(&self, op: &Operation<'_>, _spec: Spec) -> Result<Option<String>, Error> {
        let found = matching(op.cloud, &made_by(op)).await?;
        Ok(found.into_iter().find_map(|one| one.launch_template_id))
    }

    fn check(&self, inputs: &Object) -> Vec<(&'static str, String, String)> {
        check::check(inputs)
    }

    fn keeps(&self, record: &Record) -> Vec<String> {
        let versions = record.outputs.get("versions").and_then(Value::as_list).unwrap_or_default();
        let mut images: Vec<_> =
            versions.iter().filter_map(|one| one.get("image").as_str().map(str::to_owned)).collect();
        images.sort();
        images.dedup();
        images
    }

    fn tagged<'a>(
        &'a self,
        cloud: &'a Cloud,
        stack: &'a str,
        _within: &'a [String],
    ) -> Boxed<'a, Vec<Tagged>> {
        Box::pin(async move {
            let found = matching(cloud, &of_stack(stack)).await?;
            Ok(found.iter().filter_map(|one| tagged(one.launch_template_id(), stack, one.tags())).collect())
        })
    }

    fn create_inputs(&self) -> Vec<String> {
        use aws_sdk_ec2::operation::create_launch_template::CreateLaunchTemplateInput;
        use aws_sdk_ec2::types::RequestLaunchTemplateData;
        let input = CreateLaunchTemplateInput::builder().build();
        let mut inputs: Vec<_> = input.iter().map(|input| format!("{input:?}")).collect();
        // Its debug text hides the user data, but shows the field's name.
        inputs.push(format!("{:?}", RequestLaunchTemplateData::builder().build()));
        inputs
    }
}

/// The name in the state: templates can be filtered by name but not by id.
fn known_name(one: &Wanted<'_>) -> Option<String> {
    let last = one.last?;
    let name = last.outputs.get("name").or_else(|| last.inputs.get("name"))?;
    name.as_str().map(str::to_owned)
}

async fn matching(cloud: &Cloud, filters: &[Filter]) -> Result<Vec<Template>, Error> {
    pages(|token| async move {
        let send = || {
            let describe = cloud.ec2.describe_launch_templates().set_filters(Some(filters.to_vec()));
            describe.max_results(200).set_next_token(token.clone()).send()
        };
        let page = cloud.read(Service::Ec2, "DescribeLaunchTemplates", send).await?;
        Ok((page.launch_templates, page.next_token))
    })
    .await
}

/// Templates by id. One missing id fails the whole call, so each is then asked for alone.
async fn described(cloud: &Cloud, ids: &[&str]) -> Result<Vec<Template>, Error> {
    let ask = |ids: Vec<String>| async move {
        let send = || cloud.ec2.describe_launch_templates().set_launch_template_ids(Some(ids.clone())).send();
        cloud.read(Service::Ec2, "DescribeLaunchTemplates", send).await
    };
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    match ask(owned(ids)).await {
        Ok(answer) => return Ok(answer.launch_templates.unwrap_or_default()),
        Err(error) if error.is_not_found() && ids.len() > 1 => {}
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let mut templates = Vec::new();
    for id in ids {
        match ask(owned(&[id])).await {
            Ok(answer) => templates.extend(answer.launch_templates.unwrap_or_default()),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(templates)
}

async fn live_template(cloud: &Cloud, template: &Template, one: &Wanted<'_>) -> Result<Live, Error> {
    let id = template.launch_template_id().unwrap_or_default();
    let latest = template.latest_version_number().unwrap_or_default();
    let known = one.last.filter(|last| {
        last.outputs.get("latest_version") == Some(&Value::from(latest))
            && last.outputs.contains_key("versions")
    });
    let (mut inputs, latest, versions) = match known {
        Some(last) => {
            (last.inputs.clone(), latest, last.outputs.get("versions").cloned().unwrap_or_default())
        }
        None => {
            let mut versions = versions::all(cloud, id).await?;
            versions.sort_by_key(LaunchTemplateVersion::version_number);
            let newest = versions.last().and_then(LaunchTemplateVersion::launch_template_data);
            let mut inputs = newest.map(live::inputs).unwrap_or_default();
            // bgform's own setting; the default if the state does not have it.
            inputs.insert("keep_versions".to_owned(), 5.into());
            carry_over(&mut inputs, one, &["keep_versions"]);
            // The newest one may have been deleted, and nothing can be launched from it.
            let there = versions.last().and_then(LaunchTemplateVersion::version_number);
            (inputs, there.unwrap_or(latest), Value::List(versions.iter().map(version_output).collect()))
        }
    };
    inputs.insert("name".to_owned(), template.launch_template_name().into());
    inputs.insert("tags".to_owned(), declared_tags(template.tags.as_deref()));
    // EC2 answers no owner; `CreatedBy` is the creator's ARN, in the owner's account.
    let owner = template.created_by().and_then(|arn| arn.split(':').nth(4)).unwrap_or_default();
    let outputs = outputs([
        ("id", id.into()),
        ("arn", arn(cloud, owner, &format!("launch-template/{id}")).into()),
        ("name", template.launch_template_name().into()),
        ("latest_version", latest.into()),
        ("default_version", template.default_version_number().into()),
        ("versions", versions),
    ]);
    Ok(Live { inputs, outputs })
}

/// The inputs of a template at `version`, with those of the record that no version has. `None` if that
/// version is the latest, or EC2 no longer has it.
pub async fn at_version(
    cloud: &Cloud,
    version: &super::fleet::Template,
    record: &Record,
) -> Result<Option<Object>, Error> {
    let number = version.number().and_then(|number| i64::try_from(number).ok());
    if record.outputs.get("latest_version") == number.map(Value::from).as_ref() {
        return Ok(None);
    }
    let versions = versions::all(cloud, &version.id).await?;
    let Some(found) = versions.iter().find(|one| one.version_number() == number) else { return Ok(None) };
    let mut inputs = record.inputs.clone();
    inputs.retain(|name, _| BESIDE_DATA.contains(&name.as_str()));
    inputs.extend(found.launch_template_data().map(live::inputs).unwrap_or_default());
    Ok(Some(inputs))
}

/// The missing part of a version's launch source: the version, or its image. `None` if both exist, or the
/// image is a parameter's, which is looked up at the launch.
pub async fn gone(cloud: &Cloud, version: &super::fleet::Template) -> Result<Option<String>, Error> {
    let Some(number) = version.number().and_then(|number| i64::try_from(number).ok()) else {
        return Ok(None);
    };
    let versions = match versions::all(cloud, &version.id).await {
        Err(error) if error.is_not_found() => Vec::new(),
        answer => answer?,
    };
    let found = versions.iter().find(|one| one.version_number() == Some(number));
    let Some(data) = found.and_then(|one| one.launch_template_data()) else {
        return Ok(Some(format!("version {number} of its launch template")));
    };
    let Some(image) = data.image_id().filter(|image| image.starts_with("ami-")).map(str::to_owned) else {
        return Ok(None);
    };
    let there = super::image::usable(cloud, [&image]).await?;
    Ok((!there.contains(&image)).then(|| format!("its image {image}")))
}

fn version_output(version: &LaunchTemplateVersion) -> Value {
    let image = version.launch_template_data().and_then(|data| data.image_id());
    Members::new().set("version", version.version_number()).set("image", image).value()
}
