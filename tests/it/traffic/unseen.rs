//! What was made just before a kill and shows itself only after recovery has looked: the create that
//! follows goes on as the same operation, so that it is not made twice.

use std::collections::BTreeMap;

use bgform::cloud::Cloud;

use crate::kit::product::Product;
use crate::kit::wire::{Counted, Fault, Moment};
use crate::moto::lifecycle::everything;

const STACK: &str = r#"
stack "late" {
  region = "us-east-1"
}

existing vpc "main" {
  default = true
}

existing subnets "all" {
  vpc = vpc.main
}

existing image "base" {
  owners      = ["amazon"]
  name        = "bgform-hello-*"
  most_recent = true
}

security_group "web" {
  vpc = vpc.main
}

launch_template "web" {
  image         = image.base
  instance_type = "t3.micro"
}

instance "main" {
  image           = image.base
  instance_type   = var.type
  security_groups = [security_group.web]
}

variable "type" {
  type    = string
  default = "t3.micro"
}
"#;

const BALANCED: &str = r#"
target_group "web" {
  vpc      = vpc.main
  port     = 8080
  protocol = "HTTP"
}

load_balancer "edge" {
  type    = "application"
  subnets = subnets.all
}

listener "http" {
  load_balancer = load_balancer.edge
  port          = 80
  protocol      = "HTTP"

  default_action "fixed_response" {
    status_code = 404
  }
}

listener_rule "web" {
  listener = listener.http
  priority = 10

  condition {
    path_pattern = ["/*"]
  }

  action "forward" {
    group = target_group.web
  }
}
"#;

const BAKED: &str = r#"
image "web" {
  source = instance.main
  name   = "late"
  run    = ["sleep 5"]
}
"#;

const APPLY: &[&str] = &["apply", "--auto-approve", "--parallelism", "1"];

/// A stack of these parts on a sandbox of its own, and what is there before it.
fn scene(faults: &[&str], more: &str) -> (Product, BTreeMap<&'static str, usize>) {
    on(Product::on_sandbox(faults), more)
}

/// The same on this one.
fn on(product: Product, more: &str) -> (Product, BTreeMap<&'static str, usize>) {
    product.write("late.deploy", &format!("{STACK}{more}"));
    let before = listed(&product);
    (product, before)
}

fn killed_at(product: &Product, action: &str) {
    let under = product.begin(APPLY);
    let wire = &product.wire;
    let killed = wire.kill_around(under.child, Counted::Of(action.to_owned()), 0, Moment::BeforeItsAnswer);
    let said = std::fs::read_to_string(product.path("err")).unwrap();
    assert!(killed.is_ok(), "no {action}: {said}");
}

/// Asks the API itself.
fn asked<T>(product: &Product, ask: impl AsyncFnOnce(Cloud) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { ask(product.cloud().await).await })
}

/// How many there are of each kind.
fn listed(product: &Product) -> BTreeMap<&'static str, usize> {
    asked(product, async |cloud| everything(&cloud).await)
}

/// Of these there is one more than before, and a plan finds nothing to do.
fn stands_once(product: &Product, before: &BTreeMap<&str, usize>, kinds: &[&str], plan: &[&str]) {
    let there = listed(product);
    for kind in kinds {
        assert_eq!(there.get(kind), before.get(kind).map(|count| count + 1).as_ref(), "{kind}: {there:?}");
    }
    product.run(&[&["plan", "--detailed-exitcode"], plan].concat()).exits(0);
}

#[test]
fn what_ec2_shows_only_after_recovery_has_looked_is_not_made_twice() {
    let (product, before) = scene(&["eventual=20s"], "");
    for action in ["CreateSecurityGroup", "CreateLaunchTemplate", "RunInstances"] {
        killed_at(&product, action);
    }
    product.run(APPLY).exits(0).says("nothing had been made");
    product.local.as_ref().unwrap().faults.clear();
    stands_once(&product, &before, &["instances", "security groups", "launch templates"], &[]);
}

/// Made from other inputs it would not be found by its client token.
#[test]
fn what_shows_late_and_is_wanted_otherwise_by_then_is_not_made_twice() {
    let (product, before) = scene(&["eventual=20s"], "");
    killed_at(&product, "RunInstances");
    let changed_by = &["--var", "type=t3.small"];
    let changed = [APPLY, changed_by].concat();
    product
        .run(&changed)
        .exits(6)
        .says("shows that resource only now")
        .says("run `bgform apply --var type=t3.small` again");
    product.local.as_ref().unwrap().faults.clear();
    product.run(&changed).exits(0);
    stands_once(&product, &before, &["instances"], changed_by);
}

/// Nobody would look again.
#[test]
fn what_shows_late_is_destroyed_with_the_stack() {
    let (product, before) = scene(&["eventual=20s"], "");
    killed_at(&product, "RunInstances");
    product.run(&["destroy", "--auto-approve"]).exits(0);
    product.local.as_ref().unwrap().faults.clear();
    assert_eq!(listed(&product), before);
}

/// It is not the first one that stands then.
#[test]
fn what_shows_itself_after_it_was_made_anew_is_deleted() {
    let (product, before) = on(Product::on_fast_sandbox(4.0, &["eventual=140s"]), "");
    killed_at(&product, "RunInstances");
    let changed_by = &["--var", "type=t3.small"];
    let changed = [APPLY, changed_by].concat();
    product.run(&changed);
    product.local.as_ref().unwrap().faults.clear();
    product.run(&changed).exits(0).says("beside the one that stands");
    stands_once(&product, &before, &["instances"], changed_by);
}

#[test]
fn what_elastic_load_balancing_shows_only_after_recovery_has_looked_is_not_made_twice() {
    let (product, before) = scene(&[], BALANCED);
    let none = "<DescribeTagsResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><DescribeTagsResult>\
                <TagDescriptions/></DescribeTagsResult></DescribeTagsResponse>";
    for action in ["CreateTargetGroup", "CreateLoadBalancer", "CreateListener", "CreateRule"] {
        killed_at(&product, action);
        // Four looks within three seconds, and one after the repeat was refused.
        for _ in 0..5 {
            product.wire.fault_once("DescribeTags", 0, Fault::Answer(200, none.to_owned()));
        }
    }
    product.run(APPLY).exits(0).says("nothing had been made");
    stands_once(&product, &before, &["load balancers", "target groups", "rules"], &[]);
}

/// Two runs at once on one disk would be worse than one after the other.
#[test]
fn the_commands_of_a_bake_that_still_run_are_waited_for_and_not_sent_again() {
    let (product, _) = scene(&[], BAKED);
    killed_at(&product, "SendCommand");
    product.run(APPLY).exits(0).says("image.web");
    let calls = product.local.as_ref().unwrap().calls();
    assert_eq!(calls.matches("SendCommand ok").count(), 1, "{calls}");
    product.run(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn an_instance_that_ec2_ended_after_the_kill_is_made_anew() {
    let (product, before) = scene(&[], "");
    killed_at(&product, "RunInstances");
    asked(&product, async |cloud| {
        let there = cloud.ec2.describe_instances().send().await.unwrap();
        let id = there.reservations()[0].instances()[0].instance_id().unwrap();
        cloud.ec2.terminate_instances().instance_ids(id).send().await.unwrap();
    });
    product.run(APPLY).exits(0).says("its new resource is gone again");
    stands_once(&product, &before, &["instances"], &[]);
}

#[test]
fn an_image_that_ec2_could_not_copy_after_the_kill_is_baked_anew() {
    let (product, before) = scene(&[], BAKED);
    killed_at(&product, "CreateImage");
    let id = asked(&product, async |cloud| {
        let there = cloud.ec2.describe_images().owners("self").send().await.unwrap();
        there.images()[0].image_id().unwrap().to_owned()
    });
    let failed = format!(
        "<DescribeImagesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId><imagesSet>\
         <item><imageId>{id}</imageId><imageState>failed</imageState></item></imagesSet></DescribeImagesResponse>"
    );
    // The first one finds it by its tag, the second one waits for it.
    product.wire.fault_once("DescribeImages", 1, Fault::Answer(200, failed));
    product.run(APPLY).exits(0).says("its new resource is gone again");
    stands_once(&product, &before, &["images"], &[]);
}
