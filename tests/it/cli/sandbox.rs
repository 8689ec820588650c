//! `bgform sandbox`, `--sandbox` and `rehearse` as a person meets them: one message for each slip,
//! and nothing left behind.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::product::{Product, Run, ended};

/// A product whose sandbox, if it has one, ends with it.
struct Sandboxed(Product);

impl Drop for Sandboxed {
    fn drop(&mut self) {
        self.0.run(&["sandbox", "down"]);
    }
}

impl Sandboxed {
    fn new() -> Self {
        Self(Product::alone())
    }

    fn sandbox(&self, args: &[&str]) -> Run {
        self.0.run(&[&["sandbox"], args].concat())
    }

    fn status(&self) -> Value {
        let run = self.sandbox(&["status", "--json"]).exits(0);
        serde_json::from_str(&run.out).expect("JSON")
    }

    fn pid(&self) -> String {
        self.status()["pid"].to_string()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path(".local/share/bgform/sandbox").join(name)
    }
}

fn lives(pid: &str) -> bool {
    // A process that ended and that nobody has waited for yet is gone too.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn it_is_started_once_and_ended() {
    let product = Sandboxed::new();
    product.sandbox(&["status"]).exits(1).says("No sandbox runs in");
    product.sandbox(&["down"]).exits(0).says("No sandbox runs in");
    product.sandbox(&["fault"]).exits(1).says("`bgform sandbox up` starts one");
    product.sandbox(&["up", "--port", "0"]).exits(0).says("export AWS_ENDPOINT_URL=http://127.0.0.1:");
    let pid = product.pid();
    product.sandbox(&["up"]).exits(0).says("runs already");
    product.sandbox(&["up", "--port", "1"]).exits(1).says("already, at http://127.0.0.1:");
    assert_eq!(product.pid(), pid, "it is still the first one");
    product.sandbox(&["fault", "eventual=5s", "lost=CreateRule:1"]).exits(0).says("lost=CreateRule:1");
    product.sandbox(&["fault", "--clear"]).exits(0).says("Nothing goes wrong");
    product.sandbox(&["fault", "late=5s"]).exits(2).says("there are latency, throttle");
    product.sandbox(&["crash", "i-1"]).exits(1).says("there is no instance i-1");
    product.sandbox(&["down"]).exits(0).says("The sandbox is down");
    assert!(!lives(&pid));
}

#[test]
fn a_killed_one_is_known_and_gone_on_from() {
    let product = Sandboxed::new();
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let kill = || {
        let pid = product.pid();
        ended(std::process::Command::new("kill").args(["-9", &pid])).exits(0);
        while lives(&pid) {
            std::thread::yield_now();
        }
    };
    kill();
    product.sandbox(&["status"]).exits(1).says("was killed").says("goes on from its state");
    product.sandbox(&["crash", "i-1"]).exits(1).says("was killed");
    product.sandbox(&["up", "--port", "0"]).exits(0).says("this one goes on from its state");
    kill();
    product.sandbox(&["down"]).exits(0).says("what it left is cleaned up");
    product.sandbox(&["status"]).exits(1).says("No sandbox runs in");
}

#[test]
fn what_is_in_its_way_is_named() {
    let (product, other) = (Sandboxed::new(), Sandboxed::new());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    product.sandbox(&["up", "--port", &port]).exits(1).says("in use by another program");
    other.sandbox(&["up", "--port", "0"]).exits(0);
    let endpoint = other.status()["endpoint"].as_str().unwrap().to_owned();
    let port = endpoint.rsplit(':').next().unwrap();
    product.sandbox(&["up", "--port", port]).exits(1).says("in use by the sandbox in").says(&other.pid());

    product.0.write("thesis/chapter.txt", "one");
    product.sandbox(&["up", "--dir", "thesis"]).exits(2).says("it has other things in it");
    product
        .sandbox(&["up", "--dir", "thesis/chapter.txt"])
        .exits(2)
        .says("cannot be made a sandbox's folder");
    product.sandbox(&["reset", "--dir", "thesis"]).exits(0).says("There is no sandbox in");
    assert!(product.0.path("thesis/chapter.txt").exists());

    product.0.write(".local/share/bgform/sandbox/us-east-1/state.json", "{\"account\":");
    product.sandbox(&["up", "--port", "0"]).exits(1).says("does not read").says("bgform sandbox reset");
    product.sandbox(&["status"]).exits(1).says("No sandbox runs in");
    product.sandbox(&["reset"]).exits(0).says("is as new");
    product.sandbox(&["up", "--port", "0"]).exits(0);
}

#[test]
fn the_first_command_of_the_readme_ends_with_a_url_that_answers() {
    let product = Sandboxed::new();
    product.0.copy_stack("hello.deploy");
    product.sandbox(&["up", "--port", "0"]).exits(0);
    let apply = ["--sandbox", "apply", "hello.deploy", "--auto-approve"];
    // Credentials that would end any call that used them.
    let mut command = product.0.command(&apply);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env("AWS_PROFILE", "nobody")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let run = ended(&mut command).exits(0).says("Applied: 9 created");
    let url = run.out.lines().find_map(|line| line.strip_prefix("url = http://")).expect("a url").to_owned();
    let get = || {
        let (address, _) = url.split_once('/').unwrap();
        let mut stream = TcpStream::connect(address).expect("a load balancer");
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
    };
    assert!(get().starts_with("hello from 1.0 on i-"), "{}", get());
    let second = [&apply[..], &["--var", "green=2.0", "--var", "live=green"]].concat();
    product.0.run(&second).exits(0).says("Applied: 0 created, 3 updated");
    assert!(get().starts_with("hello from 2.0 on i-"), "{}", get());
    product
        .0
        .run(&[&["--sandbox", "plan", "--detailed-exitcode"], &second[2..3], &second[4..]].concat())
        .exits(0);
    assert!(product.path("state/hello/snapshot.json").exists() && !product.0.path("state").exists());
    product
        .0
        .run(&["--sandbox", "plan", "--profile", "x", "hello.deploy"])
        .exits(2)
        .says("exclude each other");

    // Another port is the same sandbox.
    product.sandbox(&["down"]).exits(0);
    product.sandbox(&["up", "--port", "0"]).exits(0);
    product
        .0
        .run(&[&["--sandbox", "plan", "--detailed-exitcode"], &second[2..3], &second[4..]].concat())
        .exits(0);
    product.sandbox(&["reset"]).exits(0);
    assert!(!product.path("state").exists());
    assert_eq!(product.status()["regions"][0]["instances"], serde_json::json!({}));
}

#[test]
fn a_rehearsal_sends_requests_and_says_whether_one_failed() {
    let product = Sandboxed::new();
    product.0.copy_stack("hello.deploy");
    let rehearse = ["rehearse", "hello.deploy", "--json", "--from", "live=blue", "--from", "green=1.0"];
    let to = ["--var", "green=2.0", "--var", "live=green"];
    let run = product.0.run(&[&rehearse[..], &to].concat()).exits(0);
    let told: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!((&told["passed"], &told["requests"]["failed"]), (&true.into(), &0.into()));
    assert!(told["requests"]["sent"].as_u64().unwrap() > 100, "{told}");
    let rows = told["timeline"].as_array().unwrap();
    let served = |row: &Value, colour: &str| row["requests_per_second"][colour].as_u64().unwrap_or(0);
    let last = rows.last().unwrap();
    assert!(rows.iter().any(|row| served(row, "blue") > 0), "{told}");
    assert!(served(last, "green") > 0 && served(last, "blue") == 0, "{told}");
    assert_eq!(last["weights"], serde_json::json!([{ "blue": 0, "green": 100 }]));

    // What is shipped answers 500 after some requests.
    let broken = [&rehearse[..], &to, &["--fault", "fails=hello-hello-green*:20"]].concat();
    let run = product.0.run(&broken).exits(1);
    let told: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(
        (&told["passed"], &told["requests"]["failures"][0]["error"]),
        (&false.into(), &"status 500".into())
    );
}
