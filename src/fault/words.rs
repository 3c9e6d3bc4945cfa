//! The words of a fault's text.
#![forbid(unsafe_code)]

use std::time::Duration;

/// Splits at spaces, but not within quotation marks. Between double ones a backslash takes the next character as it is.
/// `None`: a quotation mark is not closed.
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some(open), _) if open == character => quote = None,
            (Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The text of words, from which `split` makes the same words.
pub(super) fn join(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        if !word.is_empty()
            && !word.contains(|character: char| character.is_whitespace() || "\"'\\".contains(character))
        {
            text.push_str(word);
            continue;
        }
        text.push('"');
        for character in word.chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push('"');
    }
    text
}

/// A whole number from 1 on.
pub(super) fn count(word: &str) -> Option<u32> {
    word.parse().ok().filter(|number| *number > 0)
}

/// A number, also in hexadecimal digits behind 0x.
pub(super) fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

/// A whole number of milliseconds, seconds or minutes.
pub(super) fn duration(word: &str) -> Option<Duration> {
    let digits = word.trim_end_matches(|character: char| character.is_ascii_lowercase());
    let number: u32 = digits.parse().ok()?;
    let milliseconds = match &word[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    Some(Duration::from_millis(u64::from(number) * milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_joined() {
        let words = split(" open\tfails  in \"Work \\\"mail\\\\\" 'a b' \"\"").unwrap();
        assert_eq!(words, ["open", "fails", "in", "Work \"mail\\", "a b", ""]);
        assert_eq!(split(&join(&words)).unwrap(), words);
        for open in ["\"a", "'a", "\"a\\"] {
            assert_eq!(split(open), None, "{open}");
        }
        assert_eq!(split("# a"), Some(vec!["#".into(), "a".into()]));
    }

    #[test]
    fn numbers_have_no_more_than_they_may() {
        assert_eq!(
            (number("0xff"), number("255"), number("-1"), number("0x"), number("4294967296")),
            (Some(255), Some(255), None, None, None)
        );
        assert_eq!((count("1"), count("0"), count("")), (Some(1), None, None));
        let milliseconds = |word| duration(word).map(|duration| duration.as_millis());
        assert_eq!(
            (milliseconds("5ms"), milliseconds("2s"), milliseconds("1m"), milliseconds("0ms")),
            (Some(5), Some(2000), Some(60_000), Some(0))
        );
        for no_duration in ["5", "ms", "5 ms", "5h", "-1s", "5MS", "99999999999s"] {
            assert_eq!(duration(no_duration), None, "{no_duration}");
        }
    }
}
