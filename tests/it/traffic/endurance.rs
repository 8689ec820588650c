//! An account whose buckets are small: what has to be done is done, and hardly a call is wasted.

use std::collections::BTreeMap;

use crate::kit::product::Product;

const STACK: &str = "many.deploy";

/// The bucket of Elastic Load Balancing as AWS publishes it (userguide elb-api-throttling, where it
/// is the one of describe calls: here every call takes from it), and that of EC2's describe calls
/// (devguide ec2-api-throttling).
const BUCKETS: [&str; 2] = ["throttle=elbv2:40/10", "throttle=ec2:100/20"];

/// What a service has served, by action, and how many calls it throttled.
#[derive(Debug, Default)]
struct Counted {
    served: BTreeMap<String, usize>,
    throttled: usize,
}

impl Counted {
    fn in_all(&self) -> usize {
        self.served.values().sum()
    }

    fn of(&self, action: &str) -> usize {
        self.served.get(action).copied().unwrap_or_default()
    }
}

/// Applies two hundred resources on a region of their own, and counts by service.
fn applied(faults: &[&str]) -> BTreeMap<String, Counted> {
    let product = Product::on_sandbox(faults);
    product.write(STACK, include_str!("../../fixtures/two-hundred.deploy"));
    let began = bgform::clock::monotonic();
    product
        .run(&["apply", STACK, "--auto-approve"])
        .exits(0)
        .says("Applied: 200 created, 0 updated, 0 deleted.");
    let took = bgform::clock::monotonic().saturating_sub(began);
    let log = product.local.as_ref().expect("a sandbox").calls();
    let mut counted: BTreeMap<String, Counted> = BTreeMap::new();
    for line in log.lines() {
        let [_, _, service, action, outcome] =
            line.split(' ').collect::<Vec<_>>().try_into().expect("a call");
        let service = counted.entry(service.to_owned()).or_default();
        match outcome {
            "Throttling" | "RequestLimitExceeded" => service.throttled += 1,
            _ => *service.served.entry(action.to_owned()).or_default() += 1,
        }
    }
    product.run(&["plan", STACK, "--detailed-exitcode"]).exits(0).says("Nothing to do");
    let told: Vec<_> = ["elbv2", "ec2"]
        .map(|name| {
            format!("{name} served {}, throttled {}", counted[name].in_all(), counted[name].throttled)
        })
        .into();
    println!("{faults:?}: {}; {:.0} s", told.join("; "), took.as_secs_f64());
    counted
}

#[test]
fn two_hundred_resources_get_through_small_buckets_with_few_calls_wasted() {
    let free = applied(&[]);
    let throttled = applied(&BUCKETS);
    for service in ["elbv2", "ec2"] {
        let (free, now) = (&free[service], &throttled[service]);
        assert_eq!(free.throttled, 0);
        // What is asked for while something is waited for depends on how long that takes.
        assert!(now.in_all() <= free.in_all() + 10, "{service}: {now:?}, and with no bucket {free:?}");
        assert!(now.throttled > 0, "{service}: the bucket was never empty");
        assert!(now.throttled * 10 <= now.in_all(), "{service}: {now:?}");
    }
    for (service, action, times) in
        [("elbv2", "CreateTargetGroup", 49), ("elbv2", "CreateRule", 49), ("ec2", "CreateSecurityGroup", 100)]
    {
        assert_eq!(throttled[service].of(action), times, "{action}");
    }
}
