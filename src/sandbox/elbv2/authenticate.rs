//! Actions that authenticate users before the one that answers (API_AuthenticateCognitoActionConfig,
//! API_AuthenticateOidcActionConfig).
//!
//! They are kept as AWS keeps them. The region reaches no identity provider, so no user is ever logged in:
//! `allow` lets requests through as AWS does, `deny` answers 401 as AWS does, and `authenticate`, where AWS
//! sends the client to the provider, answers 561, which is what an application load balancer answers when the
//! provider fails (application, load-balancer-troubleshooting, HTTP 561).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::api::{self, Params, Refusal};
use super::resource;

/// An action before the one that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Authenticate {
    pub order: Option<u32>,
    provider: Provider,
    session_cookie: String,
    scope: String,
    /// Seconds.
    session_timeout: u32,
    extra_params: BTreeMap<String, String>,
    /// `deny`, `allow` or `authenticate`.
    on_unauthenticated: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Provider {
    Cognito {
        pool: String,
        client: String,
        domain: String,
    },
    /// The client's secret is in no answer, and so is not kept.
    Oidc {
        issuer: String,
        authorization: String,
        token: String,
        user_info: String,
        client: String,
    },
}

impl Authenticate {
    /// Parses an action of type `authenticate-cognito` or `authenticate-oidc`. `before` is the rule's earlier
    /// action: a new one with OIDC needs a client secret.
    pub fn read(action: &Params, cognito: bool, before: Option<&Self>) -> Result<Self, Refusal> {
        let name = if cognito { "AuthenticateCognitoConfig" } else { "AuthenticateOidcConfig" };
        let config = action.child(name).ok_or_else(|| resource::missing(name))?;
        let on = config.given("OnUnauthenticatedRequest");
        let provider = if cognito { Provider::cognito(&config) } else { Provider::oidc(&config, before)? };
        let extra = config.child("AuthenticationRequestExtraParams");
        let extra = extra.map(|map| map.items("entry")).unwrap_or_default();
        let pairs = extra.iter().map(|pair| (pair.needed("key"), pair.needed("value")));
        let or = |name: &str, default: &str| config.given(name).unwrap_or_else(|| default.to_owned());
        Ok(Self {
            order: action.number::<u32>("Order"),
            provider,
            session_cookie: or("SessionCookieName", "AWSELBAuthSessionCookie"),
            scope: or("Scope", "openid"),
            session_timeout: config.number::<u32>("SessionTimeout").unwrap_or(604_800),
            extra_params: pairs.collect(),
            on_unauthenticated: on.unwrap_or_else(|| "authenticate".to_owned()),
        })
    }

    pub fn without_order(self) -> Self {
        Self { order: None, ..self }
    }

    /// The status that refuses a request, which never has a session; `None` lets it through.
    pub fn refuses(&self) -> Option<u16> {
        match self.on_unauthenticated.as_str() {
            "allow" => None,
            "deny" => Some(401),
            _ => Some(561),
        }
    }

    /// As answers have it (API_Action).
    pub fn shown(&self) -> Value {
        let (kind, name, mut config) = match &self.provider {
            Provider::Cognito { pool, client, domain } => (
                "authenticate-cognito",
                "AuthenticateCognitoConfig",
                json!({ "UserPoolArn": pool, "UserPoolClientId": client, "UserPoolDomain": domain }),
            ),
            Provider::Oidc { issuer, authorization, token, user_info, client } => (
                "authenticate-oidc",
                "AuthenticateOidcConfig",
                json!({
                    "Issuer": issuer, "AuthorizationEndpoint": authorization, "TokenEndpoint": token,
                    "UserInfoEndpoint": user_info, "ClientId": client,
                }),
            ),
        };
        config["SessionCookieName"] = json!(self.session_cookie);
        config["Scope"] = json!(self.scope);
        config["SessionTimeout"] = json!(self.session_timeout);
        if !self.extra_params.is_empty() {
            let extra: Map<_, _> =
                self.extra_params.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
            config["AuthenticationRequestExtraParams"] = api::map(extra);
        }
        config["OnUnauthenticatedRequest"] = json!(self.on_unauthenticated);
        let mut shown = json!({ "Type": kind, "Order": self.order });
        shown[name] = config;
        shown
    }
}

impl Provider {
    fn cognito(config: &Params) -> Self {
        Self::Cognito {
            pool: config.needed("UserPoolArn"),
            client: config.needed("UserPoolClientId"),
            domain: config.needed("UserPoolDomain"),
        }
    }

    fn oidc(config: &Params, before: Option<&Authenticate>) -> Result<Self, Refusal> {
        let existing = config.flag("UseExistingClientSecret") == Some(true);
        let has_one = matches!(before, Some(Authenticate { provider: Self::Oidc { .. }, .. }));
        if config.given("ClientSecret").is_none() && !(existing && has_one) {
            return Err(Refusal::validation("A client secret must be specified"));
        }
        Ok(Self::Oidc {
            issuer: config.needed("Issuer"),
            authorization: endpoint(config, "AuthorizationEndpoint")?,
            token: endpoint(config, "TokenEndpoint")?,
            user_info: endpoint(config, "UserInfoEndpoint")?,
            client: config.needed("ClientId"),
        })
    }
}

/// A full URL, with the HTTPS protocol (API_AuthenticateOidcActionConfig).
fn endpoint(config: &Params, name: &str) -> Result<String, Refusal> {
    let url = config.needed(name);
    match url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()) {
        true => Ok(url),
        false => Err(Refusal::validation(format!("The {name} '{url}' must be a full HTTPS URL"))),
    }
}
