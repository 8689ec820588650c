//! Checks the account and region against those of the stack and its state, so that nothing is planned or
//! shipped in the wrong account. Changes nothing.

use futures_util::future::try_join_all;

use super::Error;
use crate::cloud::Cloud;
use crate::kind;
use crate::stack::Program;
use crate::state::Snapshot;

/// The kind of account that calls go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Realm {
    Aws,
    /// A sandbox. It belongs to no account, and nothing tried in it reaches one.
    Sandbox,
    /// A sandbox that keeps the stack's state in its own folder, whatever its port is this time.
    SandboxWithState,
}

/// Checks the account and region against the stack's and the state's.
///
/// # Errors
/// When they differ.
pub fn same_account(
    realm: Realm,
    cloud: &Cloud,
    account: &str,
    program: &Program,
    snapshot: Option<&Snapshot>,
) -> Result<(), Error> {
    let refused =
        |code, message: String, help: &str| Err(Error::Refused { code, message, help: help.to_owned() });
    let account_set = program.settings.account.as_deref().filter(|_| realm == Realm::Aws);
    if let Some(wanted) = account_set.filter(|wanted| *wanted != account) {
        return refused(
            "bgform::cli::wrong_account",
            format!("the stack is for account {wanted}, and these credentials belong to {account}"),
            "check AWS_PROFILE and --profile; nothing was changed",
        );
    }
    let Some(snapshot) = snapshot else { return Ok(()) };
    if snapshot.account != account {
        return refused(
            "bgform::state::other_account",
            format!(
                "the state belongs to account {}, and these credentials belong to {account}",
                snapshot.account
            ),
            "use the credentials it was made with, or give this account a state of its own with --state; nothing was changed",
        );
    }
    if snapshot.region != cloud.region {
        return refused(
            "bgform::state::other_region",
            format!("the state belongs to region {}, and this is {}", snapshot.region, cloud.region),
            "check --region and AWS_REGION, or give this region a state of its own with --state; nothing was changed",
        );
    }
    if snapshot.endpoint != cloud.endpoint && realm != Realm::SandboxWithState {
        let named = |endpoint: &Option<String>| endpoint.clone().unwrap_or_else(|| "AWS itself".to_owned());
        return refused(
            "bgform::state::other_endpoint",
            format!(
                "the state was made at {}, and this is {}",
                named(&snapshot.endpoint),
                named(&cloud.endpoint)
            ),
            "check --endpoint-url and AWS_ENDPOINT_URL, or give it a state of its own with --state; nothing was changed",
        );
    }
    Ok(())
}

/// Checks that nothing of this stack exists when it has no state: after a lost state, an apply would create
/// everything again. Searches for our tags in the services that allow it.
pub(super) async fn nothing_tagged(cloud: &Cloud, program: &Program) -> Result<(), Error> {
    let stack = &program.settings.name;
    let searched = kind::managed().iter().filter(|kind| !kind.searches_all());
    let all = searched.map(|kind| kind.tagged(cloud, stack, &[]));
    let found = try_join_all(all).await?.concat();
    if found.is_empty() {
        return Ok(());
    }
    let shown = found.iter().take(8).map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
    Err(Error::Refused {
        code: "bgform::state::lost",
        message: format!(
            "there is no state for stack `{}`, yet {} of its resources exist: {shown}",
            program.settings.name,
            found.len()
        ),
        help:
            "nothing was changed. If the state is elsewhere, name its folder with --state; if it is lost, `bgform state \
               rebuild` builds it again from what the account has; if they belong to another stack of this name, \
               rename this one"
                .to_owned(),
    })
}
