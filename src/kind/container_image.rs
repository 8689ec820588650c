//! `existing container_image`: an image in ECR, pinned by its digest.

use std::sync::LazyLock;

use aws_sdk_ecr::types::ImageIdentifier;
use serde::Deserialize;

use super::Existing;
use super::answers::{list, outputs, typed};
use super::schema::{Schema, Type, attribute, output};
use crate::cloud::Cloud;
use crate::cloud::error::{Error, Service};
use crate::value::Object;

pub struct ExistingContainerImage;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    kind: "container_image",
    doc: "A container image in ECR, by its tag. Its `id` is pinned, `REGISTRY/REPOSITORY@sha256:...`: what is \
          released stays the same image, wherever the tag goes. A tag that was pushed anew is another image at the \
          next plan.",
    attributes: vec![
        attribute("repository", Type::String { max: 256 }, "The repository, such as shop/web.").required(),
        attribute("tag", Type::String { max: 300 }, "The tag.").default("latest"),
        attribute(
            "registry",
            Type::String { max: 12 },
            "The account of the registry, if it is not this one.",
        ),
    ],
    outputs: vec![
        output("id", "The image with its digest, as a container names it."),
        output("name", "The same."),
        output("repository", "The repository."),
        output("tag", "The tag."),
        output("digest", "The digest, such as sha256:9f86d0..."),
        output("registry", "The account of the registry."),
        output("tags", "All tags of the image, sorted."),
        output("size", "Its size in the registry, in bytes."),
    ],
    not_offered: &[],
    unique: &[],
});

#[derive(Deserialize)]
struct Filters {
    repository: String,
    tag: String,
    registry: Option<String>,
}

impl Existing for ExistingContainerImage {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn permissions(&self) -> &'static [&'static str] {
        &["ecr:DescribeImages"]
    }

    /// One call an image: the API reads several of one repository only, and refuses all for one that is missing
    /// (API_DescribeImages).
    async fn read(&self, cloud: &Cloud, filters: &Object) -> Result<Vec<Object>, Error> {
        let wanted: Filters = typed(&SCHEMA, filters)?;
        let tagged = ImageIdentifier::builder().image_tag(&wanted.tag).build();
        let describe = cloud.ecr.describe_images().repository_name(&wanted.repository).image_ids(tagged);
        let describe = describe.set_registry_id(wanted.registry.clone());
        let found = match cloud.read(Service::Ecr, "DescribeImages", || describe.clone().send()).await {
            Ok(answer) => answer.image_details.unwrap_or_default(),
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error),
        };
        let domain = match cloud.partition() {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        let found = found.iter().map(|image| {
            let (registry, digest) =
                (image.registry_id().unwrap_or_default(), image.image_digest().unwrap_or_default());
            // ECR user guide, Registries: the registry's URL.
            let host = format!("{registry}.dkr.ecr.{}.{domain}", cloud.region);
            let pinned = format!("{host}/{}@{digest}", wanted.repository);
            let mut tags = image.image_tags().to_vec();
            tags.sort_unstable();
            outputs([
                ("id", pinned.as_str().into()),
                ("name", pinned.as_str().into()),
                ("repository", wanted.repository.as_str().into()),
                ("tag", wanted.tag.as_str().into()),
                ("digest", digest.into()),
                ("registry", registry.into()),
                ("tags", list(tags)),
                ("size", image.image_size_in_bytes().into()),
            ])
        });
        Ok(found.collect())
    }
}
