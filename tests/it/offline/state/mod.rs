//! Commands that look at state or put it right, and what can be said of a stack offline: the real
//! binary, with a server beside it that must not be asked.

use bgform::address::Address;
use bgform::object;
use bgform::state::{Action, Begin, Call, Deposed, Entry, Record, Snapshot, Store};
use bgform::value::{Object, Value};
use serde_json::{Value as Json, json};

use crate::kit::product::Product;

mod moves;

/// A stack that needs a variable which no test of state gives.
const STACK: &str = r#"
stack "shop" {
  region = "us-east-1"
}

variable "vpc" {
  type = string
}

existing vpc "main" {
  id = var.vpc
}

security_group "edge" {
  vpc         = vpc.main
  description = "HTTP from anywhere"
}

security_group "web" {
  vpc         = vpc.main
  description = "HTTP from the load balancer"

  ingress {
    protocol        = "tcp"
    port            = 8080
    security_groups = [security_group.edge]
  }
}
"#;

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn members(value: Value) -> Object {
    value.as_object().cloned().unwrap()
}

fn record(id: &str, description: &str) -> Record {
    Record {
        id: id.to_owned(),
        inputs: members(object! {
            "vpc" => "vpc-1",
            "description" => description,
            "tags" => object! { "key" => Value::string("hunter2").sensitive() },
        }),
        outputs: members(object! { "id" => id }),
        ..Record::default()
    }
}

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::new("shop", "123456789012", "us-east-1", None);
    snapshot.resources.insert(address("security_group.edge"), record("sg-1", "HTTP from anywhere"));
    let web = Record {
        depends_on: vec![address("security_group.edge")],
        unfinished: true,
        ..record("sg-2", "HTTP from the load balancer")
    };
    snapshot.resources.insert(address("security_group.web"), web);
    let blue = address("target_group.shop[\"blue\"]");
    snapshot.resources.insert(blue.clone(), record("arn:blue", "-"));
    snapshot.deposed.push(Deposed { address: blue, record: record("arn:old", "-") });
    snapshot.outputs = members(object! {
        "url" => "http://shop/",
        "password" => Value::string("hunter2").sensitive(),
    });
    snapshot
}

/// Keeps a state under serial 1, with `entries` after it.
async fn keep(store: &Store, mut snapshot: Snapshot, entries: Vec<Entry>) {
    let lock = store.lock("bgform apply").unwrap();
    drop(store.begin_session(&lock, snapshot.clone()).unwrap());
    store.checkpoint(&lock, &mut snapshot).unwrap();
    let journal = store.begin_session(&lock, snapshot).unwrap();
    for entry in entries {
        journal.append(entry).await.unwrap();
    }
}

/// A folder with the stack and its state, where nothing answers.
async fn with_state(entries: Vec<Entry>) -> (Product, Store) {
    let product = Product::alone();
    product.write("shop.deploy", STACK);
    let store = Store::at(product.path("state/shop"));
    keep(&store, snapshot(), entries).await;
    (product, store)
}

/// A create that was cut short after its call had gone out.
fn cut_short() -> Vec<Entry> {
    let begin = Begin {
        operation: "op-1".to_owned(),
        address: address("listener.http"),
        action: Action::Create,
        generation: 0,
        id: None,
        inputs: Object::new(),
        depends_on: Vec::new(),
        note: String::new(),
    };
    let (service, action) = ("elasticloadbalancing".to_owned(), "CreateListener".to_owned());
    let call = Call { operation: "op-1".to_owned(), ordinal: 0, service, action, token: None };
    vec![Entry::Begin(begin), Entry::Call(call)]
}

pub fn json_of(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn show_needs_no_variable_and_no_call_and_tells_no_secret() {
    let (product, _) = with_state(cut_short()).await;
    let run = product.run(&["show"]).exits(0);
    assert!(!run.out.contains("hunter2"), "{}", run.out);
    insta::assert_snapshot!(run.out, @r#"
    Outputs:
      url      = "http://shop/"
      password = (sensitive)

    3 resources of stack `shop` in account 123456789012, us-east-1:
      security_group.edge        sg-1
      security_group.web         sg-2      unfinished: the next apply ends it
      target_group.shop["blue"]  arn:blue
      target_group.shop["blue"]  arn:old   deposed: replaced, and still to be deleted
      listener.http              -         cut short while it was created: the next apply looks first
    "#);
    assert_eq!(product.wire.take(), Vec::<String>::new());
}

#[tokio::test]
async fn show_of_an_address_is_in_the_language() {
    let (product, _) = with_state(Vec::new()).await;
    let run = product.run(&["show", "security_group.web", "shop.deploy"]).exits(0);
    insta::assert_snapshot!(run.out, @r#"
    security_group.web  sg-2
    unfinished: an operation on it was cut short, and the next apply ends it

    Inputs:
      vpc         = "vpc-1"
      description = "HTTP from the load balancer"
      tags        = { key = (sensitive) }

    Outputs:
      id = "sg-2"

    Depends on:
      security_group.edge
    "#);
    product.run(&["show", "target_group.shop[blue]"]).exits(0).says("arn:blue");
    product
        .run(&["show", "target_group.shop"])
        .exits(2)
        .says("write one of them: `target_group.shop[\"blue\"]`");
    product.run(&["show", "security_group.webb"]).exits(2).says("did you mean `security_group.web`?");
    product.run(&["show", "missing.deploy"]).exits(2).says("there is no stack at `missing.deploy`");
}

#[tokio::test]
async fn show_as_json_has_a_version_and_null_for_what_is_sensitive() {
    let (product, _) = with_state(cut_short()).await;
    let run = product.run(&["show", "--json"]).exits(0);
    assert!(!run.out.contains("hunter2"), "{}", run.out);
    let document = json_of(&run.out);
    assert_eq!(document["format"], "bgform.state");
    assert_eq!(document["version"], 1);
    assert_eq!(document["outputs"]["url"], json!({ "value": "http://shop/", "sensitive": false }));
    assert_eq!(document["outputs"]["password"], json!({ "value": null, "sensitive": true }));
    assert_eq!(document["resources"][1]["address"], "security_group.web");
    assert_eq!(document["resources"][1]["inputs"]["tags"], json!({ "key": null }));
    assert_eq!(document["resources"][1]["sensitive"], json!(["inputs.tags.key"]));
    assert_eq!(document["deposed"][0]["id"], "arn:old");
    assert_eq!(document["open"][0]["action"], "create");
    let one = json_of(&product.run(&["show", "security_group.edge", "--json"]).exits(0).out);
    assert_eq!(one["resources"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn state_is_found_though_the_stack_has_mistakes() {
    let (product, _) = with_state(Vec::new()).await;
    let broken = format!("{STACK}\nsecurity_group \"late\" {{\n  vpc = = 1\n}}\n");
    product.write("shop.deploy", &broken);
    product.run(&["state", "list"]).exits(0).says("security_group.edge");
    product.write("shop.deploy", "stack \"shop\" {\n  region = = \"us-east-1\"\n}\n");
    product.run(&["state", "list"]).exits(2).says("1 mistake in the stack");
    product.run(&["state", "list", "--state", "state"]).exits(0).says("security_group.edge");
    product.write("shop.deploy", "security_group \"web\" {}\n");
    product.run(&["state", "list"]).exits(2).says("no `stack` block is in shop.deploy");
}

#[tokio::test]
async fn a_state_setting_that_is_made_from_a_variable_is_followed_where_it_is_known() {
    let (product, _) = with_state(Vec::new()).await;
    let stack = "variable \"where\" {\n  type = string\n}\n\nstack \"shop\" {\n  region = \"us-east-1\"\n  \
                 state  = \"${var.where}\"\n}\n";
    product.write("shop.deploy", stack);
    product
        .run(&["state", "list"])
        .exits(2)
        .says("where the state is depends on values that are not known here");
    let mut command = product.command(&["state", "list"]);
    let run = crate::kit::product::ended(command.env("BGFORM_VAR_where", "state"));
    run.exits(0).says("security_group.edge");
}

#[tokio::test]
async fn a_stack_without_state_is_said_to_have_none_and_gets_no_folder() {
    let product = Product::alone();
    product.write("shop.deploy", STACK);
    for args in [&["show"][..], &["state", "list"], &["state", "history"], &["state", "rm", "vpc.main"]] {
        product.run(args).exits(1).says("there is no state in").says("the first `bgform apply`");
    }
    assert!(!product.path("state").exists());
}
