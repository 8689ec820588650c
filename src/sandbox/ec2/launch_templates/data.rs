//! Launch parameters. They are kept in the form of RequestLaunchTemplateData and answered as
//! ResponseLaunchTemplateData: the same tree under other names, mapped by one rule and a table of exceptions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::super::super::api::{Params, Refusal};
use super::super::SERVICE;

/// Maximum bytes of user data before encoding (EC2 user guide, instancedata-add-user-data).
const USER_DATA: usize = 16384;

/// Lists whose name in the answer is not the request's with `Set`: parent, request name, answer name.
const LISTS: &[(&str, &str, &str)] = &[
    ("NetworkInterface", "SecurityGroupId", "groupSet"),
    ("SecondaryInterface", "PrivateIpAddress", "privateIpAddressesSet"),
    ("", "LicenseSpecification", "licenseSet"),
];

/// The resource types that a template may tag (API_LaunchTemplateTagSpecificationRequest).
const TAGGED: &[&str] = &["instance", "volume", "elastic-gpu", "network-interface", "spot-instances-request"];

/// The data that a call gives.
pub fn read(params: &Params) -> Result<Value, Refusal> {
    let data = params.child("LaunchTemplateData").unwrap_or_default();
    let mut given = data.value().as_object().into_iter().flat_map(Map::keys);
    if let Some(unknown) = given.find(|name| !SERVICE.shapes.has("RequestLaunchTemplateData", name)) {
        return Err(Refusal::new("UnknownParameter", format!("The parameter {unknown} is not recognized")));
    }
    check(&data)?;
    Ok(data.value().clone())
}

/// The data of a new version with a source version: given parameters replace the source's, and snapshots are
/// not inherited (API_CreateLaunchTemplateVersion).
pub fn merged(source: &Value, given: &Value) -> Value {
    let mut merged = source.clone();
    let devices = merged.get_mut("BlockDeviceMapping").and_then(Value::as_array_mut);
    for device in devices.into_iter().flatten() {
        if let Some(volume) = device.get_mut("Ebs").and_then(Value::as_object_mut) {
            volume.shift_remove("SnapshotId");
        }
    }
    if let Some(merged) = merged.as_object_mut() {
        merged.extend(given.as_object().cloned().unwrap_or_default());
    }
    merged
}

/// The data as answers have it.
pub fn shown(data: &Value) -> Value {
    answered(data, "")
}

/// The tree with the names of answers. `within` is the parameter that the tree is the value of.
fn answered(given: &Value, within: &str) -> Value {
    match given {
        Value::Object(map) => {
            let members =
                map.iter().map(|(name, value)| (renamed(name, value, within), answered(value, name)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| answered(item, within)).collect(),
        other => other.clone(),
    }
}

fn renamed(name: &str, value: &Value, within: &str) -> String {
    let mut letters = name.chars();
    let lower: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    if !value.is_array() {
        return lower;
    }
    let exception =
        LISTS.iter().find(|(place, asked, _)| *asked == name && (place.is_empty() || *place == within));
    exception.map_or_else(|| format!("{lower}Set"), |(_, _, answered)| (*answered).to_owned())
}

fn check(data: &Params) -> Result<(), Refusal> {
    if let Some(user_data) = data.text("UserData") {
        let bytes = decode(&user_data).ok_or_else(|| {
            Refusal::new("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
        })?;
        if bytes.len() > USER_DATA {
            return Err(Refusal::value("User data is limited to 16384 bytes"));
        }
    }
    for specification in data.items("TagSpecification") {
        let of = specification.needed("ResourceType");
        if !TAGGED.contains(&of.as_str()) {
            return Err(Refusal::value(format!(
                "'{of}' is not a valid taggable resource type for this operation."
            )));
        }
        super::tags::specified(data, &of)?;
    }
    Ok(())
}

/// User data of a template: base64, perhaps in lines.
pub fn decode(user_data: &str) -> Option<Vec<u8>> {
    let compact: String = user_data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(compact).ok()
}
