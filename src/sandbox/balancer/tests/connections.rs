use std::time::Duration;

use hyper::Request;
use rand::Rng;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::super::config::Protocol;
use super::kit::*;
use crate::clock::{self, Clock};
use crate::log::older;

#[tokio::test]
async fn a_target_sees_who_asked() {
    let web = Backend::new("web").await;
    let mut rig = Rig::new(Clock::real(), vec![(group("web", &[web.address]), 1)]).await;
    let mut client = rig.client().await;
    let ask = || {
        Request::get("/head")
            .header("x-forwarded-for", "1.2.3.4")
            .header("connection", "x-private")
            .header("x-private", "secret")
            .header("host", "example.com")
    };
    let head = client.ask(ask()).await.text;
    for part in [
        "\"x-forwarded-for\": \"1.2.3.4, 127.0.0.1\"",
        "\"x-forwarded-proto\": \"http\"",
        "\"x-forwarded-port\": \"80\"",
        "\"host\": \"example.com\"",
        "\"x-amzn-trace-id\": \"Root=1-",
    ] {
        assert!(head.contains(part), "{part}: {head}");
    }
    assert!(!head.contains("secret"), "{head}");
    let listener = &mut rig.config.listeners[0];
    (listener.port, listener.forwarded_for) = (8080, super::super::config::ForwardedFor::Remove);
    rig.publish();
    let head = client.ask(ask()).await.text;
    assert!(head.contains("example.com:8080") && !head.contains("forwarded-for"), "{head}");
}

#[tokio::test]
async fn bodies_pass_in_both_directions() {
    let web = Backend::new("web").await;
    let rig = Rig::new(Clock::real(), vec![(group("web", &[web.address]), 1)]).await;
    let mut client = rig.client().await;
    let body = "0123456789".repeat(100_000);
    assert_eq!(client.send(Request::post("/echo"), &body).await.text, body);
    let head = client.ask(Request::head("/")).await;
    assert_eq!((head.headers["content-length"].to_str().unwrap(), head.text.as_str()), ("3", ""));

    // Asked to go on before the body, over HTTP/1.0 and 1.1, chunked.
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let text = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    soon(lines.read_line(&mut line)).await.unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    lines.write_all(b"3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut all = String::new();
    soon(lines.read_to_string(&mut all)).await.unwrap();
    assert!(all.contains("abc") && all.contains("HTTP/1.0 200 OK") && all.ends_with("web"), "{all}");
}

/// A backend that closes connections without a word, right after an answer or a moment later.
async fn closer() -> std::net::SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                // Requests on a new connection are answered.
                let mut patience = Duration::from_secs(20);
                loop {
                    let read = async {
                        let mut head = String::new();
                        while !head.ends_with("\r\n\r\n") {
                            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                                return false;
                            }
                        }
                        true
                    };
                    if super::super::plane::within(patience, read).await != Some(true) {
                        return;
                    }
                    patience = Duration::from_micros(rand::rng().random_range(0..3000));
                    if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_targets_close_lose_nothing() {
    let rig = Rig::new(Clock::real(), vec![(group("web", &[closer().await]), 1)]).await;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let address = rig.address;
            tokio::spawn(async move {
                let mut client = Client::to(address).await;
                for _ in 0..150 {
                    let answer = client.get("/").await;
                    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "ok"));
                    let pause = Duration::from_micros(rand::rng().random_range(0..4000));
                    clock::sleep(pause).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_is_a_tunnel_and_counts_as_open() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut web = group("web", &[socket.local_addr().unwrap()]);
    web.check.protocol = Protocol::Tcp;
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                assert!(
                    head.contains("upgrade: websocket") && head.contains("connection: upgrade"),
                    "{head}"
                );
                let answer =
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.unwrap();
                let (mut from, mut to) = tokio::io::split(stream);
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    let mut rig = Rig::new(Clock::real(), vec![(web, 1)]).await;
    let mut stream = BufReader::new(TcpStream::connect(rig.address).await.unwrap());
    let ask = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        soon(stream.read_line(&mut head)).await.unwrap();
    }
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    let mut echo = [0; 5];
    soon(stream.read_exact(&mut echo)).await.unwrap();
    assert_eq!(&echo, b"hello");
    rig.change_group("web", |group| group.targets[0].draining = true);
    stream.write_all(b"again").await.unwrap();
    soon(stream.read_exact(&mut echo)).await.unwrap();
    assert_eq!(&echo, b"again");
    assert_eq!(rig.balancer.traffic().groups["web"].in_flight.values().sum::<u64>(), 1);
    drop(stream);
    rig.report(|report| matches!(report, super::super::Report::Drained { .. }).then_some(())).await;
    let log = rig.folder.path().join("access.log");
    rig.balancer.close();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.starts_with("ws ")
            && log.contains(" 101 101 ")
            && log.contains("\"GET http://a:80/chat HTTP/1.1\""),
        "{log}"
    );
}

#[tokio::test]
async fn the_access_log_stays_within_its_bound_under_load() {
    let web = Backend::new("web").await;
    let rig = Rig::new(Clock::real(), vec![(group("web", &[web.address]), 1)]).await;
    let path = rig.folder.path().join("access.log");
    for number in 0..400 {
        assert_eq!(rig.get(&format!("/{number}")).await.status, 200);
    }
    rig.balancer.close();
    let parts = [older(&path), path].map(|path| std::fs::read_to_string(path).unwrap());
    assert!(parts.iter().all(|part| part.len() as u64 <= ACCESS_LOG), "{}", parts.concat().len());
    let all = parts.concat();
    // `"GET http://127.0.0.1:80/17 HTTP/1.1"`
    let asked = |line: &str| line.split(' ').nth(13)?.rsplit('/').next()?.parse().ok();
    let mut lines: Vec<usize> = all.lines().map(|line| asked(line).unwrap()).collect();
    // A line is written when a request is over, which may be after the next one began.
    lines.sort_unstable();
    assert!(all.len() as u64 > ACCESS_LOG);
    assert_eq!(lines, (400 - lines.len()..400).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_tcp_listener_passes_bytes() {
    let web = Backend::new("web").await;
    let mut web = group("web", &[web.address]);
    web.protocol = Protocol::Tcp;
    let mut rig = Rig::new(Clock::real(), vec![(web, 1)]).await;
    rig.config.listeners[0].protocol = Protocol::Tcp;
    rig.publish();
    assert_eq!(rig.get("/").await.text, "web");
    rig.change_group("web", |group| group.targets.clear());
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    assert_eq!(soon(stream.read(&mut [0; 1])).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let mut rig = Rig::new(Clock::real(), vec![]).await;
    rig.config.listeners[0].idle_timeout = Duration::from_millis(100);
    rig.publish();
    for begun in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut all = String::new();
        soon(stream.read_to_string(&mut all)).await.unwrap();
        assert_eq!(all.is_empty(), !begun.ends_with("\r\n\r\n"), "{all}");
    }
}
