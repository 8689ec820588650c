//! Clients that send real requests and count what comes back.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What was sent and what came back.
#[derive(Debug, Default)]
pub struct Tally {
    pub sent: usize,
    /// Why, of every request that was not answered by a 200.
    pub failed: Vec<String>,
    /// Answers by the release that gave them.
    pub releases: BTreeMap<String, usize>,
    /// Those of them that were asked for after [`Load::mark`].
    pub late: BTreeMap<String, usize>,
}

/// Clients at work.
pub struct Load {
    ended: Arc<AtomicBool>,
    marked: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Tally>>,
}

/// A client's pause between two requests.
const PAUSE: Duration = Duration::from_millis(2);

impl Load {
    /// `kept` clients that keep their connection, `fresh` ones that open one for each request.
    pub fn on(url: &str, kept: usize, fresh: usize) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let [ended, marked] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let clients = (0..kept + fresh).map(|number| {
            let (address, ended, marked) = (address.clone(), ended.clone(), marked.clone());
            std::thread::spawn(move || client(&address, number < kept, &ended, &marked))
        });
        Self { clients: clients.collect(), ended, marked }
    }

    /// Answers to requests from now on are counted as late ones, too.
    pub fn mark(&self) {
        self.marked.store(true, Ordering::Relaxed);
    }

    /// Ends the clients after their requests under way.
    pub fn end(self) -> Tally {
        self.ended.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for client in self.clients {
            let tally = client.join().expect("a client ends");
            all.sent += tally.sent;
            all.failed.extend(tally.failed);
            for (sum, own) in [(&mut all.releases, tally.releases), (&mut all.late, tally.late)] {
                for (release, count) in own {
                    *sum.entry(release).or_default() += count;
                }
            }
        }
        all
    }
}

fn client(address: &str, keep: bool, ended: &AtomicBool, marked: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    let mut kept = None;
    while !ended.load(Ordering::Relaxed) {
        tally.sent += 1;
        let late = marked.load(Ordering::Relaxed);
        match get(address, "/", keep, &mut kept) {
            Ok(answer) if answer.status == 200 => {
                if late {
                    *tally.late.entry(answer.release.clone()).or_default() += 1;
                }
                *tally.releases.entry(answer.release).or_default() += 1;
            }
            Ok(answer) => tally.failed.push(answer.status.to_string()),
            Err(error) => {
                tally.failed.push(error.to_string());
                kept = None;
            }
        }
        std::thread::sleep(PAUSE);
    }
    tally
}

/// An answer of the hello service.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// `X-Release`
    pub release: String,
    pub body: String,
}

/// One GET; with `keep`, on the connection in `kept`, which a server may have closed politely.
pub fn get(
    address: &str,
    path: &str,
    keep: bool,
    kept: &mut Option<BufReader<TcpStream>>,
) -> std::io::Result<Answer> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_secs(30)))?;
            BufReader::new(stream)
        }
    };
    let connection = if keep { "keep-alive" } else { "close" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes())?;
    let (mut line, mut length, mut release, mut closes) = (String::new(), 0, String::new(), !keep);
    if stream.read_line(&mut line)? == 0 {
        return Err(std::io::Error::other("closed without an answer"));
    }
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "x-release" => value.clone_into(&mut release),
            "connection" => closes |= value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if !closes {
        *kept = Some(stream);
    }
    Ok(Answer { status, release, body: String::from_utf8_lossy(&body).into_owned() })
}
