//! Lists all settings, and finds one by its name.

use super::declare::SettingOf;
use super::settings::{Config, SETTINGS};

/// One setting of [`Config`], with the same name in the file, in the environment and as a flag.
pub type Setting = SettingOf<Config>;

impl Setting {
    /// Returns all settings in the order of the documentation, the common ones first.
    #[must_use]
    pub fn all() -> &'static [Self] {
        SETTINGS
    }

    /// Returns the setting with this full name.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        Self::all().iter().find(|setting| setting.key == key)
    }
}
