//! Changes that AWS does not make in place: a new resource, or refused with the reason before anything is changed.

use crate::kit::product::Product;
use crate::kit::wire::is_read;

const APPLY: &[&str] = &["apply", "--auto-approve"];
const SAME: &[&str] = &["plan", "--detailed-exitcode"];

const GROUND: &str = r#"
stack "s" {
  region = "us-east-1"
}

existing vpc "main" {
  default = true
}

existing subnets "all" {
  vpc = vpc.main
}

security_group "edge" {
  vpc         = vpc.main
  description = "edge"
}
"#;

fn balancer(kind: &str, more: &str) -> String {
    format!(
        "{GROUND}\nload_balancer \"edge\" {{\n  type    = \"{kind}\"\n  subnets = subnets.all\n{more}}}\n"
    )
}

const GROUPS: &str = "  security_groups = [security_group.edge]\n";

/// API_SetSecurityGroups, and the Network Load Balancers guide.
#[test]
fn a_network_load_balancer_is_made_anew_for_its_first_security_group_and_without_its_last() {
    let product = Product::on_sandbox(&[]);
    for (more, done) in [("", "2 to create"), (GROUPS, "1 to replace"), ("", "1 to replace")] {
        product.write("s.deploy", &balancer("network", more));
        product.run(APPLY).exits(0).says(done);
        product.run(SAME).exits(0);
    }
    let more = ["  secondary_ips_per_subnet = 2\n", "  secondary_ips_per_subnet = 1\n"];
    product.write("s.deploy", &balancer("network", more[0]));
    product.run(APPLY).exits(0).says("1 to update");
    product.write("s.deploy", &balancer("network", more[1]));
    product.run(APPLY).exits(0).says("1 to replace");
    product.run(SAME).exits(0);
}

#[test]
fn an_application_load_balancer_keeps_a_security_group() {
    let product = Product::on_sandbox(&[]);
    product.write("s.deploy", &balancer("application", GROUPS));
    product.run(APPLY).exits(0);
    product.write("s.deploy", &balancer("application", ""));
    product.wire.take();
    product.run(APPLY).exits(1).says("always has a security group").says("write the security groups");
    assert!(product.wire.take().iter().all(|call| is_read(call)));
}

/// [model] TargetGroupAttribute: what is taken away goes back to what AWS makes of such a group.
#[test]
fn settings_of_a_target_group_that_are_taken_away_go_back() {
    let product = Product::on_sandbox(&[]);
    let text = |more: &str| {
        format!(
            "{GROUND}\ntarget_group \"web\" {{\n  vpc      = vpc.main\n  port     = 80\n  protocol = \"TCP\"\n{more}}}\n"
        )
    };
    let own = "  preserve_client_ip               = false\n  connection_termination           = true\n  \
               unhealthy_connection_termination = false\n  unhealthy_draining_interval      = 1m\n";
    let live = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut live: Vec<(String, String)> = runtime.block_on(async {
            let elbv2 = product.cloud().await.elbv2;
            let groups = elbv2.describe_target_groups().send().await.expect("groups");
            let arn = groups.target_groups()[0].target_group_arn().expect("an ARN");
            let all = elbv2.describe_target_group_attributes().target_group_arn(arn).send().await;
            let all = all.expect("attributes");
            let pairs = all
                .attributes()
                .iter()
                .filter_map(|one| Some((one.key()?.to_owned(), one.value()?.to_owned())));
            pairs.collect()
        });
        live.sort();
        live
    };
    product.write("s.deploy", &text(""));
    product.run(APPLY).exits(0);
    let before = live();
    product.write("s.deploy", &text(own));
    product.run(APPLY).exits(0);
    assert_ne!(live(), before);
    product.write("s.deploy", &text("  unhealthy_connection_termination = false\n"));
    product.run(APPLY).exits(0);
    product.write("s.deploy", &text(""));
    product.run(APPLY).exits(0);
    product.run(SAME).exits(0);
    assert_eq!(live(), before);
}

/// Network Load Balancers guide, availability-zones: subnets come and go, and another one of the same zone comes once
/// the first has gone.
#[test]
fn subnets_of_a_network_load_balancer_come_and_go_while_one_stays() {
    let product = Product::on_sandbox(&[]);
    let of =
        |subnets: &str| format!("{GROUND}\nload_balancer \"edge\" {{\n  type = \"network\"\n{subnets}}}\n");
    let mapped = |number: u32| format!("  subnet_mapping {{\n    subnet = subnets.all[{number}]\n  }}\n");
    for (subnets, done) in [
        ("  subnets = [subnets.all[0]]\n".to_owned(), "2 to create"),
        ("  subnets = [subnets.all[0], subnets.all[1]]\n".to_owned(), "1 to update"),
        ("  subnets = [subnets.all[1]]\n".to_owned(), "1 to update"),
        ("  subnets = [subnets.all[0]]\n".to_owned(), "1 to replace"),
        (mapped(0), "1 to update"),
        (format!("{}{}", mapped(0), mapped(1)), "1 to update"),
        (mapped(1), "1 to update"),
        (mapped(0), "1 to replace"),
    ] {
        product.write("s.deploy", &of(&subnets));
        product.run(APPLY).exits(0).says(done);
        product.run(SAME).exits(0);
    }
}

/// [model] ModifyLoadBalancerAttributesInput.
#[test]
fn more_attributes_than_one_call_takes_are_set_by_two() {
    let product = Product::on_sandbox(&[]);
    let flags = [
        "deletion_protection",
        "deny_all_igw_traffic",
        "zonal_shift",
        "http2",
        "drop_invalid_header_fields",
        "preserve_host_header",
        "tls_headers",
        "xff_client_port",
        "waf_fail_open",
    ];
    let flags: String = flags.iter().map(|name| format!("  {name} = false\n")).collect();
    let logs = ["access_logs", "connection_logs", "health_check_logs"];
    let logs: String = logs
        .iter()
        .map(|name| format!("  {name} {{\n    bucket = \"b\"\n    prefix = \"p\"\n  }}\n"))
        .collect();
    let rest = "  idle_timeout           = 90s\n  client_keep_alive      = 2h\n  desync_mitigation_mode = \"monitor\"\n  \
                xff_header_processing  = \"append\"\n";
    product.write("s.deploy", &balancer("application", &format!("{flags}{logs}{rest}")));
    product.run(APPLY).exits(0);
    assert_eq!(product.wire.count("ModifyLoadBalancerAttributes"), 2);
    product.run(SAME).exits(0);
}

/// API_ModifyListener: what is left out stays as it is.
#[test]
fn a_security_policy_that_is_taken_away_stays_as_it_is() {
    let product = Product::on_sandbox(&[]);
    let of = |policy: &str| {
        balancer("application", GROUPS)
            + &format!(
                "\nlistener \"web\" {{\n  load_balancer = load_balancer.edge\n  port          = 443\n  protocol      = \
                 \"HTTPS\"\n  certificates  = [\"arn:aws:acm:us-east-1:123456789012:certificate/x\"]\n{policy}\n  \
                 default_action \"fixed_response\" {{\n    status_code = 404\n  }}\n}}\n"
            )
    };
    product.write("s.deploy", &of("  ssl_policy    = \"ELBSecurityPolicy-TLS13-1-2-2021-06\"\n"));
    product.run(APPLY).exits(0);
    product.write("s.deploy", &of(""));
    product.run(APPLY).exits(0);
    product.run(SAME).exits(0);
}
