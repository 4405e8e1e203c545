//! Checks that notifications leave for the internet, unless the settings allow private addresses.
//! The check changes nothing; `contradictions.rs` calls it.

use super::alert_receiver::AlertReceiver;
use super::error::Problem;
use super::public_address::is_public_address;
use super::settings::Config;

/// Returns a problem for receivers at private addresses, unless the settings allow those.
pub(super) fn problems(config: &Config) -> impl Iterator<Item = (&'static str, Problem)> {
    let alerts = &config.alerts;
    let first_private = |key, receivers: &[AlertReceiver]| {
        let refused = receivers.iter().filter_map(AlertReceiver::ip_address);
        let refused =
            refused.filter(|address| !alerts.private_addresses && !is_public_address(*address));
        let problems = refused.map(|address| {
            Problem::new(
                format!("{address} is not on the internet"),
                "name another host, or set alerts.private_addresses",
            )
        });
        problems.map(|problem| (key, problem)).next()
    };
    let chat: Vec<_> = alerts.chat.iter().cloned().collect();
    let mistakes = [
        first_private("alerts.webhook", &alerts.webhook),
        first_private("alerts.alertmanager", &alerts.alertmanager),
        first_private("alerts.chat", &chat),
    ];
    mistakes.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::SettingValue;

    fn read(word: &str) -> AlertReceiver {
        AlertReceiver::parse(word, &()).unwrap()
    }

    #[test]
    fn private_receivers_need_permission() {
        let mut config = Config::default();
        config.alerts.webhook = vec![read("https://a.example/"), read("http://169.254.169.254/")];
        config.alerts.alertmanager = vec![read("http://[::1]:9093")];
        config.alerts.chat = Some(read("http://localhost/"));
        let blamed = |config: &Config| problems(config).map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(blamed(&config), ["alerts.webhook", "alerts.alertmanager"]);
        assert!(config.check().is_err());
        config.alerts.private_addresses = true;
        assert!(blamed(&config).is_empty());
        assert_eq!(config.check(), Ok(()));
    }
}
