//! What goes over the wire: a recorder between bgform and a server. It names every call and can
//! answer one in the server's place, or not at all. Calls to S3 may go to a server of their own.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

mod http;

pub use http::is_read;
use http::{exchange, header, request};

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

/// Which calls are counted to find the one to be killed around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    All,
    Mutating,
    /// Those of one name.
    Of(String),
}

impl Counted {
    fn counts(&self, action: &str) -> bool {
        match self {
            Self::All => true,
            Self::Mutating => !is_read(action),
            Self::Of(name) => name == action,
        }
    }
}

/// A process that is killed around one of its calls.
#[derive(Default)]
struct Kill {
    /// Which calls count, how many of them still go through, and the moment.
    armed: Option<(Counted, usize, Moment)>,
    victim: Option<Arc<Mutex<Child>>>,
    /// The call that it was.
    around: Option<String>,
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
    /// The server, and S3's if it is another one.
    upstream: String,
    s3: Option<String>,
    kill: Kill,
    /// The action, how often it goes through first, and what happens then, once or for ever.
    faults: Vec<(String, usize, Fault, bool)>,
    /// How many calls, reads too, still go through before the credentials expire.
    valid: Option<usize>,
    /// A header that the server does not get to see, in small letters.
    unheard: Option<String>,
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
        let inner = Inner { upstream: host(upstream), ..Inner::default() };
        let wire = Self { endpoint, inner: Arc::new(Mutex::new(inner)) };
        let inner = Arc::clone(&wire.inner);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let inner = Arc::clone(&inner);
                std::thread::spawn(move || serve(client, &inner));
            }
        });
        wire
    }

    /// From now on calls go to another server, in front of which it is at the same endpoint.
    pub fn lead_to(&self, upstream: &str) {
        self.inner.lock().expect("no panic").upstream = host(upstream);
    }

    /// From now on calls to S3 go to another server.
    pub fn s3_at(&self, upstream: &str) {
        self.inner.lock().expect("no panic").s3 = Some(host(upstream));
    }

    /// The names of the calls since the last time this was asked, such as `ModifyRule`.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.lock().expect("no panic").calls)
    }

    /// How many calls were made since the names were taken.
    pub fn made(&self) -> usize {
        self.inner.lock().expect("no panic").calls.len()
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

    /// The server does not get to see this header any more, as one that does not know it.
    pub fn without_header(&self, name: Option<&str>) {
        self.inner.lock().expect("no panic").unheard = name.map(str::to_lowercase);
    }

    /// Runs `child` to its end, which is a SIGKILL at `moment` around its mutating call number
    /// `at` (0 is the first). Whether it came to that.
    pub fn kill(&self, child: Child, at: usize, moment: Moment) -> bool {
        self.kill_around(child, Counted::Mutating, at, moment).is_ok()
    }

    /// The same where other calls count; the name of the call that it was killed around.
    ///
    /// Errors: the code with which it ended before that.
    pub fn kill_around(
        &self,
        child: Child,
        counted: Counted,
        at: usize,
        moment: Moment,
    ) -> Result<String, Option<i32>> {
        let child = Arc::new(Mutex::new(child));
        let mut inner = self.inner.lock().expect("no panic");
        inner.kill =
            Kill { armed: Some((counted, at, moment)), victim: Some(Arc::clone(&child)), around: None };
        drop(inner);
        let status = loop {
            if let Some(status) = child.lock().expect("no panic").try_wait().expect("a child") {
                break status;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        // What the dead had asked for beside that call is still carried out.
        while self.inner.lock().expect("no panic").under_way > 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let around = std::mem::take(&mut self.inner.lock().expect("no panic").kill).around;
        around.ok_or_else(|| status.code())
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
        let (_, left, moment) = self.kill.armed.as_mut().filter(|(counted, ..)| counted.counts(action))?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let moment = *moment;
        self.kill.armed = None;
        self.kill.around = Some(action.to_owned());
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

fn host(endpoint: &str) -> String {
    endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

fn serve(client: TcpStream, inner: &Mutex<Inner>) {
    let mut reader = BufReader::new(client.try_clone().expect("a second handle"));
    let mut client = client;
    let Some((head, body)) = request(&mut reader) else { return };
    let to_s3 = header(&head, "authorization").is_some_and(|text| text.contains("/s3/aws4_request"));
    let action = if to_s3 { http::s3_action(&head) } else { http::action(&head, &body) };
    let (fault, moment, upstream, unheard) = {
        let mut inner = inner.lock().expect("no panic");
        inner.calls.push(action.clone());
        let upstream = inner.s3.as_ref().filter(|_| to_s3).unwrap_or(&inner.upstream).clone();
        let told = if inner.has_expired() { Some(expired(&head)) } else { fault(&mut inner, &action) };
        let (fault, moment) = (told, inner.moment(&action));
        let goes = moment != Some(Moment::BeforeIt) && !matches!(fault, Some(Fault::Answer(..)));
        inner.under_way += usize::from(goes);
        (fault, moment, upstream, inner.unheard.clone())
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
    let named = |line: &&str| line.split(':').next().map(str::to_lowercase);
    let heard = head.trim_end().split("\r\n").filter(|line| unheard.is_none() || named(line) != unheard);
    let head = heard.chain(["Connection: close", "", ""]).collect::<Vec<_>>().join("\r\n");
    let mut answer = Vec::new();
    let answered = TcpStream::connect(upstream).and_then(|mut server| {
        server.write_all(head.as_bytes())?;
        server.write_all(&body)?;
        server.read_to_end(&mut answer)
    });
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
