use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::key::Key;
use crate::pace::Pace;
use crate::{Options, Sandbox};

async fn sandbox(clock: Clock) -> (tempfile::TempDir, Sandbox, Client) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        folder: folder.path().to_owned(),
        port: 0,
        faults: Arc::new(Faults::new(clock.clone(), [])),
        clock,
        pace: Pace::default(),
        program: "/bin/false".into(),
        key: Key::random(),
    };
    let key = options.key.clone();
    let sandbox = Sandbox::start(options).await.unwrap();
    let port = sandbox.endpoint().rsplit_once(':').unwrap().1.parse().unwrap();
    (folder, sandbox, Client::new(port, key))
}

#[tokio::test]
async fn faults_are_armed_together_or_not_at_all() {
    let (_folder, sandbox, client) = sandbox(Clock::real()).await;
    let armed =
        client.add_faults(&["eventual=5s".to_owned(), "error=CreateRule:2".to_owned()]).await.unwrap();
    assert_eq!(armed, ["eventual=5s", "error=CreateRule:2"]);
    let refused = client.add_faults(&["latency=all:1s".to_owned(), "lag=1s".to_owned()]).await.unwrap_err();
    assert!(
        matches!(&refused, CallError::Refused { status: 400, text } if text.contains("`lag=1s`")),
        "{refused:?}"
    );
    assert_eq!(client.status().await.unwrap().faults, armed);
    assert!(client.clear_faults().await.unwrap().is_empty() && client.faults().await.unwrap().is_empty());
    sandbox.stop().await;
}

#[tokio::test]
async fn only_a_manual_clock_is_moved() {
    let hour = Advance { milliseconds: 3_600_000 };
    let (_folder, manual, client) = sandbox(Clock::manual()).await;
    let before = client.status().await.unwrap().now;
    let moved = client.advance(hour).await.unwrap().now.duration_since(before);
    assert_eq!(moved.as_secs(), 3600);
    manual.stop().await;
    let (_folder, real, client) = sandbox(Clock::real()).await;
    assert!(matches!(client.advance(hour).await, Err(CallError::Refused { status: 409, .. })));
    real.stop().await;
}

#[tokio::test]
async fn a_reset_removes_regions_and_leaves_a_new_one() {
    let (folder, sandbox, client) = sandbox(Clock::real()).await;
    let seen = |name: &str| folder.path().join(name).exists();
    sandbox.region("eu-west-1").await.unwrap();
    std::fs::create_dir_all(folder.path().join("state/shop")).unwrap();
    std::fs::File::create(folder.path().join("us-east-1/left")).unwrap();
    client.reset().await.unwrap();
    assert!(seen("us-east-1/state.json") && !seen("us-east-1/left") && !seen("eu-west-1") && !seen("state"));
    let regions = client.status().await.unwrap().regions;
    assert_eq!(regions.iter().map(|region| region.name.as_str()).collect::<Vec<_>>(), ["us-east-1"]);
    assert_eq!(regions[0].failure, None);
    sandbox.stop().await;
}

#[tokio::test]
async fn down_ends_what_waits_for_it_and_strangers_are_known() {
    let (_folder, sandbox, client) = sandbox(Clock::real()).await;
    client.down().await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), sandbox.asked_to_end()).await.unwrap();
    assert!(matches!(client.crash("i-1").await, Err(CallError::Refused { status: 404, .. })));
    assert!(matches!(client.log("../../etc/passwd").await, Err(CallError::Refused { status: 404, .. })));
    sandbox.stop().await;
    assert!(matches!(client.status().await, Err(CallError::Silent { .. })));
}

proptest::proptest! {
    /// For any request, a log is a file of the sandbox's folder or none.
    #[test]
    fn no_name_of_a_log_leads_out_of_the_folder(of in "[a-z0-9./\\\\_-]{0,16}|(\\.\\./){1,4}(log|x)|i-[0-9a-f]{17}|\\PC{0,8}") {
        let folder = tempfile::tempdir().unwrap();
        let region = folder.path().join("region");
        for path in [folder.path().to_owned(), region.clone(), region.join("instances/i-1")] {
            std::fs::create_dir_all(&path).unwrap();
            for name in ["log", "x", "calls.log", "access.log", "console.log"] {
                std::fs::File::create(path.join(name)).unwrap();
            }
        }
        if let Some(found) = super::find_log([region.clone()], &of) {
            let real = std::fs::canonicalize(&found).unwrap();
            proptest::prop_assert!(real.starts_with(std::fs::canonicalize(&region).unwrap()), "{}", found.display());
        }
    }
}
