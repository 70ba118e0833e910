//! What a pipeline decides by a word.

use crate::delivery::{Removes, Step};

/// A choice that a document makes by a word.
pub(super) trait Word: Copy + 'static {
    /// Each word and what it means.
    const WORDS: &'static [(&'static str, Self)];
}

/// What a word means, if it is one.
pub(super) fn word<W: Word>(text: &str) -> Option<W> {
    W::WORDS.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
}

/// What happens at the destination when a row no longer matches the filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLeave {
    /// What the destination holds stays.
    #[default]
    Keep,
    /// It is archived.
    Archive,
    /// It is deleted.
    Delete,
    /// It is erased.
    Erase,
    /// It stays, without what the pipeline has sent.
    Clear,
    /// It stays, and gets no messages.
    Unsubscribe,
}

/// What happens at the destination when a row is deleted, or expires by the table's time to live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDelete {
    /// What the destination holds stays.
    #[default]
    Ignore,
    /// It is archived.
    Archive,
    /// It is deleted.
    Delete,
    /// It is erased.
    Erase,
    /// It stays, without what the pipeline has sent.
    Clear,
    /// It stays, and gets no messages.
    Unsubscribe,
    /// The delete is sent as an event of its own; for actions that append.
    Send,
}

/// What a field does whose expression gives null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnNull {
    /// It is sent as null, and the destination empties it.
    #[default]
    Clear,
    /// It is not in the request.
    Omit,
    /// What the destination holds stays. On the wire the same as [`OnNull::Omit`], but a promise: it is refused where
    /// the destination would not keep it.
    Keep,
}

/// What happens when a field that the pipeline reads vanishes from its source, or changes its type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDrift {
    /// It is told, and the events go on.
    #[default]
    Warn,
    /// The pipeline pauses before the first such event.
    Hold,
    /// Such events become failures.
    Fail,
}

/// Where a pipeline is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagedBy {
    /// In files, which are pushed: the console shows it, and does not change it.
    Git,
    /// In the console.
    Console,
}

impl OnLeave {
    pub(super) const fn step(self) -> Step {
        match self {
            Self::Keep => Step::Keep,
            Self::Archive => Step::Archive,
            Self::Delete => Step::Delete,
            Self::Erase => Step::Erase,
            Self::Clear => Step::Clear,
            Self::Unsubscribe => Step::Unsubscribe,
        }
    }
}

impl OnDelete {
    pub(super) const fn step(self) -> Step {
        match self {
            Self::Ignore => Step::Keep,
            Self::Archive => Step::Archive,
            Self::Delete => Step::Delete,
            Self::Erase => Step::Erase,
            Self::Clear => Step::Clear,
            Self::Unsubscribe => Step::Unsubscribe,
            Self::Send => Step::Apply,
        }
    }
}

impl Word for OnLeave {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("keep", Self::Keep),
        ("archive", Self::Archive),
        ("delete", Self::Delete),
        ("erase", Self::Erase),
        ("clear", Self::Clear),
        ("unsubscribe", Self::Unsubscribe),
    ];
}

impl Word for OnDelete {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("ignore", Self::Ignore),
        ("archive", Self::Archive),
        ("delete", Self::Delete),
        ("erase", Self::Erase),
        ("clear", Self::Clear),
        ("unsubscribe", Self::Unsubscribe),
        ("send", Self::Send),
    ];
}

impl Word for OnNull {
    const WORDS: &'static [(&'static str, Self)] =
        &[("clear", Self::Clear), ("omit", Self::Omit), ("keep", Self::Keep)];
}

impl Word for OnDrift {
    const WORDS: &'static [(&'static str, Self)] = &[("warn", Self::Warn), ("hold", Self::Hold), ("fail", Self::Fail)];
}

impl Word for ManagedBy {
    const WORDS: &'static [(&'static str, Self)] = &[("git", Self::Git), ("console", Self::Console)];
}

impl Word for Removes {
    const WORDS: &'static [(&'static str, Self)] = &[("created", Self::Created), ("any", Self::Any)];
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../PIPELINES.md");

    /// The words that the page has not in the row of this line.
    fn untold<W: Word>(line: &str) -> Vec<String> {
        let row = PAGE.lines().find(|row| row.starts_with(&format!("| `{line}` |"))).unwrap_or_default();
        let words = W::WORDS.iter().map(|(word, _)| format!("`{word}`"));
        words.filter(|word| !row.contains(word)).collect()
    }

    #[test]
    fn the_page_has_each_word() {
        let nothing = Vec::<String>::new();
        assert_eq!(untold::<OnLeave>("on_leave"), nothing);
        // The others are those of on_leave.
        assert_eq!(
            untold::<OnDelete>("on_delete"),
            ["archive", "delete", "erase", "clear", "unsubscribe"].map(|word| format!("`{word}`"))
        );
        assert_eq!(untold::<OnNull>("on_null"), nothing);
        assert_eq!(untold::<OnDrift>("on_drift"), nothing);
        assert_eq!(untold::<ManagedBy>("managed_by"), nothing);
        assert_eq!(untold::<Removes>("removes"), nothing);
    }
}
