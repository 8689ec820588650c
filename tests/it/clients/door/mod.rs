//! Who may ask a sandbox: programs with its key. A web page, another user, and requests that are
//! made to break it change nothing.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::kit::load::get;
use crate::kit::product::{Product, ended, request};

mod environment;
mod nobody;
mod page;

pub use environment::within;

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

/// Waits until this holds, a minute at most.
#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let began = bgform::clock::monotonic();
    while !holds() {
        assert!(
            bgform::clock::monotonic().saturating_sub(began) < Duration::from_secs(180),
            "it did not come: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
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
        crate::kit::local::key(),
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
