//! Describes one setting ([`SettingOf`]). The macro `settings!` generates structs, defaults and the list of settings from
//! one declaration. It contains no individual setting and reads nothing.
//! `settings.rs` is the only user of the macro; layers, `--help` and `print-config` iterate over the list.

use std::fmt;

use super::error::Problem;
use super::value::{RawValue, ValueSyntax};

/// A group of settings: a TOML table, and the first word of its flags and variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// Its name in the file, `tracker` for `[tracker]`.
    pub name: &'static str,
    /// One sentence about its settings.
    pub doc: &'static str,
}

/// One setting of the configuration `C`, with the same name in the file, in the environment and as a flag.
pub struct SettingOf<C: 'static> {
    /// The group it belongs to; `None` for the common settings.
    pub section: Option<&'static Section>,
    /// Its name within the section, `interval_max`.
    pub name: &'static str,
    /// The full name, `tracker.interval_max`.
    pub key: &'static str,
    /// Its description, with the unit: a self-contained first line, then details.
    pub doc: &'static [&'static str],
    /// When a new value takes effect.
    pub reload_policy: ReloadPolicy,
    pub(super) syntax: fn() -> ValueSyntax,
    pub(super) read: fn(&mut C, &RawValue<'_>) -> Result<(), Problem>,
    pub(super) check: fn(&C) -> Result<(), Problem>,
    pub(super) to_toml: fn(&C) -> Option<String>,
    pub(super) contains_secret: fn(&C) -> bool,
    pub(super) is_same: fn(&C, &C) -> bool,
    /// Copies the value from the second configuration into the first.
    pub(super) copy: fn(&mut C, &C),
}

/// When a new value of a setting takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadPolicy {
    /// With a reload or over the admin API, while the server runs. Code must apply the new value; `ServerHandle::reload` is
    /// the entry point.
    Live,
    /// With a reload of the configuration, and never over the admin API: otherwise a stolen token could reveal secrets
    /// or addresses of visitors, or send messages in the operator's name.
    Reload,
    /// With the next start; a reload reports that a restart is needed.
    Restart,
}

/// The unit of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingUnit {
    /// A number of things.
    Count,
    /// Seconds, with fractions.
    Seconds,
    /// Bytes, or bytes per second.
    Bytes,
    /// Hundredths.
    Percent,
}

impl ReloadPolicy {
    /// Returns its name in the admin API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Reload => "reload",
            Self::Restart => "restart",
        }
    }
}

impl<C> SettingOf<C> {
    /// Returns its flag without the leading dashes: `tracker-interval-max`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// Returns its environment variable: `SWARMHUB_TRACKER_INTERVAL_MAX`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SWARMHUB_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Returns the syntax of its value.
    #[must_use]
    pub fn syntax(&self) -> ValueSyntax {
        (self.syntax)()
    }

    /// Returns its unit, or `None` if it is not a number. Bytes and percent follow from the setting's name.
    #[must_use]
    pub fn unit(&self) -> Option<SettingUnit> {
        let ValueSyntax {
            placeholder,
            text,
            boolean: switch,
            ..
        } = self.syntax();
        if text || switch {
            return None;
        }
        let name_has = |word| self.name.split('_').any(|part| part == word);
        Some(match placeholder {
            "SECONDS" => SettingUnit::Seconds,
            _ if name_has("bytes") => SettingUnit::Bytes,
            _ if name_has("percent") => SettingUnit::Percent,
            _ => SettingUnit::Count,
        })
    }

    /// Returns whether both configurations have the same value.
    #[must_use]
    pub fn is_same(&self, one: &C, other: &C) -> bool {
        (self.is_same)(one, other)
    }

    /// Returns its value in `config` as TOML, or `None` if it is not set. Secrets are masked: see [`Self::contains_secret`].
    #[must_use]
    pub fn to_toml(&self, config: &C) -> Option<String> {
        (self.to_toml)(config)
    }

    /// Returns whether [`Self::to_toml`] masks a secret in its value in `config`; the result is then not a usable value.
    #[must_use]
    pub fn contains_secret(&self, config: &C) -> bool {
        (self.contains_secret)(config)
    }
}

impl<C> fmt::Debug for SettingOf<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Generates the structs of `settings.rs`, their defaults and `SETTINGS` from one declaration.
///
/// An entry is `/// words` and `name: Type = default, in rule => live;`. The rule's type follows from the field's type
/// (see `SettingValue::Rule`): a range for numbers and seconds, a `Validator` for texts and paths, none for the rest. The last
/// word is `live`, `reload` (not over the admin API) or `restart`: when a new value takes effect.
macro_rules! settings {
    (
        $(#[$config_meta:meta])*
        pub struct Config {
            $( $(#[doc = $doc:literal])+ $field:ident : $type:ty = $default:expr $(, in $rule:expr)? => $reload_policy:ident ; )+
        }
        $(
            #[doc = $section_doc:literal]
            $section:ident : $Section:ident {
                $( $(#[doc = $s_doc:literal])+ $s_field:ident : $s_type:ty = $s_default:expr $(, in $s_rule:expr)? => $s_reload_policy:ident ; )+
            }
        )*
    ) => {
        $(#[$config_meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct Config {
            $( $(#[doc = $doc])+ #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")] pub $field: $type, )+
            $( #[doc = $section_doc] pub $section: $Section, )*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $( $field: $default, )+ $( $section: $Section::default(), )* }
            }
        }

        $(
            #[doc = $section_doc]
            #[derive(Debug, Clone, PartialEq)]
            pub struct $Section {
                $(
                    $(#[doc = $s_doc])+
                    #[doc = concat!("\n\nDefault: `", stringify!($s_default), "`.")]
                    pub $s_field: $s_type,
                )+
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $s_field: $s_default, )+ }
                }
            }
        )*

        /// Every setting, in the order of its declaration.
        pub(super) static SETTINGS: &[$crate::config::declare::SettingOf<Config>] = &[
            $( $crate::config::declare::setting!(
                None, $field, stringify!($field), [$($doc),+], $type, [$($rule)?], $reload_policy
            ), )+
            $( $( $crate::config::declare::setting!(
                Some(&$crate::config::declare::Section { name: stringify!($section), doc: $section_doc }),
                $section.$s_field,
                concat!(stringify!($section), ".", stringify!($s_field)),
                [$($s_doc),+], $s_type, [$($s_rule)?], $s_reload_policy
            ), )+ )*
        ];
    };
}

/// Generates one [`SettingOf`]; a missing rule is `()`.
macro_rules! setting {
    ($section:expr, $($place:ident).+, $key:expr, $doc:expr, $type:ty, [], $reload_policy:ident) => {
        $crate::config::declare::setting!($section, $($place).+, $key, $doc, $type, [()], $reload_policy)
    };
    ($section:expr, $($place:ident).+, $key:expr, $doc:expr, $type:ty, [$rule:expr], $reload_policy:ident) => {
        $crate::config::declare::SettingOf {
            section: $section,
            name: $crate::config::declare::last_segment!($($place).+),
            key: $key,
            doc: &$doc,
            reload_policy: $crate::config::declare::reload_policy!($reload_policy),
            syntax: || <$type as $crate::config::value::AnySettingValue>::syntax(&$rule),
            read: |config, raw| {
                config.$($place).+ = $crate::config::value::AnySettingValue::read(raw, &$rule)?;
                Ok(())
            },
            check: |config| $crate::config::value::AnySettingValue::check(&config.$($place).+, &$rule),
            to_toml: |config| $crate::config::value::AnySettingValue::to_toml(&config.$($place).+),
            contains_secret: |config| $crate::config::value::AnySettingValue::contains_secret(&config.$($place).+),
            is_same: |one, other| one.$($place).+ == other.$($place).+,
            copy: |to, from| to.$($place).+ = from.$($place).+.clone(),
        }
    };
}

/// Maps the last word of an entry to [`ReloadPolicy`].
macro_rules! reload_policy {
    (live) => {
        $crate::config::declare::ReloadPolicy::Live
    };
    (reload) => {
        $crate::config::declare::ReloadPolicy::Reload
    };
    (restart) => {
        $crate::config::declare::ReloadPolicy::Restart
    };
}

/// Returns the last name of a field path.
macro_rules! last_segment {
    ($name:ident) => { stringify!($name) };
    ($first:ident . $($rest:ident).+) => { $crate::config::declare::last_segment!($($rest).+) };
}

pub(super) use {last_segment, reload_policy, setting, settings};
