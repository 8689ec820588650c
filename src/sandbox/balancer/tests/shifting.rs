use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use super::kit::*;
use crate::clock::{self, Clock};

async fn blue_green(clock: Clock) -> (Rig, Backend, Backend) {
    let (blue, green) = (Backend::new("blue").await, Backend::new("green").await);
    let groups = vec![(group("blue", &[blue.address]), 1), (group("green", &[green.address]), 0)];
    let rig = Rig::new(clock, groups).await;
    rig.healthy("blue", 1).await;
    // At weight 0 it is checked too.
    rig.healthy("green", 1).await;
    (rig, blue, green)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_are_shares() {
    let (mut rig, ..) = blue_green(Clock::real()).await;
    let mut client = rig.client().await;
    for (weights, least, most) in [([1, 0], 0, 0), ([0, 7], 1000, 1000), ([90, 10], 50, 160)] {
        rig.weigh(&[("blue", weights[0]), ("green", weights[1])]);
        let mut seen = BTreeMap::<String, u32>::new();
        for _ in 0..1000 {
            *seen.entry(client.get("/").await.text).or_default() += 1;
        }
        let green = seen.get("green").copied().unwrap_or_default();
        assert!((least..=most).contains(&green), "{weights:?}: {seen:?}");
    }
    rig.weigh(&[("blue", 0), ("green", 0)]);
    assert_eq!(client.get("/").await.status, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shifts_under_load_lose_nothing() {
    let (mut rig, ..) = blue_green(Clock::real()).await;
    let ended = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let (ended, address) = (ended.clone(), rig.address);
            tokio::spawn(async move {
                let mut client = Client::to(address).await;
                let mut count = 0;
                while !ended.load(SeqCst) {
                    if number % 2 == 1 {
                        client = Client::to(address).await;
                    }
                    let answer = client.get("/").await;
                    assert_eq!(answer.status, 200, "{answer:?}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut probe = rig.client().await;
    for turn in 0..30 {
        let (name, weights) = match turn % 2 {
            0 => ("green", [("blue", 0), ("green", 1)]),
            _ => ("blue", [("blue", 1), ("green", 0)]),
        };
        rig.weigh(&weights);
        // After the publish, a request goes by the new weights.
        assert_eq!(probe.get("/").await.text, name);
        clock::sleep(Duration::from_millis(10)).await;
    }
    ended.store(true, SeqCst);
    let mut count = 30;
    for client in clients {
        count += client.await.unwrap();
    }
    let traffic = rig.balancer.traffic();
    let listener = &traffic.listeners["listener"];
    assert_eq!((listener.requests, listener.target_status[0]), (count, count));
    let groups: u64 = traffic.groups.values().map(|group| group.requests).sum();
    assert_eq!(groups, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_change_reaches_the_nodes_one_by_one() {
    let (mut rig, ..) = blue_green(Clock::manual()).await;
    rig.fault("propagation=3:10s");
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let mut client = rig.client().await;
        client.get("/").await;
        nodes.push(client);
    }
    rig.weigh(&[("blue", 0), ("green", 1)]);
    for (gone, want) in [(0, 1), (4, 1), (1, 2), (4, 2), (1, 3)] {
        rig.clock.advance(Duration::from_secs(gone));
        soon(async {
            loop {
                let mut green = 0;
                for node in &mut nodes {
                    green += u32::from(node.get("/").await.text == "green");
                }
                assert!(green <= want);
                if green == want {
                    return;
                }
                clock::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_new_target_starts_slowly() {
    let (old, new) = (Backend::new("old").await, Backend::new("new").await);
    let mut web = group("web", &[old.address]);
    web.slow_start = Duration::from_secs(100);
    let mut rig = Rig::new(Clock::manual(), vec![(web, 1)]).await;
    rig.healthy("web", 1).await;
    rig.change_group("web", |group| group.targets.push(target(new.address)));
    rig.healthy("web", 2).await;
    let mut client = rig.client().await;
    // Its share rises from nothing over half of the other's to an equal one.
    for (gone, least, most) in [(0, 0, 10), (50, 80, 180), (50, 200, 200)] {
        rig.clock.advance(Duration::from_secs(gone));
        let before = new.requests.load(SeqCst);
        for _ in 0..400 {
            client.get("/").await;
        }
        let got = new.requests.load(SeqCst) - before;
        assert!((least..=most).contains(&got), "{got} after {gone}");
    }
}
