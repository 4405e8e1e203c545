//! Performs one ACME order, from the account to the certificate.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::sign::CertifiedKey;

use super::super::cert_resolver::CertResolver;
use super::super::certificate::CertificateError;
use super::subject::validation_name;
use super::{AcmeCacheError, AcmeClient};

/// The error of a directory for an unknown or deleted account.
const ACCOUNT_DOES_NOT_EXIST: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
/// The error of a directory for a number used once that it does not know any more. The library repeats such a request twice.
const BAD_NONCE: &str = "urn:ietf:params:acme:error:badNonce";
/// The intervals at which the directory is polled for the validation result, and the total timeout.
const POLL_POLICY: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_secs(1))
    .backoff(1.5)
    .timeout(Duration::from_mins(2));

/// The reason of a failed order.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    #[error("{0}")]
    Directory(#[from] Error),
    #[error("the directory has no profile {profile}; it has {}: change tls.acme_profile", list(.offered))]
    UnknownProfile {
        profile: String,
        offered: Vec<String>,
    },
    #[error("the directory does not offer the challenge tls-alpn-01 for {0}")]
    NoChallenge(String),
    #[error(
        "{0}; the directory must reach a tls+ listener of this server at port 443 of each domain and address"
    )]
    ValidationFailed(String),
    #[error("the certificate is for other names: {names:?} {addresses:?}")]
    WrongNames {
        names: Vec<String>,
        addresses: Vec<IpAddr>,
    },
    #[error("it took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the certificate cannot be used: {0}")]
    InvalidCertificate(#[from] CertificateError),
    #[error("{0}")]
    Cache(#[from] AcmeCacheError),
    #[error("a challenge certificate cannot be generated: {0}")]
    Generation(#[from] rcgen::Error),
    #[error("a challenge certificate cannot be used: {0}")]
    ChallengeCertificate(#[from] tokio_rustls::rustls::Error),
}

impl OrderError {
    /// Returns whether the directory refused nothing but the nonces of a request: another order may succeed at once.
    pub(super) fn is_bad_nonce(&self) -> bool {
        matches!(self, Self::Directory(error) if is_bad_nonce(error))
    }
}

fn is_bad_nonce(error: &Error) -> bool {
    matches!(error, Error::Api(problem) if problem.r#type.as_deref() == Some(BAD_NONCE))
}

fn list(profiles: &[String]) -> String {
    if profiles.is_empty() {
        return "none".to_owned();
    }
    profiles.join(", ")
}

/// The active challenges of an order; removed on drop, however the order ends.
struct ActiveChallenges<'a> {
    resolver: &'a CertResolver,
    /// The server names that the validator sends.
    names: Vec<String>,
}

impl ActiveChallenges<'_> {
    fn add(&mut self, name: String, proof: CertifiedKey) {
        self.resolver.set_challenge(&name, Some(Arc::new(proof)));
        self.names.push(name);
    }
}

impl Drop for ActiveChallenges<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            self.resolver.set_challenge(name, None);
        }
    }
}

impl AcmeClient {
    /// Orders a certificate and returns its key and chain as PEM.
    pub(super) async fn order(&self) -> Result<Vec<u8>, OrderError> {
        let account = self.account().await?;
        let offered = account.profiles().map(|profile| profile.name.to_owned());
        let profile = self.subject.profile(offered.collect())?;
        let identifiers = self.subject.identifiers();
        let mut new = NewOrder::new(&identifiers);
        if let Some(profile) = profile {
            new = new.profile(profile);
        }
        let order = account.new_order(&new).await;
        let mut order = order.inspect_err(|error| self.forget_account_if(error))?;
        tracing::info!(profile, "order accepted");
        let mut proofs = ActiveChallenges {
            resolver: &self.resolver,
            names: Vec::new(),
        };
        start_challenges(&mut order, &mut proofs).await?;
        match order.poll_ready(&POLL_POLICY).await {
            Ok(OrderStatus::Ready) => {}
            Err(error) if is_bad_nonce(&error) => return Err(error.into()),
            Ok(_) | Err(Error::Api(_)) => return Err(validation_error(&mut order).await),
            Err(error) => return Err(error.into()),
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&POLL_POLICY).await?;
        Ok([key, chain].concat().into_bytes())
    }

    /// Returns the account of an earlier run, or a new one. The operator accepts the directory's terms by setting a
    /// domain or an address.
    async fn account(&self) -> Result<Account, OrderError> {
        let builder = Account::builder_with_http(Box::new(self.http.clone()));
        if let Some(stored) = self.cache.account() {
            return Ok(builder.from_credentials(stored).await?);
        }
        let contacts: Vec<_> = self.contacts.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contacts,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, credentials) = builder.create(&new, self.directory.clone(), None).await?;
        self.cache.store_account(&credentials)?;
        Ok(account)
    }

    fn forget_account_if(&self, error: &Error) {
        let Error::Api(problem) = error else { return };
        if problem.r#type.as_deref() == Some(ACCOUNT_DOES_NOT_EXIST) {
            self.cache.forget_account();
        }
    }
}

/// Activates the challenge certificate of each name, and requests the validation.
async fn start_challenges(
    order: &mut Order,
    proofs: &mut ActiveChallenges<'_>,
) -> Result<(), OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            // Validated by a recent order.
            continue;
        }
        let name = authorization.identifier().to_string();
        let validation_name = validation_name(authorization.identifier().identifier);
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let (Some(mut challenge), Some(validation_name)) = (challenge, validation_name) else {
            return Err(OrderError::NoChallenge(name));
        };
        let proof = challenge_certificate(&name, challenge.key_authorization().digest().as_ref())?;
        proofs.add(validation_name, proof);
        challenge.set_ready().await?;
    }
    Ok(())
}

/// Returns the challenge certificate that the directory expects for a name or an address (RFC 8737, 3; RFC 8738, 6).
pub(super) fn challenge_certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, OrderError> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    // `from_der` refuses certificates with an unknown critical extension, which this one must have.
    let key = ring::default_provider()
        .key_provider
        .load_private_key(key)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

/// Returns the directory's errors for the names and addresses that it could not validate.
async fn validation_error(order: &mut Order) -> OrderError {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let problems = state
            .challenges
            .iter()
            .filter_map(|challenge| challenge.error.as_ref());
        reasons.extend(problems.map(|problem| format!("{name}: {problem}")));
    }
    OrderError::ValidationFailed(reasons.join("; "))
}
