//! A `listener` block in a deployment: each mistake is one diagnostic that says what to write, and on moto
//! what the listener does by default follows each release.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kit::product::Product;
use crate::moto::deployment::Service;
use crate::moto::lifecycle::everything;

const STACK: &str = include_str!("../../../stacks/tcp.deploy");
const OWN: &str = "listener \"tcp\" {\n  load_balancer = load_balancer.edge\n  port          = 80\n  protocol      = \"TCP\"\n}\n";
const BLOCK: &str = "  listener {\n    listener = listener.tcp\n  }\n";

/// What `validate` says of the example with these changes.
#[track_caller]
fn refused(product: &Product, changes: &[(&str, &str)]) -> String {
    let text = changes.iter().fold(STACK.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    product.write("tcp.deploy", &text);
    let said = product.run(&["validate", "tcp.deploy", "--var", "release=1.0"]).exits(2).err;
    assert!(said.contains("1 mistake in"), "{said}");
    said
}

#[test]
fn the_example_is_valid() {
    let product = Product::alone();
    product.copy_stack("tcp.deploy");
    product.run(&["validate", "tcp.deploy", "--var", "release=1.0"]).exits(0);
    product.run(&["fmt", "--check", "tcp.deploy"]).exits(0);
}

#[test]
fn traffic_comes_by_one_router_at_least() {
    let product = Product::alone();
    insta::assert_snapshot!(refused(&product, &[(OWN, ""), (BLOCK, "")]), @r##"
    bgform::lang::missing_block

      × `deployment` needs a `listener_rule` or a `listener` block
        ╭─[tcp.deploy:32:12]
     31 │ 
     32 │ deployment "web" {
        ·            ──┬──
        ·              ╰── nothing sends it traffic
     33 │   release = var.release
        ╰────
      help: write listener_rule { listener = listener.http ... } for some of a listener's requests, or
            listener { listener = listener.http } for all that no rule is for; only that one suits a
            Network Load Balancer

    1 mistake in the stack; no API call was made
    "##);
}

#[test]
fn a_misspelt_router_is_told_beside_another_too() {
    let product = Product::alone();
    let rule = "  listener_rule {\n    listener = listener.http\n    priority = 10\n    condition {\n      path_pattern = \
                [\"/*\"]\n    }\n  }\n";
    for (others, written, meant) in [
        ("", "  listner {", "listener"),
        (rule, "  listner {", "listener"),
        (BLOCK, "  listener_rul {", "listener_rule"),
    ] {
        let block = BLOCK.replace("  listener {", written);
        let forward =
            "\"TCP\"\n\n  default_action \"forward\" {\n    group = target_group.web[\"blue\"]\n  }\n}\n";
        let own = if others == BLOCK { OWN.to_owned() } else { OWN.replace("\"TCP\"\n}\n", forward) };
        let own = format!("{own}existing listener \"http\" {{\n  id = \"arn:aws:x\"\n}}\n");
        let said = refused(&product, &[(OWN, &own), (BLOCK, &format!("{others}\n{block}"))]);
        assert!(said.contains(&format!("did you mean `{meant}`?")), "{said}");
    }
}

#[test]
fn the_listener_leaves_its_default_action_to_the_deployment() {
    let product = Product::alone();
    let written = "\"TCP\"\n\n  default_action \"forward\" {\n    group = target_group.web[\"blue\"]\n  }\n}\n\ndeployment";
    insta::assert_snapshot!(refused(&product, &[("\"TCP\"\n}\n\ndeployment", written)]), @r##"
    bgform::lang::not_here

      × deployment "web" sets `default_action` of `listener.tcp` itself
        ╭─[tcp.deploy:36:3]
     35 │ 
     36 │   default_action "forward" {
        ·   ───────┬──────
        ·          ╰── leave this out
     37 │     group = target_group.web["blue"]
     38 │   }
     39 │ }
     40 │ 
     41 │ deployment "web" {
     42 │   release = var.release
     43 │ 
     44 │   launch_template {
     45 │     image         = image.hello
     46 │     instance_type = "t3.micro"
     47 │     user_data     = "#!/bin/sh\necho ${var.release} > release\n"
     48 │   }
     49 │ 
     50 │   autoscaling_group {
     51 │     subnets  = subnets.all
     52 │     min_size = 2
     53 │     max_size = 6
     54 │   }
     55 │ 
     56 │   # A network load balancer's targets are checked by TCP unless another protocol is written.
     57 │   target_group {
     58 │     vpc      = vpc.main
     59 │     port     = 8080
     60 │     protocol = "TCP"
     61 │ 
     62 │     health_check {
     63 │       protocol            = "HTTP"
     64 │       path                = "/healthz"
     65 │       interval            = 5s
     66 │       timeout             = 2s
     67 │       healthy_threshold   = 2
     68 │       unhealthy_threshold = 2
     69 │     }
     70 │   }
     71 │ 
     72 │   listener {
     73 │     listener = listener.tcp
        ·                ──────┬─────
        ·                      ╰── the deployment takes it here
     74 │   }
        ╰────
      help: it forwards to both colours, by weights that each release moves

    1 mistake in the stack; no API call was made
    "##);
    let nested = "    listener = listener.tcp\n\n    default_action \"forward\" {}\n";
    insta::assert_snapshot!(refused(&product, &[("    listener = listener.tcp\n", nested)]), @r##"
    bgform::lang::not_here

      × a deployment forwards to its colours itself
        ╭─[tcp.deploy:71:5]
     70 │ 
     71 │     default_action "forward" {}
        ·     ───────┬──────
        ·            ╰── leave this out
     72 │   }
        ╰────
      help: leave it out: the listener's default action is the deployment's

    1 mistake in the stack; no API call was made
    "##);
}

#[test]
fn the_listener_is_one_of_this_stack() {
    let product = Product::alone();
    let with = |other: &str| refused(&product, &[(OWN, ""), (BLOCK, &BLOCK.replace("listener.tcp", other))]);
    insta::assert_snapshot!(with("\"arn:aws:elasticloadbalancing:us-east-1:1:listener/net/edge/1/2\""), @r##"
    bgform::lang::wrong_type

      × a deployment takes a `listener` of this stack, by its name
        ╭─[tcp.deploy:64:16]
     63 │   listener {
     64 │     listener = "arn:aws:elasticloadbalancing:us-east-1:1:listener/net/edge/1/2"
        ·                ────────────────────────────────┬───────────────────────────────
        ·                                                ╰── this names none
     65 │   }
        ╰────
      help: write listener = listener.NAME, the name of a `listener` of this stack; behind one that is
            not this stack's, write a `listener_rule`

    1 mistake in the stack; no API call was made
    "##);
    insta::assert_snapshot!(with("listener.tpc"), @r##"
    bgform::lang::not_declared

      × this stack has no `listener.tpc`
        ╭─[tcp.deploy:64:16]
     63 │   listener {
     64 │     listener = listener.tpc
        ·                ──────┬─────
        ·                      ╰── not declared
     65 │   }
        ╰────
      help: add it: listener "tpc" { ... } with load_balancer, port and protocol

    1 mistake in the stack; no API call was made
    "##);
    let forward =
        "\"TCP\"\n\n  default_action \"forward\" {\n    group = target_group.web[\"blue\"]\n  }\n}\n";
    let (whole, other) =
        (OWN.replace("\"TCP\"\n}\n", forward), BLOCK.replace("listener.tcp", "listener.tpc"));
    insta::assert_snapshot!(refused(&product, &[(OWN, &whole), (BLOCK, &other)]), @r##"
    bgform::lang::not_declared

      × this stack has no `listener.tpc`
        ╭─[tcp.deploy:73:16]
     72 │   listener {
     73 │     listener = listener.tpc
        ·                ──────┬─────
        ·                      ╰── not declared
     74 │   }
        ╰────
      help: did you mean `listener.tcp`?

    1 mistake in the stack; no API call was made
    "##);
    let read = "existing listener \"tcp\" {\n  load_balancer = load_balancer.edge\n  port          = 80\n}\n";
    insta::assert_snapshot!(refused(&product, &[(OWN, read)]), @r##"
    bgform::lang::not_here

      × `listener.tcp` is not this stack's: it is read and never changed
        ╭─[tcp.deploy:31:19]
     30 │ 
     31 │ existing listener "tcp" {
        ·                   ──┬──
        ·                     ╰── it is read here
     32 │   load_balancer = load_balancer.edge
        ╰────
        ╭─[tcp.deploy:68:16]
     67 │   listener {
     68 │     listener = listener.tcp
        ·                ──────┬─────
        ·                      ╰── every release of `web` would change its default action
     69 │   }
        ╰────
      help: write a rule in the deployment instead: listener_rule { listener = listener.tcp ... }; or
            take the listener into the stack: listener "tcp" { ... }, and bgform import listener.tcp
            ARN

    1 mistake in the stack; no API call was made
    "##);
}

#[test]
fn a_listener_is_of_one_deployment() {
    let product = Product::alone();
    let (_, deployment) = STACK.split_at(STACK.find("deployment \"web\"").unwrap());
    let (deployment, _) = deployment.split_at(deployment.find("output").unwrap());
    let second = format!("{}output", deployment.replace("\"web\"", "\"api\""));
    insta::assert_snapshot!(refused(&product, &[("output", &second)]), @r##"
    bgform::lang::duplicate

      × deployments "web" and "api" both take the default action of `listener.tcp`
         ╭─[tcp.deploy:69:16]
      68 │   listener {
      69 │     listener = listener.tcp
         ·                ──────┬─────
         ·                      ╰── first here
      70 │   }
      71 │ 
      72 │   strategy "canary" {
      73 │     steps        = [5%, 25%]
      74 │     interval     = 10m
      75 │     retire_after = 1h
      76 │   }
      77 │ }
      78 │ 
      79 │ deployment "api" {
      80 │   release = var.release
      81 │ 
      82 │   launch_template {
      83 │     image         = image.hello
      84 │     instance_type = "t3.micro"
      85 │     user_data     = "#!/bin/sh\necho ${var.release} > release\n"
      86 │   }
      87 │ 
      88 │   autoscaling_group {
      89 │     subnets  = subnets.all
      90 │     min_size = 2
      91 │     max_size = 6
      92 │   }
      93 │ 
      94 │   # A network load balancer's targets are checked by TCP unless another protocol is written.
      95 │   target_group {
      96 │     vpc      = vpc.main
      97 │     port     = 8080
      98 │     protocol = "TCP"
      99 │ 
     100 │     health_check {
     101 │       protocol            = "HTTP"
     102 │       path                = "/healthz"
     103 │       interval            = 5s
     104 │       timeout             = 2s
     105 │       healthy_threshold   = 2
     106 │       unhealthy_threshold = 2
     107 │     }
     108 │   }
     109 │ 
     110 │   listener {
     111 │     listener = listener.tcp
         ·                ──────┬─────
         ·                      ╰── again here
     112 │   }
         ╰────
      help: a listener has one default action: write a `listener_rule` in "api", or give it a
            `listener` of its own, at another port

    1 mistake in the stack; no API call was made
    "##);
    insta::assert_snapshot!(refused(&product, &[(BLOCK, &format!("{BLOCK}\n{BLOCK}"))]), @r##"
    bgform::lang::duplicate

      × deployment "web" names `listener.tcp` twice
        ╭─[tcp.deploy:69:16]
     68 │   listener {
     69 │     listener = listener.tcp
        ·                ──────┬─────
        ·                      ╰── first here
     70 │   }
     71 │ 
     72 │   listener {
     73 │     listener = listener.tcp
        ·                ──────┬─────
        ·                      ╰── again here
     74 │   }
        ╰────
      help: leave one of them out

    1 mistake in the stack; no API call was made
    "##);
}

#[test]
fn nothing_previews_what_reads_no_headers() {
    let product = Product::alone();
    let preview = "  preview {\n    header = { \"X-Preview\" = \"next\" }\n  }\n\n  strategy";
    insta::assert_snapshot!(refused(&product, &[("  strategy", preview)]), @r##"
    bgform::lang::does_not_fit

      × a listener that speaks TCP reads no headers, so that none can send a request to the new colour
        ╭─[tcp.deploy:31:10]
     30 │ 
     31 │ listener "tcp" {
        ·          ──┬──
        ·            ╰── `listener.tcp` divides the traffic
     32 │   load_balancer = load_balancer.edge
        ╰────
        ╭─[tcp.deploy:72:3]
     71 │ 
     72 │   preview {
        ·   ───┬───
        ·      ╰── this cannot be
     73 │     header = { "X-Preview" = "next" }
        ╰────
      help: take `preview` away and let a gate ask the instances (`remote`), or ship behind a
            `listener_rule` of an Application Load Balancer

    1 mistake in the stack; no API call was made
    "##);
}

#[test]
fn the_target_group_speaks_what_the_listener_forwards() {
    let product = Product::alone();
    let http = [(
        "protocol = \"TCP\"\n\n    health_check {\n      protocol            = \"HTTP\"\n",
        "protocol = \"HTTP\"\n\n    health_check {\n",
    )];
    insta::assert_snapshot!(refused(&product, &http), @r##"
    bgform::lang::does_not_fit

      × a listener that speaks TCP forwards to no target group that speaks HTTP
        ╭─[tcp.deploy:67:3]
     66 │ 
     67 │   listener {
        ·   ────┬───
        ·       ╰── this
     68 │     listener = listener.tcp
        ╰────
      help: write protocol = "TCP" or "TCP_UDP" in the target group

    1 mistake in the stack; no API call was made
    "##);
}

/// The service behind what its listener does by default, in place of a rule.
const BY_DEFAULT: [(&str, &str); 2] = [
    ("\n  default_action \"fixed_response\" {\n    status_code = 404\n  }\n", ""),
    (
        "  listener_rule {\n    listener = listener.http\n    priority = 10\n\n    condition {\n      path_pattern = \
         [\"/*\"]\n    }\n  }\n",
        "  listener {\n    listener = listener.http\n  }\n",
    ),
];

/// The weights that the listener has, blue's first.
async fn weights(service: &Service) -> [i32; 2] {
    let listener = service.id("listener.http");
    let listeners = service.cloud().await.elbv2.describe_listeners().listener_arns(listener);
    let listeners = listeners.send().await.unwrap();
    let forward = listeners.listeners()[0].default_actions()[0].forward_config().unwrap();
    ["blue", "green"].map(|colour| {
        let arn = service.id(&format!("target_group.web[\"{colour}\"]"));
        let of = forward.target_groups().iter().find(|one| one.target_group_arn() == Some(&arn));
        of.and_then(|one| one.weight()).unwrap()
    })
}

#[tokio::test]
async fn what_a_listener_does_by_default_follows_each_release() {
    let service = Service::new();
    let product = &service.product;
    let before = everything(&service.cloud().await).await;
    service.says(&BY_DEFAULT);
    let planned = service.run("plan", "1.0", &["--json"]).exits(0).out;
    let planned: Value = serde_json::from_str(&planned).unwrap();
    assert!(planned.to_string().contains("\"listener.http\""), "{planned:#}");
    service.ships("1.0").says("web: 1.0 is live on blue.");
    assert_eq!(weights(&service).await, [100, 0]);
    service.ships("1.0").says("Nothing to do");
    product.wire.take();
    service.ships("2.0").says("web: 2.0 is live on green.");
    let calls = product.wire.take();
    assert_eq!(calls.iter().filter(|call| *call == "ModifyListener").count(), 1, "{calls:?}");
    assert_eq!(weights(&service).await, [0, 100]);
    product.run(&["rollback", "service.deploy", "--auto-approve"]).exits(0).says("web: 1.0 is live on blue.");
    assert_eq!(weights(&service).await, [100, 0]);
    service.run("apply", "2.0", &[]).exits(0);
    product.run(&["status", "service.deploy"]).exits(0).says("2.0 on green, live");
    let graph = product.run(&["graph", "service.deploy", "--var", "release=2.0"]).exits(0).out;
    assert!(graph.contains("listener.http"), "{graph}");

    // Without its deployment the listener is the author's again, and the colours go.
    let text = std::fs::read_to_string(product.path("service.deploy")).unwrap();
    let (ground, _) = text.split_once("deployment \"web\"").unwrap();
    let port = "  protocol      = \"HTTP\"\n";
    let own = format!("{port}\n  default_action \"fixed_response\" {{\n    status_code = 404\n  }}\n");
    product.write("service.deploy", &ground.replace(port, &own));
    service.run("apply", "2.0", &[]).exits(0).says("updated listener.http");
    service.run("apply", "2.0", &[]).exits(0).says("Nothing to do");
    service.run("destroy", "2.0", &[]).exits(0);
    assert_eq!(everything(&service.cloud().await).await, before);
}

#[tokio::test]
async fn traffic_goes_from_a_rule_to_the_default_action_and_back_without_a_gap() {
    let service = Service::new();
    service.ships("1.0");
    service.product.wire.take();
    service.says(&BY_DEFAULT);
    service.ships("1.0");
    let calls = service.product.wire.take();
    let at =
        |action: &str| calls.iter().position(|call| call == action).unwrap_or_else(|| panic!("{calls:?}"));
    assert!(at("ModifyListener") < at("DeleteRule"), "{calls:?}");
    assert_eq!(weights(&service).await, [100, 0]);
    service.ships("2.0").says("web: 2.0 is live on green.");
    assert_eq!(weights(&service).await, [0, 100]);
    // Back the other way a rule comes after its listener, so that both are written in between.
    let both = format!("{}\n{}", BY_DEFAULT[1].0, BY_DEFAULT[1].1);
    service.says(&[BY_DEFAULT[0], (BY_DEFAULT[1].0, &both)]);
    service.ships("2.0").says("created listener_rule.web");
    assert_eq!((service.weights().await, weights(&service).await), ([0, 100], [0, 100]));
    service.ships("3.0").says("web: 3.0 is live on blue.");
    assert_eq!((service.weights().await, weights(&service).await), ([100, 0], [100, 0]));
    service.says(&[]);
    service.ships("3.0").says("updated listener.http");
    assert_eq!(service.weights().await, [100, 0]);
    service.run("destroy", "3.0", &[]).exits(0);
}

#[test]
fn permissions_of_a_listener_are_those_of_its_calls_and_a_previews_are_a_rules() {
    let product = Product::alone();
    let allowed = |text: &str| -> BTreeSet<String> {
        product.write("tcp.deploy", text);
        let policy =
            product.run(&["permissions", "tcp.deploy", "--var", "release=1.0", "--json"]).exits(0).out;
        let policy: Value = serde_json::from_str(&policy).unwrap();
        let statements = policy["Statement"].as_array().unwrap().iter();
        let actions = statements.flat_map(|one| one["Action"].as_array().unwrap());
        actions.map(|action| action.as_str().unwrap().to_owned()).collect()
    };
    let plain = allowed(STACK);
    assert!(plain.contains("elasticloadbalancing:ModifyListener"), "{plain:?}");
    assert!(!plain.contains("elasticloadbalancing:CreateRule"), "{plain:?}");
    let previewed = STACK
        .replace("\"network\"", "\"application\"")
        .replace("\"TCP\"", "\"HTTP\"")
        .replace("  strategy", "  preview {\n    header = { \"X-Preview\" = \"next\" }\n  }\n\n  strategy");
    let previewed = allowed(&previewed);
    assert!(previewed.contains("elasticloadbalancing:CreateRule"), "{previewed:?}");
}
