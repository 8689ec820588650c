//! Why a saved plan cannot be written or read, or no longer holds. Data only.

use std::path::PathBuf;

/// Why a plan cannot be saved, or a saved one cannot be applied. Nothing was changed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SavedPlanError {
    #[error("the plan cannot be saved to `{}`: {reason}", .path.display())]
    #[diagnostic(code(bgform::plan::saved_unwritable), help("{help}"))]
    Unwritable { path: PathBuf, reason: String, help: String },
    #[error("the plan cannot be saved: variable `{name}` takes anything, and its value is no string")]
    #[diagnostic(
        code(bgform::plan::saved_variable),
        help("give the variable a type, such as `type = list(string)`, and plan again")
    )]
    Variable { name: String },
    #[error(
        "the plan needs {names} with the values of when it was made; of sensitive values it keeps only a fingerprint"
    )]
    #[diagnostic(
        code(bgform::plan::saved_sensitive),
        help(
            "nothing was changed. Give each as for `bgform plan`: {example}='...' in the environment, --var or --var-file; at a terminal it is asked for"
        )
    )]
    Sensitive { names: String, example: String },
    #[error("the saved plan `{}` cannot be read: {reason}", .path.display())]
    #[diagnostic(code(bgform::plan::saved_unreadable), help("plan again: bgform plan --out FILE"))]
    Unreadable { path: PathBuf, reason: String },
    #[error("the plan was saved by bgform {made_by}, and this is {}", env!("CARGO_PKG_VERSION"))]
    #[diagnostic(
        code(bgform::plan::saved_version),
        help("use that version, or plan again with this one: bgform plan --out FILE")
    )]
    Version { made_by: String },
    #[error("the plan was made for {planned}, and this is {now}")]
    #[diagnostic(
        code(bgform::plan::saved_account),
        help("use the credentials that it was made with, or plan again here: bgform plan --out FILE")
    )]
    Account { planned: String, now: String },
    #[error("the stack has changed since the plan was made: {what}")]
    #[diagnostic(
        code(bgform::plan::saved_stack),
        help("make a new plan and review it: bgform plan --out FILE")
    )]
    Stack { what: String },
    #[error("the state has moved on since the plan was made: {what}")]
    #[diagnostic(
        code(bgform::plan::saved_state),
        help(
            "the state has changed since, or this plan was applied already; make a new plan: bgform plan --out FILE"
        )
    )]
    State { what: String },
    #[error("the rollout of `{deployment}` has changed since the plan was made")]
    #[diagnostic(
        code(bgform::plan::saved_rollout),
        help(
            "nothing was changed; `bgform show FILE` shows what was agreed to. Make a new plan and review it: \
             bgform plan --out FILE"
        )
    )]
    Rollout { deployment: String },
    #[error(
        "something in the account has changed since the plan was made, and other steps are needed now than \
         those that were agreed to"
    )]
    #[diagnostic(
        code(bgform::plan::saved_steps),
        help("make a new plan and review it: bgform plan --out FILE")
    )]
    Steps,
}
