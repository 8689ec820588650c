//! Rehearsals of stacks with a `deployment`: they go through the stages that an apply goes through, and
//! what would go wrong with a release goes wrong in its rehearsal.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bgform::clock::Clock;
use bgform::facts::Deployment;
use bgform::rollout::mailbox::{Mailbox, Message};
use bgform::rollout::rebuild::Rebuilt;
use bgform::rollout::stage;
use bgform::stack::Program;
use bgform::state::{Snapshot, Store};
use serde_json::Value;

use crate::kit::inside::{Inside, program};
use crate::kit::local::Local;
use crate::kit::product::{Product, Run};

/// How fast time runs here.
const SPEED: f64 = 60.0;

/// A stack of the repository with what a sandbox needs for it.
struct Case {
    stack: &'static str,
    releases: [&'static str; 2],
    /// Variables beside `release`.
    more: &'static [&'static str],
    prepare: Option<&'static str>,
    url: Option<&'static str>,
}

const CASES: [Case; 5] = [
    Case { stack: "release.deploy", releases: ["1.0", "2.0"], more: &[], prepare: None, url: None },
    Case {
        stack: "shop.deploy",
        releases: ["1.0.1", "1.0.2"],
        // The machines of a sandbox have no /opt of their own.
        more: &["install=echo > release"],
        prepare: None,
        url: None,
    },
    Case {
        stack: "canary.deploy",
        releases: ["1.0.1", "1.0.2"],
        more: &[],
        prepare: Some("rehearse/canary"),
        url: Some("http://checkout.example.com/pay/"),
    },
    Case { stack: "tcp.deploy", releases: ["1.0", "2.0"], more: &[], prepare: None, url: None },
    Case { stack: "ecs.deploy", releases: ["1.0", "2.0"], more: &[], prepare: None, url: None },
];

fn stacks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks")
}

/// The repository's stacks with all that lies beside them.
fn product() -> Product {
    let product = Product::alone();
    let copied =
        std::process::Command::new("cp").arg("-a").arg(stacks()).arg(product.path("stacks")).status();
    assert!(copied.expect("cp").success());
    product
}

impl Case {
    /// The arguments of its rehearsal.
    fn arguments(&self) -> Vec<String> {
        let [first, second] = self.releases;
        let mut all = vec!["rehearse".to_owned(), format!("stacks/{}", self.stack), "--commands".to_owned()];
        let mut option = |name: &str, value: String| all.extend([name.to_owned(), value]);
        option("--from", format!("release={first}"));
        option("--var", format!("release={second}"));
        self.more.iter().for_each(|more| option("--var", (*more).to_owned()));
        self.prepare.iter().for_each(|command| option("--prepare", format!("stacks/{command}")));
        self.url.iter().for_each(|url| option("--url", (*url).to_owned()));
        option("--speed", SPEED.to_string());
        option("--rps", "50".to_owned());
        all
    }

    fn rehearse(&self, product: &Product, more: &[&str]) -> (Run, Value) {
        let mut all = self.arguments();
        all.push("--json".to_owned());
        all.extend(more.iter().map(|one| (*one).to_owned()));
        let run = product.run(&all.iter().map(String::as_str).collect::<Vec<_>>());
        let told = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}\n{}", run.out, run.err));
        (run, told)
    }

    /// The stages that an apply of the second release goes through, on a sandbox of its own.
    fn applied(&self) -> Vec<Value> {
        let local = Local::with(&[], Clock::scaled(SPEED));
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(command) = self.prepare {
            let mut process = std::process::Command::new(stacks().join(command));
            process.env("AWS_ENDPOINT_URL", &local.endpoint).env("AWS_REGION", "us-east-1");
            process.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
            process.env("BGFORM_SANDBOX_DIR", folder.path()).env("BGFORM", env!("CARGO_BIN_EXE_bgform"));
            let ended = process.output().expect("it runs");
            assert!(ended.status.success(), "{ended:?}");
        }
        let inside = Inside::of(&local, SPEED);
        inside.runtime.block_on(async {
            let mut entered = Vec::new();
            for release in self.releases {
                let program = self.program(release);
                let shipped =
                    inside.ship(&program, &stage::of).await.unwrap_or_else(|error| panic!("{error}"));
                assert!(shipped.outcome.is_complete(), "{:?}", shipped.outcome.failed);
                assert!(
                    shipped.rollouts.iter().all(|ended| !ended.end.has_failed()),
                    "{:?}",
                    shipped.rollouts
                );
                entered = inside.heard.take();
            }
            self.is_found_again(&inside).await;
            entered
        })
    }

    /// The state that is built from the account is the one that was lost.
    async fn is_found_again(&self, inside: &Inside) {
        let program = self.program(self.releases[1]);
        let lost = inside.store.load().expect("it reads").expect("a state").snapshot;
        let (rebuilt, mut snapshot) = inside.rebuilt(&program).await;
        let Rebuilt { missing, left, .. } = &rebuilt;
        assert!(missing.is_empty() && left.is_empty(), "{}: {missing:?} {left:?}", self.stack);
        let ids = |snapshot: &Snapshot| -> BTreeSet<(String, String)> {
            let all = snapshot
                .resources
                .iter()
                .chain(snapshot.deposed.iter().map(|one| (&one.address, &one.record)));
            all.map(|(address, record)| (address.to_string(), record.id.clone())).collect()
        };
        assert_eq!(ids(&snapshot), ids(&lost), "{}", self.stack);
        for (name, facts) in &lost.deployments {
            let again = &snapshot.deployments[name];
            let label = |facts: &Deployment| {
                let live = facts.live.expect("a live colour");
                (live, facts.releases[&live].label.clone(), facts.releases[&live].fingerprint.clone())
            };
            assert_eq!(label(again), label(facts), "{}", self.stack);
            assert_eq!((&again.weights, &again.sizing), (&facts.weights, &facts.sizing), "{}", self.stack);
            let due =
                |facts: &Deployment| facts.retirement.as_ref().map(|one| (one.colour, one.at.as_second()));
            assert_eq!(due(again), due(facts), "{}", self.stack);
        }
        let plan = inside.plan_from(&program, &mut snapshot).await;
        assert!(!plan.moves(), "{}: {:?} {:?}", self.stack, plan.resources.steps, plan.resources.outputs);
    }

    fn program(&self, release: &str) -> Program {
        let path = stacks().join(self.stack);
        let text = std::fs::read_to_string(&path).expect("the stack");
        let release = format!("release={release}");
        let given: Vec<&str> = std::iter::once(release.as_str()).chain(self.more.iter().copied()).collect();
        program(&path, text, &given)
    }
}

/// Whether both colours answered requests in some second.
fn both_serve(told: &Value) -> bool {
    let rows = told["timeline"].as_array().expect("rows");
    let served = |colour: &str| {
        let rate = |row: &Value| row["requests_per_second"][colour].as_u64().unwrap_or(0);
        rows.iter().any(|row| rate(row) > 0)
    };
    served("blue") && served("green")
}

#[test]
fn every_stack_with_a_deployment_is_a_case() {
    let with_deployment = std::fs::read_dir(stacks()).expect("the stacks").filter_map(|entry| {
        let path = entry.expect("an entry").path();
        let is_stack = path.extension().is_some_and(|extension| extension == "deploy");
        let has = is_stack
            && std::fs::read_to_string(&path)
                .expect("a stack")
                .lines()
                .any(|line| line.starts_with("deployment "));
        has.then(|| path.file_name().expect("a name").to_string_lossy().into_owned())
    });
    let mut with_deployment: Vec<_> = with_deployment.collect();
    let mut cases: Vec<_> = CASES.iter().map(|case| case.stack).collect();
    with_deployment.sort();
    cases.sort_unstable();
    assert_eq!(with_deployment, cases);
    let mut named = NAMED.to_vec();
    named.sort_unstable();
    assert_eq!(named, cases, "each has a test below");
}

/// The rehearsal of a stack goes through the stages of its apply.
fn goes_through_the_stages_of_an_apply(stack: &str) {
    let case = CASES.iter().find(|case| case.stack == stack).expect("a case");
    let product = product();
    let (applied, (run, told)) = std::thread::scope(|scope| {
        // As a process has: without optimization the engine's futures are large.
        let applied = std::thread::Builder::new().stack_size(8 << 20);
        let applied = applied.spawn_scoped(scope, || case.applied()).expect("a thread");
        let rehearsed = case.rehearse(&product, &[]);
        (applied.join().expect("it is applied"), rehearsed)
    });
    let run = run.exits(0);
    assert_eq!((&told["passed"], &told["requests"]["failed"]), (&true.into(), &0.into()), "{}", run.err);
    assert!(both_serve(&told), "{}: {told:#}", case.stack);
    let stages = told["stages"].as_array().expect("stages");
    assert!(stages.iter().any(|one| one["stage"]["shift"]["new"] == 100), "{stages:?}");
    assert_eq!(*stages, applied, "{}", case.stack);
}

macro_rules! cases {
    ($($name:ident: $stack:literal,)*) => {
        const NAMED: &[&str] = &[$($stack),*];
        $(
            #[test]
            fn $name() {
                goes_through_the_stages_of_an_apply($stack);
            }
        )*
    };
}

cases! {
    a_rehearsal_of_release_goes_through_the_stages_of_its_apply: "release.deploy",
    a_rehearsal_of_shop_goes_through_the_stages_of_its_apply: "shop.deploy",
    a_rehearsal_of_canary_goes_through_the_stages_of_its_apply: "canary.deploy",
    a_rehearsal_of_tcp_goes_through_the_stages_of_its_apply: "tcp.deploy",
    a_rehearsal_of_ecs_goes_through_the_stages_of_its_apply: "ecs.deploy",
}

#[test]
fn a_release_that_turns_bad_does_not_pass_its_rehearsal() {
    let product = product();
    // It is seen by those who send requests, whether or not its health checks tell in time.
    let (run, told) = CASES[0].rehearse(&product, &["--fault", "fails=release-web-green*:20"]);
    run.exits(1);
    assert_eq!(told["passed"], false, "{told:#}");
    assert_eq!(told["requests"]["failures"][0]["error"], "status 500");

    // One whose health checks tell at once is taken back.
    let (run, told) = CASES[0].rehearse(&product, &["--fault", "fails=release-web-green*:1"]);
    run.exits(1);
    let error = told["error"].as_str().unwrap_or_else(|| panic!("{told:#}"));
    assert!(error.contains("web: 2.0 was taken back; 1.0 on blue carries all traffic."), "{error}");
    assert!(error.contains("Health checks failed with these codes: [500]"), "{error}");
    assert_eq!(told["applied"], false);
}

#[test]
fn a_gate_that_fails_and_a_command_that_was_not_agreed_to_end_a_rehearsal() {
    let product = product();
    let checkout = &CASES[2];
    let arguments: Vec<String> = checkout.arguments().into_iter().filter(|one| one != "--commands").collect();
    product
        .run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        .exits(2)
        .says("gate \"expand schema\" of `checkout` runs ./migrate.sh expand on this machine")
        .says("pass --commands");
    // The first release is migrated to, the second is not.
    let script =
        "#!/bin/sh\n[ \"$BGFORM_RELEASE\" = 1.0.1 ] || { echo \"no $1 for $AWS_ENDPOINT_URL\"; exit 3; }\n";
    product.write("stacks/migrate.sh", script);
    let (run, told) = checkout.rehearse(&product, &[]);
    run.exits(1);
    let error = told["error"].as_str().expect("an error");
    assert!(error.contains("checkout: 1.0.2 was taken back; 1.0.1 on blue carries all traffic."), "{error}");
    assert!(
        error.contains("gate \"expand schema\" did not pass") && error.contains("no expand for http://"),
        "{error}"
    );
    assert_eq!(told["requests"]["failed"], 0);
}

#[test]
fn a_rehearsal_that_is_aborted_from_another_terminal_fails_and_says_so() {
    let product = product();
    let temporary = product.path("temporary");
    std::fs::create_dir(&temporary).expect("a folder");
    let mut all = CASES[0].arguments();
    // Long enough to be in the middle of it.
    let speed = all.iter().position(|one| *one == SPEED.to_string()).expect("a speed");
    all[speed] = "1".to_owned();
    let mut command = product.command(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let out = std::fs::File::create(product.path("out")).expect("a file");
    let err = std::fs::File::create(product.path("err")).expect("a file");
    let mut child = command.env("TMPDIR", &temporary).stdout(out).stderr(err).spawn().expect("it runs");
    let said = || std::fs::read_to_string(product.path("out")).expect("a file");
    while !said().contains("web: hold 10s") {
        assert!(child.try_wait().expect("a child").is_none(), "{}", said());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let folder = std::fs::read_dir(&temporary).expect("a folder").next().expect("one").expect("one").path();
    let store = Store::at(folder.join("state/release"));
    let snapshot = store.load().expect("it reads").expect("a state").snapshot;
    let about = snapshot.deployments["web"].rollout.clone().expect("a rollout").release;
    Mailbox::of(&store).put("web", &about, &Message::Abort { by: "ada@desk".to_owned() }).expect("it is put");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    let said = said();
    for text in [
        "web: 2.0 was taken back; 1.0 on blue carries all traffic.",
        "Why: ada@desk asked for it",
        " 0 failed;",
        "This release is not ready: it did not go through.",
    ] {
        assert!(said.contains(text), "`{text}` in\n{said}");
    }
    assert_eq!(std::fs::read_dir(&temporary).expect("a folder").count(), 0);
}
