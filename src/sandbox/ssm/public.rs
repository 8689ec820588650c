//! The public parameters that name images (Systems Manager user guide,
//! parameter-store-public-parameters-ami).

use super::super::api::wildcard;
use super::super::state::State;

/// Below this path only AWS has parameters.
pub const RESERVED: &str = "/aws/";

const FOLDER: &str = "/aws/service/ami-amazon-linux-latest/";
/// Names below that folder, and the names of the images that they stand for: patterns.
const NAMES: &[(&str, &str)] = &[
    ("al2023-ami-kernel-default-x86_64", "al2023-ami-2023.*-kernel-6.1-x86_64"),
    ("al2023-ami-kernel-6.1-x86_64", "al2023-ami-2023.*-kernel-6.1-x86_64"),
    ("amzn2-ami-hvm-x86_64-gp2", "amzn2-ami-hvm-*-x86_64-gp2"),
];

/// Every public parameter that has an image: name and image id.
pub fn all(state: &State) -> Vec<(String, String)> {
    let found = NAMES.iter().filter_map(|(name, image)| Some((*name, base_image(state, image)?)));
    found.map(|(name, image)| (format!("{FOLDER}{name}"), image)).collect()
}

/// The id of the newest image with such a name.
fn base_image(state: &State, name: &str) -> Option<String> {
    let images = state.ec2.images.values().filter(|image| image.owner != state.account);
    let named = images.filter(|image| !image.deregistered && wildcard(name, &image.name));
    named.max_by(|one, other| one.name.cmp(&other.name)).map(|image| image.id.clone())
}
