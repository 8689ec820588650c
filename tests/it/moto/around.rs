//! What stands around a service and is only read: on moto, and the same on the sandbox.

use bgform::kind;
use bgform::object;
use bgform::value::{Object, Value};

use crate::moto::conformance::{Ground, World};

async fn existing(world: &World, kind: &str, filters: Value) -> Vec<Object> {
    let kind = kind::find_existing(kind).expect("in the registry");
    let found = kind.read(&world.cloud, filters.as_object().expect("an object")).await.expect("read");
    for member in &found {
        let said: Vec<_> = member.keys().map(String::as_str).collect();
        let declared: Vec<_> = kind.schema().outputs.iter().map(|output| output.name).collect();
        assert_eq!(said, declared, "outputs of `{}`", kind.schema().kind);
    }
    found
}

/// The only one.
async fn one(world: &World, kind: &str, filters: Value) -> Object {
    let mut found = existing(world, kind, filters).await;
    assert_eq!(found.len(), 1, "{kind}: {found:?}");
    found.remove(0)
}

async fn none(world: &World, kind: &str, filters: Value) {
    let found = existing(world, kind, filters).await;
    assert!(found.is_empty(), "{kind}: {found:?}");
}

fn text<'a>(member: &'a Object, name: &str) -> &'a str {
    member[name].as_str().unwrap_or_else(|| panic!("`{name}` is {:?}", member[name]))
}

/// Runs a test's body on moto and on the sandbox.
macro_rules! on_both {
    ($name:ident, $body:expr) => {
        mod $name {
            use super::*;

            #[tokio::test]
            async fn on_moto() {
                ($body)(World::on(Ground::Moto).await).await;
            }

            #[tokio::test]
            async fn on_the_sandbox() {
                ($body)(World::on(Ground::Sandbox).await).await;
            }
        }
    };
}

on_both!(parameters_are_read_ten_in_a_call_and_a_secret_one_is_sensitive, |world: World| async move {
    use aws_sdk_ssm::types::ParameterType;
    let name = |what: &str| format!("/{}/{what}", world.lineage);
    let put = |what: &str, of: ParameterType, value: &str| {
        world.cloud.ssm.put_parameter().name(name(what)).r#type(of).value(value).send()
    };
    put("url", ParameterType::String, "https://example.com").await.expect("put");
    let again = world.cloud.ssm.put_parameter().name(name("url")).value("https://example.org");
    again.overwrite(true).send().await.expect("put");
    put("zones", ParameterType::StringList, "a,b").await.expect("put");
    put("password", ParameterType::SecureString, "correct horse").await.expect("put");

    let url = one(&world, "parameter", object! { "name" => name("url") }).await;
    assert_eq!((text(&url, "value"), &url["version"]), ("https://example.org", &Value::from(2)));
    assert!(text(&url, "arn").ends_with(&format!(":parameter{}", name("url"))));
    let first = one(&world, "parameter", object! { "name" => name("url"), "version" => 1 }).await;
    assert_eq!(text(&first, "value"), "https://example.com");
    let zones = one(&world, "parameter", object! { "name" => name("zones") }).await;
    assert_eq!(zones["values"], Value::from(vec!["a", "b"]));
    let password = one(&world, "parameter", object! { "name" => name("password") }).await;
    assert_eq!(password["value"], Value::string("correct horse").sensitive());
    assert_eq!(bgform::secrets::hidden("it is correct horse"), "it is (sensitive)");
    none(&world, "parameter", object! { "name" => name("gone") }).await;

    let kind = kind::find_existing("parameter").expect("in the registry");
    let names = ["url", "zones", "gone", "url"].map(|what| object! { "name" => name(what) });
    let blocks: Vec<&Object> = names.iter().filter_map(Value::as_object).collect();
    let before = world.cloud.calls();
    let found = kind.read_many(&world.cloud, &blocks).await.expect("read");
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 0, 1]);
    assert_eq!(world.cloud.calls() - before, 1);
});

on_both!(a_public_parameter_names_an_image_and_moves, |world: World| async move {
    let public = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64";
    let found = one(&world, "parameter", object! { "name" => public }).await;
    assert!(text(&found, "value").starts_with("ami-"), "{found:?}");
    let kind = kind::find_existing("parameter").expect("in the registry");
    let moves = |filters: Value| kind.moves(filters.as_object().expect("an object"));
    assert!(moves(object! { "name" => public }));
    assert!(!moves(object! { "name" => public, "version" => 1 }) && !moves(object! { "name" => "/mine" }));
});

on_both!(a_secret_is_found_by_name_and_by_arn_until_it_is_deleted, |world: World| async move {
    let name = world.name("secret");
    let secrets = &world.cloud.secretsmanager;
    let made =
        secrets.create_secret().name(&name).secret_string("correct battery").send().await.expect("made");
    let arn = made.arn().expect("an ARN");
    for wanted in [name.as_str(), arn] {
        let found = one(&world, "secret", object! { "name" => wanted }).await;
        assert_eq!((text(&found, "id"), text(&found, "name")), (arn, name.as_str()));
        assert_eq!(found["version_id"].as_str(), made.version_id());
        assert!(!format!("{found:?}").contains("battery"), "{found:?}");
    }
    secrets.put_secret_value().secret_id(&name).secret_string("another").send().await.expect("rotated");
    let found = one(&world, "secret", object! { "name" => name.as_str() }).await;
    assert_ne!(found["version_id"].as_str(), made.version_id());
    secrets.delete_secret().secret_id(&name).send().await.expect("deleted");
    none(&world, "secret", object! { "name" => name.as_str() }).await;
});

on_both!(a_hosted_zone_is_found_by_its_name_alone, |world: World| async move {
    let domain = format!("{}.example", world.lineage);
    let create = |name: String| {
        let reference = world.name(&name);
        world.cloud.route53.create_hosted_zone().name(name).caller_reference(reference).send()
    };
    create(domain.clone()).await.expect("a zone");
    create(format!("below.{domain}")).await.expect("a zone");
    create(format!("z{domain}")).await.expect("a zone");
    let found = one(&world, "hosted_zone", object! { "name" => domain.to_uppercase() }).await;
    assert_eq!((text(&found, "name"), &found["private"]), (domain.as_str(), &Value::from(false)));
    assert_eq!(text(&found, "arn"), format!("arn:aws:route53:::hostedzone/{}", text(&found, "id")));
    let by_id = object! { "id" => text(&found, "id") };
    assert_eq!(one(&world, "hosted_zone", by_id).await, found);
    none(&world, "hosted_zone", object! { "name" => domain.as_str(), "private" => true }).await;
    none(&world, "hosted_zone", object! { "name" => format!("other.{domain}") }).await;
    none(&world, "hosted_zone", object! { "id" => "Z00000000000000000000" }).await;
});

on_both!(a_certificate_is_found_once_it_is_issued_whatever_its_key, |world: World| async move {
    use aws_sdk_acm::types::KeyAlgorithm;
    let domain = format!("{}.example", world.lineage);
    let request = |key: KeyAlgorithm| {
        let request = world.cloud.acm.request_certificate().domain_name(&domain).key_algorithm(key);
        request.subject_alternative_names(format!("*.{domain}")).send()
    };
    let first = request(KeyAlgorithm::EcPrime256v1).await.expect("a certificate");
    let arn = first.certificate_arn().expect("an ARN").to_owned();
    let found = one(&world, "certificate", object! { "domain" => domain.as_str() }).await;
    assert_eq!((text(&found, "arn"), text(&found, "domain")), (arn.as_str(), domain.as_str()));
    // moto lists no names.
    let names = Value::from(vec![domain.clone(), format!("*.{domain}")]);
    assert!([names, Value::List(Vec::new())].contains(&found["names"]), "{found:?}");
    none(&world, "certificate", object! { "domain" => format!("*.{domain}") }).await;
    none(&world, "certificate", object! { "id" => arn, "type" => "IMPORTED" }).await;
});

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}]}"#;

on_both!(a_role_and_its_instance_profile_are_found_by_name, |world: World| async move {
    let (iam, name) = (&world.cloud.iam, world.name("role"));
    let role = iam.create_role().role_name(&name).path("/shop/").assume_role_policy_document(TRUST);
    let role = role.send().await.expect("a role").role.expect("it");
    iam.create_instance_profile().instance_profile_name(&name).send().await.expect("a profile");
    let profile = one(&world, "instance_profile", object! { "name" => name.as_str() }).await;
    assert_eq!(profile["role_name"], Value::Null);
    let add = iam.add_role_to_instance_profile().instance_profile_name(&name).role_name(&name);
    add.send().await.expect("added");
    let found = one(&world, "iam_role", object! { "name" => name.as_str() }).await;
    assert_eq!((text(&found, "arn"), text(&found, "path")), (role.arn(), "/shop/"));
    let profile = one(&world, "instance_profile", object! { "name" => name.as_str() }).await;
    assert_eq!(text(&profile, "role_arn"), role.arn());
    for kind in ["iam_role", "instance_profile"] {
        none(&world, kind, object! { "name" => world.name("other") }).await;
    }
});

on_both!(zones_are_those_of_the_region_in_order, |world: World| async move {
    let zones = existing(&world, "availability_zones", object! {}).await;
    let names: Vec<_> = zones.iter().map(|zone| text(zone, "id")).collect();
    assert_eq!(&names[..3], ["us-east-1a", "us-east-1b", "us-east-1c"]);
    let some = object! { "ids" => vec!["us-east-1a", "us-east-1b"], "exclude" => vec!["us-east-1a"] };
    let found = one(&world, "availability_zones", some).await;
    assert!(text(&found, "zone_id").starts_with("use1-az"), "{found:?}");
});

on_both!(the_caller_has_an_account_and_an_arn, |world: World| async move {
    let caller = one(&world, "caller", object! {}).await;
    assert_eq!((text(&caller, "account"), text(&caller, "partition")), ("123456789012", "aws"));
    assert!(text(&caller, "arn").contains("123456789012"), "{caller:?}");
});

on_both!(key_pairs_addresses_and_templates_are_found_by_name_and_tag, |world: World| async move {
    use aws_sdk_ec2::types::{DomainType, RequestLaunchTemplateData, ResourceType, Tag, TagSpecification};
    let (ec2, name) = (&world.cloud.ec2, world.name("one"));
    let tagged = |resource: ResourceType| {
        let tag = Tag::builder().key("trial").value(&world.lineage).build();
        TagSpecification::builder().resource_type(resource).tags(tag).build()
    };
    let pair = ec2.create_key_pair().key_name(&name).tag_specifications(tagged(ResourceType::KeyPair));
    let pair = pair.send().await.expect("a pair");
    let address = ec2.allocate_address().domain(DomainType::Vpc);
    let address =
        address.tag_specifications(tagged(ResourceType::ElasticIp)).send().await.expect("an address");
    let data = RequestLaunchTemplateData::builder().instance_type("t3.micro".into()).build();
    let template = ec2.create_launch_template().launch_template_name(&name).launch_template_data(data);
    let template =
        template.tag_specifications(tagged(ResourceType::LaunchTemplate)).send().await.expect("a template");
    let template = template.launch_template.expect("it");

    let by_tag = || object! { "tags" => object! { "trial" => world.lineage.as_str() } };
    for (kind, id) in [
        ("key_pair", pair.key_pair_id()),
        ("elastic_ip", address.allocation_id()),
        ("launch_template", template.launch_template_id()),
    ] {
        let id = id.expect("an id");
        assert_eq!(text(&one(&world, kind, by_tag()).await, "id"), id, "{kind}");
        assert_eq!(text(&one(&world, kind, object! { "id" => id }).await, "id"), id, "{kind}");
    }
    for kind in ["key_pair", "launch_template"] {
        assert_eq!(
            text(&one(&world, kind, object! { "name" => name.as_str() }).await, "name"),
            name,
            "{kind}"
        );
        none(&world, kind, object! { "name" => world.name("other") }).await;
    }
    let found = one(&world, "elastic_ip", object! { "public_ip" => address.public_ip().expect("it") }).await;
    assert_eq!(found["instance_id"], Value::Null);
    for (kind, id) in [
        ("key_pair", "key-00000000000000000"),
        ("elastic_ip", "eipalloc-00000000"),
        ("launch_template", "lt-00000000000000000"),
    ] {
        none(&world, kind, object! { "id" => id }).await;
    }
    let release = ec2.release_address().allocation_id(address.allocation_id().expect("it"));
    release.send().await.expect("released");
});

#[tokio::test]
async fn an_image_in_ecr_is_pinned_by_its_digest_and_a_tag_that_moves_is_another() {
    let world = World::on(Ground::Moto).await;
    let (ecr, name) = (&world.cloud.ecr, world.name("shop/web"));
    ecr.create_repository().repository_name(&name).send().await.expect("a repository");
    let put = |config: &str| {
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{{"digest":"{config}"}},"layers":[{{"digest":"{config}"}}]}}"#
        );
        ecr.put_image().repository_name(&name).image_tag("1.0").image_manifest(manifest).send()
    };
    let wanted = || object! { "repository" => name.as_str(), "tag" => "1.0" };
    put("sha256:aa").await.expect("put");
    let first = one(&world, "container_image", wanted()).await;
    let digest = text(&first, "digest");
    let host = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    assert_eq!(text(&first, "id"), format!("{host}/{name}@{digest}"));
    put("sha256:bb").await.expect("put");
    assert_ne!(text(&one(&world, "container_image", wanted()).await, "id"), text(&first, "id"));
    none(&world, "container_image", object! { "repository" => name.as_str(), "tag" => "2.0" }).await;
    none(&world, "container_image", object! { "repository" => world.name("none") }).await;
}

#[tokio::test]
async fn an_image_of_the_sandbox_is_pinned_by_what_ecs_pulls() {
    let world = World::on(Ground::Sandbox).await;
    let of = |tag: &str| object! { "repository" => "bgform-hello", "tag" => tag };
    let first = one(&world, "container_image", of("1.0")).await;
    assert!(text(&first, "id").contains("/bgform-hello@sha256:"), "{first:?}");
    assert_eq!(one(&world, "container_image", of("1.0")).await, first);
    assert_ne!(text(&one(&world, "container_image", of("2.0")).await, "id"), text(&first, "id"));
    none(&world, "container_image", object! { "repository" => "nobody/has" }).await;
}
