//! Checks the threat table of `SECURITY.md` against the code: named tests, settings and attacks exist, and every
//! attack of tests/attack is listed.

use std::collections::BTreeSet;

use swarmhub::config::Setting;

use crate::support::files::{read, read_all, read_rust, repository_path};

/// Returns the words in backticks.
fn quoted_words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn tests_settings_and_attacks_in_the_threat_table_exist() {
    let rust = read_rust();
    let node = read_all("tests/clients", ".mjs") + &read_all("tests/proxies", ".mjs");
    let stages = read("tests/tools/stages.sh");
    let attacks = read("tests/attack/attacks.py");
    let page = read("SECURITY.md");
    let threats = page.split("## Threats").nth(1).expect("the table");
    let mut tests = BTreeSet::new();
    let mut listed = BTreeSet::new();
    for row in threats.lines().filter(|line| line.starts_with("| ")) {
        let columns: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, attack, defence, evidence, _] = columns[..] else {
            panic!("not three columns: {row}");
        };
        if attack == "attack" {
            continue;
        }
        listed.extend(quoted_words(attack));
        for setting in
            quoted_words(defence).filter(|word| word.contains('.') && !word.contains('/'))
        {
            let (start, is_several) = (setting.trim_end_matches('*'), setting.ends_with('*'));
            let is_known = |known: &Setting| {
                known.key == setting || is_several && known.key.starts_with(start)
            };
            let is_file = repository_path(setting).is_file();
            assert!(
                is_file || Setting::all().iter().any(is_known),
                "there is no setting {setting}"
            );
        }
        assert!(
            quoted_words(evidence).next().is_some(),
            "no test named: {row}"
        );
        for name in quoted_words(evidence) {
            let exists = if let Some(stage) = name.strip_prefix("tests/run ") {
                stages.contains(&format!("stage_{stage}()"))
            } else if name.contains('/') {
                repository_path(name).is_file()
            } else if name.contains(' ') {
                node.contains(name)
            } else {
                rust.contains(&format!("fn {name}("))
            };
            assert!(exists, "there is no test {name}");
            tests.insert(name);
        }
    }
    assert!(tests.len() > 25, "{}", tests.len());
    let rows = attacks.split("ALL = {").nth(1).expect("the list");
    let known: BTreeSet<_> = rows.split('"').skip(1).step_by(2).collect();
    assert!(known.len() > 10, "{known:?}");
    assert_eq!(listed, known, "attacks of the table, and of tests/attack");
}
