//! What goes over the wire: a recorder between bgform and a server. It names every call and can
//! answer one in the server's place, or not at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to a call instead of being carried out.
#[derive(Clone)]
pub enum Fault {
    /// This answer: HTTP status and body.
    Answer(u16, String),
    /// Carried out, but the connection is closed before the answer.
    AnswerLost,
    /// Carried out after so long.
    Slow(Duration),
}

/// When around a call the process that makes it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call never reaches the server.
    BeforeIt,
    /// The server has carried it out, and nobody hears of it.
    BeforeItsAnswer,
    AfterItsAnswer,
}

/// A process that is killed around one of its mutating calls.
#[derive(Default)]
struct Kill {
    /// How many mutating calls still go through, and the moment.
    armed: Option<(usize, Moment)>,
    victim: Option<Arc<Mutex<Child>>>,
}

/// A call and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub action: String,
    /// The HTTP status.
    pub status: u16,
    pub answer: String,
}

#[derive(Default)]
struct Inner {
    calls: Vec<String>,
    /// Kept when somebody has asked for it.
    recorded: Option<Vec<Exchange>>,
    /// How many calls the server is carrying out.
    under_way: usize,
    kill: Kill,
    /// The action, how often it goes through first, and what happens then, once or for ever.
    faults: Vec<(String, usize, Fault, bool)>,
    /// How many calls, reads too, still go through before the credentials expire.
    valid: Option<usize>,
}

/// A recorder in front of a server.
#[derive(Clone)]
pub struct Wire {
    pub endpoint: String,
    inner: Arc<Mutex<Inner>>,
}

impl Wire {
    /// In front of `upstream`, such as `http://127.0.0.1:5000`.
    pub fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let wire = Self { endpoint, inner: Arc::default() };
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let inner = Arc::clone(&wire.inner);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (inner, upstream) = (Arc::clone(&inner), upstream.clone());
                std::thread::spawn(move || serve(client, &upstream, &inner));
            }
        });
        wire
    }

    /// The names of the calls since the last time this was asked, such as `ModifyRule`.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.lock().expect("no panic").calls)
    }

    /// How often a call was made since the names were taken.
    pub fn count(&self, action: &str) -> usize {
        self.inner.lock().expect("no panic").calls.iter().filter(|call| *call == action).count()
    }

    /// Keeps answers too, from now on.
    pub fn record(&self) {
        self.inner.lock().expect("no panic").recorded = Some(Vec::new());
    }

    /// The calls and answers that were kept.
    pub fn recorded(&self) -> Vec<Exchange> {
        self.inner.lock().expect("no panic").recorded.take().unwrap_or_default()
    }

    /// Lets `action` through `after` times, then does `fault` once.
    pub fn fault_once(&self, action: &str, after: usize, fault: Fault) {
        self.inner.lock().expect("no panic").faults.push((action.to_owned(), after, fault, true));
    }

    /// Does `fault` whenever `action` is called.
    pub fn fault_always(&self, action: &str, fault: Fault) {
        self.inner.lock().expect("no panic").faults.push((action.to_owned(), 0, fault, false));
    }

    /// The credentials expire after so many calls, reads too; `None`: they are valid again.
    pub fn expires_after(&self, calls: Option<usize>) {
        self.inner.lock().expect("no panic").valid = calls;
    }

    /// Runs `child` to its end, which is a SIGKILL at `moment` around its mutating call number
    /// `at` (0 is the first). Whether it came to that.
    pub fn kill(&self, child: Child, at: usize, moment: Moment) -> bool {
        let child = Arc::new(Mutex::new(child));
        let mut inner = self.inner.lock().expect("no panic");
        inner.kill = Kill { armed: Some((at, moment)), victim: Some(Arc::clone(&child)) };
        drop(inner);
        while child.lock().expect("no panic").try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        // What the dead had asked for beside that call is still carried out.
        while self.inner.lock().expect("no panic").under_way > 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::mem::take(&mut self.inner.lock().expect("no panic").kill).armed.is_none()
    }
}

impl Inner {
    /// Whether the call that comes now is one too many for its credentials.
    fn has_expired(&mut self) -> bool {
        match &mut self.valid {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    /// The moment at which to kill around this call, if it is the one.
    fn moment(&mut self, action: &str) -> Option<Moment> {
        let (left, moment) = self.kill.armed.as_mut().filter(|_| !is_read(action))?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let moment = *moment;
        self.kill.armed = None;
        Some(moment)
    }
}

/// Ends the victim now; when this returns, it is gone.
fn end(inner: &Mutex<Inner>) {
    let victim = inner.lock().expect("no panic").kill.victim.clone();
    if let Some(victim) = victim {
        let mut victim = victim.lock().expect("no panic");
        victim.kill().expect("it may be killed");
        victim.wait().expect("it ends");
    }
}

fn serve(client: TcpStream, upstream: &str, inner: &Mutex<Inner>) {
    let mut reader = BufReader::new(client.try_clone().expect("a second handle"));
    let mut client = client;
    let Some((head, body)) = request(&mut reader) else { return };
    let action = action(&head, &body);
    let (fault, moment) = {
        let mut inner = inner.lock().expect("no panic");
        inner.calls.push(action.clone());
        let fault = if inner.has_expired() { Some(expired(&head)) } else { fault(&mut inner, &action) };
        (fault, inner.moment(&action))
    };
    if moment == Some(Moment::BeforeIt) {
        return end(inner);
    }
    let fault = match fault {
        Some(Fault::Slow(time)) => {
            std::thread::sleep(time);
            None
        }
        fault => fault,
    };
    if let Some(Fault::Answer(status, text)) = &fault {
        let answer = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: text/xml\r\nx-amzn-requestid: r-1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        );
        let _ = client.write_all(answer.as_bytes());
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream) else { return };
    let head = head.trim_end_matches("\r\n").to_owned() + "\r\nConnection: close\r\n\r\n";
    let mut answer = Vec::new();
    inner.lock().expect("no panic").under_way += 1;
    let sent = server.write_all(head.as_bytes()).and_then(|()| server.write_all(&body));
    let answered = sent.and_then(|()| server.read_to_end(&mut answer));
    inner.lock().expect("no panic").under_way -= 1;
    if moment == Some(Moment::BeforeItsAnswer) {
        return end(inner);
    }
    if answered.is_err() || fault.is_some() {
        return;
    }
    if let Some(recorded) = &mut inner.lock().expect("no panic").recorded {
        recorded.push(exchange(action, &answer));
    }
    // The server closes after each answer, and so does this.
    let _ = client.write_all(&answer);
    if moment == Some(Moment::AfterItsAnswer) {
        end(inner);
    }
}

fn exchange(action: String, answer: &[u8]) -> Exchange {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Exchange { action, status, answer: body.to_owned() }
}

/// One request: its head with the empty line taken off, and its body.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let length = header(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn action(head: &str, body: &[u8]) -> String {
    if let Some(target) = header(head, "x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let body = String::from_utf8_lossy(body);
    body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or("?").to_owned()
}

/// What each protocol says of credentials that have expired.
fn expired(head: &str) -> Fault {
    let scope = header(head, "authorization").unwrap_or_default();
    let said = "The security token included in the request is expired";
    if scope.contains("/ec2/") {
        // EC2 has a code of its own (APIReference, errors-overview).
        let body = format!(
            "<Response><Errors><Error><Code>RequestExpired</Code><Message>{said}</Message></Error></Errors>\
             <RequestID>r-1</RequestID></Response>"
        );
        return Fault::Answer(400, body);
    }
    if header(head, "x-amz-target").is_some() {
        return Fault::Answer(400, format!(r#"{{"__type":"ExpiredTokenException","message":"{said}"}}"#));
    }
    let body = format!(
        "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>{said}</Message></Error>\
         <RequestId>r-1</RequestId></ErrorResponse>"
    );
    Fault::Answer(403, body)
}

fn fault(inner: &mut Inner, action: &str) -> Option<Fault> {
    let at = inner.faults.iter().position(|(name, ..)| name == action)?;
    let (_, after, fault, once) = inner.faults.get_mut(at)?;
    if *after > 0 {
        *after -= 1;
        return None;
    }
    let fault = fault.clone();
    if *once {
        inner.faults.remove(at);
    }
    Some(fault)
}

/// Whether a call only looks.
pub fn is_read(action: &str) -> bool {
    ["Describe", "Get", "List"].iter().any(|word| action.starts_with(word))
}
