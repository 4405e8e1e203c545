//! Checks the settings of the cluster against each other.

use std::path::PathBuf;

use super::error::Problem;
use super::settings::{Cluster, Config};

impl Cluster {
    /// Returns whether this node is part of a cluster.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        !self.nats.is_empty()
    }
}

/// Returns the first contradiction of the settings of the cluster.
pub(super) fn problem(config: &Config) -> Option<(&'static str, Problem)> {
    let cluster = &config.cluster;
    let problem = |key, what: &str, remedy: &str| Some((key, Problem::new(what, remedy)));
    if !cluster.is_enabled() {
        let unused = first_unused(cluster)?;
        return problem(
            unused,
            "it has no effect without cluster.nats",
            "give cluster.nats too",
        );
    }
    if cluster.credentials_file.is_some() && cluster.nkey.is_some() {
        let what = "cluster.nkey_file is also given, and the credentials contain a key";
        return problem("cluster.credentials_file", what, "give one of the two");
    }
    if cluster.certificate.is_some() != cluster.key.is_some() {
        let what = "a certificate of this node needs its key, and a key its certificate";
        let key = if cluster.key.is_some() {
            "cluster.key"
        } else {
            "cluster.certificate"
        };
        return problem(key, what, "give cluster.certificate and cluster.key");
    }
    None
}

/// Returns a setting that only a cluster needs.
fn first_unused(cluster: &Cluster) -> Option<&'static str> {
    let is_set = |path: &Option<PathBuf>| path.is_some();
    let settings = [
        (
            "cluster.credentials_file",
            is_set(&cluster.credentials_file),
        ),
        ("cluster.nkey", cluster.nkey.is_some()),
        ("cluster.secret", cluster.secret.is_some()),
        ("cluster.authority", is_set(&cluster.authority)),
        ("cluster.certificate", is_set(&cluster.certificate)),
        ("cluster.key", is_set(&cluster.key)),
    ];
    let mut set = settings.iter().filter(|(_, is_set)| *is_set);
    set.next().map(|(key, _)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_effect_and_pairs_are_named() {
        let problem_of = |change: fn(&mut Cluster)| {
            let mut config = Config::default();
            change(&mut config.cluster);
            problem(&config).map(|(key, _)| key)
        };
        assert_eq!(problem_of(|_| ()), None);
        assert_eq!(
            problem_of(|it| it.key = Some("k".into())),
            Some("cluster.key")
        );
        assert_eq!(
            problem_of(|it| {
                it.nats = vec!["nats://localhost".to_owned()];
                it.key = Some("k".into());
            }),
            Some("cluster.key")
        );
        assert_eq!(
            problem_of(|it| {
                it.nats = vec!["nats://localhost".to_owned()];
                it.key = Some("k".into());
                it.certificate = Some("c".into());
            }),
            None
        );
        assert_eq!(
            problem_of(|it| {
                it.nats = vec!["nats://localhost".to_owned()];
                it.nkey = Some(crate::config::Secret::new("SU"));
                it.credentials_file = Some("c".into());
            }),
            Some("cluster.credentials_file")
        );
    }
}
