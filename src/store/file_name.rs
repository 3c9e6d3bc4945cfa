//! File names: a safe and reversible escape of folded profile names.
//!
//! `A`-`Z`, `0`-`9`, `-`, `_`, `@` and `.` represent themselves, and `+` represents a space. Everything else is written
//! between two `=`, as its UTF-16 units in base 32. So a name is the same on every file system: it is plain ASCII, does not
//! depend on case, needs no normalisation, is neither a hidden file nor a Windows device, and has at most 229 bytes.
#![forbid(unsafe_code)]

use data_encoding::BASE32_DNSSEC as BASE32;

use crate::abi::cchProfileNameMax;
use crate::name::Name;

/// The file with the faults that a private folder asks for: one in a line.
pub(super) const FAULTS: &str = "faults";

const SUFFIX: &str = ".json";
/// The worst case alternates plain and escaped units: six bytes for an escaped one with its two `=`, one for a plain one.
const MAX: usize = cchProfileNameMax / 2 * 7 + SUFFIX.len();
const QUOTE: u8 = b'=';
/// Windows treats these as devices, whatever suffix follows.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];
const NUMBERED_DEVICES: [&str; 2] = ["COM", "LPT"];

/// The name of a profile's record file, as text.
pub(crate) fn file_name_of(profile: &Name) -> String {
    FileName::of(profile).as_str().to_owned()
}

/// The name of a profile's record file.
#[derive(Clone, Copy)]
pub(super) struct FileName {
    bytes: [u8; MAX],
    len: usize,
}

impl FileName {
    pub(super) fn of(profile: &Name) -> Self {
        let folded = profile.folded();
        let units = folded.units();
        let mut name = Self { bytes: [0; MAX], len: 0 };
        let mut at = 0;
        while at < units.len() {
            if let Some(byte) = plain(units, at) {
                name.push(&[byte]);
                at += 1;
                continue;
            }
            let end = (at..units.len()).find(|index| plain(units, *index).is_some()).unwrap_or(units.len());
            name.push(&[QUOTE]);
            name.push_encoded(&units[at..end]);
            name.push(&[QUOTE]);
            at = end;
        }
        name.push(SUFFIX.as_bytes());
        name
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn push_encoded(&mut self, units: &[u16]) {
        let mut bytes = [0; 2 * cchProfileNameMax];
        for (place, unit) in bytes.chunks_exact_mut(2).zip(units) {
            place.copy_from_slice(&unit.to_be_bytes());
        }
        let bytes = &bytes[..2 * units.len()];
        let len = BASE32.encode_len(bytes.len());
        BASE32.encode_mut(bytes, &mut self.bytes[self.len..][..len]);
        self.len += len;
    }
}

/// The folded name of the profile whose file has this name. `None` if it is not the file name of a profile.
pub(crate) fn profile_of(file: &str) -> Option<Name> {
    let mut units = [0; cchProfileNameMax];
    let mut count = 0;
    let mut push = |unit| {
        *units.get_mut(count)? = unit;
        count += 1;
        Some(())
    };
    // Parts outside and inside a pair of `=` alternate. The first is outside.
    for (part, text) in file.strip_suffix(SUFFIX)?.split(char::from(QUOTE)).enumerate() {
        if part % 2 == 0 {
            text.bytes().try_for_each(|byte| push(u16::from(if byte == b'+' { b' ' } else { byte })))?;
            continue;
        }
        let mut bytes = [0; 2 * cchProfileNameMax];
        let len = BASE32.decode_len(text.len()).ok().filter(|len| *len <= bytes.len())?;
        BASE32.decode_mut(text.as_bytes(), &mut bytes[..len]).ok()?;
        bytes[..len].chunks_exact(2).try_for_each(|pair| push(u16::from_be_bytes([pair[0], pair[1]])))?;
    }
    let name = Name::from_utf16(units[..count].iter().copied()).ok()?;
    // A profile has exactly one file name: the one that `FileName::of` gives.
    (FileName::of(&name).as_str() == file).then_some(name)
}

/// The byte that represents the unit at this position, if it needs no escape.
fn plain(units: &[u16], at: usize) -> Option<u8> {
    let byte = u8::try_from(units[at]).ok()?;
    match byte {
        b'.' if at == 0 => None,
        _ if at == 0 && is_device(units) => None,
        b' ' => Some(b'+'),
        b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'@' | b'.' => Some(byte),
        _ => None,
    }
}

fn is_device(units: &[u16]) -> bool {
    let stem = units.split(|unit| *unit == u16::from(b'.')).next().unwrap_or_default();
    let is = |stem: &[u16], name: &str| stem.iter().copied().eq(name.encode_utf16());
    match stem {
        [stem @ .., digit] if (u16::from(b'0')..=u16::from(b'9')).contains(digit) => {
            NUMBERED_DEVICES.iter().any(|name| is(stem, name))
        }
        _ => DEVICES.iter().any(|name| is(stem, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(profile: &str) -> String {
        FileName::of(&Name::from_utf8(profile.bytes()).unwrap()).as_str().to_owned()
    }

    #[test]
    fn common_names_stay_readable() {
        assert_eq!(file("Outlook"), "OUTLOOK.json");
        assert_eq!(file("Work mail (old)"), "WORK+MAIL+=00k0=OLD=00kg=.json");
        assert_eq!(file("jo@example.com"), "JO@EXAMPLE.COM.json");
        assert_eq!(file("../etc/passwd"), "=00n0=.=00ng=ETC=00ng=PASSWD.json");
    }

    #[test]
    fn names_that_file_systems_treat_specially_are_escaped() {
        for name in ["CON", "con.txt", "com1", "LPT9.x", ".hidden", "a/b", "a\\b", "=", "+", "a\nb", "ß", "\u{10428}"]
        {
            let file = file(name);
            assert!(file.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\:*?\"<>|".contains(&byte)), "{file}");
            assert!(!file.starts_with('.') && !file.starts_with("CON") && !file.starts_with("COM1"), "{file}");
        }
        assert_eq!(file("CONTOSO"), "CONTOSO.json");
        assert_eq!(file("COM"), "COM.json");
    }

    #[test]
    fn every_name_round_trips() {
        let mut names: Vec<String> =
            ["Outlook", "a b", "+", "=", "==", "nul", "ÿ", "straße", "ＡＢＣ", "x".repeat(64).as_str()]
                .map(str::to_owned)
                .to_vec();
        names.extend(["é".repeat(64), "aé".repeat(32), "éa".repeat(32), "\u{10428}".repeat(32), "\u{1}".repeat(64)]);
        for name in names {
            let folded = Name::from_utf8(name.bytes()).unwrap().folded();
            let file = file(&name);
            assert_eq!(profile_of(&file).map(|back| back.units().to_vec()), Some(folded.units().to_vec()), "{file}");
            assert!(file.len() <= MAX, "{file}");
        }
        for unit in 1..=u16::MAX {
            if let Ok(name) = Name::from_utf16([unit]) {
                let back = profile_of(FileName::of(&name).as_str()).unwrap();
                assert_eq!(back.units(), name.folded().units());
            }
        }
    }

    #[test]
    fn names_of_other_files_are_no_profile() {
        for file in [
            "",
            ".json",
            "lock",
            "OUTLOOK",
            "outlook.json",
            "A=.json",
            "=0041=.json",
            "=00j.json",
            "A==B.json",
            "=zz=.json",
        ] {
            assert!(profile_of(file).is_none(), "{file}");
        }
    }
}
