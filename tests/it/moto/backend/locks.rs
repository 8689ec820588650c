//! Two applies at once: one works, the other waits or says who does; who has shown no life loses the lock,
//! and what it does afterwards is refused.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use super::{groups, stack};
use crate::kit::product::{Product, Under};
use crate::kit::wire::{Fault, is_read};

const GROUPS: usize = 12;
const APPLY: [&str; 4] = ["apply", "--auto-approve", "--parallelism", "1"];

/// A stack whose state is in a folder or in S3, and whose creates take their time.
struct Scene {
    product: Product,
    /// None for the folder that is the default.
    place: Option<String>,
}

impl Scene {
    fn new(in_s3: bool) -> Self {
        let product = Product::on_moto();
        product.write("small.deploy", &stack(GROUPS));
        let place = in_s3.then(|| product.bucket("acme-state"));
        let time = Duration::from_millis(500);
        product.wire.fault_always("CreateSecurityGroup", Fault::Slow(time));
        Self { product, place }
    }

    fn arguments<'a>(&'a self, command: &[&'a str]) -> Vec<&'a str> {
        let place = self.place.iter().flat_map(|place| ["--state", place.as_str()]);
        command.iter().copied().chain(place).collect()
    }

    /// An apply that has made some of the groups.
    fn begun(&self) -> Under {
        let mut under = self.product.begin(&self.arguments(&APPLY));
        under.until_so("two groups", || self.product.wire.count("CreateSecurityGroup") >= 3);
        under
    }

    fn run(&self, command: &[&str]) -> crate::kit::product::Run {
        self.product.run(&self.arguments(command))
    }

    /// All that is kept, by name.
    fn kept(&self) -> BTreeMap<String, String> {
        match &self.place {
            None => files(&self.product.path("state/small")),
            Some(place) => {
                let (_, endpoint) = place.split_once("endpoint=").unwrap();
                let authorization = "Authorization: AWS4-HMAC-SHA256 \
                                     Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, \
                                     Signature=none\r\n";
                let list = crate::kit::product::request(
                    "GET",
                    endpoint,
                    "/acme-state?list-type=2",
                    authorization,
                    "",
                );
                let entries = list.split("<Contents>").skip(1).map(|entry| {
                    let of = |tag: &str| {
                        let (_, rest) = entry.split_once(&format!("<{tag}>")).unwrap();
                        rest.split_once("</").unwrap().0.to_owned()
                    };
                    (of("Key"), of("ETag"))
                });
                entries.collect()
            }
        }
    }
}

fn files(folder: &std::path::Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => {
                all.insert(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    all
}

/// One works; the other says who holds the lock, or waits; both read beside it.
async fn two_at_once(in_s3: bool) {
    let scene = Scene::new(in_s3);
    let first = scene.begun();
    let refused = scene.run(&APPLY).exits(1).says("is in use by `bgform apply`").says("--lock-timeout");
    assert!(refused.err.contains(&format!("process {}", first.child.id())), "{}", refused.err);
    scene.run(&["plan", "--detailed-exitcode"]).exits(3);
    let waits = [&APPLY[..], &["--lock-timeout", "2m"]].concat();
    scene.run(&waits).exits(0).says("Nothing to do");
    first.end().exits(0).says("12 created");
    assert_eq!(groups(&scene.product).await, GROUPS);
}

#[tokio::test]
async fn of_two_at_once_in_a_folder_one_works_and_one_waits() {
    two_at_once(false).await;
}

#[tokio::test]
async fn of_two_at_once_in_s3_one_works_and_one_waits() {
    two_at_once(true).await;
}

/// The holder is stopped in the middle of its work, and goes on when another has ended it.
async fn stopped(in_s3: bool) {
    let scene = Scene::new(in_s3);
    let first = scene.begun();
    first.signal(Signal::STOP);
    // What it had asked for is still carried out; a sign of life among it is one that is waited for.
    std::thread::sleep(Duration::from_secs(1));
    let patient = [&APPLY[..], &["--lock-timeout", "2m"]].concat();
    let second = scene.run(&patient).exits(0).says("Took over the lock of `bgform apply`");
    second.says("has shown no life").says("An earlier run was interrupted");
    assert_eq!(groups(&scene.product).await, GROUPS);
    scene.product.wire.take();
    let before = scene.kept();

    first.signal(Signal::CONT);
    first.end().exits(6).says("was taken over by").says("began no call that is not in the journal");
    let calls = scene.product.wire.take();
    // The one that was under way when it was stopped.
    assert!(calls.iter().filter(|call| !is_read(call)).count() <= 1, "{calls:?}");
    assert_eq!(scene.kept(), before);
    assert_eq!(groups(&scene.product).await, GROUPS);
    scene.run(&["apply", "--auto-approve"]).exits(0).says("Nothing to do");
    scene.run(&["destroy", "--auto-approve"]).exits(0);
    assert_eq!(groups(&scene.product).await, 0);
}

#[tokio::test]
async fn a_holder_in_a_folder_that_was_stopped_writes_nothing_when_it_goes_on() {
    stopped(false).await;
}

#[tokio::test]
async fn a_holder_in_s3_that_was_stopped_writes_nothing_when_it_goes_on() {
    stopped(true).await;
}

#[tokio::test]
async fn a_lock_that_is_taken_from_the_living_says_whose_it_was() {
    for in_s3 in [false, true] {
        let scene = Scene::new(in_s3);
        let first = scene.begun();
        let unlocked = scene.run(&["state", "unlock", "--auto-approve"]).exits(0);
        unlocked.says("is in use by `bgform apply`").says("Its next write is refused");
        first.end().exits(6).says("was taken over by `bgform state unlock`");
        scene.run(&["state", "unlock"]).exits(0).says("is not locked");
        scene.product.wire.take();
        scene.run(&APPLY).exits(0);
        assert_eq!(groups(&scene.product).await, GROUPS);
    }
}

#[tokio::test]
async fn the_lock_of_the_dead_in_s3_is_taken_over_in_time() {
    let scene = Scene::new(true);
    let mut first = scene.begun();
    first.child.kill().unwrap();
    let began = bgform::clock::monotonic();
    scene.run(&APPLY).exits(0).says("Took over the lock of `bgform apply`");
    assert_eq!(groups(&scene.product).await, GROUPS);
    println!("taken over and applied {:?} after the death", bgform::clock::monotonic() - began);
    // The number has risen, and is kept when the lock is given back.
    let kept = scene.kept();
    let locks: Vec<_> = kept.keys().filter(|name| name.contains("/locks/")).collect();
    assert_eq!(locks, ["prod/small/locks/00000002.json"]);
}

/// Nobody knows yet whose the state will be: whoever has the lock makes it.
#[tokio::test]
async fn of_eight_first_applies_at_once_each_does_its_part_or_says_who_is_at_work() {
    let product = Product::on_moto();
    product.write("small.deploy", &stack(3));
    // All have planned before one of them writes.
    product.wire.fault_always("CreateSecurityGroup", Fault::Slow(Duration::from_millis(700)));
    let begin = |more: &[&str]| {
        let mut command = product.command(&[&APPLY, more].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs = |more: &[&str]| {
        let children: Vec<_> = (0..8).map(|_| begin(more)).collect();
        children
            .into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .map(|output| {
                let said = [output.stdout, output.stderr]
                    .map(|text| String::from_utf8_lossy(&text).into_owned())
                    .concat();
                (output.status.code(), said)
            })
            .collect::<Vec<_>>()
    };
    for (code, said) in runs(&[]) {
        assert!(code == Some(0) || said.contains("is in use by"), "{code:?}: {said}");
    }
    assert_eq!(groups(&product).await, 3);
    product.run(&["destroy", "--auto-approve"]).exits(0);
    std::fs::remove_dir_all(product.path("state")).unwrap();
    for (code, said) in runs(&["--lock-timeout", "3m"]) {
        assert_eq!(code, Some(0), "{said}");
    }
    assert_eq!(groups(&product).await, 3);
}
