//! Errors in the settings of mappings.

/// A setting out of the range that AWS accepts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}, which event source mappings do not take: give {range}")]
pub struct SettingsError {
    /// The setting's name.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What may be given instead.
    pub range: &'static str,
}

/// Refuses a setting that is not in its range.
pub(super) fn check(
    valid: bool,
    setting: &'static str,
    value: impl std::fmt::Display,
    range: &'static str,
) -> Result<(), SettingsError> {
    if valid {
        return Ok(());
    }
    Err(SettingsError { setting, value: value.to_string(), range })
}
