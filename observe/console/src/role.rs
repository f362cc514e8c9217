//! What someone may do.

use serde::Serialize;
use serde_json::Value;
use vitrine_observe_store::{Access, Right};

use crate::config::ProviderConfig;

/// What someone may do in the console, each with what those before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Change dashboards, silences, rules, flags and faults.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Returns what it may do with telemetry.
    pub fn rights(self) -> &'static [Right] {
        match self {
            Self::Viewer => &[Right::Read],
            Self::Operator => &[Right::Read, Right::Operate],
            Self::Admin => &[Right::Read, Right::Operate, Right::Write],
        }
    }

    /// Returns the greatest role of which a token of the observatory has all rights.
    pub(crate) fn of_token(access: &Access, authorization: &str) -> Option<Self> {
        let has = |right: &Right| access.check(Some(authorization), None, *right).is_ok();
        Self::ALL.into_iter().rev().find(|role| role.rights().iter().all(has))
    }

    /// Returns the greatest role that these values of a claim make.
    pub(crate) fn of_claim(provider: &ProviderConfig, values: &[&str]) -> Option<Self> {
        let makes = |known: &[String]| known.iter().any(|known| known == "*" || values.contains(&known.as_str()));
        [(Self::Admin, &provider.admins), (Self::Operator, &provider.operators), (Self::Viewer, &provider.viewers)]
            .into_iter()
            .find_map(|(role, known)| makes(known).then_some(role))
    }
}

/// The texts of a claim: one, or a list.
pub(crate) fn texts(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use vitrine_observe_store::{Access, Right, Token};

    use super::Role;
    use crate::config::ProviderConfig;

    #[test]
    fn tokens_are_roles_by_their_rights() {
        let token = |token: &str, rights: &[Right]| Token { token: token.into(), rights: rights.into(), tenant: None };
        let access = Access::new(&[
            token("reads-only", &[Right::Read]),
            token("operates-too", &[Right::Operate, Right::Read]),
            token("all-of-it-all", &[Right::Write, Right::Read, Right::Operate]),
            token("sends-only", &[Right::Write]),
        ])
        .expect("sound tokens");
        for (sent, expected) in [
            ("reads-only", Some(Role::Viewer)),
            ("operates-too", Some(Role::Operator)),
            ("all-of-it-all", Some(Role::Admin)),
            ("sends-only", None),
            ("unknown-one", None),
        ] {
            assert_eq!(Role::of_token(&access, &format!("Bearer {sent}")), expected, "{sent}");
        }
    }

    #[test]
    fn claims_are_roles_as_the_provider_is_set() {
        let provider = ProviderConfig { operators: vec!["sre".to_owned()], ..ProviderConfig::default() };
        for (values, expected) in [
            (&["admin", "viewer"][..], Some(Role::Admin)),
            (&["sre"], Some(Role::Operator)),
            (&["viewer"], Some(Role::Viewer)),
            (&["customer"], None),
            (&[], None),
        ] {
            assert_eq!(Role::of_claim(&provider, values), expected, "{values:?}");
        }
        let open = ProviderConfig { viewers: vec!["*".to_owned()], ..ProviderConfig::default() };
        assert_eq!(Role::of_claim(&open, &[]), Some(Role::Viewer));
    }
}
