//! Changes single settings while the server runs, in the syntax of the configuration file.
//! It changes a copy and checks each value by itself. The caller checks the whole configuration before it is used.

use toml::de::DeValue;

use super::declare::ReloadPolicy;
use super::error::{InvalidConfig, Problem, quoted};
use super::setting_list::Setting;
use super::settings::Config;
use super::suggest::nearest_setting;
use super::value::{RawValue, ValueSyntax};

impl Config {
    /// Sets a setting to a TOML value, or to its default if there is none.
    ///
    /// # Errors
    /// The setting does not exist, is a secret, needs a reload or a restart, or the value is invalid. The place is the
    /// setting's name.
    pub fn update_setting(&mut self, key: &str, toml: Option<&str>) -> Result<(), InvalidConfig> {
        self.try_update_setting(key, toml)
            .map_err(|problem| problem.at(key))
    }

    fn try_update_setting(&mut self, key: &str, toml: Option<&str>) -> Result<(), Problem> {
        let setting = Setting::find(key).ok_or_else(|| {
            let remedy =
                nearest_setting(key).map(|setting| format!("did you mean {}?", setting.key));
            Problem::new(
                "there is no such setting",
                remedy.unwrap_or_else(|| "swarmhub print-config lists all settings".to_owned()),
            )
        })?;
        if setting.syntax().secret {
            let remedy = "set it in the configuration and reload";
            return Err(Problem::new("it is a secret", remedy));
        }
        match setting.reload_policy {
            ReloadPolicy::Live => {}
            ReloadPolicy::Reload => {
                let remedy = "set it in the configuration and reload (SIGHUP), or restart";
                return Err(Problem::new("it cannot change over the network", remedy));
            }
            ReloadPolicy::Restart => {
                let remedy = "set it in the configuration and restart";
                let what = "it cannot change while the server runs";
                return Err(Problem::new(what, remedy));
            }
        }
        let Some(toml) = toml else {
            (setting.copy)(self, &Self::default());
            return Ok(());
        };
        let value = DeValue::parse(toml).map_err(|_| invalid_value(toml, &setting.syntax()))?;
        (setting.read)(self, &RawValue::Toml(value.get_ref()))
    }
}

/// Returns the problem of a text that is not a TOML value.
fn invalid_value(toml: &str, syntax: &ValueSyntax) -> Problem {
    let what = if toml.trim().is_empty() {
        "a value is missing".to_owned()
    } else {
        format!("{} is not a TOML value", quoted(toml))
    };
    let remedy = match syntax {
        ValueSyntax { list: true, .. } => "give a list: [\"a\", \"b\"]".to_owned(),
        ValueSyntax { text: true, .. } => "give a text in quotes: \"text\"".to_owned(),
        ValueSyntax { boolean: true, .. } => "give true or false".to_owned(),
        ValueSyntax { bounds, .. } => format!("give a number from {bounds}"),
    };
    Problem::new(what, remedy)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn settings_are_updated_in_file_syntax() {
        let mut config = Config::default();
        for (key, value) in [
            ("interval", "30"),
            ("log_level", "\"debug\""),
            ("origin", "[\"https://a.example\"]"),
            ("no_limits", "true"),
            ("limits.patience", "1.5"),
        ] {
            config.update_setting(key, Some(value)).expect("a value");
        }
        assert_eq!(config.interval, Some(Duration::from_secs(30)));
        assert_eq!(config.log_level, "debug");
        assert_eq!(config.origin, ["https://a.example"]);
        assert_eq!(config.limits.patience, Duration::from_millis(1500));
        for key in [
            "interval",
            "log_level",
            "origin",
            "no_limits",
            "limits.patience",
        ] {
            config.update_setting(key, None).expect("a default");
        }
        assert_eq!(config, Config::default());
    }

    #[test]
    fn a_refused_update_explains_why_and_changes_nothing() {
        let mut config = Config::default();
        for (key, value, why) in [
            ("intervall", "30", "interval?"),
            ("banana", "30", "print-config"),
            ("interval", "0", "out of range"),
            ("interval", "\"30\"", "without quotes"),
            ("interval", "30\nworkers = 3", "not a TOML value"),
            ("interval", " ", "a value is missing; give a number from"),
            (
                "interval",
                "abc",
                "not a TOML value; give a number from 1 to 3600",
            ),
            (
                "log_level",
                "debug",
                "not a TOML value; give a text in quotes",
            ),
            ("no_limits", "yes", "not a TOML value; give true or false"),
            (
                "origin",
                "https://a.example",
                "not a TOML value; give a list",
            ),
            ("workers", "3", "restart"),
            ("ice_server", "[\"stun:evil.example\"]", "over the network"),
            ("alerts.chat_template", "\"{}\"", "over the network"),
            (
                "alerts.external_url",
                "\"https://evil.example\"",
                "over the network",
            ),
            ("admin_token", "\"0123456789abcdef\"", "secret"),
        ] {
            let problem = config
                .update_setting(key, Some(value))
                .expect_err("refused");
            assert_eq!(problem.place, key);
            let message = problem.to_string();
            assert!(
                message.contains(why) && !message.contains("0123"),
                "{message}"
            );
        }
        assert!(config.update_setting("admin_token", None).is_err());
        assert_eq!(config, Config::default());
    }
}
