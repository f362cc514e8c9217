//! Passwords, hashed and checked off the async threads, few at a time: each takes 19 MiB and tens of milliseconds.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use vitrine_contracts::Problem;

use crate::machine::random;

/// Argon2id as OWASP's password storage cheat sheet has it: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Most at a time.
const AT_ONCE: usize = 2;

static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));
/// What the password of someone unknown is compared with, so that time does not tell that they are. It is no one's
/// hash.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn hasher() -> Result<Argon2<'static>, argon2::Error> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, 1, None)?))
}

fn hash_now(password: &str) -> Result<String, argon2::password_hash::Error> {
    let salt = SaltString::encode_b64(&random::<16>())?;
    Ok(hasher()?.hash_password(password.as_bytes(), &salt)?.to_string())
}

async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let stopping = || Problem::unavailable("the process is stopping");
    let turn = TURNS.clone().acquire_owned().await.map_err(|_| stopping())?;
    let worked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    worked.await.map_err(|_| stopping())
}

/// A new hash.
pub(crate) async fn hash(password: String) -> Result<String, Problem> {
    in_turn(move || hash_now(&password)).await?.map_err(|e| {
        tracing::error!(error = %e, "a password could not be hashed");
        Problem::internal()
    })
}

/// Whether the password belongs to the hash; it never does if there is none, and takes as long.
pub(crate) async fn verify(password: String, hash: Option<String>) -> Result<bool, Problem> {
    in_turn(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let verified = PasswordHash::new(&hash).is_ok_and(|parsed| {
            hasher().is_ok_and(|hasher| hasher.verify_password(password.as_bytes(), &parsed).is_ok())
        });
        known && verified
    })
    .await
}

#[cfg(test)]
mod tests {
    use argon2::Params;
    use argon2::password_hash::PasswordHash;

    use super::{NOBODY, hash, hasher, verify};

    #[tokio::test]
    async fn only_the_right_password_opens() {
        let hashed = hash("correct horse battery".to_owned()).await.expect("hashes");
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("correct horse battery".to_owned(), Some(hashed.clone())).await.expect("verifies"));
        assert!(!verify("wrong horse battery".to_owned(), Some(hashed)).await.expect("verifies"));
        assert!(!verify("nobody has this password".to_owned(), None).await.expect("verifies"));
        assert!(!verify("a malformed hash opens nothing".to_owned(), Some("x".to_owned())).await.expect("verifies"));
    }

    #[tokio::test]
    async fn somebody_unknown_costs_as_much_as_somebody_known() {
        let real = hash("correct horse battery".to_owned()).await.expect("hashes");
        let cost = |hash: &str| {
            let parsed = PasswordHash::new(hash).expect("a hash");
            let params = Params::try_from(&parsed).expect("parameters");
            let bytes = (parsed.salt.expect("a salt").as_str().len(), parsed.hash.expect("a digest").len());
            (params.m_cost(), params.t_cost(), params.p_cost(), bytes)
        };
        assert_eq!(cost(NOBODY), cost(&real));
        let set = hasher().expect("fine");
        let (memory, passes, ..) = cost(&real);
        assert_eq!((memory, passes), (set.params().m_cost(), set.params().t_cost()));
    }
}
