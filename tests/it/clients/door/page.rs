//! Web pages in a real browser: whatever they send, by whatever name of this machine, starts, reads and resets
//! nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{image, quiet, until, untouched, user_data};
use crate::kit::product::request;

/// Serves `page` at `/`, and keeps the head and body of every other request, which it answers as one
/// who asks nothing would.
struct Site {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn with(page: impl Fn(u16) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (page, asked) = (page(port), Arc::new(Mutex::new(Vec::new())));
        let kept = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (page, kept) = (page.clone(), kept.clone());
                std::thread::spawn(move || serve(stream, &page, &kept));
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn serve(stream: TcpStream, page: &str, kept: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let is_page = head.starts_with("GET / ");
    if !is_page {
        kept.lock().expect("no panic").push(format!("{head}\r\n{}", String::from_utf8_lossy(&body)));
    }
    let body = if is_page { page } else { "<x/>" };
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nAccess-Control-Allow-Origin: *\r\n\
         Access-Control-Allow-Headers: *\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    reader.get_mut().write_all(answer.as_bytes()).ok()
}

/// A headless Chromium under way, with everything of its own in a folder that goes with it.
struct Browser {
    process: std::process::Child,
    _folder: tempfile::TempDir,
}

impl Browser {
    /// None where there is none, which no CI is allowed.
    fn at(url: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let process = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            // A name of somebody else's that leads to this machine.
            .args(["--host-resolver-rules=MAP evil.example 127.0.0.1", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .arg(url)
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match process {
            Ok(process) => Some(Self { process, _folder: folder }),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "there is no chromium: {error}");
                println!("left out: there is no chromium ({error})");
                None
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What every page tries, at a sandbox and at a server that asks nothing: that one shows that the
/// attacks go out.
const PAGE: &str = include_str!("page.html");

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_starts_reads_and_resets_nothing() {
    let product = quiet();
    let image = image(&product).await;
    let mark = product.path("mark");
    let local = product.local.as_ref().expect("a sandbox");
    let port = local.endpoint.rsplit(':').next().expect("a port").to_owned();
    let naive = Site::with(|_| String::new());
    let data = user_data(&mark);
    let site = Site::with(|_| {
        let page = PAGE.replace("SANDBOX_PORT", &port).replace("NAIVE_PORT", &naive.port.to_string());
        page.replace("IMAGE", &image).replace("USER_DATA", &data)
    });
    let Some(_browser) = Browser::at(&format!("http://evil.example:{}/", site.port)) else { return };
    until("the page is through", || site.asked().iter().any(|asked| asked.contains("/done?")));
    let done = site.asked().into_iter().find(|asked| asked.contains("/done?")).expect("it was sent");
    let line = done.lines().next().unwrap_or_default();
    assert!(line.contains("naive=3&"), "the page reads a server that lets it, by each name: {line}");
    assert!(line.contains("sandbox=0 "), "the page read something of the sandbox: {line}");
    // Each way, by each name of this machine, goes out to the other server.
    let ways = ["image", "form", "plain-form", "no-cors", "cors", "beacon", "frame", "reset", "command"];
    for name in ["127.0.0.1", "localhost", "evil.example"] {
        let host = format!("Host: {name}:{}", naive.port);
        for way in ways.map(|way| format!("via={way}")) {
            let came = |asked: &String| asked.contains(&host) && asked.contains(&way);
            until(&format!("{way} by {name}"), || naive.asked().iter().any(came));
        }
    }
    untouched(&product, &mark).await;
}

/// As when a name of the page's own has been given this machine's address meanwhile, or as typed: no
/// `Origin`, and the page would read the answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_resolves_to_this_machine_is_not_answered() {
    let product = quiet();
    let (image, mark) = (image(&product).await, product.path("mark"));
    let local = product.local.as_ref().expect("a sandbox");
    let port = local.endpoint.rsplit(':').next().expect("a port").to_owned();
    let query = format!(
        "/?Action=RunInstances&Version=2016-11-15&ImageId={image}&MinCount=1&MaxCount=1&InstanceType=t3.micro&UserData={}",
        user_data(&mark)
    );
    for host in ["evil.example", "127.0.0.1", "localhost"] {
        let Some(_browser) = Browser::at(&format!("http://{host}:{port}{query}")) else { return };
        // A second page tells when the browser has been there.
        let site = Site::with(|_| {
            format!("<script>location = 'http://{host}:{port}{query}'; </script><img src=/on>")
        });
        let Some(_other) = Browser::at(&format!("http://evil.example:{}/", site.port)) else { return };
        until("it was there", || !site.asked().is_empty());
    }
    let answer = request("GET", &format!("http://127.0.0.1:{port}"), &query, "", "");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    untouched(&product, &mark).await;
}
