//! What must not be seen: passwords, tokens and keys out of settings, and URLs that may hold one.
//!
//! Whatever prints, logs or serialises them gets a placeholder. The value itself is had by [`Secret::expose`] alone, so that every place
//! that has it can be found.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is shown in the place of something secret.
const HIDDEN: &str = "(secret)";

/// A text that is not shown. Empty means that there is none, and is shown as such.
///
/// ```
/// use vitrine_kit::Secret;
///
/// let password = Secret::from("hunter2");
/// assert_eq!(format!("{password} {password:?}"), "(secret) (secret)");
/// assert_eq!(password.expose(), "hunter2");
/// ```
///
/// It is compared like any text, in a time that depends on where two differ: a caller that compares what a stranger sent compares
/// digests.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

/// A URL of which the password and the values of parameters are not shown.
///
/// ```
/// use vitrine_kit::SecretUrl;
///
/// let url = SecretUrl::from("postgres://ada:hunter2@db:5432/shop?sslmode=require");
/// assert_eq!(url.to_string(), "postgres://ada:(secret)@db:5432/shop?(secret)");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretUrl(String);

impl Secret {
    /// The text, for who must have it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn shown(&self) -> Cow<'_, str> {
        if self.0.is_empty() { "".into() } else { HIDDEN.into() }
    }
}

impl SecretUrl {
    /// The URL, for who must have it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn shown(&self) -> Cow<'_, str> {
        if self.0.is_empty() {
            return "".into();
        }
        // Drivers read other forms, too, such as "host=db password=hunter2".
        let Some((scheme, rest)) = self.0.split_once("://") else { return HIDDEN.into() };
        // Up to the last @, for a password that was not encoded may hold one, and / or ? as well.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((userinfo, rest)) => match userinfo.split_once(':') {
                Some((user, password)) if !password.is_empty() => (format!("{user}:{HIDDEN}@"), rest),
                _ => (format!("{userinfo}@"), rest),
            },
            None => (String::new(), rest),
        };
        match rest.split_once(['?', '#']) {
            Some((place, _)) => format!("{scheme}://{user}{place}?{HIDDEN}").into(),
            None => format!("{scheme}://{user}{rest}").into(),
        }
    }
}

/// The two are alike but for how they are shown.
macro_rules! hidden {
    ($name:ident, $format:literal) => {
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.shown())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.shown())
            }
        }

        /// As it is shown: what was written cannot be read again.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.shown())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Text).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "writeOnly": true })
            }
        }
    };
}

hidden!(Secret, "password");
hidden!(SecretUrl, "uri");

/// Reads a text. What is none is refused without being repeated: someone may have forgotten the quotes of a password of
/// digits.
struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<String, E> {
        Err(E::custom("expected a text in quotes"))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<String, E> {
        Err(E::custom("expected a text in quotes"))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<String, E> {
        Err(E::custom("expected a text in quotes"))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<String, E> {
        Err(E::custom("expected a text in quotes"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, SecretUrl};

    #[test]
    fn nothing_shows_a_secret() {
        let secret = Secret::from("hunter2");
        let json = serde_json::to_string(&[&secret]).expect("JSON");
        for shown in [format!("{secret}"), format!("{secret:?}"), format!("{:#?}", Some(&secret)), json] {
            assert!(!shown.contains("hunter2") && shown.contains("(secret)"), "{shown}");
        }
        assert_eq!(Secret::default().to_string(), "");
        assert_eq!(serde_json::from_str::<Secret>("\"hunter2\"").expect("a text"), secret);
        for wrong in ["4242424242", "-42424242", "42.424242", "true", "[\"hunter2\"]"] {
            let told = serde_json::from_str::<Secret>(wrong).expect_err(wrong).to_string();
            assert!(told.contains("a text") && !told.contains("4242") && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_url_shows_where_and_who() {
        for (url, shown) in [
            ("", ""),
            ("postgres://ada:hunter2@db:5432/shop", "postgres://ada:(secret)@db:5432/shop"),
            ("postgres://ada@db/shop", "postgres://ada@db/shop"),
            ("redis://:hunter2@db:6379", "redis://:(secret)@db:6379"),
            // Neither is encoded as it should be, and drivers take both.
            ("postgres://ada:hunter2@x@db/shop", "postgres://ada:(secret)@db/shop"),
            ("postgres://ada:a/hunter2?@db/shop", "postgres://ada:(secret)@db/shop"),
            ("postgres://db/shop?user=ada&password=hunter2", "postgres://db/shop?(secret)"),
            ("postgres://ada@db/shop#hunter2", "postgres://ada@db/shop?(secret)"),
            ("host=db user=ada password=hunter2", "(secret)"),
        ] {
            let url = SecretUrl::from(url);
            assert_eq!((url.to_string().as_str(), format!("{url:?}").as_str()), (shown, shown));
            assert_eq!(serde_json::to_value(&url).expect("JSON"), serde_json::json!(shown));
        }
    }
}
