//! How a setting is declared: [`Setting`] describes one, and `settings!` makes structs, defaults and the list of
//! settings from one declaration. It knows no single setting and reads nothing.
//! `settings.rs` is the only user of the macro; layers, `--help` and `print-config` walk the list.

use std::fmt;

use super::{
    error::Problem,
    settings::{Config, SETTINGS},
    value::Raw,
};

/// A group of settings: a TOML table, the first word of its flags and variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// Its name in the file, `tracker` for `[tracker]`.
    pub name: &'static str,
    /// What its settings are about, one sentence.
    pub doc: &'static str,
}

/// One setting, known by the same name in the file, in the environment and as a flag.
pub struct Setting {
    /// The group it belongs to; the common settings have none.
    pub section: Option<&'static Section>,
    /// Its name within the section, `interval_max`.
    pub name: &'static str,
    /// The whole name, `tracker.interval_max`.
    pub key: &'static str,
    /// What it means, with its unit: a first line that stands alone, then details.
    pub doc: &'static [&'static str],
    /// When a new value takes effect.
    pub takes: Takes,
    pub(super) shape: fn() -> Shape,
    pub(super) read: fn(&mut Config, &Raw<'_>) -> Result<(), Problem>,
    pub(super) check: fn(&Config) -> Result<(), Problem>,
    pub(super) show: fn(&Config) -> Option<String>,
    pub(super) hides: fn(&Config) -> bool,
    pub(super) is_same: fn(&Config, &Config) -> bool,
    /// Copies the value from the second into the first.
    pub(super) copy: fn(&mut Config, &Config),
}

/// When a new value of a setting takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// With a reload, while the server runs. Whoever declares a setting so also applies it: `Handle::reload` is where
    /// the ways begin.
    Live,
    /// With a reload of the configuration, and never over the admin API: with it, a stolen token could learn secrets or addresses
    /// of visitors, or speak in the operator's name.
    Reload,
    /// With the next start; a reload says that it is needed.
    Restart,
}

/// How the value of a setting is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something of its own about the notation"
)]
pub struct Shape {
    /// A word that stands for the value in help: `SECONDS`.
    pub placeholder: &'static str,
    /// What values are allowed, `1 to 3600`, or nothing where the documentation says it.
    pub bounds: String,
    /// Whether it is a list: an array in TOML, separated by commas or spaces in a variable, a repeated flag.
    pub many: bool,
    /// Whether TOML writes it in quotes.
    pub text: bool,
    /// Whether its value is never shown.
    pub secret: bool,
    /// Whether it is on or off: a flag without value turns it on.
    pub switch: bool,
    /// The values it may have, where they can be listed, or the usual ones.
    pub choices: Choices,
}

/// The words that a value may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choices {
    /// In the order in which they are offered; empty where there is no list.
    pub words: &'static [&'static str],
    /// Whether other values are allowed as well.
    pub others: bool,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds, with fractions.
    Seconds,
    /// Bytes, or bytes per second.
    Bytes,
    /// Hundredths of something.
    Percent,
}

impl Takes {
    /// The word for it in the admin API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Reload => "reload",
            Self::Restart => "restart",
        }
    }
}

impl Setting {
    /// All settings in the order in which they are explained, the common ones first.
    #[must_use]
    pub fn all() -> &'static [Self] {
        SETTINGS
    }

    /// The setting with this whole name.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        Self::all().iter().find(|setting| setting.key == key)
    }

    /// Its flag without the dashes in front: `tracker-interval-max`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// Its environment variable: `SWARMHUB_TRACKER_INTERVAL_MAX`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SWARMHUB_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// How its value is to be written.
    #[must_use]
    pub fn shape(&self) -> Shape {
        (self.shape)()
    }

    /// What its number counts; nothing for one that is no number. Names tell: all that counts bytes or percent says so.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        let Shape {
            placeholder,
            text,
            switch,
            ..
        } = self.shape();
        if text || switch {
            return None;
        }
        let named = |word| self.name.split('_').any(|part| part == word);
        Some(match placeholder {
            "SECONDS" => Unit::Seconds,
            _ if named("bytes") => Unit::Bytes,
            _ if named("percent") => Unit::Percent,
            _ => Unit::Count,
        })
    }

    /// Whether it has the same value in both.
    #[must_use]
    pub fn is_same(&self, one: &Config, other: &Config) -> bool {
        (self.is_same)(one, other)
    }

    /// Its value in `config` as TOML, or nothing if it is not set. Secrets in it are masked: see [`Self::hides`].
    #[must_use]
    pub fn toml(&self, config: &Config) -> Option<String> {
        (self.show)(config)
    }

    /// Whether [`Self::toml`] leaves a secret out of its value in `config`: what it returns is then no value to use.
    #[must_use]
    pub fn hides(&self, config: &Config) -> bool {
        (self.hides)(config)
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Makes the structs of `settings.rs`, their defaults and `SETTINGS` from one declaration.
///
/// An entry is `/// words` and `name: Type = default, in rule => live;`. The rule's type follows from the field's type
/// (see `Scalar::Rule`): a range for numbers and seconds, a `Form` for texts and paths, none for the rest. The mark is
/// `live`, `reload` (not over the admin API) or `restart`: what a reload does with a new value.
macro_rules! settings {
    (
        $(#[$config_meta:meta])*
        pub struct Config {
            $( $(#[doc = $doc:literal])+ $field:ident : $type:ty = $default:expr $(, in $rule:expr)? => $takes:ident ; )+
        }
        $(
            #[doc = $section_doc:literal]
            $section:ident : $Section:ident {
                $( $(#[doc = $s_doc:literal])+ $s_field:ident : $s_type:ty = $s_default:expr $(, in $s_rule:expr)? => $s_takes:ident ; )+
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
        pub(super) static SETTINGS: &[$crate::config::Setting] = &[
            $( $crate::config::declare::setting!(
                None, $field, stringify!($field), [$($doc),+], $type, [$($rule)?], $takes
            ), )+
            $( $( $crate::config::declare::setting!(
                Some(&$crate::config::Section { name: stringify!($section), doc: $section_doc }),
                $section.$s_field,
                concat!(stringify!($section), ".", stringify!($s_field)),
                [$($s_doc),+], $s_type, [$($s_rule)?], $s_takes
            ), )+ )*
        ];
    };
}

/// Makes one [`Setting`]; a missing rule is `()`.
macro_rules! setting {
    ($section:expr, $($place:ident).+, $key:expr, $doc:expr, $type:ty, [], $takes:ident) => {
        $crate::config::declare::setting!($section, $($place).+, $key, $doc, $type, [()], $takes)
    };
    ($section:expr, $($place:ident).+, $key:expr, $doc:expr, $type:ty, [$rule:expr], $takes:ident) => {
        $crate::config::Setting {
            section: $section,
            name: $crate::config::declare::last!($($place).+),
            key: $key,
            doc: &$doc,
            takes: $crate::config::declare::takes!($takes),
            shape: || <$type as $crate::config::value::Value>::shape(&$rule),
            read: |config, raw| {
                config.$($place).+ = $crate::config::value::Value::read(raw, &$rule)?;
                Ok(())
            },
            check: |config| $crate::config::value::Value::check(&config.$($place).+, &$rule),
            show: |config| $crate::config::value::Value::toml(&config.$($place).+),
            hides: |config| $crate::config::value::Value::hides(&config.$($place).+),
            is_same: |one, other| one.$($place).+ == other.$($place).+,
            copy: |to, from| to.$($place).+ = from.$($place).+.clone(),
        }
    };
}

/// The mark of a setting.
macro_rules! takes {
    (live) => {
        $crate::config::Takes::Live
    };
    (reload) => {
        $crate::config::Takes::Reload
    };
    (restart) => {
        $crate::config::Takes::Restart
    };
}

/// The last name of a path of fields.
macro_rules! last {
    ($name:ident) => { stringify!($name) };
    ($first:ident . $($rest:ident).+) => { $crate::config::declare::last!($($rest).+) };
}

pub(super) use {last, setting, settings, takes};
