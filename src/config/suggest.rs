//! Finds the setting or section whose name is most similar to a misspelt one, for "did you mean".
//! It only compares names; the layers and the command line call it for unknown names.

use strsim::normalized_damerau_levenshtein as similarity;

use super::declare::Section;
use super::setting_list::Setting;

/// Suggestions below this similarity would only confuse.
const SIMILARITY_MIN: f64 = 0.72;

/// Returns the setting most similar to `word`: a key, a flag, or a variable without its prefix. The section may be
/// missing or wrong.
#[must_use]
pub fn nearest_setting(word: &str) -> Option<&'static Setting> {
    let (whole, name) = (
        normalize(word),
        normalize(word.rsplit('.').next().unwrap_or(word)),
    );
    best_match(Setting::all().iter().map(|setting| {
        // The name alone counts slightly less, so that a misspelt setting of this section wins over its namesake.
        let by_name = similarity(&name, setting.name) * 0.95;
        (
            similarity(&whole, &normalize(setting.key)).max(by_name),
            setting,
        )
    }))
}

/// Returns the section most similar to `word`.
pub(super) fn nearest_section(word: &str) -> Option<&'static Section> {
    let word = normalize(word);
    best_match(
        Setting::all()
            .iter()
            .filter_map(|setting| setting.section)
            .map(|section| (similarity(&word, section.name), section)),
    )
}

fn normalize(text: &str) -> String {
    text.to_lowercase().replace(['.', '-'], "_")
}

fn best_match<T>(candidates: impl Iterator<Item = (f64, T)>) -> Option<T> {
    candidates
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
