//! Texts that would break what they are shown in.

use aws_sdk_autoscaling::types::Tag as GroupTag;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::Tag;

use crate::kit::product::Product;

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_no_answer_could_say_is_refused_and_every_later_answer_is_read() {
    let product = Product::on_sandbox(&[]);
    let cloud = product.cloud().await;
    let vpcs = cloud.ec2.describe_vpcs().send().await.expect("VPCs");
    let vpc = vpcs.vpcs().first().and_then(|vpc| vpc.vpc_id()).expect("a VPC").to_owned();
    let tagged = |key: &str, value: &str| {
        let tag = Tag::builder().key(key).value(value).build();
        cloud.ec2.create_tags().resources(&vpc).tags(tag).send()
    };
    for (key, value) in [("a", "x\u{1}y"), ("b\u{1b}[2J", "z"), ("c", "\0"), ("d", "\u{ffff}")] {
        let error = tagged(key, value).await.expect_err("refused");
        assert_eq!(error.code(), Some("InvalidCharacter"), "{error:?}");
    }
    let allowed = "a\r\n\tb <&> \u{85}\u{9b}\u{202e}\u{1f600}";
    tagged("e", allowed).await.expect("a tag");
    let tags = cloud.ec2.describe_tags().send().await.expect("an answer that can be read");
    let mine: Vec<_> = tags.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
    assert_eq!(mine, [(Some("e"), Some(allowed))]);

    let tag =
        GroupTag::builder().key("a").value("\u{8}").resource_id("web").resource_type("auto-scaling-group");
    let error = cloud.autoscaling.create_or_update_tags().tags(tag.build()).send().await;
    let error = error.expect_err("refused");
    assert_eq!(error.code(), Some("ValidationError"), "{error:?}");
    assert!(error.message().is_some_and(|said| said.contains("at 'tags.1.member.value'")), "{error:?}");
}
