//! The shared store when the folder is refused, vanishes, is full or read-only. Each helper is a process of its own and
//! starts with the folder as the test prepared it.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{LOGGED, begin, helper, helpers_folder, is_root, logged, open, place, place_in_memory, stored, wait_for};
use mapioffline::{ErrorKind, OfflineObject, Phase, State, StateFolder};

// ---- helpers -------------------------------------------------------------------------------------------------------

#[test]
fn helper_keeps_state_in_memory() {
    let Some(folder) = begin() else { return };
    let object = open();
    let other = OfflineObject::open("Other").unwrap();
    assert_eq!(object.state(), State::Online);
    object.set_state_and_wait(State::Offline).unwrap();
    other.set_state_and_wait(State::Offline).unwrap();
    drop(object);
    assert_eq!(open().state(), State::Offline);
    let lines = LOGGED.lock().unwrap().clone();
    assert_eq!(logged("the state of profiles is kept in this process only"), 1, "{lines:?}");
    assert!(lines[0].contains(folder.to_str().unwrap()), "{lines:?}");
    println!("{}", lines[0]);
}

#[test]
fn helper_sets_offline() {
    if begin().is_some() {
        open().set_state(State::Offline).unwrap();
    }
}

#[test]
fn helper_cannot_write() {
    let Some(folder) = begin() else { return };
    let object = open();
    let before = object.state();
    let other = if before == State::Online { State::Offline } else { State::Online };
    let subscription = object.subscribe(|_| panic!("nothing is delivered")).unwrap();
    assert_eq!(object.set_state(other), Err(ErrorKind::Disk.into()));
    assert_eq!(object.set_state_and_wait(other), Err(ErrorKind::Disk.into()));
    assert_eq!(OfflineObject::global("Another").map(drop), Err(ErrorKind::Disk.into()));
    assert_eq!((object.state(), stored(&folder, "Profile")), (before, Some(before)));
    assert_eq!(logged("cannot be written"), 3, "{:?}", LOGGED.lock().unwrap());
    println!("{}", LOGGED.lock().unwrap()[0]);
    drop(subscription);
}

#[test]
fn helper_sees_the_folder_vanish() {
    let Some(folder) = begin() else { return };
    let object = open();
    object.set_state_and_wait(State::Offline).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let subscription = object.subscribe(move |change| sender.send(change.phase).unwrap()).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    wait_for("it says so", Duration::from_secs(5), || logged("cannot be watched") == 1);
    assert_eq!(object.state(), State::Offline, "what it knew it still knows");
    // Another process creates the folder again, and this process watches it again.
    helper("helper_sets_online_again", &folder).run();
    let phases: Vec<Phase> = receiver.iter().take(3).collect();
    assert_eq!(phases, [Phase::Start, Phase::Change, Phase::Done]);
    assert_eq!(object.state(), State::Online);
    // A change of this process creates it, too.
    fs::remove_dir_all(&folder).unwrap();
    while object.set_state_and_wait(State::Offline) == Err(ErrorKind::Pending.into()) {}
    assert_eq!(stored(&folder, "Profile"), Some(State::Offline));
    drop(subscription);
}

#[test]
fn helper_sets_online_again() {
    if begin().is_some() {
        let object = open();
        object.set_state(State::Offline).unwrap();
        while object.set_state(State::Online) == Err(ErrorKind::Pending.into()) {}
    }
}

// ---- tests ---------------------------------------------------------------------------------------------------------

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let (_place, folder) = place();
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
    let text = helper("helper_keeps_state_in_memory", &folder).run();
    assert!(text.contains("others may write to it (mode 770)"), "{text}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_link_to_a_folder_is_refused() {
    let (place, folder) = place();
    fs::create_dir(place.path().join("real")).unwrap();
    symlink("real", &folder).unwrap();
    let text = helper("helper_keeps_state_in_memory", &folder).run();
    assert!(text.contains("it is a link or not a folder"), "{text}");
    assert_eq!(fs::read_dir(place.path().join("real")).unwrap().count(), 0);
}

#[test]
fn another_users_folder_is_refused() {
    if !is_root() {
        return;
    }
    let (_place, folder) = place();
    fs::create_dir(&folder).unwrap();
    chown(&folder, Some(12345), None).unwrap();
    let text = helper("helper_keeps_state_in_memory", &folder).run();
    assert!(text.contains("it belongs to another user (12345)"), "{text}");
}

#[test]
fn state_is_kept_in_memory_where_no_folder_can_be_created() {
    let (place, _) = place();
    fs::write(place.path().join("file"), "").unwrap();
    let text = helper("helper_keeps_state_in_memory", &place.path().join("file/state")).run();
    assert!(text.contains("something on the way to it is no folder"), "{text}");
}

/// The empty files that the next writer uses.
fn spares(folder: &Path) -> Vec<fs::Metadata> {
    fs::read_dir(folder.join("pending")).unwrap().map(|entry| entry.unwrap().metadata().unwrap()).collect()
}

#[test]
fn created_files_are_accessible_to_the_user_only() {
    let (_place, folder) = place();
    helper("helper_sets_offline", &folder).run();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&folder), 0o700);
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 4, "the profile, the lock, where new files are written, and programs: {names:?}");
    assert!(names.iter().all(|path| mode(path) == if path.is_dir() { 0o700 } else { 0o600 }), "{names:?}");
    assert!(spares(&folder).iter().all(|spare| spare.len() == 0 && spare.is_file()));
}

#[test]
fn a_file_that_a_process_may_be_reading_is_never_written_to() {
    for (_place, folder) in [place(), place_in_memory()] {
        helper("helper_sets_offline", &folder).run();
        let (profile, spare) = (folder.join("PROFILE.json"), folder.join("pending/new"));
        let read = |mut file: fs::File| {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        };
        let whole = fs::read_to_string(&profile).unwrap();
        let reader = fs::File::open(&profile).unwrap();
        helper("helper_sets_online_again", &folder).run();
        helper("helper_sets_offline", &folder).run();
        assert_eq!(read(reader), whole);
        // A writer that was killed before it removed the old file left that.
        fs::remove_file(&spare).unwrap();
        fs::write(&spare, &whole).unwrap();
        let reader = fs::File::open(&spare).unwrap();
        helper("helper_sets_online_again", &folder).run();
        assert_eq!(read(reader), whole);
        assert!(spares(&folder).iter().all(|spare| spare.len() == 0 && spare.is_file()));
    }
}

#[test]
fn helper_removes_the_folder() {
    let Some(folder) = begin() else { return };
    let _object = open();
    fs::remove_dir_all(&folder).unwrap();
}

/// Nothing comes back into a folder that is being removed, as a test's temporary folder is.
#[test]
fn a_folder_can_be_removed_while_a_program_uses_it() {
    for _ in 0..100 {
        let (_place, folder) = place();
        helper("helper_removes_the_folder", &folder).run();
        assert!(!folder.exists());
    }
}

#[test]
fn a_folder_that_vanishes_is_created_again() {
    let (_place, folder) = place();
    helper("helper_sees_the_folder_vanish", &folder).run();
}

/// A file system of 64 KiB.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let small = Self(at.to_owned());
        small.command("mount", &["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs"]);
        small
    }

    fn command(&self, program: &str, arguments: &[&str]) {
        assert!(Command::new(program).args(arguments).arg(&self.0).status().unwrap().success(), "{program}");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.command("umount", &[]);
    }
}

#[test]
fn a_full_disk_keeps_the_old_state() {
    if !is_root() {
        return;
    }
    let (_place, folder) = place();
    let _small = Small::mount(&folder);
    helper("helper_sets_offline", &folder).run();
    let hog = folder.join("hog");
    assert!(fs::write(&hog, vec![0; 1 << 20]).is_err(), "it is full now");
    let text = helper("helper_cannot_write", &folder).run();
    assert!(text.contains("No space left on device"), "{text}");
    assert_eq!(stored(&folder, "Profile"), Some(State::Offline));
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 5, "nothing is left behind: {names:?}");
    assert_eq!(fs::read_dir(folder.join("programs")).unwrap().count(), 0);
    assert!(spares(&folder).iter().all(|spare| spare.len() == 0 && spare.is_file()));
    fs::remove_file(hog).unwrap();
    helper("helper_sets_online_again", &folder).run();
    assert_eq!(stored(&folder, "Profile"), Some(State::Online));
}

#[test]
fn a_read_only_folder_can_be_read() {
    if !is_root() {
        return;
    }
    let (_place, folder) = place();
    let small = Small::mount(&folder);
    helper("helper_sets_offline", &folder).run();
    small.command("mount", &["-o", "remount,ro"]);
    let text = helper("helper_cannot_write", &folder).run();
    assert!(text.contains("Read-only file system"), "{text}");
    // A folder that is missing cannot be created.
    let text = helper("helper_keeps_state_in_memory", &folder.join("below")).run();
    assert!(text.contains("Read-only file system"), "{text}");
}

#[test]
fn programs_with_elevated_rights_ignore_the_environment() {
    if !is_root() {
        return;
    }
    let (place, folder) = place();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("elevated");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    chown(&program, Some(12345), None).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let output = Command::new(&program)
        .args(["--exact", "helper_prints_the_folder", "--nocapture"])
        .env("HELPER", &folder)
        .env("MAPIOFFLINE_STATE_DIR", &folder)
        .env("MAPIOFFLINE_STORE", "memory")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    // User 12345 has no account and hence no home, and the environment is ignored.
    assert!(text.contains("there is no folder for this user"), "{text} {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn helper_prints_the_folder() {
    if helpers_folder().is_some() {
        println!("{:?}", StateFolder::of_user());
    }
}
