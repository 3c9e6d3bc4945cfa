//! Times as people write them.

use std::time::Duration;

use serde::de::{Deserialize as _, Deserializer, Error as _};

/// Reads a duration, which has to have a unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a number with a unit is needed, such as 500ms, 10s or 1m 30s".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| wrong())
}

/// Reads a duration that is not 0.
pub(crate) fn positive(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.is_zero() { Err("a time longer than 0 is needed".to_owned()) } else { Ok(duration) }
}

/// Reads one that a configuration may have.
pub(crate) fn setting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    positive(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

/// The same, for people.
pub(crate) fn shown(duration: Duration) -> String {
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), |duration| format!("{duration:#}"))
}
