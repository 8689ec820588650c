//! What stands in the region before the stack: somebody else's, that it reads and never changes.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, LoadBalancerTypeEnum, ProtocolEnum,
};
use aws_sdk_ssm::types::ParameterType;
use bgform::cloud::Cloud;

/// A load balancer with a listener, a target group and an instance that runs, all called `theirs`; a hosted zone
/// and a parameter.
pub async fn move_in(cloud: &Cloud) {
    let (ec2, elbv2) = (&cloud.ec2, &cloud.elbv2);
    let subnets = ec2.describe_subnets().send().await.expect("subnets");
    let vpc = subnets.subnets()[0].vpc_id().expect("a VPC").to_owned();
    let ids = subnets.subnets()[..2].iter().filter_map(|subnet| subnet.subnet_id().map(str::to_owned));
    let create = elbv2.create_load_balancer().name("theirs").set_subnets(Some(ids.collect()));
    let made = create.r#type(LoadBalancerTypeEnum::Application).send().await.expect("a load balancer");
    let balancer = made.load_balancers()[0].load_balancer_arn().expect("an ARN").to_owned();
    let response = FixedResponseActionConfig::builder().status_code("404").build();
    let action = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(response);
    let create = elbv2.create_listener().load_balancer_arn(balancer).port(8081);
    let create = create.protocol(ProtocolEnum::Http).default_actions(action.build());
    create.send().await.expect("a listener");
    let create = elbv2.create_target_group().name("theirs").port(8080).protocol(ProtocolEnum::Http);
    create.vpc_id(vpc).send().await.expect("a target group");

    let zone = cloud.route53.create_hosted_zone().name("life.example").caller_reference("theirs");
    zone.send().await.expect("a hosted zone");
    let parameter = cloud.ssm.put_parameter().name("/life/days").value("14").r#type(ParameterType::String);
    parameter.send().await.expect("a parameter");

    let filter = Filter::builder().name("name").values("bgform-hello-*").build();
    let images = ec2.describe_images().filters(filter).send().await.expect("images");
    let image = images.images()[0].image_id().expect("an id").to_owned();
    let name = Tag::builder().key("Name").value("theirs").build();
    let tags = TagSpecification::builder().resource_type(ResourceType::Instance).tags(name).build();
    let run = ec2.run_instances().image_id(image).min_count(1).max_count(1).tag_specifications(tags);
    let made = run.send().await.expect("an instance");
    let id = made.instances()[0].instance_id().expect("an id").to_owned();
    loop {
        let found = ec2.describe_instances().instance_ids(&id).send().await.expect("the instance");
        let instance = &found.reservations()[0].instances()[0];
        if instance.state().and_then(|state| state.name()).is_some_and(|name| name.as_str() == "running") {
            return;
        }
        bgform::clock::sleep(std::time::Duration::from_millis(20)).await;
    }
}
