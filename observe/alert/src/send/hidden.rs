//! The secrets that a notification is made with, so that no reason for its failure repeats them: servers like to say what they were asked for.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use vitrine_kit::{Secret, percent};
use vitrine_platform_fetch::{Authorization, SecretSource, Settings};

/// What stands in the place of a secret, as in the configuration that the status shows.
const HIDDEN: &str = "<secret>";
/// Bytes of the shortest secret that is looked for: shorter ones are found in words.
const MIN_BYTES: usize = 4;
/// Bytes of the shortest part of a secret URL that is looked for by itself: shorter ones are words such as `services`.
const MIN_PART_BYTES: usize = 16;

/// Secrets that were used so far.
#[derive(Default)]
pub(super) struct Hidden(Mutex<Vec<Secret>>);

impl Hidden {
    /// Notes a secret, and how it is written in a URL. Of a URL, what its server sees of it and its long parts are secrets, too.
    pub(super) fn note(&self, secret: &str) {
        let secret = secret.trim();
        let mut forms = vec![secret.to_owned(), percent::encode(secret)];
        let path = secret.split_once("://").and_then(|(_, rest)| Some(&rest[rest.find('/')?..]));
        if let Some(path) = path {
            forms.push(path.to_owned());
            forms.extend(path.split_once('?').map(|(path, _)| path.to_owned()));
            let parts = path.split(['/', '?', '&', '=']).filter(|part| part.len() >= MIN_PART_BYTES);
            forms.extend(parts.map(str::to_owned));
        }
        self.0.lock().extend(forms.into_iter().filter(|form| form.len() >= MIN_BYTES).map(Secret::from));
    }

    /// Notes what requests prove themselves with. A file that cannot be read is told by the request.
    pub(super) async fn note_authorization(&self, settings: &Settings) {
        match &settings.authorization {
            Some(Authorization::Basic { username, password: Some(password) }) => {
                if let Some(password) = self.note_source(password).await {
                    self.note(&BASE64_STANDARD.encode(format!("{username}:{}", password.expose())));
                }
            }
            Some(Authorization::Credentials { credentials, .. }) => drop(self.note_source(credentials).await),
            Some(Authorization::OAuth2(oauth2)) => {
                if let Some(secret) = &oauth2.client_secret {
                    self.note_source(secret).await;
                }
            }
            Some(Authorization::Basic { password: None, .. }) | None => {}
        }
    }

    async fn note_source(&self, source: &SecretSource) -> Option<Secret> {
        let secret = source.read().await.ok()?;
        self.note(secret.expose());
        Some(secret)
    }

    /// A text without them.
    pub(super) fn without(&self, text: &str) -> String {
        let mut secrets = self.0.lock().clone();
        // The longest first: it may hold others.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), HIDDEN))
    }
}

#[cfg(test)]
mod tests {
    use super::Hidden;

    #[test]
    fn secrets_are_hidden_as_a_whole_and_as_servers_see_them() {
        let hidden = Hidden::default();
        hidden.note(" hunter2/3 ");
        hidden.note("https://hooks.example/services/T0/0123456789abcdef?key=fedcba9876543210");
        hidden.note("abc");
        for (text, expected) in [
            ("bad key hunter2/3", "bad key <secret>"),
            ("GET /v1/hunter2%2F3 is none", "GET /v1/<secret> is none"),
            ("no POST /services/T0/0123456789abcdef?key=fedcba9876543210", "no POST <secret>"),
            ("no POST /services/T0/0123456789abcdef", "no POST <secret>"),
            ("no hook 0123456789abcdef", "no hook <secret>"),
            ("bad fedcba9876543210", "bad <secret>"),
            ("no services at abc", "no services at abc"),
        ] {
            assert_eq!(hidden.without(text), expected);
        }
    }
}
