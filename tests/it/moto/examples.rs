//! The other example stacks: from their first release to the third, and away again.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;

use bgform::cloud::Cloud;

use crate::kit::product::{Product, Run, Under, ended};
use crate::kit::wire::{Fault, is_read};
use crate::moto::lifecycle::everything;

const CHECKOUT: &str = "canary.deploy";

#[test]
fn the_shop_is_valid_and_planned() {
    let product = Product::on_moto();
    product.copy_stack("shop.deploy");
    product.run(&["validate", "shop.deploy"]).exits(2).says("variable `release` has no value");
    product.run(&["validate", "shop.deploy", "--var", "release=1.0.1"]).exits(0);
    assert!(product.wire.take().is_empty(), "validate makes no call");
    let plan = product.run(&["plan", "shop.deploy", "--var", "release=1.0.1"]).exits(0);
    plan.says("web: first release 1.0.1 on blue").says("Plan: 12 to create.");
    assert!(product.wire.take().iter().all(|call| is_read(call)));
}

#[tokio::test]
async fn the_shop_ships_three_releases_goes_back_retires_and_goes() {
    let product = Product::on_moto();
    let cloud = product.cloud().await;
    let before = everything(&cloud).await;
    write_example(&product, "shop.deploy");
    let apply = |release: &str| {
        let release = format!("release={release}");
        product.run(&["apply", "shop.deploy", "--auto-approve", "--var", &release]).exits(0)
    };
    apply("1.0.1").says("web: 1.0.1 is live on blue.");
    let second = "web: 1.0.1 on blue, live → 1.0.2 on green, blue_green 100%";
    apply("1.0.2")
        .says(second)
        .says("raise green to 2 instances of 1.0.2, as many as blue has; all healthy")
        .says("retire blue in 30m, by a scheduled action")
        .says("web: 1.0.2 is live on green. blue stands by until");
    product.run(&["rollback", "shop.deploy"]).exits(0).says("web: 1.0.1 is live on blue. green stands by");
    // It stands by, so that it is not raised again.
    apply("1.0.2").says("rollback 100% (it stands by)").says("web: 1.0.2 is live on green.");
    apply("1.0.3")
        .says("web: 1.0.2 on green, live → 1.0.3 on blue, blue_green 100%")
        .says("empty blue of 1.0.1, which is no way back from then on")
        .says("web: 1.0.3 is live on blue. green stands by until");
    product.run(&["retire", "--now", "shop.deploy"]).exits(0).says("web: green with 1.0.2 is emptied");
    apply("1.0.3").says("Nothing to do: the 12 resources of stack \"shop\" are as the stack says.");
    product
        .run(&["rollback", "shop.deploy", "--auto-approve"])
        .exits(0)
        .says("raise green to 2 instances of 1.0.2")
        .says("web: 1.0.2 is live on green. blue stands by");
    product.run(&["destroy", "shop.deploy", "--auto-approve"]).exits(0);
    assert_eq!(everything(&cloud).await, before);
    permitted(&product, "shop.deploy");
    apply("1.0.4").says("web: first release 1.0.4 on blue");
}

#[tokio::test]
async fn the_checkout_ships_behind_its_gates_until_there_is_no_way_back() {
    let checkout = Checkout::new().await;
    let cloud = checkout.product.cloud().await;
    let before = everything(&cloud).await;
    checkout.run("plan", "1.0.1").exits(0).says("Plan: 6 to create.");
    checkout
        .run("apply", "1.0.1")
        .exits(0)
        .says("gate \"smoke\" passed")
        .says("checkout: 1.0.1 is live on blue.");
    assert_eq!(checkout.migrations(), "expand 1.0.1 blue\n");

    // All traffic has moved, and the schema is not contracted yet: there is a way back.
    let second = checkout.promoted("1.0.2");
    checkout.type_in("retire", &["--now", "--deployment", "check"]).exits(2).says("did you mean `checkout`?");
    checkout.type_in("rollback", &[]).exits(0);
    second
        .end()
        .exits(5)
        .says("checkout: 1.0.2 was taken back; 1.0.1 on blue carries all traffic.")
        .says("checkout: 1.0.1 on blue, live → 1.0.2 on green, canary 5% → 25% → 50% → 100%")
        .says("gate expand schema (./migrate.sh expand)")
        .says("show green to requests with the preview's header")
        .says("gate contract schema (./migrate.sh contract; no way back once it has passed)");
    assert_eq!(checkout.weights().await, [100, 0]);
    assert_eq!(checkout.migrations(), "expand 1.0.1 blue\nexpand 1.0.2 green\n");

    // Again, and this time for good.
    let second = checkout.promoted("1.0.2");
    checkout.type_in("retire", &["--now"]).exits(0).says("has taken it, and");
    second.end().exits(0).says("gate \"contract schema\" passed").says("checkout: 1.0.2 is live on green.");
    assert_eq!(checkout.weights().await, [0, 100]);
    assert!(checkout.migrations().ends_with("expand 1.0.2 green\ncontract 1.0.2 green\n"));
    checkout.type_in("rollback", &[]).exits(1).says(
        "`checkout` cannot go back to 1.0.1: gate \"contract schema\" has passed, and it is irreversible",
    );
    assert_eq!(checkout.weights().await, [0, 100]);
    checkout.type_in("retire", &["--now"]).exits(0).says("blue is empty already");

    let third = checkout.promoted("1.0.3");
    checkout.type_in("promote", &[]).exits(0);
    third.end().exits(0).says("checkout: 1.0.3 is live on blue.");
    assert!(checkout.migrations().ends_with("expand 1.0.3 blue\ncontract 1.0.3 blue\n"));
    checkout.run("apply", "1.0.3").exits(0).says("Nothing to do");
    checkout.type_in("destroy", &["--auto-approve"]).exits(0).says("6 deleted");
    assert_eq!(everything(&cloud).await, before);
    permitted(&checkout.product, CHECKOUT);
}

#[tokio::test]
async fn the_checkouts_traffic_goes_back_when_cloudwatch_says_so() {
    let checkout = Checkout::new().await;
    let stays = "checkout: 1.0.2 was taken back; 1.0.1 on blue carries all traffic.";
    checkout.run("apply", "1.0.1").exits(0);

    // The new colour answers with more errors than the gate lets pass.
    let mut under = checkout.begin("1.0.2");
    under.until("green has 5% of the traffic");
    checkout.errors("green", 6.0).await;
    under
        .end()
        .exits(5)
        .says("gate \"new colour answers\" did not pass: the Sum of HTTPCode_Target_5XX_Count is 6, more than 5")
        .says(stays);

    let mut under = checkout.begin("1.0.2");
    under.until("green has 5% of the traffic");
    checkout.alarm("ALARM").await;
    under.end().exits(5).says("gate \"edge is calm\" did not pass: alarm `edge-5xx` is in ALARM").says(stays);

    let cloudwatch = checkout.product.cloud().await.cloudwatch;
    cloudwatch.delete_alarms().alarm_names("edge-5xx").send().await.unwrap();
    let missing = "gate \"edge is calm\" did not pass: there is no alarm `edge-5xx` in us-east-1";
    checkout.run("apply", "1.0.2").exits(5).says(missing).says(stays);
    assert_eq!(checkout.weights().await, [100, 0]);
    assert!(!checkout.migrations().contains("contract"));
}

/// The example, byte for byte but for the time that a load balancer of AWS may take to know a rule.
fn write_example(product: &Product, stack: &str) {
    product.copy_stack(stack);
    let text = std::fs::read_to_string(product.path(stack)).unwrap();
    let release = text.lines().find(|line| line.trim_start().starts_with("release ")).expect("a release");
    product.write(stack, &text.replace(release, &format!("{release}\n  settle = 1s")));
}

/// The checkout with what it finds in its account and folder.
struct Checkout {
    product: Product,
}

impl Checkout {
    async fn new() -> Self {
        let product = Product::on_moto();
        write_example(&product, CHECKOUT);
        let script = product
            .write("migrate.sh", "#!/bin/sh\necho \"$1 $BGFORM_RELEASE $BGFORM_COLOUR\" >> migrations\n");
        ended(std::process::Command::new("chmod").arg("+x").arg(script)).exits(0);
        let checkout = Self { product };
        checkout.run("plan", "1.0.1").exits(2).says("`existing load_balancer` must find one, and nothing");
        somebody_elses(&checkout.product.cloud().await).await;
        checkout.alarm("OK").await;
        checkout.answer();
        checkout
    }

    /// Nothing listens where moto says that the load balancer is: what answers stands in its place.
    fn answer(&self) {
        let wire = &self.product.wire;
        wire.record();
        self.run("plan", "1.0.1").exits(0);
        let listening = answering();
        let found = wire.recorded().into_iter().rev().find(|call| call.action == "DescribeLoadBalancers");
        let found = found.expect("it is looked for").answer;
        let found = found.replace("edge-1.us-east-1.elb.amazonaws.com", &listening);
        assert!(found.contains(&listening), "{found}");
        wire.fault_always("DescribeLoadBalancers", Fault::Answer(200, found));
    }

    fn arguments(release: &str) -> [String; 5] {
        ["apply", CHECKOUT, "--auto-approve", "--var", &format!("release={release}")].map(str::to_owned)
    }

    fn run(&self, command: &str, release: &str) -> Run {
        let mut arguments = Self::arguments(release).to_vec();
        command.clone_into(&mut arguments[0]);
        arguments.retain(|one| command == "apply" || one != "--auto-approve");
        self.product.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn begin(&self, release: &str) -> Under {
        let arguments = Self::arguments(release);
        self.product.begin(&arguments.each_ref().map(String::as_str))
    }

    /// Begins, and goes on at each share until all of the traffic has moved.
    #[track_caller]
    fn promoted(&self, release: &str) -> Under {
        let mut under = self.begin(release);
        for share in ["5%", "25%", "50%"] {
            under.until(&format!("has {share} of the traffic"));
            self.type_in("promote", &[]).exits(0);
        }
        under.until("has 100% of the traffic");
        let began = bgform::clock::monotonic();
        let holds = |line: &str| line.trim_start().starts_with("step ") && line.contains(": hold 1h, ");
        while !self.type_in("status", &[]).exits(0).out.lines().any(holds) {
            let waited = bgform::clock::monotonic().saturating_sub(began);
            assert!(waited < std::time::Duration::from_secs(60), "{}", under.said());
        }
        under
    }

    /// A command without any variable.
    fn type_in(&self, command: &str, more: &[&str]) -> Run {
        self.product.run(&[&[command, CHECKOUT], more].concat())
    }

    fn migrations(&self) -> String {
        std::fs::read_to_string(self.product.path("migrations")).unwrap_or_default()
    }

    async fn alarm(&self, state: &str) {
        let cloudwatch = self.product.cloud().await.cloudwatch;
        let put = cloudwatch.put_metric_alarm().alarm_name("edge-5xx").namespace("AWS/ApplicationELB");
        let put = put.metric_name("HTTPCode_ELB_5XX_Count").statistic("Sum".into()).period(60);
        let put = put.evaluation_periods(1).threshold(5.0).comparison_operator("GreaterThanThreshold".into());
        put.send().await.unwrap();
        let set = cloudwatch.set_alarm_state().alarm_name("edge-5xx").state_value(state.into());
        set.state_reason("a test says so").send().await.unwrap();
    }

    /// So many 5xx of a colour's targets, now.
    async fn errors(&self, colour: &str, count: f64) {
        use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
        let cloud = self.product.cloud().await;
        let balancers = cloud.elbv2.describe_load_balancers().send().await.unwrap();
        let balancer = balancers.load_balancers()[0].load_balancer_arn().unwrap();
        let group = self.group(colour);
        let dimension = |name: &str, arn: &str, from: &str| {
            let suffix = &arn[arn.find(from).unwrap()..];
            Dimension::builder().name(name).value(suffix.trim_start_matches("loadbalancer/")).build()
        };
        let datum = MetricDatum::builder().metric_name("HTTPCode_Target_5XX_Count").value(count);
        let datum = datum.dimensions(dimension("LoadBalancer", balancer, "loadbalancer/"));
        let datum = datum.dimensions(dimension("TargetGroup", &group, "targetgroup/"));
        let put = cloud.cloudwatch.put_metric_data().namespace("AWS/ApplicationELB");
        put.metric_data(datum.build()).send().await.unwrap();
    }

    /// The ARN of a colour's target group.
    fn group(&self, colour: &str) -> String {
        self.id(&format!("target_group.checkout[\"{colour}\"]"))
    }

    fn id(&self, address: &str) -> String {
        let shown = self.type_in("show", &["--json"]).exits(0).out;
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let all = shown["resources"].as_array().unwrap();
        let found = all.iter().find(|one| one["address"] == address).and_then(|one| one["id"].as_str());
        found.unwrap_or_else(|| panic!("{address} in {shown:#}")).to_owned()
    }

    /// The weights that the rule has, blue's first.
    async fn weights(&self) -> [i32; 2] {
        let rule = self.id("listener_rule.checkout");
        let rules = self.product.cloud().await.elbv2.describe_rules().rule_arns(rule).send().await.unwrap();
        let forward = rules.rules()[0].actions()[0].forward_config().unwrap();
        ["blue", "green"].map(|colour| {
            let arn = self.group(colour);
            let of = forward.target_groups().iter().find(|one| one.target_group_arn() == Some(&arn));
            of.and_then(|one| one.weight()).unwrap()
        })
    }
}

/// Every call that was made is one that `bgform permissions` allows.
#[track_caller]
fn permitted(product: &Product, stack: &str) {
    let called: BTreeSet<String> = product.wire.take().into_iter().collect();
    let policy = product.run(&["permissions", stack, "--var", "release=1.0.1", "--json"]).exits(0).out;
    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let actions = statements.iter().flat_map(|one| one["Action"].as_array().unwrap());
    let allowed: BTreeSet<&str> =
        actions.filter_map(|action| action.as_str().unwrap().split(':').nth(1)).collect();
    let others: Vec<&String> = called.iter().filter(|call| !allowed.contains(call.as_str())).collect();
    assert!(others.is_empty() && called.contains("ModifyRule"), "{others:?} of {called:?}");
}

/// What the checkout finds there: a load balancer with a listener, and images with tags.
async fn somebody_elses(cloud: &Cloud) {
    let subnets = cloud.ec2.describe_subnets().send().await.unwrap();
    let subnets =
        subnets.subnets().iter().take(2).map(|subnet| subnet.subnet_id().unwrap().to_owned()).collect();
    let edge =
        cloud.elbv2.create_load_balancer().name("edge").set_subnets(Some(subnets)).send().await.unwrap();
    let edge = edge.load_balancers()[0].load_balancer_arn().unwrap().to_owned();
    let answer = aws_sdk_elasticloadbalancingv2::types::Action::builder()
        .r#type("fixed-response".into())
        .fixed_response_config(
            aws_sdk_elasticloadbalancingv2::types::FixedResponseActionConfig::builder()
                .status_code("404")
                .content_type("text/plain")
                .build(),
        )
        .build();
    let listener = cloud.elbv2.create_listener().load_balancer_arn(&edge).port(80).protocol("HTTP".into());
    listener.default_actions(answer).send().await.unwrap();

    let base = cloud.ec2.describe_images().owners("amazon").send().await.unwrap();
    let base = base.images()[0].image_id().unwrap().to_owned();
    let instance = cloud.ec2.run_instances().image_id(base).min_count(1).max_count(1).send().await.unwrap();
    let instance = instance.instances()[0].instance_id().unwrap().to_owned();
    let tag = |key: &str, value: &str| aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
    for release in ["1.0.1", "1.0.2", "1.0.3"] {
        let image = cloud.ec2.create_image().instance_id(&instance).name(format!("checkout-{release}"));
        let image = image.send().await.unwrap();
        let tagging = cloud.ec2.create_tags().resources(image.image_id().unwrap());
        tagging.tags(tag("app", "checkout")).tags(tag("release", release)).send().await.unwrap();
    }
}

/// The address of what answers every request with 200, for as long as the test runs.
fn answering() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    address
}
