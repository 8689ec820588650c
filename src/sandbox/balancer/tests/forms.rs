//! Requests of every form, and their documented handling by AWS: a row each. Pages are those of the
//! Application Load Balancers guide; undocumented handling is not asserted.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::config::Desync::{self, Defensive, Monitor, Strictest};
use super::kit::*;
use crate::clock::Clock;

/// The handling of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    /// The target answers with this text in it, and the connection goes on.
    Goes(&'static str),
    /// The same, and the connection ends.
    Parts(&'static str),
    /// The balancer answers, with one of these.
    Refused(&'static [u16]),
    /// The balancer answers with 400 and the connection ends.
    Blocked,
}
use Then::{Blocked, Goes, Parts, Refused};

/// The page and its statement; the mode; the request; the handling. `\n` stands for the line's end.
type Row = (&'static str, Desync, String, Then);

const LIMITS: &str =
    "troubleshooting, HTTP 400 and 414: 16 K a request line, 16 K a header, 64 K all headers";
const MALFORMED: &str = "troubleshooting, HTTP 400: a malformed request";
const CLASSES: &str = "access logs, classification reasons; attributes, desync mitigation mode";
const FORWARDED: &str = "HTTP headers and Application Load Balancers";

fn get(headers: &str) -> String {
    format!("GET /head HTTP/1.1\nHost: a\n{headers}\n")
}

fn echo(headers: &str, body: &str) -> String {
    format!("POST /echo HTTP/1.1\nHost: a\n{headers}\n{body}")
}

fn rows() -> Vec<Row> {
    let row = |says, request, then| (says, Defensive, request, then);
    let in_mode = |mode, request, then| (CLASSES, mode, request, then);
    let path = |length: usize| format!("GET /head?{} HTTP/1.1\nHost: a\n\n", "q".repeat(length));
    let header = |length: usize| get(&format!("X-Long: {}\n", "h".repeat(length)));
    let headers =
        |count: usize| (0..count).map(|n| format!("X-{n}: {}\n", "h".repeat(1000))).collect::<String>();
    let addresses = |count: usize| vec!["10.0.0.1"; count].join(", ");
    let both = "Content-Length: 3\nTransfer-Encoding: chunked\n";
    let chunks = "3\r\nabc\r\n0\r\n\r\n";
    vec![
        row(LIMITS, path(16_000), Goes("host")),
        row(LIMITS, path(16 << 10), Refused(&[400, 413, 414])),
        row(LIMITS, header(16_000), Goes("x-long")),
        row(LIMITS, header(16 << 10), Refused(&[400, 413])),
        row(LIMITS, get(&headers(60)), Goes("x-59")),
        row(LIMITS, get(&headers(66)), Refused(&[400, 413])),
        row(MALFORMED, "GET /head HTTP/1.1\n\n".to_owned(), Blocked),
        row(MALFORMED, "GET /head HTTP/1.1\nHost: a\nno colon\n\n".to_owned(), Blocked),
        row(MALFORMED, "what\n\n".to_owned(), Blocked),
        row(MALFORMED, "GET /head HTTP/1.0\n\n".to_owned(), Parts("host")),
        row("troubleshooting, HTTP 405", "TRACE / HTTP/1.1\nHost: a\n\n".to_owned(), Refused(&[405])),
        row("listeners: HTTP/1.1 methods pass", "PURGE /head HTTP/1.1\nHost: a\n\n".to_owned(), Goes("host")),
        row(
            "troubleshooting, HTTP 463",
            get(&format!("X-Forwarded-For: {}\n", addresses(30))),
            Goes("127.0.0.1"),
        ),
        row(
            "troubleshooting, HTTP 463",
            get(&format!("X-Forwarded-For: {}\n", addresses(31))),
            Refused(&[463]),
        ),
        row("troubleshooting, HTTP 501", echo("Transfer-Encoding: gzip, chunked\n", chunks), Refused(&[501])),
        row(
            FORWARDED,
            get("X-Forwarded-For: 1.2.3.4\n"),
            Goes("\"x-forwarded-for\": \"1.2.3.4, 127.0.0.1\""),
        ),
        row(FORWARDED, get("X-Forwarded-Proto: https\n"), Goes("\"x-forwarded-proto\": \"http\"")),
        row(FORWARDED, get("X-Forwarded-Port: 1\n"), Goes("\"x-forwarded-port\": \"80\"")),
        // Severe.
        row(CLASSES, echo("Content-Length: 3\nContent-Length: 4\n", "abc"), Blocked),
        row(CLASSES, echo("Content-Length: x\n", "abc"), Blocked),
        row(CLASSES, echo("Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", chunks), Blocked),
        row(CLASSES, get("X-Null: a\0b\n"), Blocked),
        row(CLASSES, "G\x01T /head HTTP/1.1\nHost: a\n\n".to_owned(), Blocked),
        row(CLASSES, "GET /head HTTQ/1.1\nHost: a\n\n".to_owned(), Blocked),
        // Ambiguous.
        row(CLASSES, echo(both, chunks), Parts("abc")),
        row(CLASSES, get("X-Empty:\n"), Parts("x-empty")),
        row(CLASSES, get("Transfer_Encoding: chunked\n"), Parts("host")),
        row(CLASSES, get("Content-Length: 1\n") + "x", Parts("host")),
        row(CLASSES, get("Transfer-Encoding: chunked\n") + chunks, Parts("host")),
        // Acceptable.
        row(CLASSES, get("Content-Length: 0\n"), Goes("host")),
        row(CLASSES, get("X-Name: \u{fc}ber\n"), Goes("x-name")),
        // The other modes.
        in_mode(Monitor, get("X-Empty:\n"), Goes("x-empty")),
        in_mode(Strictest, get("Content-Length: 0\n"), Blocked),
        in_mode(Strictest, get("X-Name: \u{fc}ber\n"), Blocked),
        in_mode(Strictest, get(""), Goes("host")),
    ]
}

/// The answer to a request, and whether a second one on the same connection is answered.
async fn answer(rig: &Rig, request: &str) -> (u16, String, bool) {
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let request = match request.split_once("\n\n") {
        Some((head, body)) => format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n")),
        None => request.to_owned(),
    };
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut text, mut part) = (String::new(), [0; 64 << 10]);
    // Every answer here has a length or is chunked; a second request shows that the first one is over.
    let mut asked = false;
    loop {
        let read = soon(stream.read(&mut part)).await.unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(&part[..read]));
        let heads = text.matches("HTTP/1.").count();
        if read == 0 || (asked && heads > 1) {
            let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
            return (status, text, heads > 1);
        }
        if !asked {
            asked = true;
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        }
    }
}

#[tokio::test]
async fn a_request_of_each_form_is_answered_as_documented() {
    let web = Backend::new("web").await;
    let mut rig = Rig::new(Clock::real(), vec![(group("web", &[web.address]), 1)]).await;
    let mut wrong = Vec::new();
    for (says, mode, request, then) in rows() {
        rig.config.listeners[0].desync = mode;
        rig.publish();
        let (status, text, goes_on) = answer(&rig, &request).await;
        let holds = match then {
            Goes(part) => status == 200 && goes_on && text.contains(part),
            Parts(part) => status == 200 && !goes_on && text.contains(part),
            Refused(statuses) => statuses.contains(&status),
            Blocked => status == 400 && !goes_on,
        };
        if !holds {
            let shown = |text: &str| text.chars().take(300).collect::<String>();
            wrong.push(format!("{says}, {mode:?}: {:?}\nis not {then:?}: {}", shown(&request), shown(&text)));
        }
    }
    assert!(wrong.is_empty(), "{} of the rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn the_access_log_has_the_class_of_a_request() {
    let web = Backend::new("web").await;
    let rig = Rig::new(Clock::real(), vec![(group("web", &[web.address]), 1)]).await;
    answer(&rig, &get("X-Empty:\n")).await;
    answer(&rig, &get("")).await;
    let log = rig.folder.path().join("access.log");
    let text = soon(async {
        loop {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            if text.lines().count() > 1 {
                return text;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("\"Ambiguous\" \"EmptyHeader\""), "{text}");
    assert!(lines[1].ends_with("\"-\" \"-\""), "{text}");
}

/// Troubleshooting, HTTP 464: the client speaks HTTP/1.1 and the targets do not.
#[tokio::test]
async fn http1_does_not_go_to_targets_of_another_version() {
    let web = Backend::new("web").await;
    let mut rig = Rig::new(Clock::real(), vec![(group("web", &[web.address]), 1)]).await;
    rig.change_group("web", |group| group.is_http1 = false);
    assert_eq!(rig.get("/").await.status, 464);
}
