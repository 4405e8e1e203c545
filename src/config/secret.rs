//! Defines secret settings, which are compared and never shown.
//! `print-config`, logs and `Debug` only show whether one is set. Error messages do not contain its text.

use std::fmt;
use std::ops::RangeInclusive;

use subtle::ConstantTimeEq;

use super::error::Problem;
use super::value::{ScalarKind, SettingValue, toml_text};

/// The text shown instead of a secret.
pub(super) const MASK: &str = "(set)";

/// A secret word, such as a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps the word. [`Config::check`](super::Config::check) validates it by the rule of its setting.
    #[must_use]
    pub fn new(word: &str) -> Self {
        Self(word.into())
    }

    /// Compares in constant time; the duration reveals only whether the length is equal.
    #[must_use]
    pub fn matches(&self, word: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(word).into()
    }

    /// Returns the secret itself, to sign with it or to authenticate to another service.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl SettingValue for Secret {
    /// The allowed number of characters.
    type Rule = RangeInclusive<usize>;
    const KIND: ScalarKind = ScalarKind::Secret;

    fn parse(word: &str, rule: &Self::Rule) -> Result<Self, Problem> {
        let secret = Self::new(word);
        SettingValue::check(&secret, rule)?;
        Ok(secret)
    }

    fn check(&self, rule: &Self::Rule) -> Result<(), Problem> {
        let (_, allowed) = Self::placeholder_and_bounds(rule);
        let is_plain = self.0.bytes().all(|byte| byte.is_ascii_graphic());
        if is_plain && rule.contains(&self.0.len()) {
            return Ok(());
        }
        let what = if is_plain {
            format!("it has {} characters", self.0.len())
        } else {
            "it has spaces or non-ASCII characters".to_owned()
        };
        Err(Problem::new(
            what,
            format!("give {allowed}, such as the output of `openssl rand -hex 16`"),
        ))
    }

    fn to_toml(&self) -> String {
        toml_text(MASK)
    }

    fn placeholder_and_bounds(rule: &Self::Rule) -> (&'static str, String) {
        let allowed = format!(
            "{} to {} printable ASCII characters",
            rule.start(),
            rule.end()
        );
        ("SECRET", allowed)
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, io, path::PathBuf};

    use super::*;
    use crate::config::{Config, EffectiveConfig, Layers, Setting, load_with};

    const TOKEN: &str = "0123456789abcdef";

    fn load(file: &str, flags: &[(&str, &str)]) -> Result<EffectiveConfig, String> {
        let flags = flags.iter().map(|(key, word)| {
            let setting = Setting::find(key).expect("a setting");
            (setting, vec![OsString::from(word)])
        });
        let layers = Layers {
            file: Some(PathBuf::from("hub.toml")),
            flags: flags.collect(),
            ..Layers::default()
        };
        load_with(layers, |path| match path.to_str() {
            Some("hub.toml") => Ok(file.to_owned()),
            Some(_) => Ok(format!("  {TOKEN}\n")),
            None => Err(io::Error::other("no such file")),
        })
        .map_err(|problems| {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })
    }

    #[test]
    fn a_secret_is_compared_and_never_shown() {
        let effective = load(&format!("admin_token = \"{TOKEN}\""), &[]).expect("valid");
        let token = effective.config.admin_token.as_ref().expect("set");
        assert!(token.matches(TOKEN.as_bytes()));
        for other in [
            "",
            "0123456789abcdeF",
            "0123456789abcdef0",
            "0123456789abcde",
        ] {
            assert!(!token.matches(other.as_bytes()), "{other}");
        }
        let printed = effective.to_toml();
        let shown = [&printed, &format!("{effective:?}"), &format!("{token:?}")];
        for text in shown {
            assert!(text.contains(MASK) && !text.contains(TOKEN), "{text}");
        }
        assert!(printed.contains(
            "printable ASCII characters; from: hub.toml:1; set, not shown\n# admin_token ="
        ));
        assert!(printed.contains("insert them again before you use it"));
        // It is a comment, so that the printed file can be loaded without a publicly known token.
        let again = load(&printed, &[]).expect("valid");
        assert_eq!(again.config.admin_token, None);
        let (_, changes) = Config::default()
            .reloaded(&effective.config)
            .expect("valid");
        let change = changes[0].to_string();
        assert!(
            change.contains("admin_token") && !change.contains(TOKEN),
            "{change}"
        );
    }

    #[test]
    fn errors_do_not_contain_the_secret() {
        for (file, secret) in [
            ("admin_token = \"short-secret\"", "short-secret"),
            ("admin_token = \"with blanks in the secret\"", "blanks in"),
            ("admin_token = 31415926535897932", "31415926535897932"),
            ("admin_token = [\"a-list-of-secrets\"]", "a-list"),
        ] {
            let problems = load(file, &[]).expect_err("refused");
            assert!(
                problems.starts_with("hub.toml:1: admin_token: "),
                "{problems}"
            );
            assert!(!problems.contains(secret), "{problems}");
        }
        let problems = load("", &[("admin_token", "short")]).expect_err("refused");
        assert!(problems.starts_with("--admin-token: "), "{problems}");
    }

    #[test]
    fn a_token_may_come_from_its_own_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, "").expect("written");
        let path = path.to_str().expect("a path");
        let effective = load("", &[("admin_token_file", path)]).expect("valid");
        let token = effective.config.admin_token.as_ref().expect("set");
        assert!(token.matches(TOKEN.as_bytes()));
        let both = [("admin_token_file", path), ("admin_token", TOKEN)];
        let problems = load("", &both).expect_err("both");
        assert!(problems.starts_with("--admin-token-file: "), "{problems}");
    }
}
