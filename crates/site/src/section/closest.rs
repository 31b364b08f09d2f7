//! What an unknown key may have been meant to be.

/// The hint that ends the message about an unknown key.
pub(super) fn closest(key: &str, known: &[&'static str]) -> String {
    let near = known.iter().map(|&name| (distance(key, name), name)).min();
    match near {
        Some((distance, name)) if distance <= 1 + name.len() / 4 => format!("did you mean \"{name}\"?"),
        _ => {
            let mut names: Vec<_> = known.iter().map(|name| format!("\"{name}\"")).collect();
            names.sort();
            names.dedup();
            format!("known are {}", names.join(", "))
        }
    }
}

/// Levenshtein distance: how many characters must be inserted, removed or replaced.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{closest, distance};

    #[test]
    fn distance_counts_edits() {
        for (a, b, expected) in
            [("", "", 0), ("", "ab", 2), ("card", "card", 0), ("crad", "card", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        assert_eq!(closest("perod_ms", &["period_ms", "scale"]), "did you mean \"period_ms\"?");
        assert_eq!(closest("colour", &["scale", "unit", "scale"]), "known are \"scale\", \"unit\"");
    }
}
