use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;

use super::super::Report;
use super::kit::*;
use crate::clock::Clock;
use crate::region;

fn drained(report: Report) -> Option<String> {
    match report {
        Report::Drained { target, .. } => Some(target.id),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_request_ends_before_its_target_is_drained() {
    let (old, new) = (Backend::new("old").await, Backend::new("new").await);
    let mut rig = Rig::new(Clock::real(), vec![(group("web", &[old.address]), 1)]).await;
    rig.healthy("web", 1).await;
    let mut client = rig.client().await;
    let mut stream = client.begin(Request::get("/stream"), "").await.into_body();
    old.chunks.send(Bytes::from("one")).await.unwrap();
    assert_eq!(stream.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    rig.change_group("web", |group| {
        group.targets[0].draining = true;
        group.targets.push(target(new.address));
        group.targets.push(target("127.0.0.1:9".parse().unwrap()));
        group.targets[2].draining = true;
    });
    // The one without requests is drained at once, the other is not.
    assert_eq!(rig.report(drained).await, "i-9");
    assert_eq!(rig.get("/").await.text, "new");
    assert_eq!(rig.balancer.traffic().groups["web"].in_flight.values().sum::<u64>(), 1);
    while let Ok(report) = rig.reports.try_recv() {
        let region::Report::Balancer(report) = report else { continue };
        assert_eq!(drained(report), None);
    }
    old.chunks.send(Bytes::from("two")).await.unwrap();
    assert_eq!(stream.frame().await.unwrap().unwrap().into_data().unwrap(), "two");
    old.chunks.send(Bytes::new()).await.unwrap();
    assert!(stream.frame().await.is_none());
    assert_eq!(rig.report(drained).await, format!("i-{}", old.address.port()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_removed_ends_its_requests() {
    let web = Backend::new("web").await;
    let mut rig = Rig::new(Clock::real(), vec![(group("web", &[web.address]), 1)]).await;
    let mut client = rig.client().await;
    let mut stream = client.begin(Request::get("/stream"), "").await.into_body();
    let listeners = std::mem::take(&mut rig.config.listeners);
    rig.publish();
    web.chunks.send(Bytes::from("one")).await.unwrap();
    assert_eq!(stream.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    web.chunks.send(Bytes::new()).await.unwrap();
    assert!(stream.frame().await.is_none());
    soon(async { while tokio::net::TcpStream::connect(rig.address).await.is_ok() {} }).await;
    // And may come back.
    rig.config.listeners = listeners;
    rig.publish();
    assert_eq!(rig.get("/").await.text, "web");
}

#[tokio::test]
async fn a_socket_in_use_is_told_once_and_tried_again() {
    let mut rig = Rig::new(Clock::real(), vec![]).await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    rig.config.listeners.push(listener(address, vec![default_rule(forward(&[]))]));
    rig.publish();
    rig.publish();
    let why = rig
        .report(|report| match report {
            Report::Refused { why, .. } => Some(why),
            _ => None,
        })
        .await;
    assert!(why.starts_with(&format!("{address} cannot be listened on: Address already in use")), "{why}");
    assert!(rig.reports.try_recv().is_err());
    drop(taken);
    rig.publish();
    assert_eq!(Client::to(address).await.get("/").await.status, 503);
}
