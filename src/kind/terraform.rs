//! Terraform's terms, and bgform's for each: for the help of mistakes and for the reference's table. Makes no
//! call.

use super::{find_existing, find_managed};
use crate::lang::functions::LEFT_OUT;

/// Resource types and data sources, by the corresponding kind.
const KINDS: [(&str, &[&str]); 28] = [
    ("instance", &["aws_instance", "aws_instances"]),
    ("image", &["aws_ami", "aws_ami_from_instance", "aws_ami_ids"]),
    ("security_group", &["aws_security_group", "aws_default_security_group", "aws_security_groups"]),
    ("launch_template", &["aws_launch_template", "aws_launch_configuration"]),
    ("autoscaling_group", &["aws_autoscaling_group"]),
    ("load_balancer", &["aws_lb", "aws_alb"]),
    ("target_group", &["aws_lb_target_group", "aws_alb_target_group"]),
    ("listener", &["aws_lb_listener", "aws_alb_listener"]),
    ("listener_rule", &["aws_lb_listener_rule", "aws_alb_listener_rule"]),
    ("ecs_cluster", &["aws_ecs_cluster"]),
    ("task_definition", &["aws_ecs_task_definition"]),
    ("ecs_service", &["aws_ecs_service"]),
    ("route53_record", &["aws_route53_record"]),
    ("log_group", &["aws_cloudwatch_log_group", "aws_cloudwatch_log_groups"]),
    ("vpc", &["aws_vpc", "aws_default_vpc", "aws_vpcs"]),
    ("subnet", &["aws_subnet", "aws_default_subnet"]),
    ("subnets", &["aws_subnets", "aws_subnet_ids"]),
    ("key_pair", &["aws_key_pair"]),
    ("elastic_ip", &["aws_eip", "aws_eips"]),
    ("availability_zones", &["aws_availability_zones", "aws_availability_zone"]),
    ("hosted_zone", &["aws_route53_zone", "aws_route53_zones"]),
    ("certificate", &["aws_acm_certificate"]),
    ("iam_role", &["aws_iam_role", "aws_iam_roles"]),
    ("instance_profile", &["aws_iam_instance_profile", "aws_iam_instance_profiles"]),
    ("container_image", &["aws_ecr_image"]),
    ("parameter", &["aws_ssm_parameter", "aws_ssm_parameters_by_path"]),
    ("secret", &["aws_secretsmanager_secret", "aws_secretsmanager_secret_version"]),
    ("caller", &["aws_caller_identity"]),
];

/// Resource types that are a block or an attribute of a kind.
const PARTS: [(&str, &str); 14] = [
    ("aws_security_group_rule", "write `ingress` and `egress` blocks in the `security_group`"),
    ("aws_vpc_security_group_ingress_rule", "write `ingress` blocks in the `security_group`"),
    ("aws_vpc_security_group_egress_rule", "write `egress` blocks in the `security_group`"),
    ("aws_autoscaling_policy", "write `scaling_policy` blocks in the `autoscaling_group`"),
    ("aws_autoscaling_lifecycle_hook", "write `lifecycle_hook` blocks in the `autoscaling_group`"),
    ("aws_autoscaling_attachment", "write `target_groups = [...]` in the `autoscaling_group`"),
    ("aws_lb_target_group_attachment", "write `target_groups = [...]` in the `autoscaling_group`"),
    ("aws_lb_listener_certificate", "write `certificates = [...]` in the `listener`"),
    ("aws_ecs_cluster_capacity_providers", "write `capacity_providers = [...]` in the `ecs_cluster`"),
    ("aws_appautoscaling_target", "write `min_count` and `max_count` in the `ecs_service`"),
    ("aws_ecs_task_set", "write a `deployment` block: a service in two colours"),
    ("aws_iam_role_policy", "write `inline_policies = { ... }` in the `iam_role`"),
    ("aws_iam_role_policy_attachment", "write `managed_policies = [...]` in the `iam_role`"),
    ("aws_codedeploy_deployment_group", "write a `deployment` block: a service in two colours"),
];

/// Top-level blocks.
const BLOCKS: [(&str, &str); 9] = [
    ("resource", "a resource's block begins with its kind, as in target_group \"web\" {"),
    ("data", "what is read and never changed is an `existing` block, as in existing vpc \"main\" {"),
    (
        "provider",
        "write the region and the profile in the `stack` block: stack \"shop\" { region = \"us-east-1\" }",
    ),
    ("terraform", "bgform has no such block: where the state is kept is `state = ...` in the `stack` block"),
    ("moved", "run bgform state mv ADDRESS ADDRESS"),
    ("removed", "run bgform state rm ADDRESS"),
    ("import", "run bgform import ADDRESS ID"),
    ("check", "write a `gate` in the deployment, or a `validation` in the variable"),
    ("ephemeral", "mark what is secret: variable \"token\" { sensitive = true }"),
];

/// Words in the block of a resource.
const INSIDE: [(&str, &str); 9] = [
    (
        "count",
        "write `enabled = condition` for one or none, `for_each = toset([\"a\", \"b\"])` for several, which sees \
         `each.key`",
    ),
    ("dynamic", "write `for_each = [...]` in the block itself, which then sees `each.key` and `each.value`"),
    ("provider", "a stack has one region and one profile: write them in the `stack` block"),
    ("provisioner", "write what an instance runs in `user_data`, or in the `run` of an `image`"),
    ("connection", "leave it out: commands reach an instance by Systems Manager"),
    ("create_before_destroy", "leave it out: a replacement is made before the old one is taken away"),
    ("replace_triggered_by", "leave it out: what names a resource follows when it is replaced"),
    ("precondition", "write it in the `lifecycle` block: lifecycle { precondition { condition, message } }"),
    ("postcondition", "write a `gate` in the deployment"),
];

/// The first word of a reference.
const REFERENCES: [(&str, &str); 4] = [
    ("data", "write what is read by its kind and name, as in `vpc.main`"),
    ("count", "write `each.key`, in a block with `for_each`"),
    ("path", "files are named relative to the file that names them, as in `file(\"setup.sh\")`"),
    ("terraform", "write a variable in its place: variable \"stage\" { type = string }"),
];

fn find<T: Copy>(rows: &[(&str, T)], word: &str) -> Option<T> {
    rows.iter().find(|(known, _)| *known == word).map(|(_, here)| *here)
}

/// The kind that corresponds to a resource type or a data source.
pub fn kind_of(word: &str) -> Option<&'static str> {
    KINDS.iter().find(|(_, types)| types.contains(&word)).map(|(kind, _)| *kind)
}

/// The remedy for a top-level block, by its keyword and labels.
pub fn block(keyword: &str, labels: &[&str]) -> Option<String> {
    let (of, name, read) = match (keyword, labels) {
        ("resource", [of, name, ..]) => (*of, *name, false),
        ("data", [of, name, ..]) => (*of, *name, true),
        (of, [name, ..]) if of.starts_with("aws_") => (of, *name, false),
        _ => return find(&BLOCKS, keyword).map(str::to_owned),
    };
    if let Some(kind) = kind_of(of) {
        return Some(match (read || find_managed(kind).is_none()) && find_existing(kind).is_some() {
            true => format!("write existing {kind} \"{name}\" {{"),
            false => format!("write {kind} \"{name}\" {{"),
        });
    }
    Some(find(&PARTS, of).map_or_else(|| format!("bgform has no kind for `{of}` yet"), str::to_owned))
}

/// The remedy for a word in the block of a resource.
pub fn inside(word: &str) -> Option<&'static str> {
    find(&INSIDE, word)
}

/// The remedy for a reference, by its first two words.
pub fn reference(head: &str, name: Option<&str>) -> Option<String> {
    match (kind_of(head), name.and_then(kind_of)) {
        (Some(kind), _) => Some(format!("write `{kind}.{}`", name.unwrap_or("NAME"))),
        (None, Some(kind)) if head == "data" => Some(format!("write `{kind}.NAME`")),
        _ => find(&REFERENCES, head).map(str::to_owned),
    }
}

/// A row for each term: the term, and the remedy.
pub fn table() -> Vec<(String, String)> {
    let kinds = KINDS.iter().map(|(kind, types)| {
        let types: Vec<_> = types.iter().map(|word| format!("`{word}`")).collect();
        let here = match find_managed(kind) {
            Some(_) => format!("`{kind}`"),
            None => format!("`existing {kind}`"),
        };
        (types.join(", "), here)
    });
    let words = [&BLOCKS[..], &INSIDE, &PARTS].concat();
    let references = REFERENCES.iter().map(|(word, here)| (format!("`{word}.`"), (*here).to_owned()));
    let words = words.into_iter().map(|(word, here)| (format!("`{word}`"), here.to_owned()));
    let functions = LEFT_OUT.iter().map(|(name, here)| (format!("`{name}(...)`"), (*here).to_owned()));
    kinds.chain(words).chain(references).chain(functions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_table_is_one_and_every_kind_is_in_it() {
        for (kind, _) in KINDS {
            assert!(find_managed(kind).is_some() || find_existing(kind).is_some(), "{kind}");
        }
        for kind in super::super::managed() {
            assert!(KINDS.iter().any(|(known, _)| *known == kind.schema().kind), "{}", kind.schema().kind);
        }
    }

    #[test]
    fn a_word_of_terraform_is_no_word_of_ours() {
        let ours: Vec<_> = super::super::managed().iter().map(|kind| kind.schema()).collect();
        for (word, _) in BLOCKS {
            assert!(find_managed(word).is_none() && find_existing(word).is_none(), "{word}");
        }
        for (word, _) in INSIDE {
            assert!(ours.iter().all(|schema| schema.attribute(word).is_none()), "{word}");
        }
    }
}
