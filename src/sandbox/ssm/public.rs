//! The public parameters that name images (Systems Manager user guide,
//! parameter-store-public-parameters-ami).

use super::super::state::State;

/// Below this path only AWS has parameters.
pub const RESERVED: &str = "/aws/";

const FOLDER: &str = "/aws/service/ami-amazon-linux-latest/";
/// Names below that folder.
const NAMES: &[&str] = &["al2023-ami-kernel-6.1-x86_64", "amzn2-ami-hvm-x86_64-gp2"];

/// Every public parameter that has an image: name and image id.
pub fn all(state: &State) -> Vec<(String, String)> {
    NAMES.iter().filter_map(|name| Some((format!("{FOLDER}{name}"), base_image(state, name)?))).collect()
}

/// The id of the base image that the last part of a public parameter's name stands for.
fn base_image(_state: &State, name: &str) -> Option<String> {
    (name == "amzn2-ami-hvm-x86_64-gp2").then(|| "ami-12c6146b".to_owned())
}
