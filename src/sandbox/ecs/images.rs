//! Container images: folders by `repository:tag` and by digest, like a registry's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::compute::{self, ImageSource, Report};
use crate::state::State;

/// The built-in repository: the hello service, which answers with its tag as its release.
pub const HELLO: &str = "bgform-hello";

/// The content of the region's registry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Images {
    /// By digest, such as `sha256:9f86d0...`.
    pub all: BTreeMap<String, Image>,
    /// The digest of each `repository:tag`.
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    pub from: ImageSource,
    /// `RELEASE` in the environment of its containers, like an image's own environment.
    pub release: Option<String>,
    /// Whether compute has it, or why not.
    pub made: Option<Result<(), String>>,
}

/// Adds an image; an existing tag moves to it.
pub fn put(state: &mut State, tag: &str, digest: &str, from: ImageSource) {
    let all = &mut state.ecs.images.all;
    if !all.get(digest).is_some_and(|image| !matches!(image.made, Some(Err(_)))) {
        all.insert(digest.to_owned(), Image { from, release: None, made: None });
    }
    state.ecs.images.tags.insert(tag.to_owned(), digest.to_owned());
}

/// Tells whether a name is a container image's, `repository:tag`, and no AMI's.
pub fn is_tag(name: &str) -> bool {
    let plain = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
    };
    name.rsplit_once(':').is_some_and(|(name, tag)| plain(name, "-_./") && plain(tag, "-_."))
}

/// The name of an image's folder.
pub fn folder(digest: &str) -> String {
    digest.replace(':', "-")
}

/// The digest of an image that a container names. `Err`: why it cannot be pulled, in the words of tasks.
pub fn resolve(state: &mut State, named: &str) -> Result<String, String> {
    let own = format!("{}.dkr.ecr.{}.amazonaws.com/", state.account, state.region);
    let short = named.strip_prefix(&own).unwrap_or(named);
    let images = &mut state.ecs.images;
    let found = match short.split_once('@') {
        Some((name, digest)) => {
            // One that was only looked up is made at its first use.
            let release =
                (name == HELLO && !images.all.contains_key(digest)).then(|| released(digest)).flatten();
            if let Some(release) = release {
                let from = ImageSource::Base("hello".to_owned());
                images.all.insert(digest.to_owned(), Image { from, release: Some(release), made: None });
            }
            images.all.contains_key(digest).then(|| digest.to_owned())
        }
        None => {
            let at = short.rfind('/').map_or(0, |slash| slash + 1);
            let tag = if short[at..].contains(':') { short.to_owned() } else { format!("{short}:latest") };
            if let (None, Some(digest)) = (images.tags.get(&tag), hello(&tag)) {
                let release = tag.rsplit(':').next().unwrap_or_default();
                let from = ImageSource::Base("hello".to_owned());
                let image = Image { from, release: Some(release.to_owned()), made: None };
                images.all.insert(digest.clone(), image);
                images.tags.insert(tag.clone(), digest);
            }
            images.tags.get(&tag).cloned()
        }
    };
    found.ok_or_else(|| {
        format!(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {named}: \
             {named}: not found"
        )
    })
}

/// The digest of a tag of the built-in repository; `None` for another one. It is the release itself in
/// hexadecimal digits, so that it can be looked up by a call that only reads.
pub fn hello(tag: &str) -> Option<String> {
    let (HELLO, release) = tag.split_once(':')? else { return None };
    let fits = (1..=32).contains(&release.len()) && release.bytes().all(|byte| byte.is_ascii_graphic());
    let hex: String = release.bytes().map(|byte| format!("{byte:02x}")).collect();
    fits.then(|| format!("sha256:{hex:0<64}"))
}

/// The release in such a digest.
fn released(digest: &str) -> Option<String> {
    let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64)?;
    let bytes = (0..32).map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok());
    let bytes: Option<Vec<u8>> = bytes.collect();
    let release = String::from_utf8(bytes?).ok()?.trim_end_matches('\0').to_owned();
    (hello(&format!("{HELLO}:{release}")).as_deref() == Some(digest)).then_some(release)
}

/// The digest of parts that are hashed one after another.
pub fn digest_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The images that compute should have.
pub fn wanted(state: &State) -> impl Iterator<Item = compute::Image> {
    // A failed image is made again when it is put again.
    let all = state.ecs.images.all.iter().filter(|(_, image)| !matches!(image.made, Some(Err(_))));
    all.map(|(digest, image)| compute::Image { id: folder(digest), from: image.from.clone() })
}

/// Handles a report of compute about an image.
pub fn reported(state: &mut State, report: &Report) {
    let (id, made) = match report {
        Report::ImageMade { image } => (image, Ok(())),
        Report::ImageFailed { image, why } => (image, Err(why.clone())),
        _ => return,
    };
    if let Some(image) = state.ecs.images.all.get_mut(&id.replacen('-', ":", 1)) {
        image.made = Some(made);
    }
}
