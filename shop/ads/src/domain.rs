//! The advertisements, and which of them fit.

/// An advertisement.
#[derive(Debug, PartialEq, Eq)]
pub struct Ad {
    /// "ad_…"
    pub id: &'static str,
    /// What it says.
    pub text: &'static str,
    /// Where it leads: a page of the shop's.
    pub url_path: &'static str,
    /// The words that it fits.
    pub contexts: &'static [&'static str],
}

/// All of them.
pub const ADS: &[Ad] = &[
    Ad {
        id: "ad_vases",
        text: "One stem is enough. Vases that make a bouquet of a branch.",
        url_path: "/c/vases",
        contexts: &["vases", "bottles", "flowers"],
    },
    Ad {
        id: "ad_drinking",
        text: "Water tastes better from a glass that somebody blew.",
        url_path: "/c/drinking-glasses",
        contexts: &["drinking-glasses", "tumblers", "wine", "carafes"],
    },
    Ad {
        id: "ad_bowls",
        text: "Bowls for apples, keys and letters not yet answered.",
        url_path: "/c/bowls",
        contexts: &["bowls", "plates", "kitchen"],
    },
    Ad {
        id: "ad_carafes",
        text: "A carafe for each end of the table: nobody has to reach.",
        url_path: "/c/carafes",
        contexts: &["carafes", "drinking-glasses", "water", "wine"],
    },
    Ad {
        id: "ad_lamps",
        text: "Evening comes early. Lamps of opal glass, warm to the last hour.",
        url_path: "/c/lamps",
        contexts: &["lamps", "light", "windows"],
    },
    Ad {
        id: "ad_jewellery",
        text: "Beads turned in the flame, no two the same.",
        url_path: "/c/jewellery",
        contexts: &["jewellery", "beads", "gifts"],
    },
    Ad {
        id: "ad_ornaments",
        text: "Made to hang in a window and to do nothing else.",
        url_path: "/c/ornaments",
        contexts: &["ornaments", "windows", "gifts"],
    },
    Ad {
        id: "ad_paperweights",
        text: "A garden that needs no water: paperweights by the lampworkers.",
        url_path: "/c/paperweights",
        contexts: &["paperweights", "desk", "gifts"],
    },
    Ad {
        id: "ad_workshops",
        text: "Blow your own tumbler this month. Shoes closed, curiosity open.",
        url_path: "/c/workshops",
        contexts: &["workshops", "tumblers", "drinking-glasses", "gifts"],
    },
    Ad {
        id: "ad_flame",
        text: "An evening at the torch: make three beads and keep them.",
        url_path: "/search?q=lampworking",
        contexts: &["workshops", "jewellery", "beads"],
    },
    Ad {
        id: "ad_windows",
        text: "Lead, light and patience: panels for a window that looks at a wall.",
        url_path: "/c/windows",
        contexts: &["windows", "lamps"],
    },
    Ad {
        id: "ad_seconds",
        text: "A bubble is no fault: pieces with a story at half the price.",
        url_path: "/search?q=recycled",
        contexts: &[],
    },
];

/// Those that fit one of the words, best first: the more words, the better.
pub fn fitting(context: &[String]) -> Vec<(&'static Ad, &'static str)> {
    let mut found: Vec<_> = ADS
        .iter()
        .filter_map(|ad| {
            let mut words = ad.contexts.iter().filter(|word| context.iter().any(|c| c.eq_ignore_ascii_case(word)));
            words.next().map(|first| (1 + words.count(), ad, *first))
        })
        .collect();
    found.sort_by_key(|(fits, ad, _)| (std::cmp::Reverse(*fits), ad.id));
    found.into_iter().map(|(_, ad, word)| (ad, word)).collect()
}

#[cfg(test)]
mod tests {
    use super::{ADS, fitting};

    #[test]
    fn what_fits_comes_first() {
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let found = fitting(&words(&["beads", "JEWELLERY"]));
        assert_eq!(found.iter().map(|(ad, _)| ad.id).collect::<Vec<_>>(), ["ad_flame", "ad_jewellery"]);
        assert!(fitting(&words(&["spaceships"])).is_empty() && fitting(&[]).is_empty());
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = ADS.iter().map(|ad| ad.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ADS.len());
    }
}
