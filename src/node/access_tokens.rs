//! Checks the tokens of operators and clients, and limits wrong attempts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::Telemetry;
use super::admission::KeyHasher;
use super::settings::CurrentSettings;
use crate::limits::{ClientTokens, RateKey, TokenAttempts, TooManyAttempts};
use crate::metrics::RefusalKind;
use crate::protocol::http;

/// What a token protects. Wrong tokens are counted separately for each, so that guessing one does not block the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenScope {
    /// The admin API (`admin_token`).
    Admin,
    /// `/metrics` (`metrics.token`).
    Metrics,
}

impl TokenScope {
    /// Returns the setting that holds the token.
    const fn setting_name(self) -> &'static str {
        match self {
            Self::Admin => "admin_token",
            Self::Metrics => "metrics.token",
        }
    }
}

/// The tokens of clients, and the wrong attempts at the tokens of operators.
#[derive(Debug)]
pub struct AccessTokens {
    telemetry: Arc<Telemetry>,
    /// Of its own: its keys are compared only with each other.
    key_hasher: KeyHasher,
    admin_attempts: TokenAttempts,
    metrics_attempts: TokenAttempts,
    /// `None` if no token is required.
    client_tokens: ArcSwapOption<ClientTokens>,
}

impl AccessTokens {
    pub(super) fn new(settings: &Arc<CurrentSettings>, telemetry: &Arc<Telemetry>) -> Self {
        let attempts = || TokenAttempts::new(settings.policy(|snapshot| snapshot.token_attempts));
        Self {
            telemetry: Arc::clone(telemetry),
            key_hasher: KeyHasher::default(),
            admin_attempts: attempts(),
            metrics_attempts: attempts(),
            client_tokens: ArcSwapOption::empty(),
        }
    }

    /// Sets the tokens of clients; `None` if no token is required. Connections that were admitted with a removed token
    /// stay open.
    pub(super) fn set_client_tokens(&self, tokens: Option<ClientTokens>) {
        self.client_tokens.store(tokens.map(Arc::new));
    }

    /// Returns whether a request has a valid token or needs none.
    #[must_use]
    pub fn has_valid_token(&self, target: http::RequestTarget<'_>) -> bool {
        let tokens = self.client_tokens.load();
        let Some(tokens) = &*tokens else {
            return true;
        };
        target.token().is_some_and(|shown| tokens.contains(&shown))
    }

    /// Returns whether clients need a token.
    #[must_use]
    pub fn requires_token(&self) -> bool {
        self.client_tokens.load().is_some()
    }

    /// Checks a token of an operator. It is not checked if too many were wrong. `now` is the time since the process
    /// started.
    ///
    /// # Errors
    ///
    /// Too many tokens were wrong.
    pub fn check_token(
        &self,
        scope: TokenScope,
        address: Option<IpAddr>,
        now: Duration,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, TooManyAttempts> {
        // All clients of a Unix socket without an address share one key.
        let from = address.map_or(RateKey::new(0), |address| {
            self.key_hasher.keys_of(address).address
        });
        let attempts = match scope {
            TokenScope::Admin => &self.admin_attempts,
            TokenScope::Metrics => &self.metrics_attempts,
        };
        let result = attempts.check(from, now, is_right);
        let counters = self.telemetry.shared_counters();
        match result {
            Ok(true) => {}
            Ok(false) => counters.tokens_wrong.add_shared(1),
            Err(too_many) if too_many.is_total => {
                counters.refused_all_wrong_tokens_per_minute.add_shared(1);
            }
            Err(_) => counters.refused_wrong_tokens_per_minute.add_shared(1),
        }
        if result != Ok(true) {
            self.telemetry
                .record_refusal(RefusalKind::AdminToken, scope.setting_name());
        }
        result
    }
}
