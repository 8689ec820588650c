//! Rollouts of a `deployment` under real traffic, shipped, failed, cut short and gone back from.

use bgform::rollout::mailbox::{Mailbox, Message};
use bgform::state::Store;

use crate::kit::load::{Load, Tally, get};
use crate::kit::product::{Product, Run, Under};

mod adopted;
mod anytime;
mod asked;
mod by_hand;
mod clocks;
mod commands;
mod cut_short;
mod deleted;
mod ecs;
mod ends;
mod expired;
mod failing;
mod gone;
mod listener;
mod losses;
mod lost;
mod one_colour;
mod services;
mod shipping;
mod together;
mod told;

/// One load balancer, one listener; the deployments come after it.
pub(crate) const GROUND: &str = r#"
stack "ship" {
  region = "us-east-1"
}

variable "release" {
  type    = string
  default = "1.0"
}

existing vpc "main" {
  default = true
}

existing subnets "all" {
  vpc = vpc.main
}

existing image "hello" {
  owners      = ["amazon"]
  name        = "bgform-hello-*"
  most_recent = true
}

load_balancer "web" {
  type    = "application"
  subnets = subnets.all
}

listener "http" {
  load_balancer = load_balancer.web
  port          = 80
  protocol      = "HTTP"

  default_action "fixed_response" {
    status_code = 404
  }
}

output "url" {
  value = "http://${load_balancer.web.dns_name}/"
}
"#;

/// A deployment; NAME, RELEASE, PATH, PRIORITY and MORE are put in.
pub(crate) const DEPLOYMENT: &str = r##"
deployment "NAME" {
  release = RELEASE
  settle  = 1s

  launch_template {
    image         = image.hello
    instance_type = "t3.micro"
    user_data     = "#!/bin/sh\necho ${RELEASE} > release\n"
  }

  autoscaling_group {
    subnets                   = subnets.all
    min_size                  = 2
    max_size                  = 6
    ready_timeout             = 25s
    health_check_grace_period = 5m
  }

  target_group {
    vpc                  = vpc.main
    port                 = 8080
    protocol             = "HTTP"
    deregistration_delay = 2s

    health_check {
      path                = "/healthz"
      interval            = 5s
      timeout             = 2s
      healthy_threshold   = 2
      unhealthy_threshold = 2
    }
  }

  listener_rule {
    listener = listener.http
    priority = PRIORITY

    condition {
      path_pattern = ["PATH"]
    }
  }

MORE
}
"##;

const STACK: &str = "ship.deploy";

/// `deployment "name"` of `release` (an expression) on a path.
fn deployment(name: &str, release: &str, path: &str, priority: u32, more: &str) -> String {
    let text = DEPLOYMENT.replace("NAME", name).replace("RELEASE", release).replace("PATH", path);
    text.replace("PRIORITY", &priority.to_string()).replace("MORE", more)
}

/// A canary whose one step is held this long.
fn canary(share: u32, hold: &str) -> String {
    format!(
        "  strategy \"canary\" {{\n    steps        = [{share}%]\n    interval     = {hold}\n    retire_after = 10m\n  }}\n"
    )
}

/// A stack on a sandbox of its own, and its address.
struct Scene {
    product: Product,
    url: String,
}

impl Scene {
    /// The deployment `web` with this in it, 1.0 shipped.
    fn of(more: &str) -> Self {
        Self::with(&deployment("web", "var.release", "/*", 10, more))
    }

    fn with(deployments: &str) -> Self {
        Self::on(GROUND, deployments)
    }

    /// The same on another ground.
    fn on(ground: &str, deployments: &str) -> Self {
        let product = Product::on_sandbox(&[]);
        product.write("ready", "");
        product.write(STACK, &format!("{ground}{deployments}"));
        let mut scene = Self { product, url: String::new() };
        let run = scene.apply("1.0").exits(0);
        let line = run.out.lines().find_map(|line| line.trim().strip_prefix("url = "));
        scene.url = line.expect("a url").trim_matches('"').to_owned();
        scene
    }

    /// Puts another text in place of one in the stack.
    fn rewrite(&self, text: &str, other: &str) {
        let stack = std::fs::read_to_string(self.product.path(STACK)).expect("the stack");
        assert!(stack.contains(text), "{text}");
        self.product.write(STACK, &stack.replace(text, other));
    }

    fn arguments(release: &str) -> [String; 5] {
        ["apply", STACK, "--auto-approve", "--var", &format!("release={release}")].map(str::to_owned)
    }

    fn apply(&self, release: &str) -> Run {
        let arguments = Self::arguments(release);
        self.product.run(&arguments.each_ref().map(String::as_str))
    }

    /// Begins to apply; what it says goes to files.
    fn begin(&self, release: &str) -> Under {
        self.begin_with(&Self::arguments(release).each_ref().map(String::as_str))
    }

    fn begin_with(&self, arguments: &[&str]) -> Under {
        self.product.begin(arguments)
    }

    fn load(&self) -> Load {
        Load::on(&self.url, 1, 1)
    }

    fn fault(&self, fault: &str) {
        self.product.local.as_ref().expect("a sandbox").faults.add(fault.parse().expect("a fault"));
    }

    fn mend(&self) {
        self.product.local.as_ref().expect("a sandbox").faults.clear();
    }

    /// What another terminal sends.
    fn put(&self, deployment: &str, message: &Message) {
        let store = Store::at(self.product.path("state/ship"));
        let snapshot = store.load().expect("it reads").expect("a state").snapshot;
        let rollout = snapshot.deployments.get(deployment).and_then(|facts| facts.rollout.as_ref());
        let about = &rollout.expect("a rollout").release;
        Mailbox::of(&store).put(deployment, about, message).expect("it is put");
    }

    fn abort(&self) {
        self.put("web", &Message::Abort { by: "ada@desk".to_owned() });
    }

    /// How often the sandbox has carried this out.
    fn calls(&self, action: &str) -> usize {
        let calls = self.product.local.as_ref().expect("a sandbox").calls();
        calls.matches(&format!("{action} ok")).count()
    }

    /// The releases that answer now, asked often enough to see both.
    fn releases(&self) -> Vec<String> {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let all = (0..50).map(|_| get(address, "/", false, &mut None).expect("an answer").release);
        all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// The state has nothing left to be done, and this release answers everything.
    #[track_caller]
    fn stands(&self, release: &str) {
        let plan = ["plan", STACK, "--detailed-exitcode", "--var", &format!("release={release}")];
        self.product.run(&plan).exits(0);
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        for _ in 0..50 {
            let answer = get(address, "/", false, &mut None).expect("an answer");
            assert_eq!((answer.status, answer.release.as_str()), (200, release));
        }
    }
}

#[track_caller]
fn none_failed(tally: &Tally) {
    assert!(
        tally.failed.is_empty() && tally.sent > 100,
        "{} of {}: {:?}",
        tally.failed.len(),
        tally.sent,
        tally
    );
}

/// Runs all of them side by side; they wait much and work little.
fn side_by_side(scenes: &[(&str, &(dyn Fn() + Sync))]) {
    std::thread::scope(|scope| {
        let all: Vec<_> = scenes.iter().map(|(name, scene)| (name, scope.spawn(scene))).collect();
        let failed: Vec<_> =
            all.into_iter().filter_map(|(name, one)| one.join().is_err().then_some(*name)).collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
}
