//! Damaged profile files of every kind: nothing crashes or hangs, and the damaged file is kept.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use common::{folder, is_root, wait_for};
use mapioffline::{OfflineObject, ReadError, State};

/// The text of an undamaged file of `profile`, which is offline.
fn sound(profile: &str) -> String {
    format!(
        r#"{{
  "format": 1,
  "profile": "{profile}",
  "state": "offline",
  "capabilities": ["offline", "online"],
  "hosted": true,
  "revision": 12345,
  "changed_by": {{ "pid": 4711, "program": "outlook" }},
  "changed_at": "2026-11-22T04:28:28.421Z"
}}
"#
    )
}

fn path(profile: &str) -> PathBuf {
    folder().path().join(format!("{}.json", profile.to_uppercase()))
}

/// The files of a profile that were set aside.
fn set_aside(profile: &str) -> Vec<PathBuf> {
    let prefix = format!("{}.json.damaged-", profile.to_uppercase());
    let names = fs::read_dir(folder().path()).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&prefix)).collect()
}

/// Writes a file that no program can be in the middle of writing: a damaged file that is new is read again for a while.
fn write_long_ago(profile: &str, bytes: &[u8]) {
    let file = path(profile);
    fs::write(&file, bytes).unwrap();
    let hour = Duration::from_secs(3600);
    fs::File::options().write(true).open(file).unwrap().set_modified(SystemTime::now() - hour).unwrap();
}

/// Writes these bytes to the file of a profile that this process has never opened, opens it and sets its state.
/// Returns whether the file was read as a record.
fn open_and_set(profile: &str, bytes: &[u8]) -> bool {
    write_long_ago(profile, bytes);
    let object = OfflineObject::open(profile).unwrap();
    let found = folder().profile(profile).unwrap().map(|stored| stored.record);
    match &found {
        // A record, or the record of a later version: not touched.
        Some(Ok(record)) => assert_eq!(object.state(), record.state, "{profile}"),
        Some(Err(ReadError::LaterFormat(_))) => assert_eq!(object.state(), State::Online, "{profile}"),
        Some(Err(unread)) => panic!("{profile}: {unread:?}"),
        None => assert_eq!(object.state(), State::Online, "{profile}: a fresh opener starts online"),
    }
    let kept = match &found {
        Some(_) => vec![path(profile)],
        None => set_aside(profile),
    };
    assert_eq!(kept.len(), 1, "{profile}");
    assert_eq!(fs::read(&kept[0]).unwrap(), bytes, "{profile}: what was there is there");
    let to = if object.state() == State::Online { State::Offline } else { State::Online };
    object.set_state_and_wait(to).unwrap();
    assert_eq!(object.state(), to);
    match folder().profile(profile).unwrap().unwrap().record {
        Ok(record) => assert_eq!(record.state, to, "{profile}"),
        Err(unread) => assert!(matches!(unread, ReadError::LaterFormat(_)), "{profile}: {unread:?}"),
    }
    matches!(found, Some(Ok(_)))
}

#[test]
fn a_file_that_is_cut_at_any_byte_is_set_aside() {
    let whole = sound("cut0");
    for end in 0..whole.len() {
        let profile = format!("cut{end}");
        let text = sound(&profile);
        let taken = open_and_set(&profile, &text.as_bytes()[..text.len() - end]);
        // Cut by nothing, or by the newline only.
        assert_eq!(taken, end <= 1, "{profile}");
    }
}

#[test]
fn random_bytes_never_crash() {
    const TIMES: usize = 10_000;
    // xorshift: the same bytes each time.
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut taken = 0;
    for index in 0..TIMES {
        let profile = format!("random{index}");
        let mut bytes = sound(&profile).into_bytes();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            bytes[at] ^= 1 + next(255) as u8;
        }
        taken += usize::from(open_and_set(&profile, &bytes));
        // Keeps the folder small.
        folder().remove(&profile).unwrap();
    }
    println!("{TIMES} files with one to three bytes changed: {taken} still say something, the others were set aside");
    assert!(taken < TIMES / 2);
}

#[test]
fn a_process_that_has_the_profile_open_writes_it_anew() {
    let object = OfflineObject::open("held").unwrap();
    object.set_state_and_wait(State::Offline).unwrap();
    for (round, bytes) in [&b""[..], b"{", b"\0\0\0\0", b"[]", &[0xFF; 4096], b"null\n"].into_iter().enumerate() {
        write_long_ago("held", bytes);
        wait_for(
            "it is mended",
            Duration::from_secs(5),
            || matches!(folder().profile("held").unwrap(), Some(stored) if stored.record.is_ok()),
        );
        let record = folder().profile("held").unwrap().unwrap().record.unwrap();
        assert_eq!((record.state, object.state()), (State::Offline, State::Offline));
        let kept = set_aside("held");
        assert_eq!(kept.len(), round + 1);
        assert!(kept.iter().any(|path| fs::read(path).unwrap() == bytes), "{bytes:?}");
    }
    // A file that was removed, and not damaged, is written again only by the next change.
    folder().remove("held").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!((folder().profile("held").unwrap(), object.state()), (None, State::Offline));
    object.set_state_and_wait(State::Online).unwrap();
    assert!(path("held").exists());
}

/// Whatever is in the place of the file is set aside unchanged. It is not followed, read or waited for.
fn is_not_ours(profile: &str, still: impl Fn(&fs::Metadata) -> bool) {
    let object = OfflineObject::open(profile).unwrap();
    assert_eq!(object.state(), State::Online, "{profile}");
    let kept = set_aside(profile);
    assert_eq!(kept.len(), 1, "{profile}");
    assert!(still(&fs::symlink_metadata(&kept[0]).unwrap()), "{profile}");
    object.set_state_and_wait(State::Offline).unwrap();
    let record = folder().profile(profile).unwrap().unwrap().record.unwrap();
    assert_eq!(record.state, State::Offline);
    assert_eq!(fs::symlink_metadata(path(profile)).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_link_is_set_aside() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), sound("link")).unwrap();
    folder();
    symlink(outside.path(), path("link")).unwrap();
    is_not_ours("link", |metadata| metadata.file_type().is_symlink());
    assert_eq!(fs::read_to_string(outside.path()).unwrap(), sound("link"), "nothing was written through it");
    symlink("/nowhere/at/all", path("dangling")).unwrap();
    is_not_ours("dangling", |metadata| metadata.file_type().is_symlink());
}

#[test]
fn a_pipe_and_a_folder_are_set_aside() {
    folder();
    assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    is_not_ours("pipe", |metadata| metadata.file_type().is_fifo());
    fs::create_dir(path("folder")).unwrap();
    is_not_ours("folder", fs::Metadata::is_dir);
}

#[test]
fn a_file_of_a_gigabyte_is_set_aside() {
    folder();
    let file = fs::File::create(path("large")).unwrap();
    file.set_len(1 << 30).unwrap();
    is_not_ours("large", |metadata| metadata.len() == 1 << 30);
    for kept in set_aside("large") {
        fs::remove_file(kept).unwrap();
    }
}

#[test]
fn another_users_file_is_set_aside() {
    if !is_root() {
        return;
    }
    folder();
    fs::write(path("foreign"), sound("foreign")).unwrap();
    std::os::unix::fs::chown(path("foreign"), Some(12345), None).unwrap();
    is_not_ours("foreign", fs::Metadata::is_file);
}

#[test]
fn another_profiles_file_is_set_aside() {
    folder();
    write_long_ago("mine", sound("theirs").as_bytes());
    is_not_ours("mine", fs::Metadata::is_file);
}
