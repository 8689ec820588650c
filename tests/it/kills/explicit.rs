//! The example stack on moto, which keeps no client tokens: killed around its mutating calls.

use std::process::Stdio;

use super::found::{Found, table};
use super::region::{Region, difference, more, region};
use super::{MOMENTS, Tried};
use crate::kit::product::{Product, Run};
use crate::kit::wire::{Moment, is_read};

const STACK: &str = "explicit.deploy";

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

impl Scene {
    /// Everything after the kill: again, nothing left to do, nothing twice, and all of it away.
    async fn point(
        &self,
        found: &mut Found,
        product: &Product,
        before: &Region,
        after: &Region,
        point: &str,
    ) {
        found.points += 1;
        let cloud = product.cloud().await;
        let again = self.run(product, "apply", "--auto-approve");
        found.unreadable += usize::from(again.err.contains("bgform::state::"));
        let plan = self.run(product, "plan", "--detailed-exitcode");
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
            found.duplicates += usize::from(more(after, &there));
            wrong.push(format!("{}\n{}", difference(after, &there), again.err));
        }
        let destroy = self.run(product, "destroy", "--auto-approve");
        let left = region(&cloud).await;
        if destroy.code != 0 || left != *before {
            found.orphans += usize::from(left != *before);
            wrong.push(format!(
                "destroy exits {}, {}\n{}",
                destroy.code,
                difference(before, &left),
                destroy.err
            ));
        }
        found.end(point, &wrong);
    }
}

/// Every call at each moment, or as many of them as the scene asks for, spread evenly.
fn points(scene: &Scene, calls: usize) -> Vec<(usize, Moment)> {
    let every = (0..calls).flat_map(|at| MOMENTS.map(|moment| (at, moment))).collect::<Vec<_>>();
    match Tried::asked() {
        Tried::All => every,
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
        scene.point(&mut found, &product, &before, &after, &point).await;
    }
    table("killed around mutating calls, on moto", [(scene.name, &found)]);
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
