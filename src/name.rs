//! Profile names: conversion to UTF-16, limits, and the folding by which they compare.
//!
//! A scan runs from the left and stops at the first fault, so it reads no more of a name than it needs.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fmt;

use crate::abi::cchProfileNameMax;
use crate::error::ErrorKind;

const MAX: usize = cchProfileNameMax;

/// A valid profile name: 1 to 64 UTF-16 units, well-formed.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Name {
    units: [u16; MAX],
    len: u8,
}

impl Name {
    const EMPTY: Self = Self { units: [0; MAX], len: 0 };

    /// Scans UTF-16 up to the first zero.
    pub(crate) fn from_utf16(units: impl IntoIterator<Item = u16>) -> Result<Self, ErrorKind> {
        let mut name = Self::EMPTY;
        let mut units = units.into_iter();
        while let Some(unit) = next_within(&mut units, &name)? {
            if !(0xD800..=0xDFFF).contains(&unit) {
                name.push(&[unit])?;
                continue;
            }
            // A high surrogate in the last place is an error: too long if a low one follows, malformed otherwise.
            let low = if unit < 0xDC00 { units.next() } else { None };
            match low {
                Some(low @ 0xDC00..=0xDFFF) => name.push(&[unit, low])?,
                _ => return Err(ErrorKind::InvalidArgument),
            }
        }
        name.finished()
    }

    /// Scans UTF-32 (a `wchar_t` of 32 bits) up to the first zero. A surrogate is malformed, paired or not.
    #[cfg(any(not(windows), test))]
    pub(crate) fn from_utf32(units: impl IntoIterator<Item = u32>) -> Result<Self, ErrorKind> {
        let mut name = Self::EMPTY;
        let mut units = units.into_iter();
        while let Some(unit) = next_within(&mut units, &name)? {
            name.push_char(char::from_u32(unit).ok_or(ErrorKind::InvalidArgument)?)?;
        }
        name.finished()
    }

    /// Scans UTF-8 up to the first zero.
    pub(crate) fn from_utf8(bytes: impl IntoIterator<Item = u8>) -> Result<Self, ErrorKind> {
        let mut name = Self::EMPTY;
        let mut bytes = bytes.into_iter();
        while let Some(lead) = next_within(&mut bytes, &name)? {
            let len = match lead {
                0x00..=0x7F => 1,
                0xC2..=0xDF => 2,
                0xE0..=0xEF => 3,
                0xF0..=0xF4 => 4,
                _ => return Err(ErrorKind::InvalidArgument),
            };
            let mut sequence = [lead, 0, 0, 0];
            for place in &mut sequence[1..len] {
                // Stops at the first byte that is no continuation: it may be the terminator.
                match bytes.next() {
                    Some(byte @ 0x80..=0xBF) => *place = byte,
                    _ => return Err(ErrorKind::InvalidArgument),
                }
            }
            let text = std::str::from_utf8(&sequence[..len]).map_err(|_| ErrorKind::InvalidArgument)?;
            text.chars().try_for_each(|c| name.push_char(c))?;
        }
        name.finished()
    }

    pub(crate) fn units(&self) -> &[u16] {
        &self.units[..usize::from(self.len)]
    }

    /// The name as it compares and is looked up: each unit in upper case, without normalisation or locale.
    pub(crate) fn folded(&self) -> Self {
        let mut folded = *self;
        for unit in &mut folded.units[..usize::from(self.len)] {
            *unit = fold(*unit);
        }
        folded
    }

    fn push_char(&mut self, c: char) -> Result<(), ErrorKind> {
        self.push(c.encode_utf16(&mut [0; 2]))
    }

    fn push(&mut self, units: &[u16]) -> Result<(), ErrorKind> {
        let end = usize::from(self.len) + units.len();
        // A longer name names no profile.
        self.units.get_mut(usize::from(self.len)..end).ok_or(ErrorKind::NotFound)?.copy_from_slice(units);
        self.len = end as u8;
        Ok(())
    }

    /// For log lines.
    pub(crate) fn shown(&self) -> String {
        shown(&self.to_string())
    }

    fn finished(self) -> Result<Self, ErrorKind> {
        if self.len == 0 { Err(ErrorKind::InvalidArgument) } else { Ok(self) }
    }
}

/// A name or a path for log lines and messages. Characters that control a terminal or the direction of text are escaped.
pub(crate) fn shown(text: &str) -> String {
    let is_plain = |c| matches!(c, '"' | '\'' | '\\');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) { shown.push(c) } else { shown.extend(c.escape_debug()) }
    }
    shown
}

/// As `shown`, for what may not be text.
pub(crate) fn shown_os(text: impl AsRef<OsStr>) -> String {
    shown(&text.as_ref().to_string_lossy())
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        char::decode_utf16(self.units().iter().copied())
            .try_for_each(|c| fmt::Write::write_char(f, c.unwrap_or(char::REPLACEMENT_CHARACTER)))
    }
}

/// The next unit before the terminator. A unit beyond the last that fits is an error, and is not decoded.
fn next_within<U: Default + PartialEq>(
    units: &mut impl Iterator<Item = U>,
    name: &Name,
) -> Result<Option<U>, ErrorKind> {
    match units.next() {
        Some(unit) if unit != U::default() => {
            if usize::from(name.len) == MAX {
                Err(ErrorKind::NotFound)
            } else {
                Ok(Some(unit))
            }
        }
        _ => Ok(None),
    }
}

/// The full uppercase of a unit if that is one unit; otherwise (surrogates too) the unit itself.
fn fold(unit: u16) -> u16 {
    if unit < 0x80 {
        return u16::from((unit as u8).to_ascii_uppercase());
    }
    let Some(c) = char::from_u32(u32::from(unit)) else { return unit };
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => u16::try_from(u32::from(upper)).unwrap_or(unit),
        _ => unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf8(text: &[u8]) -> Result<String, ErrorKind> {
        Name::from_utf8(text.iter().copied()).map(|name| name.to_string())
    }

    fn utf16(units: &[u16]) -> Result<usize, ErrorKind> {
        Name::from_utf16(units.iter().copied()).map(|name| name.units().len())
    }

    fn folded(text: &str) -> String {
        Name::from_utf8(text.bytes()).unwrap().folded().to_string()
    }

    #[test]
    fn what_is_shown_controls_no_terminal() {
        let shown = super::shown;
        assert_eq!(shown("Zoë \"d'Or\" \\ 日本語"), "Zoë \"d'Or\" \\ 日本語");
        assert_eq!(shown("\u{1b}[2J\r\n\u{202e}\u{9b}"), "\\u{1b}[2J\\r\\n\\u{202e}\\u{9b}");
    }

    #[test]
    fn limits() {
        assert_eq!(utf16(&[]), Err(ErrorKind::InvalidArgument));
        assert_eq!(utf16(&[0, 65]), Err(ErrorKind::InvalidArgument));
        assert_eq!(utf16(&[65; 64]), Ok(64));
        assert_eq!(utf16(&[65; 65]), Err(ErrorKind::NotFound));
        assert_eq!(utf8("\u{10000}".repeat(32).as_bytes()).map(|s| s.len()), Ok(128));
        assert_eq!(utf8("\u{FFFD}".repeat(64).as_bytes()).map(|s| s.len()), Ok(192));
        assert_eq!(utf8("\u{FFFD}".repeat(65).as_bytes()), Err(ErrorKind::NotFound));
    }

    #[test]
    fn the_first_fault_decides() {
        let mut units = [65u16; 66];
        units[63] = 0xD800;
        assert_eq!(utf16(&units), Err(ErrorKind::InvalidArgument), "a lone surrogate in the last place");
        units[64] = 0xDC00;
        assert_eq!(utf16(&units), Err(ErrorKind::NotFound), "a pair across the limit");
        units[63] = 65;
        assert_eq!(utf16(&units), Err(ErrorKind::NotFound), "a fault beyond the limit is not checked");
        units[10] = 0xDC00;
        assert_eq!(utf16(&units), Err(ErrorKind::InvalidArgument));
        assert_eq!(Name::from_utf32([0xD800, 0xDC00]).err(), Some(ErrorKind::InvalidArgument));
        assert_eq!(Name::from_utf32([0x11_0000]).err(), Some(ErrorKind::InvalidArgument));
    }

    #[test]
    fn malformed_utf8() {
        for bytes in
            [&b"\x80"[..], b"\xC0\x80", b"\xE0\x80\x80", b"\xED\xA0\x80", b"\xF5\x80\x80\x80", b"a\xE2\x82", b"\xC3A"]
        {
            assert_eq!(utf8(bytes), Err(ErrorKind::InvalidArgument), "{bytes:x?}");
        }
    }

    #[test]
    fn no_more_is_read_than_decides() {
        let mut read = 0;
        let endless = std::iter::repeat_with(|| {
            read += 1;
            65u16
        });
        assert_eq!(Name::from_utf16(endless).err(), Some(ErrorKind::NotFound));
        assert_eq!(read, 65);
    }

    #[test]
    fn folding_is_by_unit() {
        assert_eq!(folded("Outlook"), "OUTLOOK");
        assert_eq!(folded("über Žluť"), "ÜBER ŽLUŤ");
        assert_eq!(folded("straße"), "STRAßE", "an uppercase of two units leaves the unit as it is");
        assert_eq!(folded("ÿ"), "Ÿ");
        assert_eq!(folded("\u{10428}"), "\u{10428}", "a surrogate is left as it is");
    }
}
