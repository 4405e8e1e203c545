//! What becomes of a running configuration when another one is read: what changes, and what has to wait for a restart.
//! It compares and copies values by the list of settings; applying them is the work of those who use them.

use std::fmt;

use super::{Config, InvalidConfig, Setting, declare::Takes};

/// A setting that has another value than before.
#[derive(Debug)]
pub struct Changed {
    /// Which one.
    pub setting: &'static Setting,
    /// Its value so far as TOML, or nothing if it was not set.
    pub from: Option<String>,
    /// Its new value.
    pub to: Option<String>,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
        write!(
            f,
            "{} changed from {} to {}",
            self.setting.key,
            told(&self.from),
            told(&self.to)
        )?;
        match self.setting.takes {
            Takes::Live | Takes::Reload => Ok(()),
            Takes::Restart => f.write_str(": needs a restart"),
        }
    }
}

impl Config {
    /// This configuration as it can become `wanted` while running: the live settings of `wanted`, and of the others the
    /// values so far. Beside it every setting that differs, in the order of declaration.
    ///
    /// # Errors
    /// `wanted` is impossible, or its live settings do not go with what needs a restart.
    pub fn reloaded(&self, wanted: &Self) -> Result<(Self, Vec<Changed>), Vec<InvalidConfig>> {
        wanted.check()?;
        let mut config = self.clone();
        let mut changes = Vec::new();
        for setting in Setting::all() {
            if (setting.is_same)(self, wanted) {
                continue;
            }
            changes.push(Changed {
                setting,
                from: setting.toml(self),
                to: setting.toml(wanted),
            });
            if setting.takes != Takes::Restart {
                (setting.copy)(&mut config, wanted);
            }
        }
        config.check()?;
        Ok((config, changes))
    }
}
