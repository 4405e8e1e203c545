//! "Did you mean": the setting or section whose name is nearest to a misspelt one.
//! It only compares names; the layers and the command line ask it when they meet an unknown one.

use strsim::normalized_damerau_levenshtein as likeness;

use super::{Section, Setting};

/// Below this likeness a guess would only confuse.
const LIKENESS_MIN: f64 = 0.72;

/// The setting most like `word`, which may be written as key, flag or variable without its prefix, and may lack the
/// section or have a wrong one.
#[must_use]
pub fn nearest(word: &str) -> Option<&'static Setting> {
    let (whole, name) = (plain(word), plain(word.rsplit('.').next().unwrap_or(word)));
    best(Setting::all().iter().map(|setting| {
        // The name alone counts a little less: a misspelt setting of this section goes before its namesake elsewhere.
        let by_name = likeness(&name, setting.name) * 0.95;
        (likeness(&whole, &plain(setting.key)).max(by_name), setting)
    }))
}

/// The section most like `word`.
pub(super) fn nearest_section(word: &str) -> Option<&'static Section> {
    let word = plain(word);
    best(
        Setting::all()
            .iter()
            .filter_map(|setting| setting.section)
            .map(|section| (likeness(&word, section.name), section)),
    )
}

fn plain(text: &str) -> String {
    text.to_lowercase().replace(['.', '-'], "_")
}

fn best<T>(candidates: impl Iterator<Item = (f64, T)>) -> Option<T> {
    candidates
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
