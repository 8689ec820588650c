//! ECR: the images that `bgform sandbox image` has put, as they are looked up. Nothing is pushed or pulled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::api::{Actions, Call, Known, Paging, Params, Refusal, Service, Shapes, Wire};
use super::ecs::images;

/// ECR.
pub static SERVICE: Service = Service {
    wire: Wire {
        name: "ecr",
        signed: "ecr",
        target: Some("AmazonEC2ContainerRegistry_V20150921"),
        query: None,
        invalid: "InvalidParameterException",
        throttled: Known("ThrottlingException", "Rate exceeded", 400),
        broken: Known("ServerException", "These errors are usually caused by a server-side issue.", 500),
        ..Wire::QUERY
    },
    actions: &[ACTIONS],
    shapes: LazyLock::new(|| Shapes::parse(include_str!("shapes.txt"))),
    tick: None,
};

/// The calls, by name.
const ACTIONS: Actions = &[
    ("DescribeImages", describe_images),
    ("DescribeRepositories", describe_repositories),
    ("ListImages", list_images),
];

/// The images of a repository: the tags of each digest.
type Tagged = BTreeMap<String, BTreeSet<String>>;

fn registry(call: &Call) -> Result<String, Refusal> {
    let own = call.state.account.clone();
    match call.params.given("registryId") {
        Some(other) if other != own => Err(missing(&call.params.needed("repositoryName"), &other)),
        _ => Ok(own),
    }
}

fn missing(repository: &str, registry: &str) -> Refusal {
    let message = format!(
        "The repository with name '{repository}' does not exist in the registry with id '{registry}'"
    );
    Refusal::new("RepositoryNotFoundException", message)
}

fn repositories(call: &Call) -> BTreeMap<String, Tagged> {
    let mut all: BTreeMap<String, Tagged> = BTreeMap::new();
    all.insert(images::HELLO.to_owned(), Tagged::new());
    for (name, digest) in &call.state.ecs.images.tags {
        let Some((repository, tag)) = name.rsplit_once(':') else { continue };
        all.entry(repository.to_owned())
            .or_default()
            .entry(digest.clone())
            .or_default()
            .insert(tag.to_owned());
    }
    all
}

fn images_of(call: &Call) -> Result<Tagged, Refusal> {
    let (registry, name) = (registry(call)?, call.params.needed("repositoryName"));
    let mut found = repositories(call).remove(&name).ok_or_else(|| missing(&name, &registry))?;
    // Every tag of the built-in repository is an image.
    for tag in call.params.items("imageIds").iter().filter_map(|id| id.given("imageTag")) {
        if let Some(digest) = images::hello(&format!("{name}:{tag}")) {
            found.entry(digest).or_default().insert(tag);
        }
    }
    Ok(found)
}

/// API_DescribeImages: `ImageNotFoundException` for any that is missing.
fn describe_images(call: &mut Call) -> Result<Value, Refusal> {
    let (registry, name) = (registry(call)?, call.params.needed("repositoryName"));
    let images = images_of(call)?;
    let asked = call.params.items("imageIds");
    let is = |id: &Params, digest: &str, tags: &BTreeSet<String>| {
        id.given("imageDigest").is_none_or(|one| one == digest)
            && id.given("imageTag").is_none_or(|one| tags.contains(&one))
    };
    for id in &asked {
        if !images.iter().any(|(digest, tags)| is(id, digest, tags)) {
            let told = |name: &str| id.given(name).unwrap_or_else(|| "null".to_owned());
            let message = format!(
                "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with \
                 name '{name}' in the registry with id '{registry}'",
                told("imageDigest"),
                told("imageTag")
            );
            return Err(Refusal::new("ImageNotFoundException", message));
        }
    }
    let found = images
        .iter()
        .filter(|(digest, tags)| asked.is_empty() || asked.iter().any(|id| is(id, digest, tags)));
    let shown = found.map(|(digest, tags)| {
        json!({
            "registryId": registry, "repositoryName": name, "imageDigest": digest, "imageTags": tags,
            "imageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
        })
    });
    pages().answer(call.params, "imageDetails", shown.collect())
}

/// API_ListImages.
fn list_images(call: &mut Call) -> Result<Value, Refusal> {
    let images = images_of(call)?;
    let ids = images.iter().flat_map(|(digest, tags)| {
        tags.iter().map(move |tag| json!({ "imageDigest": digest, "imageTag": tag }))
    });
    pages().answer(call.params, "imageIds", ids.collect())
}

/// API_DescribeRepositories: `RepositoryNotFoundException` for any that is missing.
fn describe_repositories(call: &mut Call) -> Result<Value, Refusal> {
    let registry = registry(call)?;
    let (all, asked) = (repositories(call), call.params.texts("repositoryNames"));
    if let Some(name) = asked.iter().find(|name| !all.contains_key(*name)) {
        return Err(missing(name, &registry));
    }
    let region = &call.state.region;
    let shown = all.keys().filter(|name| asked.is_empty() || asked.contains(name)).map(|name| {
        json!({
            "registryId": registry, "repositoryName": name,
            "repositoryArn": call.state.arn("ecr", &format!("repository/{name}")),
            "repositoryUri": format!("{registry}.dkr.ecr.{region}.amazonaws.com/{name}"),
            "imageTagMutability": "MUTABLE",
        })
    });
    pages().answer(call.params, "repositories", shown.collect())
}

fn pages() -> Paging {
    Paging {
        most: "maxResults",
        size: 1000,
        token: "nextToken",
        next: "nextToken",
        bad: "InvalidParameterException",
    }
}
