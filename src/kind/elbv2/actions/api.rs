//! Actions in the API's form, and back.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_elasticloadbalancingv2::types::builders::ActionBuilder;
use aws_sdk_elasticloadbalancingv2::types::{
    Action as ApiAction, ActionTypeEnum, AuthenticateCognitoActionConditionalBehaviorEnum,
    AuthenticateCognitoActionConfig, AuthenticateOidcActionConditionalBehaviorEnum,
    AuthenticateOidcActionConfig, FixedResponseActionConfig, ForwardActionConfig, RedirectActionConfig,
    RedirectActionStatusCodeEnum, TargetGroupStickinessConfig, TargetGroupTuple,
};

use super::{Action, Cognito, Forward, Oidc, Session};
use crate::kind::router::Shares;
use crate::object;
use crate::value::{Object, Value};

/// The weights in the API's answer; a forward to a single group may come without a weight.
pub fn shares(actions: &[ApiAction]) -> Shares {
    let of = |action: &ApiAction| -> Vec<(String, u32)> {
        let groups = action.forward_config().map(|forward| forward.target_groups()).unwrap_or_default();
        let weighted = groups.iter().filter_map(|group| {
            let weight = group.weight().unwrap_or(1);
            Some((group.target_group_arn()?.to_owned(), u32::try_from(weight).unwrap_or_default()))
        });
        match groups.is_empty() {
            true => action.target_group_arn().map(|arn| (arn.to_owned(), 1)).into_iter().collect(),
            false => weighted.collect(),
        }
    };
    Shares::of(actions.iter().flat_map(of))
}

/// Actions in the API's form: ordered, each with all its weights.
pub fn to_api(actions: &[Action]) -> Vec<ApiAction> {
    (1..).zip(actions).map(|(order, action)| action.to_api(order)).collect()
}

impl Action {
    fn to_api(&self, order: i32) -> ApiAction {
        let action = ApiAction::builder().order(order);
        match self {
            Self::Forward(forward) => forward.to_api(action.r#type(ActionTypeEnum::Forward)),
            Self::Redirect(to) => {
                let code = match to.status_code {
                    301 => RedirectActionStatusCodeEnum::Http301,
                    _ => RedirectActionStatusCodeEnum::Http302,
                };
                let config = RedirectActionConfig::builder()
                    .protocol(&to.protocol)
                    .port(&to.port)
                    .host(&to.host)
                    .path(&to.path)
                    .query(&to.query)
                    .status_code(code)
                    .build();
                action.r#type(ActionTypeEnum::Redirect).redirect_config(config)
            }
            Self::FixedResponse(response) => {
                let config = FixedResponseActionConfig::builder()
                    .status_code(response.status_code.to_string())
                    .set_content_type(response.content_type.clone())
                    .set_message_body(response.message_body.clone())
                    .build();
                action.r#type(ActionTypeEnum::FixedResponse).fixed_response_config(config)
            }
            Self::AuthenticateOidc(oidc) => {
                action.r#type(ActionTypeEnum::AuthenticateOidc).authenticate_oidc_config(oidc.to_api())
            }
            Self::AuthenticateCognito(cognito) => {
                let config = cognito.to_api();
                action.r#type(ActionTypeEnum::AuthenticateCognito).authenticate_cognito_config(config)
            }
            Self::Other => action,
        }
        .build()
    }
}

impl Forward {
    /// A single group without stickiness is sent by its ARN alone, which every load balancer accepts.
    fn to_api(&self, action: ActionBuilder) -> ActionBuilder {
        let sticky = self.stickiness.as_ref().filter(|stickiness| stickiness.enabled);
        if let ([only], None) = (self.groups.as_slice(), sticky)
            && only.weight > 0
        {
            return action.target_group_arn(&only.arn);
        }
        let groups = self
            .groups
            .iter()
            .map(|one| TargetGroupTuple::builder().target_group_arn(&one.arn).weight(one.weight).build());
        let stickiness = sticky.map(|stickiness| {
            TargetGroupStickinessConfig::builder()
                .enabled(true)
                .set_duration_seconds(stickiness.duration)
                .build()
        });
        let config = ForwardActionConfig::builder()
            .set_target_groups(Some(groups.collect()))
            .set_target_group_stickiness_config(stickiness)
            .build();
        action.forward_config(config)
    }
}

fn extra_params(session: &Session) -> Option<HashMap<String, String>> {
    let params = &session.authentication_request_extra_params;
    (!params.is_empty()).then(|| params.clone().into_iter().collect())
}

impl Oidc {
    fn to_api(&self) -> AuthenticateOidcActionConfig {
        let session = &self.session;
        let on_unauthenticated = session.on_unauthenticated_request.as_str();
        AuthenticateOidcActionConfig::builder()
            .issuer(&self.issuer)
            .authorization_endpoint(&self.authorization_endpoint)
            .token_endpoint(&self.token_endpoint)
            .user_info_endpoint(&self.user_info_endpoint)
            .client_id(&self.client_id)
            .set_client_secret(self.client_secret.clone())
            // A shift of weights sends the action as it was read, and keeps the secret.
            .set_use_existing_client_secret(self.client_secret.is_none().then_some(true))
            .session_cookie_name(&session.session_cookie_name)
            .scope(&session.scope)
            .session_timeout(session.session_timeout)
            .set_authentication_request_extra_params(extra_params(session))
            .on_unauthenticated_request(AuthenticateOidcActionConditionalBehaviorEnum::from(
                on_unauthenticated,
            ))
            .build()
    }
}

impl Cognito {
    fn to_api(&self) -> AuthenticateCognitoActionConfig {
        let session = &self.session;
        let on_unauthenticated = session.on_unauthenticated_request.as_str();
        AuthenticateCognitoActionConfig::builder()
            .user_pool_arn(&self.user_pool)
            .user_pool_client_id(&self.user_pool_client)
            .user_pool_domain(&self.user_pool_domain)
            .session_cookie_name(&session.session_cookie_name)
            .scope(&session.scope)
            .session_timeout(session.session_timeout)
            .set_authentication_request_extra_params(extra_params(session))
            .on_unauthenticated_request(AuthenticateCognitoActionConditionalBehaviorEnum::from(
                on_unauthenticated,
            ))
            .build()
    }
}

/// The value of the attribute from the API's answer. A secret, which the API does not show, is taken from
/// `last`, the attribute as last applied.
pub fn from_api(actions: &[ApiAction], last: Option<&Value>) -> Value {
    let mut ordered: Vec<&ApiAction> = actions.iter().collect();
    ordered.sort_by_key(|action| action.order());
    let last = last.and_then(Value::as_list).unwrap_or_default();
    let last = last.iter().map(Some).chain(std::iter::repeat(None));
    Value::List(ordered.into_iter().zip(last).map(|(action, last)| read(action, last)).collect())
}

fn read(action: &ApiAction, last: Option<&Value>) -> Value {
    match action.r#type() {
        Some(ActionTypeEnum::Forward) => read_forward(action),
        Some(ActionTypeEnum::Redirect) => {
            let to = action.redirect_config();
            let code = to.and_then(|to| to.status_code()).map(|code| match code {
                RedirectActionStatusCodeEnum::Http301 => 301,
                _ => 302,
            });
            object! {
                "type" => "redirect",
                "protocol" => to.and_then(|to| to.protocol()),
                "port" => to.and_then(|to| to.port()),
                "host" => to.and_then(|to| to.host()),
                "path" => to.and_then(|to| to.path()),
                "query" => to.and_then(|to| to.query()),
                "status_code" => code,
            }
        }
        Some(ActionTypeEnum::FixedResponse) => {
            let response = action.fixed_response_config();
            let code = response.and_then(|response| response.status_code());
            object! {
                "type" => "fixed_response",
                "status_code" => code.and_then(|code| code.parse::<i32>().ok()),
                "content_type" => response.and_then(|response| response.content_type()),
                "message_body" => response.and_then(|response| response.message_body()),
            }
        }
        Some(ActionTypeEnum::AuthenticateOidc) => read_oidc(action.authenticate_oidc_config(), last),
        Some(ActionTypeEnum::AuthenticateCognito) => read_cognito(action.authenticate_cognito_config()),
        other => object! { "type" => other.map(|other| other.as_str().replace('-', "_")) },
    }
}

fn read_forward(action: &ApiAction) -> Value {
    let config = action.forward_config();
    let mut groups: Vec<Value> = config
        .map(ForwardActionConfig::target_groups)
        .unwrap_or_default()
        .iter()
        .map(|one| object! { "group" => one.target_group_arn(), "weight" => one.weight().unwrap_or(1) })
        .collect();
    if let (true, Some(arn)) = (groups.is_empty(), action.target_group_arn()) {
        groups.push(object! { "group" => arn, "weight" => 1 });
    }
    let sticky = config
        .and_then(|config| config.target_group_stickiness_config())
        .filter(|sticky| sticky.enabled() == Some(true) || sticky.duration_seconds().is_some());
    let stickiness = match sticky {
        None => object! { "enabled" => false },
        Some(sticky) => {
            object! { "enabled" => sticky.enabled() == Some(true), "duration" => sticky.duration_seconds() }
        }
    };
    object! { "type" => "forward", "target_group" => groups, "stickiness" => stickiness }
}

fn read_oidc(config: Option<&AuthenticateOidcActionConfig>, last: Option<&Value>) -> Value {
    let Some(config) = config else { return object! { "type" => "authenticate_oidc" } };
    let last = last.filter(|last| last.get("type").as_str() == Some("authenticate_oidc"));
    let mut members = object! {
        "type" => "authenticate_oidc",
        "issuer" => config.issuer(),
        "authorization_endpoint" => config.authorization_endpoint(),
        "token_endpoint" => config.token_endpoint(),
        "user_info_endpoint" => config.user_info_endpoint(),
        "client_id" => config.client_id(),
    };
    if let (Value::Object(members), Some(last)) = (&mut members, last) {
        members.insert("client_secret".to_owned(), last.get("client_secret").clone());
    }
    let on_unauthenticated = config.on_unauthenticated_request().map(|one| one.as_str());
    let session = read_session(
        config.session_cookie_name(),
        config.scope(),
        config.session_timeout(),
        config.authentication_request_extra_params(),
        on_unauthenticated,
    );
    with(members, session)
}

fn read_cognito(config: Option<&AuthenticateCognitoActionConfig>) -> Value {
    let Some(config) = config else { return object! { "type" => "authenticate_cognito" } };
    let members = object! {
        "type" => "authenticate_cognito",
        "user_pool" => config.user_pool_arn(),
        "user_pool_client" => config.user_pool_client_id(),
        "user_pool_domain" => config.user_pool_domain(),
    };
    let on_unauthenticated = config.on_unauthenticated_request().map(|one| one.as_str());
    let session = read_session(
        config.session_cookie_name(),
        config.scope(),
        config.session_timeout(),
        config.authentication_request_extra_params(),
        on_unauthenticated,
    );
    with(members, session)
}

fn read_session(
    cookie: Option<&str>,
    scope: Option<&str>,
    timeout: Option<i64>,
    params: Option<&HashMap<String, String>>,
    on_unauthenticated: Option<&str>,
) -> Object {
    let params: BTreeMap<_, _> = params.into_iter().flatten().collect();
    let params: Object =
        params.into_iter().map(|(name, value)| (name.clone(), Value::string(value))).collect();
    Object::from_iter([
        ("session_cookie_name".to_owned(), cookie.into()),
        ("scope".to_owned(), scope.into()),
        ("session_timeout".to_owned(), timeout.into()),
        ("authentication_request_extra_params".to_owned(), Value::Object(params)),
        ("on_unauthenticated_request".to_owned(), on_unauthenticated.into()),
    ])
}

fn with(value: Value, more: Object) -> Value {
    match value {
        Value::Object(mut members) => {
            members.extend(more);
            Value::Object(members)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::attribute_of_actions;
    use super::*;

    fn canonical(value: Value) -> Value {
        attribute_of_actions("action", "").canonical(&value)
    }

    #[test]
    fn a_forward_to_one_group_has_one_form_however_it_is_said() {
        let group = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1";
        let weighted = |weight: i32| {
            let groups = vec![object! { "group" => group, "weight" => weight }];
            canonical(vec![object! { "type" => "forward", "target_group" => groups }].into())
        };
        let short = canonical(vec![object! { "type" => "forward", "group" => group }].into());
        assert_eq!(weighted(100), short);
        assert_ne!(weighted(0), short);

        let single = ApiAction::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build();
        let tuple = TargetGroupTuple::builder().target_group_arn(group).weight(100).build();
        let config = ForwardActionConfig::builder().target_groups(tuple).build();
        let both = single.clone();
        let weighted = ApiAction::builder().r#type(ActionTypeEnum::Forward).forward_config(config).build();
        for answered in [single, weighted, both] {
            assert_eq!(shares(std::slice::from_ref(&answered)).percent(group), 100);
            assert_eq!(canonical(from_api(&[answered], None)), short);
        }
    }

    #[test]
    fn every_weight_is_sent_the_zero_too() {
        let forward = object! {
            "type" => "forward",
            "target_group" => vec![
                object! { "group" => "arn:blue", "weight" => 100 },
                object! { "group" => "arn:green", "weight" => 0 },
            ],
        };
        let actions: Vec<Action> =
            serde_json::from_value(canonical(vec![forward].into()).to_plain_json()).unwrap();
        let sent = to_api(&actions);
        let groups = sent[0].forward_config().unwrap().target_groups();
        let weights: Vec<_> =
            groups.iter().map(|one| (one.target_group_arn().unwrap(), one.weight())).collect();
        assert_eq!(weights, [("arn:blue", Some(100)), ("arn:green", Some(0))]);
    }

    #[test]
    fn a_secret_that_is_not_shown_is_the_one_last_applied() {
        let config = AuthenticateOidcActionConfig::builder().issuer("https://id").build();
        let answered = ApiAction::builder()
            .r#type(ActionTypeEnum::AuthenticateOidc)
            .authenticate_oidc_config(config)
            .build();
        let secret = Value::string("s3cret").sensitive();
        let last = vec![object! { "type" => "authenticate_oidc", "client_secret" => secret.clone() }].into();
        let read = from_api(&[answered], Some(&last));
        assert_eq!(read.as_list().unwrap()[0].get("client_secret"), &secret);
    }
}
