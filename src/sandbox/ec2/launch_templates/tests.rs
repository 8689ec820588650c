use serde_json::{Value, json};

use super::super::super::api::{Refusal, direct};
use super::super::super::pace::Pace;
use super::super::super::state::Network;
use super::super::SERVICE;
use super::*;

fn state() -> State {
    State::new("us-east-1", Network::Addresses { octet: 31 }, Pace::default(), Timestamp::UNIX_EPOCH)
}

fn ask(state: &mut State, action: &str, params: Value) -> Result<Value, Refusal> {
    direct::call(&[&SERVICE], state, Timestamp::UNIX_EPOCH, action, params)
}

fn create(state: &mut State, data: Value) -> Result<Value, Refusal> {
    ask(state, "CreateLaunchTemplate", json!({ "LaunchTemplateName": "web", "LaunchTemplateData": data }))
}

#[test]
fn lists_are_answered_under_their_own_names() {
    let given = json!({
        "SecurityGroupId": ["sg-1"],
        "NetworkInterface": [{ "DeviceIndex": "0", "SecurityGroupId": ["sg-2"], "Ipv4Prefix": [{ "Ipv4Prefix": "p" }] }],
        "LicenseSpecification": [{ "LicenseConfigurationArn": "arn" }],
        "TagSpecification": [{ "ResourceType": "instance", "Tag": [{ "Key": "k", "Value": "v" }] }],
    });
    let params = Params::from_json(json!({ "LaunchTemplateData": given }));
    let answered = json!({
        "securityGroupIdSet": ["sg-1"],
        "networkInterfaceSet": [{ "deviceIndex": "0", "groupSet": ["sg-2"], "ipv4PrefixSet": [{ "ipv4Prefix": "p" }] }],
        "licenseSet": [{ "licenseConfigurationArn": "arn" }],
        "tagSpecificationSet": [{ "resourceType": "instance", "tagSet": [{ "key": "k", "value": "v" }] }],
    });
    assert_eq!(data::shown(&data::read(&params).unwrap()), answered);
}

#[test]
fn a_version_number_is_never_given_again_and_the_default_stays() {
    let mut state = state();
    create(&mut state, json!({ "ImageId": "ami-1", "InstanceType": "t3.micro" })).unwrap();
    let next = json!({
        "LaunchTemplateName": "web", "SourceVersion": "$Latest", "LaunchTemplateData": { "ImageId": "ami-2" },
    });
    let version = ask(&mut state, "CreateLaunchTemplateVersion", next.clone()).unwrap();
    let merged = json!({ "imageId": "ami-2", "instanceType": "t3.micro" });
    assert_eq!(version["launchTemplateVersion"]["launchTemplateData"], merged);
    let delete = json!({ "LaunchTemplateName": "web", "LaunchTemplateVersion": ["1", "2"] });
    let answer = ask(&mut state, "DeleteLaunchTemplateVersions", delete).unwrap();
    assert_eq!(answer["unsuccessfullyDeletedLaunchTemplateVersionSet"][0]["versionNumber"], 1);
    assert_eq!(answer["successfullyDeletedLaunchTemplateVersionSet"][0]["versionNumber"], 2);
    let version = ask(&mut state, "CreateLaunchTemplateVersion", next).unwrap();
    assert_eq!(version["launchTemplateVersion"]["versionNumber"], 3);
}

#[test]
fn a_launch_is_what_its_version_says() {
    let mut state = state();
    let data = json!({
        "ImageId": "ami-1", "SecurityGroup": ["default"], "UserData": "aGVs\nbG8=",
        "IamInstanceProfile": { "Name": "p" },
        "TagSpecification": [{ "ResourceType": "volume", "Tag": [{ "Key": "k", "Value": "v" }] }],
    });
    create(&mut state, data).unwrap();
    let (launch, number) = from_template(&state, "web", "$Default").unwrap();
    assert_eq!((launch.image.as_str(), number), ("ami-1", 1));
    assert_eq!(launch.security_group_names, ["default"]);
    assert_eq!(launch.user_data.as_deref(), Some(&b"hello"[..]));
    assert_eq!(launch.profile.as_deref(), Some("p"));
    assert!(launch.tags.is_empty() && launch.volume_tags["k"] == "v");
    let refused = |template: &str, version: &str| from_template(&state, template, version).unwrap_err().code;
    assert_eq!(refused("web", "2"), "InvalidLaunchTemplateId.VersionNotFound");
    assert_eq!(refused("lt-0123456789abcdef0", "1"), "InvalidLaunchTemplateId.NotFound");
    assert_eq!(refused("other", "1"), "InvalidLaunchTemplateName.NotFoundException");
}

#[test]
fn an_image_is_looked_up_in_parameter_store_when_it_is_launched() {
    let mut state = state();
    let name = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2";
    create(&mut state, json!({ "ImageId": format!("resolve:ssm:{name}") })).unwrap();
    assert_eq!(from_template(&state, "web", "1").unwrap().0.image, "ami-12c6146b");
}
