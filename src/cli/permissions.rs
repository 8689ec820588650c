//! `bgform permissions`: the IAM actions of a stack's kinds, as their files declare them, and those of its
//! deployments' strategies and gates.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::show::table;
use super::{CliError, Exit, Global, StackArgs, context, locate, report};
use crate::deployment::sides::Sides;
use crate::facts::Colour;
use crate::kind;
use crate::lang::ast::Body;
use crate::rollout::permissions::needed;
use crate::stack::{Known, View};
use crate::state::BucketSettings;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "For whoever applies the stack. Kinds that are only in the state are not counted. Every \
                        action is on resource \"*\", since names and ids are not known before the first apply; those on \
                        a state in S3 are on its place there.\n\n\
                        Examples:\n  bgform permissions\n  \
                        bgform permissions stacks/explicit.deploy --json > policy.json"
)]
pub struct PermissionsArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Print an IAM policy document (version 2012-10-17).
    #[arg(long)]
    json: bool,
}

/// The actions of every command: it asks for the account, and for the resources of a lost state.
const ALWAYS: [&str; 5] = [
    "sts:GetCallerIdentity",
    "ec2:DescribeImages",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeLaunchTemplates",
    "autoscaling:DescribeAutoScalingGroups",
];

/// Attributes that pass a role to a service.
const PASSES_A_ROLE: [&str; 2] = ["iam_instance_profile", "role"];
const PASS_ROLE: &str = "iam:PassRole";

pub fn run(global: &Global, args: PermissionsArgs) -> Result<Exit, CliError> {
    let program = context::program(&args.stack)?;
    let needed = Needed::by(&program.unreleased(), locate::bucket(global, &program));
    report::out(&match args.json {
        true => format!("{:#}\n", needed.policy()),
        false => needed.listing(&program.settings.name),
    });
    Ok(Exit::Done)
}

/// The users of each action.
type Actions = BTreeMap<&'static str, BTreeSet<String>>;

#[derive(Debug, Default)]
struct Needed {
    read: Actions,
    write: Actions,
    /// The place of the state, if it is in S3.
    bucket: Option<BucketSettings>,
}

impl Needed {
    fn by(program: &View<'_>, bucket: Option<BucketSettings>) -> Self {
        let (mut read, mut write) = (Actions::new(), Actions::new());
        let add = |to: &mut Actions, actions: &[&'static str], whom: &str| {
            for action in actions {
                to.entry(action).or_default().insert(whom.to_owned());
            }
        };
        add(&mut read, &ALWAYS, "every stack");
        if let Some(bucket) = &bucket {
            add(&mut read, &["s3:ListBucket", "s3:GetObject"], "the state");
            add(&mut write, &["s3:PutObject", "s3:DeleteObject"], "the state");
            if bucket.kms_key_id.is_some() {
                add(&mut write, &["kms:GenerateDataKey", "kms:Decrypt"], "the state");
            }
        }
        let mut passes_a_role = false;
        for (address, declared) in program.resources() {
            if !declared.managed {
                let actions = kind::find_existing(&address.kind).map(|kind| kind.permissions());
                add(&mut read, actions.unwrap_or_default(), &format!("existing {}", address.kind));
                continue;
            }
            let permissions =
                kind::find_managed(&address.kind).map(|kind| kind.permissions()).unwrap_or_default();
            add(&mut read, permissions.read, &address.kind);
            add(&mut write, permissions.write, &address.kind);
            passes_a_role |= mentions_a_role(&declared.block.body);
        }
        for name in program.deployments().keys() {
            let sides = Sides { name, new: Colour::Blue, releases: ["", ""] };
            let declaration = program.deployment(name, &sides, &Known::new(), &mut Vec::new());
            let routers = program.routers_of(name);
            let Some((declaration, seam)) = declaration.zip(program.fleet(name)) else { continue };
            for one in needed(name, &declaration, seam, &routers) {
                add(&mut write, one.actions, &one.whom);
            }
        }
        if !passes_a_role {
            write.remove(PASS_ROLE);
        }
        // An action that one kind counts as a write may be a read for another, or by name.
        let reads: Vec<_> = write.keys().copied().filter(|action| is_read(action)).collect();
        for action in reads {
            read.entry(action).or_default().extend(write.remove(action).unwrap_or_default());
        }
        write.retain(|action, _| !read.contains_key(action));
        Self { read, write, bucket }
    }

    fn listing(&self, stack: &str) -> String {
        let count = self.read.len() + self.write.len();
        let mut text =
            format!("Stack `{stack}` needs {count} IAM actions; --json prints them as a policy.\n");
        for (title, actions) in [("Read", &self.read), ("Write", &self.write)] {
            let rows: Vec<_> = actions
                .iter()
                .map(|(action, by)| [(*action).to_owned(), by.iter().cloned().collect::<Vec<_>>().join(", ")])
                .collect();
            let _ = write!(text, "\n{title}:\n{}", table(&rows, "  "));
        }
        text
    }

    /// One statement for each service and direction; roles are passed to the services that use them.
    fn policy(&self) -> Json {
        let mut statements = Vec::new();
        for (direction, actions) in [("Read", &self.read), ("Write", &self.write)] {
            let mut services: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for action in actions.keys().filter(|action| **action != PASS_ROLE) {
                let service = action.split(':').next().unwrap_or_default();
                services.entry(service).or_default().push(action);
            }
            for (service, actions) in services {
                let resource = match &self.bucket {
                    Some(bucket) if service == "s3" => json!(bucket.arns()),
                    _ => json!("*"),
                };
                statements.push(json!({
                    "Sid": format!("{direction}{}", titled(service)),
                    "Effect": "Allow",
                    "Action": actions,
                    "Resource": resource,
                }));
            }
        }
        if self.write.contains_key(PASS_ROLE) {
            // IAM user guide, "iam:PassedToService"; in China the names end in `.cn`.
            let services = ["autoscaling.amazonaws.com*", "ec2.amazonaws.com*"];
            statements.push(json!({
                "Sid": "PassRole",
                "Effect": "Allow",
                "Action": [PASS_ROLE],
                "Resource": "*",
                "Condition": { "StringLike": { "iam:PassedToService": services } },
            }));
        }
        json!({ "Version": "2012-10-17", "Statement": statements })
    }
}

fn mentions_a_role(body: &Body) -> bool {
    body.attributes.iter().any(|attribute| PASSES_A_ROLE.contains(&attribute.name.text.as_str()))
        || body.blocks.iter().any(|block| mentions_a_role(&block.body))
}

fn is_read(action: &str) -> bool {
    let name = action.split(':').nth(1).unwrap_or_default();
    ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb))
}

/// `ec2` as `Ec2`: a statement's id has letters and digits only.
fn titled(service: &str) -> String {
    let mut letters = service.chars().filter(char::is_ascii_alphanumeric);
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
