//! Deployments whose names begin alike, and a rule called as if it were one of theirs.

use serde_json::Value;

use crate::kit::product::{Product, Run};
use crate::moto::deployment::SERVICE;

/// A rule that is no deployment's.
const PAGES: &str = r#"
listener_rule "web-pages" {
  listener = listener.http
  priority = 30

  condition {
    path_pattern = ["/pages/*"]
  }

  action "fixed_response" {
    status_code = 404
  }
}
"#;

/// What comes before the first deployment, and the deployment.
fn halves() -> (&'static str, &'static str) {
    SERVICE.split_at(SERVICE.find("deployment").unwrap())
}

/// `web` with a rule labelled `api-v2`.
fn web() -> String {
    halves().1.replace("  listener_rule {", "  listener_rule \"api-v2\" {")
}

fn web_api() -> String {
    let text = halves().1.replace("\"web\"", "\"web-api\"").replace("priority = 10", "priority = 20");
    text.replace("var.release", "var.api")
}

fn stack(deployments: &[String]) -> String {
    let variable = "\nvariable \"api\" {\n  type    = string\n  default = \"1.0\"\n}\n";
    format!("{}{variable}{PAGES}{}", halves().0, deployments.join("\n"))
}

#[test]
fn deployments_whose_names_begin_alike_keep_out_of_each_others_way() {
    let product = Product::on_moto();
    product.write("service.deploy", &stack(&[web(), web_api()]));
    let run = |command: &str, more: &[&str]| -> Run {
        let given = ["service.deploy", "--var", "release=1.0", "--auto-approve"];
        product.run(&[&[command], given.as_slice(), more].concat())
    };
    run("apply", &[]).exits(0).says("web: 1.0 is live on blue.").says("web-api: 1.0 is live on blue.");
    run("apply", &[]).exits(0).says("Nothing to do");
    let second = run("apply", &["--var", "api=2.0"]).exits(0).says("web-api: 2.0 is live on green.");
    for other in ["web: ", "listener_rule.web-api-v2", "listener_rule.web-pages"] {
        assert!(!format!("{}{}", second.out, second.err).contains(other), "{other}: {}", second.out);
    }
    let rollback = ["rollback", "service.deploy", "--deployment", "web-api"];
    product.wire.take();
    product.run(&rollback).exits(0).says("web-api: 1.0 is live on blue.");
    let moved = product.wire.take().into_iter().filter(|call| call == "ModifyRule").count();
    assert_eq!(moved, 1);
    run("apply", &[]).exits(0).says("Nothing to do");

    // One goes, with its facts; the other and the rule beside them stay.
    product.write("service.deploy", &stack(&[web_api()]));
    run("apply", &["--allow-outage"]).exits(0).says("6 deleted");
    let state = std::fs::read_to_string(product.path("state/service/snapshot.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    let known: Vec<_> = state["deployments"].as_object().unwrap().keys().collect();
    assert_eq!(known, ["web-api"], "{state:#}");
    assert!(state.to_string().contains("listener_rule.web-pages"));
    run("apply", &[]).exits(0).says("Nothing to do");
    run("destroy", &[]).exits(0);
}

/// A name that would be mixed up is refused before anything is called.
#[test]
fn what_would_be_taken_for_a_preview_is_refused() {
    let product = Product::alone();
    let validate = |text: &str| {
        product.write("service.deploy", text);
        product.run(&["validate", "service.deploy", "--var", "release=1.0"])
    };
    let labelled = |label: &str| web().replace("\"api-v2\"", &format!("\"{label}\""));
    for label in ["preview", "api-preview"] {
        let said = format!("a rule called `{label}` would be taken for a preview");
        validate(&stack(&[labelled(label)])).exits(2).says(&said);
    }
    // The two would share an address.
    validate(&stack(&[labelled("api"), web_api()]))
        .exits(2)
        .says("listener_rule `web-api` is declared twice");
    let previewed = |text: &str| {
        text.replace(
            "  strategy",
            "  preview {\n    header = { \"X-Preview\" = \"next\" }\n  }\n\n  strategy",
        )
    };
    let plain = halves().1.to_owned();
    let called_preview = web_api().replace("\"web-api\"", "\"web-preview\"");
    validate(&stack(&[plain.clone(), called_preview.clone()])).exits(0);
    validate(&stack(&[previewed(&plain), called_preview]))
        .exits(2)
        .says("`listener_rule.web-preview` is what the preview of `listener_rule.web` is called");
}
