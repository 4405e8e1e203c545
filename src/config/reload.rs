//! Combines the running configuration with a newly read one: what changes now, and what needs a restart.
//! It compares and copies values by the list of settings; other modules apply them.

use std::fmt;

use super::declare::ReloadPolicy;
use super::error::InvalidConfig;
use super::setting_list::Setting;
use super::settings::Config;

/// A setting with a changed value.
#[derive(Debug)]
pub struct ChangedSetting {
    /// The setting.
    pub setting: &'static Setting,
    /// Its previous value as TOML, or `None` if it was not set.
    pub from: Option<String>,
    /// Its new value as TOML.
    pub to: Option<String>,
}

impl fmt::Display for ChangedSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
        write!(
            f,
            "{} changed from {} to {}",
            self.setting.key,
            shown(&self.from),
            shown(&self.to)
        )?;
        match self.setting.reload_policy {
            ReloadPolicy::Live | ReloadPolicy::Reload => Ok(()),
            ReloadPolicy::Restart => f.write_str(": needs a restart"),
        }
    }
}

impl Config {
    /// Returns the configuration that `wanted` gives without a restart: its live settings, and the current values of
    /// the others. Also returns every setting that differs, in the order of declaration.
    ///
    /// # Errors
    /// `wanted` is invalid, or its live settings contradict those that need a restart.
    pub fn reloaded(
        &self,
        wanted: &Self,
    ) -> Result<(Self, Vec<ChangedSetting>), Vec<InvalidConfig>> {
        wanted.check()?;
        let mut config = self.clone();
        let mut changes = Vec::new();
        for setting in Setting::all() {
            if (setting.is_same)(self, wanted) {
                continue;
            }
            changes.push(ChangedSetting {
                setting,
                from: setting.to_toml(self),
                to: setting.to_toml(wanted),
            });
            if setting.reload_policy != ReloadPolicy::Restart {
                (setting.copy)(&mut config, wanted);
            }
        }
        config.check()?;
        Ok((config, changes))
    }
}
