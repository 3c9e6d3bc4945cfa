//! The entries of a Windows access list, read from its bytes. On every system, so that their tests run on every system.

/// What an entry grants.
#[derive(Debug, PartialEq)]
pub(super) enum Entry<'list> {
    Nothing,
    /// The rights, and the account as a security identifier, which is whole.
    To(u32, &'list [u8]),
    /// An entry of an unknown kind, or one that is not whole.
    Unknown,
}

const LIST_HEADER: usize = 8;

/// The entries of an access list. Believes none of the lengths in it: an entry that is not whole is `Unknown`, and one that
/// leaves the list is the last.
pub(super) fn entries(list: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let count = u16_at(list, 4);
    let mut rest = Some(list.get(LIST_HEADER..).unwrap_or_default());
    (0..count.unwrap_or(1)).map_while(move |_| {
        let bytes = rest.take()?;
        let entry = u16_at(bytes, 2).and_then(|len| bytes.split_at_checked(len.into()));
        rest = entry.map(|(_, behind)| behind);
        Some(entry.and_then(|(entry, _)| granted(entry)).unwrap_or(Entry::Unknown))
    })
}

/// None if the entry is not whole.
fn granted(entry: &[u8]) -> Option<Entry<'_>> {
    // By their numbers, which never change. The conditions of callback entries count as met.
    const ALLOWED: u8 = 0;
    const ALLOWED_CALLBACK: u8 = 9;
    const ALLOWED_OBJECT: u8 = 5;
    const ALLOWED_CALLBACK_OBJECT: u8 = 11;
    // Denials and audits, also as object and callback entries, and labels and attributes of the system.
    const GRANT_NOTHING: [u8; 16] = [1, 2, 3, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20];
    const RIGHTS: usize = 4;
    const BEHIND_RIGHTS: usize = 8;
    let account = match *entry.first()? {
        ALLOWED | ALLOWED_CALLBACK => BEHIND_RIGHTS,
        ALLOWED_OBJECT | ALLOWED_CALLBACK_OBJECT => {
            // Flags, and up to two GUIDs that the flags announce, come before the account.
            let guids = (u32_at(entry, BEHIND_RIGHTS)? & 3).count_ones() as usize;
            BEHIND_RIGHTS + 4 + 16 * guids
        }
        kind if GRANT_NOTHING.contains(&kind) => return Some(Entry::Nothing),
        _ => return Some(Entry::Unknown),
    };
    Some(Entry::To(u32_at(entry, RIGHTS)?, identifier(entry.get(account..)?)?))
}

/// The security identifier that the bytes begin with.
fn identifier(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..8 + 4 * usize::from(*bytes.get(1)?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everyone: S-1-1-0.
    const EVERYONE: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    const WRITE: u32 = 0x4000_0000;

    fn entry(kind: u8, between: &[u8], account: &[u8]) -> Vec<u8> {
        let len = (8 + between.len() + account.len()) as u16;
        [&[kind, 0], &len.to_le_bytes()[..], &WRITE.to_le_bytes(), between, account].concat()
    }

    fn list(entries: &[Vec<u8>]) -> Vec<u8> {
        let body = entries.concat();
        let len = (LIST_HEADER + body.len()) as u16;
        [&[4, 0], &len.to_le_bytes()[..], &(entries.len() as u16).to_le_bytes(), &[0, 0], &body].concat()
    }

    #[test]
    fn every_kind_of_entry_that_grants_is_seen() {
        let object = |guids: &[u32]| {
            let flags: u32 = guids.iter().sum();
            [&flags.to_le_bytes()[..], &[0xAA; 16].repeat(guids.len())].concat()
        };
        // Behind the account of a callback entry comes its condition.
        let with_condition = [&EVERYONE[..], b"artx"].concat();
        for (what, entry) in [
            ("allowed", entry(0, &[], &EVERYONE)),
            ("allowed, callback", entry(9, &[], &with_condition)),
            ("allowed, object without types", entry(5, &object(&[]), &EVERYONE)),
            ("allowed, object of a type", entry(5, &object(&[1]), &EVERYONE)),
            ("allowed, object of an inherited type", entry(5, &object(&[2]), &EVERYONE)),
            ("allowed, object of both types", entry(5, &object(&[1, 2]), &EVERYONE)),
            ("allowed, callback object", entry(11, &object(&[1, 2]), &with_condition)),
        ] {
            // Behind one that grants nothing, so that the step to the next entry is seen, too.
            let list = list(&[self::entry(1, &[], &EVERYONE), entry]);
            let found: Vec<Entry> = entries(&list).collect();
            assert_eq!(found, [Entry::Nothing, Entry::To(WRITE, &EVERYONE)], "{what}");
        }
    }

    #[test]
    fn kinds_that_are_not_known_are_not_passed_over() {
        for kind in 0..=u8::MAX {
            let list = list(&[entry(kind, &[0; 4], &EVERYONE)]);
            let is_unknown = entries(&list).eq([Entry::Unknown]);
            // 4 was a compound entry, which Windows never made.
            assert_eq!(is_unknown, kind == 4 || kind > 20, "kind {kind}");
        }
    }

    #[test]
    fn no_length_in_a_list_is_believed() {
        let whole =
            list(&[entry(0, &[], &EVERYONE), entry(5, &[3, 0, 0, 0], &[[0xAA; 32].as_slice(), &EVERYONE].concat())]);
        assert_eq!(entries(&whole).filter(|entry| matches!(entry, Entry::To(..))).count(), 2);
        for len in 0..whole.len() {
            let found: Vec<Entry> = entries(&whole[..len]).collect();
            assert_eq!(found.last(), Some(&Entry::Unknown), "the first {len} bytes");
        }
        for at in 0..whole.len() {
            let mut list = whole.clone();
            list[at] = u8::MAX;
            // More entries than there are, an entry or an account longer than the list: none is read, and none is left out.
            let found: Vec<Entry> = entries(&list).collect();
            assert!(found.len() >= 2 || found.last() == Some(&Entry::Unknown), "byte {at}: {found:?}");
        }
    }

    #[test]
    fn an_empty_list_has_no_entry() {
        assert_eq!(entries(&list(&[])).count(), 0);
    }
}
