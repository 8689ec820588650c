use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::kit::*;
use crate::clock::Clock;

/// A backend that answers health checks with 404 and everything else with these bytes.
async fn raw(bytes: &'static str) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(bytes.as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn what_targets_do_wrong_has_a_status() {
    let cases = [
        (free_address().await, 502),
        (raw("").await, 502),
        (raw("What?\r\n\r\n").await, 502),
        (raw("HTTP/1.1 204 No Content\r\n\r\n").await, 204),
        (raw(format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "h".repeat(33 << 10)).leak()).await, 502),
    ];
    for (address, status) in cases {
        let rig = Rig::new(Clock::real(), vec![(group("web", &[address]), 1)]).await;
        let answer = rig.get("/").await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 502 {
            assert_eq!(answer.headers["server"], "awselb/2.0");
            assert!(answer.text.contains("<center><h1>502 Bad Gateway</h1></center>"), "{answer:?}");
        }
    }
    let rig = Rig::new(Clock::real(), vec![(group("web", &[]), 1)]).await;
    let answer = rig.get("/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text.contains("503 Service Temporarily Unavailable"));
}

#[tokio::test]
async fn a_target_without_an_answer_is_a_504() {
    let web = Backend::new("web").await;
    let mut rig = Rig::new(Clock::real(), vec![(group("web", &[web.address]), 1)]).await;
    rig.config.listeners[0].idle_timeout = Duration::from_millis(200);
    rig.publish();
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.text, "web");
    let answer = client.get("/hang").await;
    assert_eq!(answer.status, 504);
    assert!(answer.text.contains("504 Gateway Time-out"));
    let own = rig.balancer.traffic().listeners["listener"].own_status;
    assert_eq!(own, [0, 0, 0, 1]);
}

#[tokio::test]
async fn without_enough_healthy_targets_all_get_traffic() {
    let (good, bad) = (Backend::new("good").await, Backend::new("bad").await);
    bad.health.store(500, std::sync::atomic::Ordering::SeqCst);
    let mut rig = Rig::new(Clock::scaled(500.0), vec![(group("web", &[good.address, bad.address]), 1)]).await;
    rig.healthy("web", 1).await;
    let mut client = rig.client().await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.text, "good");
    }
    rig.change_group("web", |group| group.fail_open_below = 2);
    let seen = [client.get("/").await.text, client.get("/").await.text];
    assert!(seen.contains(&"good".into()) && seen.contains(&"bad".into()), "{seen:?}");
    // A target that is down gets nothing even so.
    rig.change_group("web", |group| group.targets[1].down = true);
    for _ in 0..10 {
        assert_eq!(client.get("/").await.text, "good");
    }
}

#[tokio::test]
async fn a_target_fails_after_so_many_requests() {
    let web = Backend::new("web").await;
    let mut rig = Rig::new(Clock::scaled(500.0), vec![(group("web", &[web.address]), 1)]).await;
    rig.healthy("web", 1).await;
    rig.fault("fails=i-*:3");
    let mut client = rig.client().await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(client.get("/").await.status.as_u16());
    }
    assert_eq!(seen, [200, 200, 200, 500, 500]);
    let health =
        super::health::next(&mut rig, |health| health.reason.is_some_and(|r| r.starts_with("T"))).await;
    assert_eq!(health.description.unwrap(), "Health checks failed with these codes: [500]");
    assert_eq!(rig.balancer.traffic().groups["web"].status, [3, 0, 0, 2]);
}
