//! Names that people type: compared without case and punctuation, and answered with what is called alike.

/// Names offered when none fits.
const SUGGESTIONS: usize = 3;
/// Least similarity of a suggestion, 0 to 1.
const LEAST_SIMILARITY: f64 = 0.5;

/// Lower-case letters and digits only.
#[must_use]
pub fn squash(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How alike two squashed names are, 0 to 1.
#[must_use]
pub fn likeness(a: &str, b: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(a, b)
}

/// Of all, those whose likeness is enough for a suggestion, the most alike first.
pub fn nearest<T>(all: impl Iterator<Item = T>, likeness: impl Fn(&T) -> f64) -> Vec<T> {
    let mut scored: Vec<(f64, T)> =
        all.map(|one| (likeness(&one), one)).filter(|(alike, _)| *alike >= LEAST_SIMILARITY).collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.into_iter().take(SUGGESTIONS).map(|(_, one)| one).collect()
}

/// The end of a message about a name that is none.
#[must_use]
pub fn did_you_mean(suggestions: &[String]) -> String {
    match suggestions {
        [] => String::new(),
        _ => format!("; did you mean {}?", suggestions.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_come_first_and_the_rest_not_at_all() {
        let all = ["a100", "h100", "b200", "rtx4090", "a10"];
        let found = nearest(all.into_iter(), |name| likeness(name, "a1000"));
        assert_eq!(found, ["a100", "h100", "a10"]);
        assert_eq!(did_you_mean(&["a".to_owned(), "b".to_owned()]), "; did you mean a, b?");
        assert_eq!(did_you_mean(&[]), "");
        assert_eq!(squash("RTX 4090 (Ada)"), "rtx4090ada");
    }
}
