//! The engine called from inside this process, on a sandbox: for what no command line can ask for, such
//! as stages that are wrong on purpose.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use bgform::address::Address;
use bgform::clock::Clock;
use bgform::cloud::{Cloud, Target};
use bgform::diagnostic::Sources;
use bgform::facts::Stage;
use bgform::kind::operation::Reporter;
use bgform::kind::shutdown::Shutdown;
use bgform::lang::ast::Files;
use bgform::lang::parse::parse;
use bgform::lang::variable::Given;
use bgform::plan::Options;
use bgform::rollout::rebuild::{Rebuilt, rebuild};
use bgform::rollout::stage::{self, Acts};
use bgform::rollout::{Engine, Error, Plan, Realm, Shipped, plan, ship};
use bgform::stack::{Input, Program, ReadFile};
use bgform::state::{Snapshot, Store};
use serde_json::Value;
use tempfile::TempDir;

use crate::kit::local::Local;

pub struct Inside {
    pub runtime: tokio::runtime::Runtime,
    pub cloud: Cloud,
    pub store: Store,
    pub heard: Heard,
    _folder: TempDir,
}

impl Inside {
    /// With an empty state, on this sandbox.
    pub fn of(local: &Local, speed: f64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let target = Target {
            region: Some("us-east-1".to_owned()),
            endpoint_url: Some(local.endpoint.clone()),
            ..Target::default()
        };
        let anyone = Credentials::new("test", "test", None, None, "tests");
        let cloud = Cloud::connect_as(Some(anyone), &target, Clock::scaled(speed), false);
        let cloud = runtime.block_on(cloud).expect("a server");
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::at(folder.path().join("state/own"));
        Self { runtime, cloud, store, heard: Heard::default(), _folder: folder }
    }

    fn engine<'a>(
        &'a self,
        program: &'a Program,
        store: &'a Store,
        shutdown: &'a Shutdown,
        acts: Acts<'a>,
    ) -> Engine<'a> {
        Engine {
            cloud: &self.cloud,
            program,
            store,
            realm: Realm::Sandbox,
            reporter: &self.heard,
            shutdown,
            parallelism: 10,
            acts,
        }
    }

    /// A state that is built again from what the account has, beside the own one.
    pub async fn rebuilt(&self, program: &Program) -> (Rebuilt, Snapshot) {
        let account = self.cloud.account().await.expect("an account");
        let endpoint = self.cloud.endpoint.clone();
        let mut snapshot = Snapshot::new(&program.settings.name, account, &self.cloud.region, endpoint);
        let rebuilt =
            rebuild(&self.cloud, program, &snapshot).await.unwrap_or_else(|error| panic!("{error}"));
        rebuilt.changes.iter().for_each(|change| snapshot.apply(change));
        (rebuilt, snapshot)
    }

    /// What would be done where this was the state.
    pub async fn plan_from(&self, program: &Program, snapshot: &mut Snapshot) -> Plan {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::at(folder.path().join("state/again"));
        let lock = store.lock("a test").expect("the lock");
        store.checkpoint(&lock, snapshot).expect("it is kept");
        let shutdown = Shutdown::default();
        let engine = self.engine(program, &store, &shutdown, &stage::of);
        plan(&engine, &Options::default()).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Plans a program and ships it, with these stages.
    pub async fn ship(&self, program: &Program, acts: Acts<'_>) -> Result<Shipped, Error> {
        self.ship_after(program, acts, async || {}).await
    }

    /// The same with something that happens after the plan was made.
    pub async fn ship_after(
        &self,
        program: &Program,
        acts: Acts<'_>,
        meanwhile: impl AsyncFnOnce(),
    ) -> Result<Shipped, Error> {
        let shutdown = Shutdown::default();
        let engine = self.engine(program, &self.store, &shutdown, acts);
        let lock = self.store.lock("a test").expect("the lock");
        let planned = plan(&engine, &Options::default()).await?;
        meanwhile().await;
        ship(&engine, &lock, planned).await
    }
}

/// The program of a stack's text with the variables `given`, each as `name=value`.
pub fn program(path: &Path, text: String, given: &[&str]) -> Program {
    let (mut sources, mut mistakes) = (Sources::default(), Vec::new());
    let file = sources.add(path.to_owned(), text);
    let parsed = parse(file, sources.text(file), &mut mistakes);
    let files = Files { blocks: parsed.blocks, broken: parsed.broken };
    let given = given.iter().map(|text| {
        let (name, text) = text.split_once('=').expect("a value");
        let given = Given::Text { text: text.to_owned(), origin: "a test".to_owned() };
        (name.to_owned(), vec![given])
    });
    let given: BTreeMap<String, Vec<Given>> = given.collect();
    let input =
        Input { sources, own: 1, files, folders: Default::default(), given, reader: Arc::new(Nothing) };
    let program = Program::new(input, &mut |_, _| None, &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    program
}

struct Nothing;

impl ReadFile for Nothing {
    fn read(&self, _: &Path) -> Result<Vec<u8>, String> {
        Err("there is no such file".to_owned())
    }

    fn exists(&self, _: &Path) -> Result<bool, String> {
        Ok(false)
    }

    fn list(&self, _: &Path) -> Result<Vec<String>, String> {
        Err("there is no such folder".to_owned())
    }

    fn home(&self) -> Option<String> {
        None
    }
}

/// The stages that were entered, as a rehearsal tells them.
#[derive(Default)]
pub struct Heard(Mutex<Vec<Value>>);

impl Heard {
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().expect("nobody panicked"))
    }
}

impl Reporter for Heard {
    fn progress(&self, _address: &Address, _text: &str) {}

    fn entered(&self, deployment: &Address, stage: &Stage) {
        let entered = serde_json::json!({ "deployment": deployment.name, "stage": stage });
        self.0.lock().expect("nobody panicked").push(entered);
    }
}
