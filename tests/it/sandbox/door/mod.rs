//! Who may ask a sandbox: programs with its key. A web page, another user, and requests that are
//! made to break it change nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::load::get;
use crate::cli::sandbox::Sandboxed;
use crate::product::{Product, Run, ended, request};

/// User data that leaves a file, as a query's parameter.
fn user_data(mark: &Path) -> String {
    use base64::Engine;
    let script = format!("#!/bin/sh\ntouch {}\n", mark.display());
    let text = base64::engine::general_purpose::STANDARD.encode(script);
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// A sandbox's image that any machine can run.
async fn image(product: &Product) -> String {
    let images = product.cloud().await.ec2.describe_images().owners("amazon").send().await.expect("images");
    let found =
        images.images().iter().find(|one| one.name().is_some_and(|name| name.starts_with("bgform-hello")));
    found.and_then(|one| one.image_id()).expect("an image").to_owned()
}

/// Asserts that nobody has started or changed anything: no instance, no file of one, the faults and
/// the folder as they were.
async fn untouched(product: &Product, mark: &Path) {
    let local = product.local.as_ref().expect("a sandbox");
    let found = product.cloud().await.ec2.describe_instances().send().await.expect("instances");
    assert!(found.reservations().is_empty(), "{found:?}");
    assert!(!mark.exists());
    assert!(local.folder.join("us-east-1/left").exists(), "it was reset");
    assert_eq!(local.faults.list().iter().map(ToString::to_string).collect::<Vec<_>>(), ["eventual=1ms"]);
    for action in ["RunInstances", "SendCommand", "CreateTags"] {
        assert!(!local.calls().contains(action), "{}", local.calls());
    }
}

/// A sandbox in which nothing was called, with a fault and a file that a reset or a call would remove.
fn quiet() -> Product {
    let product = Product::on_sandbox(&["eventual=1ms"]);
    let local = product.local.as_ref().expect("a sandbox");
    std::fs::File::create(local.folder.join("us-east-1/left")).expect("a file");
    product
}

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

/// Waits until this holds, a minute at most.
#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let began = bgform::clock::monotonic();
    while !holds() {
        assert!(
            bgform::clock::monotonic().saturating_sub(began) < Duration::from_secs(60),
            "it did not come: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
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
    // Each way, by each name of this machine, was gone at the other server.
    let seen = naive.asked();
    for name in ["127.0.0.1", "localhost", "evil.example"] {
        let host = format!("Host: {name}:{}", naive.port);
        for way in [
            "via=image",
            "via=form",
            "via=plain-form",
            "via=no-cors",
            "via=cors",
            "via=beacon",
            "via=frame",
            "via=reset",
            "via=command",
        ] {
            let came = |asked: &&String| asked.contains(&host) && asked.contains(way);
            assert!(seen.iter().any(|asked| came(&asked)), "{way} by {name} did not go out: {seen:#?}");
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

const DESCRIBE: &str = "Action=DescribeInstances&Version=2016-11-15";

/// The refusals of each protocol name the command that helps.
#[test]
fn an_unsigned_or_wrongly_signed_request_is_told_what_to_do() {
    let product = quiet();
    let endpoint = &product.local.as_ref().expect("a sandbox").endpoint;
    let post = |headers: &str, body: &str| request("POST", endpoint, "/", headers, body);
    let hint = "bgform sandbox env";
    let scope = |key: &str, service: &str| {
        format!(
            "X-Amz-Date: {}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={key}/20261121/us-east-1/{service}/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00\r\n",
            jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ")
        )
    };
    let json = "X-Amz-Target: AmazonSSM.DescribeInstanceInformation\r\n";
    let cbor = "smithy-protocol: rpc-v2-cbor\r\n";
    for (headers, code) in [
        (String::new(), "MissingAuthenticationToken"),
        (json.to_owned(), "MissingAuthenticationTokenException"),
        ("Authorization: Bearer x\r\n".to_owned(), "MissingAuthenticationToken"),
        (scope("AKIAOTHER", "ec2"), "AuthFailure"),
        (scope("AKIAOTHER", "elasticloadbalancing"), "InvalidClientTokenId"),
        (format!("{json}{}", scope("AKIAOTHER", "ssm")), "UnrecognizedClientException"),
        (format!("{cbor}{}", scope("AKIAOTHER", "monitoring")), "UnrecognizedClientException"),
        (scope("test", "ec2"), "AuthFailure"),
        (scope("test", "autoscaling"), "SignatureDoesNotMatch"),
        (format!("{json}{}", scope("test", "ssm")), "InvalidSignatureException"),
    ] {
        let answer = post(&headers, DESCRIBE);
        assert!(answer.contains(code) && answer.contains(hint), "{headers}: {answer}");
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Control calls are signed, too.
    for (method, path) in [("GET", "status"), ("POST", "reset"), ("DELETE", "faults"), ("POST", "down")] {
        let answer = request(method, endpoint, &format!("/_sandbox/{path}"), "", "");
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains(hint), "{answer}");
    }
    // What a wrong key is told through bgform.
    let mut command = product.command(&["plan", "hello.deploy"]);
    product.copy_stack("hello.deploy");
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_ACCESS_KEY_ID", "AKIAMINE");
    ended(&mut command).exits(1).says("AKIAMINE is not the key of this bgform sandbox").says(hint);
    assert_eq!(product.local.as_ref().map(|local| local.calls().len()), Some(0));
}

/// A region's name becomes a folder's.
#[tokio::test(flavor = "multi_thread")]
async fn no_name_of_a_region_leads_out_of_the_folder() {
    let product = quiet();
    let local = product.local.as_ref().expect("a sandbox");
    let folder = |path: &Path| {
        let mut names: Vec<PathBuf> =
            std::fs::read_dir(path).expect("it reads").flatten().map(|one| one.path()).collect();
        names.sort();
        names
    };
    let above = local.folder.parent().expect("a folder");
    let before = folder(&local.folder);
    let absolute = format!("{}/absolute", product.folder.path().display());
    for name in [
        "..",
        "../up",
        ".",
        "",
        "a/../../b",
        &absolute,
        "us-east-1/..",
        "us-east-1\u{0}",
        "US-EAST-1",
        "%2e%2e",
        "state",
    ] {
        let arguments = [
            "-sS",
            "--aws-sigv4",
            &format!("aws:amz:{name}:ec2"),
            "--user",
            "test:test",
            "-d",
            DESCRIBE,
            &local.endpoint,
        ];
        if name.contains('\u{0}') {
            continue;
        }
        let run = ended(Command::new("curl").args(arguments));
        assert!(!run.out.contains("reservationSet"), "{name}: {}", run.out);
    }
    let control = bgform::sandbox::control::Client::new(
        local.endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port"),
        crate::local::key(),
    );
    for region in ["..", "../up", &absolute] {
        let new = bgform::sandbox::control::NewImage {
            region: region.to_owned(),
            name: "x".to_owned(),
            description: String::new(),
            folder: product.folder.path().to_owned(),
        };
        let refused = control.image(&new).await.expect_err("it is refused").to_string();
        assert!(refused.contains("is no region's name"), "{refused}");
    }
    assert_eq!(folder(&local.folder), before);
    for name in [above.join("up"), above.join("b"), above.join("state.json"), PathBuf::from(&absolute)] {
        assert!(!name.exists(), "{}", name.display());
    }
}

/// 6 kB of it once ended the whole sandbox.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_nested_thousands_deep_are_refused() {
    let product = quiet();
    let local = product.local.as_ref().expect("a sandbox");
    let query = |body: &str| {
        let curl = [
            "-sS",
            "--aws-sigv4",
            "aws:amz:us-east-1:ec2",
            "--user",
            "test:test",
            "-d",
            body,
            &local.endpoint,
        ];
        ended(Command::new("curl").args(curl)).exits(0).out
    };
    for depth in [34, 3000, 40_000] {
        let body = format!("{DESCRIBE}&{}=1", vec!["a"; depth].join("."));
        assert!(query(&body).contains("more than 32 dots"), "{depth}");
    }
    let json = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let target = "x-amz-target: AmazonSSM.DescribeInstanceInformation";
    let curl = [
        "-sS",
        "--aws-sigv4",
        "aws:amz:us-east-1:ssm",
        "--user",
        "test:test",
        "-H",
        target,
        "-d",
        "@-",
        &local.endpoint,
    ];
    let mut child =
        Command::new("curl").args(curl).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("curl");
    child.stdin.take().expect("its input").write_all(json.as_bytes()).expect("it reads");
    let answer = child.wait_with_output().expect("it ends").stdout;
    assert!(String::from_utf8_lossy(&answer).contains("the body is no JSON"));
    assert!(query(DESCRIBE).contains("reservationSet"), "it lives");
}

/// Half of a request's head, and nothing at all, a thousand times each, at both sockets.
#[tokio::test(flavor = "multi_thread")]
async fn silent_and_half_open_connections_keep_nobody_from_an_answer() {
    let (product, url) = hello();
    let local = product.local.as_ref().expect("a sandbox");
    let balancer = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let api = local.endpoint.trim_start_matches("http://").to_owned();
    let mut held = Vec::new();
    for address in [&api, &balancer] {
        for half in [true, false] {
            for _ in 0..1000 {
                let mut stream = TcpStream::connect(address.as_str()).expect("it accepts");
                if half {
                    stream.write_all(b"POST / HTTP/1.1\r\nHost: local").expect("it reads");
                }
                held.push(stream);
            }
        }
    }
    let cloud = product.cloud().await;
    for _ in 0..20 {
        cloud.ec2.describe_instances().send().await.expect("the API answers");
        let answer = get(&balancer, "/", false, &mut None).expect("the balancer answers");
        assert_eq!((answer.status, answer.release.as_str()), (200, "1.0"));
    }
    drop(held);
    cloud.ec2.describe_instances().send().await.expect("the API answers");
}

/// `hello.deploy`, applied in a sandbox of this process, and its URL.
fn hello() -> (Product, String) {
    let product = Product::on_sandbox(&[]);
    product.copy_stack("hello.deploy");
    let run = product.run(&["apply", "hello.deploy", "--auto-approve"]).exits(0);
    let url = run.out.lines().find_map(|line| line.strip_prefix("url = ")).expect("a url").to_owned();
    (product, url)
}

/// What `nobody` runs. None where this is not root, who alone can be somebody else.
fn as_nobody(command: &mut Command) -> Option<Run> {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        println!("left out: only root can be another user");
        return None;
    }
    Some(ended(command.uid(65_534).gid(65_534).current_dir("/")))
}

#[test]
fn another_user_of_the_machine_starts_reads_and_resets_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let product = Sandboxed::new();
    product.sandbox(&["up", "--port", "0"]).exits(0);
    product.0.copy_stack("hello.deploy");
    product.0.run(&["--sandbox", "apply", "hello.deploy", "--auto-approve"]).exits(0);
    let endpoint = product.status()["endpoint"].as_str().expect("a URL").to_owned();
    // Nothing on the way to the sandbox's own folder keeps anybody out.
    let mut way = product.path("");
    while way.starts_with(product.0.folder.path()) {
        way = way.parent().expect("a folder").to_owned();
        std::fs::set_permissions(&way, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        if way == product.0.folder.path() {
            break;
        }
    }
    let calls =
        || std::fs::read_to_string(product.path("us-east-1/calls.log")).expect("a log").lines().count();
    let before = (calls(), product.status()["regions"][0]["instances"].clone());
    for file in [
        "sandbox.key",
        "sandbox.json",
        "us-east-1/state.json",
        "us-east-1/calls.log",
        "state/hello/snapshot.json",
    ] {
        assert!(product.path(file).exists(), "{file}");
        let Some(run) = as_nobody(Command::new("cat").arg(product.path(file))) else { return };
        assert!(
            run.code != 0 && run.out.is_empty() && run.err.contains("Permission denied"),
            "{file}: {run:?}"
        );
    }
    for arguments in [
        vec!["-d", DESCRIBE],
        vec!["-d", "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1"],
        vec!["--aws-sigv4", "aws:amz:us-east-1:ec2", "--user", "test:test", "-d", DESCRIBE],
        vec!["-X", "POST"],
    ] {
        let target =
            if arguments[0] == "-X" { format!("{endpoint}/_sandbox/reset") } else { endpoint.clone() };
        let run = as_nobody(Command::new("curl").args(["-sS", "-i"]).args(&arguments).arg(target))
            .expect("this is root");
        let refused = ["HTTP/1.1 403", "HTTP/1.1 401"].iter().any(|status| run.out.starts_with(status));
        assert!(refused && run.out.contains("bgform sandbox env"), "{arguments:?}: {run:?}");
    }
    let mut other = product.0.command(&["sandbox", "env"]);
    other.env("BGFORM_SANDBOX_DIR", product.path(""));
    let run = as_nobody(&mut other).expect("this is root");
    assert!(run.code != 0 && run.out.is_empty(), "{run:?}");
    assert_eq!((calls(), product.status()["regions"][0]["instances"].clone()), before);

    // A key that others may have read is used no more, and the help leads to a new one.
    let key = product.path("sandbox.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let run = product.sandbox(&["status"]).exits(1).says("others may read it (mode 644)");
    let help = run.err.split_once("help: `").and_then(|(_, rest)| rest.split_once('`')).expect("a command").0;
    ended(Command::new("sh").args(["-c", &help.split_whitespace().collect::<Vec<_>>().join(" ")])).exits(0);
    until("it has ended", || product.sandbox(&["status"]).out.contains("No sandbox runs"));
    product.sandbox(&["up", "--port", "0"]).exits(0);
    product.sandbox(&["status"]).exits(0);

    // A folder that somebody else has made ready: they could put a key of theirs there.
    let trap = product.0.path("trap");
    std::fs::create_dir(&trap).expect("a folder");
    std::fs::File::create(trap.join("sandbox.lock")).expect("a file");
    std::os::unix::fs::chown(&trap, Some(65_534), Some(65_534)).expect("this is root");
    let run = product.sandbox(&["up", "--port", "0", "--dir", trap.to_str().expect("a path")]).exits(1);
    run.says("belongs to another user, who could run programs as you");
}

/// `eval "$(bgform sandbox env)"`, then this.
pub fn within(product: &Sandboxed, script: &str) -> Run {
    let bgform = env!("CARGO_BIN_EXE_bgform");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let path = std::env::join_paths(
        [target.join("moto/bin")]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let mut command = product.0.command(&[]);
    let mut shell = Command::new("bash");
    shell
        .args(["-euc", &format!("eval \"$('{bgform}' sandbox env)\"\n{script}")])
        .current_dir(product.0.folder.path());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // What a user has, and what must not be looked at.
    shell.env("AWS_SESSION_TOKEN", "caller").env("AWS_PROFILE", "nobody").env("PATH", path.expect("a path"));
    command.stdin(Stdio::null());
    ended(shell.stdin(Stdio::null()))
}

#[test]
fn foreign_clients_work_with_what_sandbox_env_prints() {
    let product = Sandboxed::new();
    product.sandbox(&["env"]).exits(1).says("`bgform sandbox up` starts one");
    product.sandbox(&["up", "--port", "0"]).exits(0).says("eval \"$(bgform sandbox env)\"");
    let run = within(&product, "aws sts get-caller-identity --query Account --output text").exits(0);
    assert_eq!(run.out.trim(), "123456789012");
    let script = "python - <<'PY'\nimport boto3\nprint(len(boto3.client('ec2').describe_images(Owners=['amazon'])['Images']))\n\
                  print(boto3.client('ssm').describe_instance_information()['InstanceInformationList'])\n\
                  print(boto3.client('cloudwatch').describe_alarms()['MetricAlarms'])\nPY";
    assert!(within(&product, script).exits(0).out.ends_with("[]\n[]\n"));
    product.0.copy_stack("hello.deploy");
    let bgform = env!("CARGO_BIN_EXE_bgform");
    within(&product, &format!("'{bgform}' plan hello.deploy")).exits(0).says("9 to create");
    // A shell that has the key goes on with the next daemon.
    let before = product.sandbox(&["env"]).out;
    product.sandbox(&["down"]).exits(0);
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let key =
        |text: &str| text.lines().filter(|line| line.contains("KEY")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(key(&product.sandbox(&["env"]).out), key(&before));
}

/// A gate's command that leaves its environment in a file.
const STACK: &str = r#"
  gate "look" {
    at      = "before_shift"
    command = ["sh", "-c", "env > seen.$BGFORM_RELEASE"]
  }

  strategy "canary" {"#;

/// Asserts that a program was led to the sandbox and was given nothing of the caller's.
#[track_caller]
fn is_led_to_the_sandbox(environment: &str) {
    let of = |name: &str| {
        environment.lines().find_map(|line| line.strip_prefix(&format!("{name}=")).map(str::to_owned))
    };
    assert!(!environment.contains("caller"), "{environment}");
    assert_eq!(of("BGFORM_SANDBOX").as_deref(), Some("1"));
    assert!(of("AWS_ENDPOINT_URL").is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{environment}");
    assert!(of("AWS_ACCESS_KEY_ID").is_some_and(|key| key.starts_with("SANDBOX")), "{environment}");
    assert_eq!(of("AWS_SHARED_CREDENTIALS_FILE").as_deref(), Some("/dev/null"));
}

#[test]
fn a_gate_and_a_machine_in_a_sandbox_have_nothing_of_the_callers_credentials() {
    let product = Sandboxed::new();
    let text = std::fs::read_to_string(product.0.copy_stack("release.deploy")).expect("the stack");
    let text =
        text.replace("\n  strategy \"canary\" {", STACK).replace("interval     = 10s", "interval     = 1s");
    let looks = format!(
        "env > {}/booted.${{var.release}}\n      echo ${{var.release}}",
        product.0.folder.path().display()
    );
    let text = text.replace("echo ${var.release}", &looks);
    product.0.write("release.deploy", &text);
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let as_a_user = |arguments: &[&str]| {
        let mut command = product.0.command(arguments);
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
            "AWS_ROLE_ARN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_ENDPOINT_URL_EC2",
            "AWS_CONFIG_FILE",
        ] {
            command.env(name, "caller");
        }
        ended(&mut command)
    };
    as_a_user(&["--sandbox", "apply", "release.deploy", "--auto-approve"]).exits(0);
    as_a_user(&["--sandbox", "apply", "release.deploy", "--auto-approve", "--var", "release=2.0"]).exits(0);
    let rehearse = ["rehearse", "release.deploy", "--from", "release=3.0", "--var", "release=4.0"];
    as_a_user(&[&rehearse[..], &["--commands", "--speed", "60"]].concat()).exits(0);
    for release in ["2.0", "4.0"] {
        let seen = std::fs::read_to_string(product.0.path(&format!("seen.{release}")));
        is_led_to_the_sandbox(&seen.expect("the gate ran"));
        let booted = std::fs::read_to_string(product.0.path(&format!("booted.{release}")));
        is_a_machines_own(&booted.expect("a machine booted"));
    }
}

/// Asserts that a machine was given nothing of the caller's.
#[track_caller]
fn is_a_machines_own(booted: &str) {
    assert!(booted.contains("PORT=") && !booted.contains("caller"), "{booted}");
    assert_eq!(
        booted.lines().filter(|line| line.starts_with("AWS_")).collect::<Vec<_>>(),
        ["AWS_REGION=us-east-1"]
    );
}

/// With two clocks every release was held after a minute.
#[test]
fn a_release_in_a_sandbox_that_runs_faster_goes_through() {
    let product = Sandboxed::new();
    product.0.copy_stack("release.deploy");
    product.sandbox(&["up", "--port", "0", "--speed", "20"]).exits(0);
    let apply = ["--sandbox", "apply", "release.deploy", "--auto-approve"];
    product.0.run(&apply).exits(0);
    let second = [&apply[..], &["--var", "release=2.0"]].concat();
    product.0.run(&second).exits(0).says("2.0");
    let now = |text: &str| text.parse::<jiff::Timestamp>().expect("a time");
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(product.path("sandbox.json")).expect("a record"))
            .expect("JSON");
    assert_eq!(record["speed"], 20.0);
    let (started, sandbox) = (record["started"].as_str().expect("a time"), product.status());
    let ahead = now(sandbox["now"].as_str().expect("a time")).duration_since(now(started));
    let real = jiff::Timestamp::now().duration_since(now(started));
    assert!(ahead > real * 15, "{ahead} after {real}");
    // The retirement was planned by the sandbox's time, which is ahead of the machine's.
    let snapshot = std::fs::read_to_string(product.path("state/release/snapshot.json")).expect("a state");
    let snapshot: serde_json::Value = serde_json::from_str(&snapshot).expect("JSON");
    let at = snapshot.pointer("/deployments/web/retirement/at").and_then(|at| at.as_str());
    let left = now(at.expect("it retires")).duration_since(jiff::Timestamp::now());
    assert!(left > jiff::SignedDuration::from_secs(600), "{left}");
}
