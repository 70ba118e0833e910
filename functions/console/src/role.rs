//! What a person may do, and how the identity provider's claims say so.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// What a person may do. Each may do what the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees everything but the values of fields that are marked as personal.
    Viewer,
    /// Changes pipelines, and mends what failed.
    Editor,
    /// Changes connections, and sees who changed what.
    Admin,
}

impl Role {
    /// All, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Admin];

    /// Its name, as people read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// What one may do with it.
    pub const fn may(self) -> &'static str {
        match self {
            Self::Viewer => "See pipelines and what became of each change. Values marked as personal are hidden.",
            Self::Editor => "The same, unhidden; change pipelines, try them, and retry what failed.",
            Self::Admin => "The same; change connections and alerts, and see who changed what.",
        }
    }
}

/// Which values of which claim stand for which role.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRules {
    /// The ID token's claim: its name, or a path through objects with dots (`realm_access.roles`).
    pub claim: String,
    /// The values of viewers.
    #[serde(default)]
    pub viewer: Vec<String>,
    /// The values of editors.
    #[serde(default)]
    pub editor: Vec<String>,
    /// The values of admins.
    #[serde(default)]
    pub admin: Vec<String>,
}

impl RoleRules {
    /// The values that stand for a role.
    pub fn values(&self, role: Role) -> &[String] {
        match role {
            Role::Viewer => &self.viewer,
            Role::Editor => &self.editor,
            Role::Admin => &self.admin,
        }
    }

    /// The greatest role that the claims have a value of. The claim may be a text or a list of texts.
    pub fn of(&self, claims: &Map<String, Json>) -> Option<Role> {
        let held: Vec<&str> = match self.claim_of(claims)? {
            Json::String(text) => vec![text],
            Json::Array(values) => values.iter().filter_map(Json::as_str).collect(),
            _ => return None,
        };
        let has = |role: &Role| self.values(*role).iter().any(|value| held.contains(&value.as_str()));
        Role::ALL.into_iter().rev().find(has)
    }

    /// A name may have dots itself, as `https://example.com/roles` does, so the whole name goes first.
    fn claim_of<'a>(&self, claims: &'a Map<String, Json>) -> Option<&'a Json> {
        claims.get(&self.claim).or_else(|| {
            let (first, rest) = self.claim.split_once('.')?;
            rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(claim: &str, claims: &Json) -> Option<Role> {
        let rules = json!({"claim": claim, "viewer": ["staff"], "editor": ["crm", "sales"], "admin": ["platform"]});
        let rules: RoleRules = serde_json::from_value(rules).unwrap();
        rules.of(claims.as_object().unwrap())
    }

    #[test]
    fn the_greatest_role_counts() {
        assert_eq!(role("groups", &json!({"groups": ["staff"]})), Some(Role::Viewer));
        assert_eq!(role("groups", &json!({"groups": "sales"})), Some(Role::Editor));
        assert_eq!(role("groups", &json!({"groups": ["staff", "platform", "other"]})), Some(Role::Admin));
        assert_eq!(role("cognito:groups", &json!({"cognito:groups": ["crm"]})), Some(Role::Editor));
    }

    #[test]
    fn whoever_has_none_of_the_values_has_no_role() {
        for claims in [
            json!({}),
            json!({"groups": []}),
            json!({"groups": ["Staff"]}),
            json!({"groups": "staff,platform"}),
            json!({"groups": {"staff": true}}),
            json!({"groups": [["staff"]]}),
            json!({"roles": ["staff"]}),
        ] {
            assert_eq!(role("groups", &claims), None, "{claims}");
        }
    }

    #[test]
    fn a_claim_may_lie_within_another_or_have_dots_itself() {
        let nested = json!({"realm_access": {"roles": ["crm"]}});
        assert_eq!(role("realm_access.roles", &nested), Some(Role::Editor));
        assert_eq!(role("https://x.example/roles", &json!({"https://x.example/roles": "platform"})), Some(Role::Admin));
        assert_eq!(role("realm_access.roles.more", &nested), None);
    }
}
