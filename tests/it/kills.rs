//! A kill at any moment loses nothing: the real binary is ended by SIGKILL around one of its
//! mutating calls, and the next apply, told nothing of it, leaves what an undisturbed one leaves.
//!
//! `BGFORM_KILLS=all` tries every call at all three moments; without it a spread of them.

use std::collections::BTreeMap;
use std::process::Stdio;

use bgform::cloud::Cloud;

use crate::lifecycle::everything;
use crate::product::{Product, Run};
use crate::wire::{Moment, is_read};

const STACK: &str = "explicit.deploy";
const MOMENTS: [Moment; 3] = [Moment::BeforeIt, Moment::BeforeItsAnswer, Moment::AfterItsAnswer];

/// A command that is killed, on a stack that stands or not yet.
struct Scene {
    name: &'static str,
    /// Whether the stack has been applied before.
    stands: bool,
    command: &'static str,
    variables: &'static [&'static str],
    /// How many points are tried unless all are.
    spread: usize,
}

type Region = BTreeMap<String, usize>;

/// All that the API lists, and what a bake or a half-done change would leave behind in it.
async fn region(cloud: &Cloud) -> Region {
    let mut region: Region =
        everything(cloud).await.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect();
    let mut count = |what: String| *region.entry(what).or_default() += 1;
    let instances = cloud.ec2.describe_instances().send().await.unwrap();
    for instance in instances.reservations().iter().flat_map(|reservation| reservation.instances()) {
        let state = instance.state().and_then(|state| state.name()).unwrap().as_str();
        if state != "terminated" {
            count(format!("instances {state}"));
        }
        for tag in instance.tags().iter().filter(|tag| tag.key() == Some("bgform:started")) {
            count(format!("marks {}", tag.key().unwrap()));
        }
    }
    let groups = cloud.ec2.describe_security_groups().send().await.unwrap();
    for group in groups.security_groups() {
        group.ip_permissions().iter().for_each(|_| count("ingress rules".to_owned()));
    }
    let templates = cloud.ec2.describe_launch_templates().send().await.unwrap();
    for id in templates.launch_templates().iter().filter_map(|template| template.launch_template_id()) {
        let versions = cloud.ec2.describe_launch_template_versions().launch_template_id(id).send().await;
        versions.unwrap().launch_template_versions().iter().for_each(|_| count("versions".to_owned()));
    }
    region
}

impl Scene {
    fn run(&self, product: &Product, command: &str, flag: &str) -> Run {
        product.run(&[&[command, STACK, flag], self.variables].concat())
    }

    /// The mutating calls of the command when nothing happens to it, and the region that apply
    /// leaves with the scene's variables.
    async fn undisturbed(&self, product: &Product) -> (Vec<String>, Region) {
        let cloud = product.cloud().await;
        product.copy_stack(STACK);
        if self.stands {
            product.run(&["apply", STACK, "--auto-approve"]).exits(0);
        }
        product.wire.take();
        self.run(product, self.command, "--auto-approve").exits(0);
        let calls = product.wire.take().into_iter().filter(|call| !is_read(call)).collect();
        // What a destroy that was killed leaves is applied again.
        self.run(product, "apply", "--auto-approve").exits(0);
        (calls, region(&cloud).await)
    }
}

/// What was found over all points.
#[derive(Debug, Default)]
struct Found {
    points: usize,
    converged: usize,
    duplicates: usize,
    orphans: usize,
    unreadable: usize,
    wrong: Vec<String>,
}

impl Found {
    /// Everything after the kill: again, nothing left to do, nothing twice, and all of it away.
    async fn point(
        &mut self,
        scene: &Scene,
        product: &Product,
        before: &Region,
        after: &Region,
        point: &str,
    ) {
        self.points += 1;
        let cloud = product.cloud().await;
        let again = scene.run(product, "apply", "--auto-approve");
        self.unreadable += usize::from(again.err.contains("bgform::state::"));
        let plan = scene.run(product, "plan", "--detailed-exitcode");
        let there = region(&cloud).await;
        let mut wrong = Vec::new();
        for (what, run) in [("apply", &again), ("plan", &plan)] {
            if run.code != 0 {
                wrong.push(format!("{what} exits {}:\n{}\n{}", run.code, run.out, run.err));
            }
        }
        if plan.code != 0 {
            wrong.push(format!("after an apply that says:\n{}\n{}", again.out, again.err));
        }
        if there != *after {
            let more = there.iter().any(|(what, count)| count > after.get(what).unwrap_or(&0));
            self.duplicates += usize::from(more);
            wrong.push(format!("{}\n{}", difference(after, &there), again.err));
        }
        let destroy = scene.run(product, "destroy", "--auto-approve");
        let left = region(&cloud).await;
        if destroy.code != 0 || left != *before {
            self.orphans += usize::from(left != *before);
            wrong.push(format!(
                "destroy exits {}, {}\n{}",
                destroy.code,
                difference(before, &left),
                destroy.err
            ));
        }
        match wrong.is_empty() {
            true => self.converged += 1,
            false => self.wrong.push(format!("== {point}\n{}", wrong.join("\n"))),
        }
    }
}

fn difference(wanted: &Region, found: &Region) -> String {
    let of = |region: &Region, what: &str| region.get(what).copied().unwrap_or_default();
    let kinds: std::collections::BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let differ = kinds.into_iter().filter(|what| of(wanted, what) != of(found, what));
    let lines: Vec<_> = differ
        .map(|what| format!("{what}: {} wanted, {} there", of(wanted, what), of(found, what)))
        .collect();
    lines.join(", ")
}

/// Every call at each moment, or as many of them as the scene asks for, spread evenly.
fn points(scene: &Scene, calls: usize) -> Vec<(usize, Moment)> {
    let every = (0..calls).flat_map(|at| MOMENTS.map(|moment| (at, moment))).collect::<Vec<_>>();
    match std::env::var("BGFORM_KILLS").as_deref() {
        Ok("all") => every,
        _ => {
            let spread = scene.spread.min(every.len());
            // Over the calls, with the moments in turn.
            (0..spread).map(|n| (n * calls / spread, MOMENTS[(n + 1) % MOMENTS.len()])).collect()
        }
    }
}

async fn loses_nothing(scene: Scene) {
    let mut product = Product::on_moto();
    let before = region(&product.cloud().await).await;
    let (calls, after) = scene.undisturbed(&product).await;
    let mut found = Found::default();
    for (at, moment) in points(&scene, calls.len()) {
        product = product.anew();
        product.copy_stack(STACK);
        if scene.stands {
            product.run(&["apply", STACK, "--auto-approve"]).exits(0);
        }
        let arguments = [&[scene.command, STACK, "--auto-approve"], scene.variables].concat();
        product.wire.take();
        let mut command = product.command(&arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let killed = product.wire.kill(child, at, moment);
        let calls = product.wire.take();
        let call = calls.into_iter().filter(|call| !is_read(call)).nth(at).unwrap_or_default();
        let point = format!("{} killed {moment:?}, call {at} ({call})", scene.name);
        assert!(killed, "{point}: it had ended before");
        found.point(&scene, &product, &before, &after, &point).await;
    }
    let Found { points, converged, duplicates, orphans, unreadable, wrong } = found;
    println!(
        "killed during {}: {points} points, {converged} converged, {duplicates} with duplicates, {orphans} \
         with orphans, {unreadable} with unreadable states",
        scene.name
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn a_kill_during_the_first_apply_loses_nothing() {
    let scene = Scene { name: "create", stands: false, command: "apply", variables: &[], spread: 12 };
    loses_nothing(scene).await;
}

#[tokio::test]
async fn a_kill_during_a_destroy_loses_nothing() {
    let scene = Scene { name: "destroy", stands: true, command: "destroy", variables: &[], spread: 4 };
    loses_nothing(scene).await;
}

#[tokio::test]
async fn a_kill_during_a_cutover_loses_nothing() {
    let scene = Scene {
        name: "cutover",
        stands: true,
        command: "apply",
        variables: &["--var", "live=green"],
        spread: 2,
    };
    loses_nothing(scene).await;
}

#[tokio::test]
async fn a_kill_during_a_release_loses_nothing() {
    let scene = Scene {
        name: "release",
        stands: true,
        command: "apply",
        variables: &["--var", "green_release=1.0.3"],
        spread: 3,
    };
    loses_nothing(scene).await;
}
