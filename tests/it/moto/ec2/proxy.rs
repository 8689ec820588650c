//! Stands between a world and moto, and answers some calls itself.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::moto::conformance::World;

/// Given how often an action was called before, an answer in moto's stead: status and JSON body.
pub type Answer = fn(action: &str, before: usize) -> Option<(u16, String)>;

/// Where it listens. It lives as long as the process.
pub fn start(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let counted = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || serve(stream, answer, &counted));
        }
    });
    format!("http://{address}")
}

fn serve(mut client: TcpStream, answer: Answer, counted: &AtomicUsize) -> Option<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let (head, length) = loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let lower = head.to_lowercase();
            let length =
                lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let end = head.len() + 4 + length.unwrap_or_default();
            if request.len() >= end {
                break (head.to_owned(), end);
            }
        }
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&buffer[..count]);
    };
    let target = head.lines().find(|line| line.to_lowercase().starts_with("x-amz-target"));
    let action = target.and_then(|line| line.rsplit('.').next()).unwrap_or_default();
    let own = (!action.is_empty()).then(|| answer(action, counted.load(Ordering::Relaxed))).flatten();
    if let Some((status, body)) = own {
        counted.fetch_add(1, Ordering::Relaxed);
        let head = "Content-Type: application/x-amz-json-1.1\r\nConnection: close";
        write!(client, "HTTP/1.1 {status} OK\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .ok()?;
        return Some(());
    }
    let mut moto = TcpStream::connect(World::moto().trim_start_matches("http://")).ok()?;
    let body = &request[head.len() + 4..length];
    write!(moto, "{head}\r\nConnection: close\r\n\r\n").ok()?;
    moto.write_all(body).ok()?;
    let mut answer = Vec::new();
    moto.read_to_end(&mut answer).ok()?;
    client.write_all(&answer).ok()
}
