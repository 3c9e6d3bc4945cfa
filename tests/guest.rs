//! What belongs to the host or to the user stays as it is, and nothing is lost without a word. Each helper is a process of
//! its own and starts with the folder as the test prepared it.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use common::{LOGGED, begin, helper, is_root, logged, open, place, stored, wait_for};
use mapioffline::{ErrorKind, OfflineObject, Phase, State, StateFolder};

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// The entries of a folder, sorted.
fn names(folder: impl AsRef<Path>) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn helper_sets_offline() {
    if begin().is_some() {
        open().set_state_and_wait(State::Offline).unwrap();
    }
}

#[test]
fn helper_sets_online() {
    if begin().is_some() {
        open().set_state_and_wait(State::Online).unwrap();
    }
}

// ---- a folder that is no longer the one that its path leads to -----------------------------------------------------

/// Opens the profile, has `change` put another folder in the place of the watched one, and follows another process there.
fn follows_after(folder: &Path, change: impl FnOnce()) {
    let object = open();
    object.set_state_and_wait(State::Online).unwrap();
    change();
    helper("helper_sets_offline", folder).run();
    wait_for("the other folder is watched", Duration::from_secs(4), || object.state() == State::Offline);
    // Notified by the system, and not only looked at.
    helper("helper_sets_online", folder).run();
    wait_for("its changes are noticed", Duration::from_secs(4), || object.state() == State::Online);
}

#[test]
fn helper_has_a_link_changed() {
    let Some(folder) = begin() else { return };
    let link = folder.parent().unwrap();
    follows_after(&folder, || {
        fs::remove_file(link).unwrap();
        symlink("two", link).unwrap();
    });
}

#[test]
fn helper_has_a_parent_renamed() {
    let Some(folder) = begin() else { return };
    let parent = folder.parent().unwrap();
    follows_after(&folder, || {
        fs::rename(parent, parent.with_extension("old")).unwrap();
        fs::create_dir(parent).unwrap();
    });
}

#[test]
fn helper_has_something_mounted_over_it() {
    let Some(folder) = begin() else { return };
    let over = folder.parent().unwrap();
    follows_after(&folder, || {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(over).status().unwrap();
        assert!(mounted.success());
    });
    assert!(Command::new("umount").arg(over).status().unwrap().success());
}

#[test]
fn a_changed_link_is_noticed() {
    let (place, _) = place();
    fs::create_dir(place.path().join("one")).unwrap();
    fs::create_dir(place.path().join("two")).unwrap();
    symlink("one", place.path().join("link")).unwrap();
    helper("helper_has_a_link_changed", &place.path().join("link/state")).run();
}

#[test]
fn a_renamed_parent_is_noticed() {
    let (place, _) = place();
    fs::create_dir(place.path().join("parent")).unwrap();
    helper("helper_has_a_parent_renamed", &place.path().join("parent/state")).run();
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_mounted_over_the_folder_is_noticed() {
    if !is_root() {
        return;
    }
    let (place, _) = place();
    fs::create_dir(place.path().join("parent")).unwrap();
    helper("helper_has_something_mounted_over_it", &place.path().join("parent/state")).run();
}

// ---- umask, limits, homes ------------------------------------------------------------------------------------------

#[test]
fn what_is_created_is_the_users_whatever_the_umask() {
    for umask in ["0177", "0777"] {
        let (place, _) = place();
        let folder = place.path().join("above/state");
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(std::env::current_exe().unwrap());
        shell.args(["--exact", "helper_sets_offline", "--nocapture"]).env("HELPER", &folder);
        assert!(
            shell.env("MAPIOFFLINE_STATE_DIR", &folder).env_remove("MAPIOFFLINE_STORE").status().unwrap().success()
        );
        for made in ["above", "above/state", "above/state/pending", "above/state/programs"] {
            assert_eq!(mode(place.path().join(made)), 0o700, "{made}, umask {umask}");
        }
        for made in ["PROFILE.json", "lock", "pending/new"] {
            assert_eq!(mode(folder.join(made)), 0o600, "{made}, umask {umask}");
        }
    }
}

#[test]
fn what_was_created_under_such_a_umask_is_repaired() {
    let (_place, folder) = place();
    fs::create_dir(&folder).unwrap();
    fs::create_dir(folder.join("pending")).unwrap();
    for made in [folder.join("pending"), folder.clone()] {
        fs::set_permissions(made, fs::Permissions::from_mode(0o600)).unwrap();
    }
    helper("helper_sets_offline", &folder).run();
    assert_eq!(
        (mode(&folder), mode(folder.join("pending")), stored(&folder, "Profile")),
        (0o700, 0o700, Some(State::Offline))
    );
}

#[cfg(target_os = "linux")]
#[test]
fn helper_may_write_no_byte() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let Some(folder) = begin() else { return };
    let object = open();
    object.set_state_and_wait(State::Offline).unwrap();
    for limit in [0, 10] {
        setrlimit(Resource::Fsize, Rlimit { current: Some(limit), maximum: None }).unwrap();
        assert_eq!(object.set_state(State::Online), Err(ErrorKind::Disk.into()));
    }
    assert_eq!((object.state(), stored(&folder, "Profile")), (State::Offline, Some(State::Offline)));
    setrlimit(Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    object.set_state_and_wait(State::Online).unwrap();
    assert_eq!(stored(&folder, "Profile"), Some(State::Online));
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_file_sizes_ends_no_process() {
    let (_place, folder) = place();
    helper("helper_may_write_no_byte", &folder).run();
}

#[test]
fn helper_opens() {
    if begin().is_some() {
        open().set_state_and_wait(State::Offline).unwrap();
        for line in LOGGED.lock().unwrap().iter() {
            println!("{line}");
        }
    }
}

#[test]
fn nothing_is_created_in_another_users_home() {
    if !is_root() {
        return;
    }
    let (place, _) = place();
    let home = place.path().join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(12345), None).unwrap();
    let run = |variable: &str, value: &Path| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "helper_opens", "--nocapture"]).env("HELPER", "").env(variable, value);
        for unset in ["MAPIOFFLINE_STATE_DIR", "MAPIOFFLINE_STORE", "XDG_STATE_HOME"] {
            if unset != variable {
                command.env_remove(unset);
            }
        }
        let output = command.output().unwrap();
        assert!(output.status.success());
        assert_eq!(names(&home), [""; 0], "{variable}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (variable, value) in [("XDG_STATE_HOME", home.join("state")), ("MAPIOFFLINE_STATE_DIR", home.join("a/b"))] {
        let text = run(variable, &value);
        assert!(text.contains("which belongs to another user (12345)"), "{text}");
    }
}

#[test]
fn a_path_is_taken_as_it_is_written() {
    let (place, folder) = place();
    fs::create_dir(place.path().join("real")).unwrap();
    symlink("real", &folder).unwrap();
    // With a slash behind it as without.
    let with_slash = format!("{}/", folder.display());
    let text = helper("helper_opens", Path::new(&with_slash)).run();
    assert!(text.contains("it is a link or not a folder"), "{text}");
    assert_eq!(names(place.path().join("real")), [""; 0]);
    // As one writes it where no shell reads it.
    let text = helper("helper_opens", Path::new("~/state")).run();
    assert!(text.contains("no shell has replaced the ~"), "{text}");
    assert!(!Path::new("~").exists());
    // A relative folder is that of the time at which it was named.
    let relative = StateFolder::at("relative");
    assert_eq!(relative.path(), std::env::current_dir().unwrap().join("relative"));
}

// ---- files of others in the folder ---------------------------------------------------------------------------------

#[test]
fn a_file_that_is_being_edited_is_waited_for() {
    let (_place, folder) = place();
    helper("helper_sets_offline", &folder).run();
    let file = folder.join("PROFILE.json");
    let text = fs::read(&file).unwrap();
    for keep in [0, 1, text.len() / 2, text.len() - 3] {
        fs::write(&file, &text[..keep]).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                fs::write(&file, &text).unwrap();
            });
            helper("helper_finds_offline", &folder).run();
        });
        assert_eq!(names(&folder), ["PROFILE.json", "lock", "pending", "programs"], "nothing is set aside");
    }
}

#[test]
fn helper_finds_offline() {
    if begin().is_some() {
        assert_eq!(open().state(), State::Offline);
        assert_eq!(logged("damaged"), 0);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_being_edited_delays_no_other_profile() {
    let (_place, folder) = place();
    helper("helper_is_notified_beside_an_edited_file", &folder).run();
}

const FLIPS: u32 = 20;

#[test]
fn helper_flips() {
    if begin().is_some() {
        let object = open();
        for flip in 0..FLIPS {
            object.set_state_and_wait(if flip % 2 == 0 { State::Online } else { State::Offline }).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn helper_is_notified_beside_an_edited_file() {
    let Some(folder) = begin() else { return };
    let edited = OfflineObject::open("Edited").unwrap();
    edited.set_state_and_wait(State::Offline).unwrap();
    let object = open();
    let changes = Arc::new(AtomicU32::new(0));
    let counted = changes.clone();
    let _subscription = object.subscribe(move |change| {
        counted.fetch_add(u32::from(change.phase == Phase::Done), Ordering::Relaxed);
    });
    // A notifier is idle from now on.
    helper("helper_sets_offline", &folder).run();
    wait_for("the first change", Duration::from_secs(4), || changes.load(Ordering::Relaxed) == 1);
    let flipped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Each time the watcher waits for half a second, whether that was all.
        scope.spawn(|| {
            while !flipped.load(Ordering::Relaxed) {
                fs::write(folder.join("EDITED.json"), "{").unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        helper("helper_flips", &folder).run();
        flipped.store(true, Ordering::Relaxed);
    });
    // A change that is noticed too late is not seen at all, as the next one undoes it.
    let changes = changes.load(Ordering::Relaxed);
    assert!(changes > FLIPS * 3 / 4, "{changes} of {FLIPS} were noticed in time");
}

/// A change is written although something else has the name of a file of the library's, and that is kept.
fn written_beside(what: &str, make: impl FnOnce(&Path), kept: &str) {
    let (_place, folder) = place();
    helper("helper_sets_offline", &folder).run();
    make(&folder);
    helper("helper_sets_online", &folder).run();
    assert_eq!(stored(&folder, "Profile"), Some(State::Online), "{what}");
    let aside = names(&folder).into_iter().find(|name| name.starts_with(&format!("{kept}.damaged-")));
    assert!(aside.is_some(), "{what}: {:?}", names(&folder));
    // And the next one without more ado.
    helper("helper_sets_offline", &folder).run();
    assert_eq!(stored(&folder, "Profile"), Some(State::Offline), "{what}");
}

fn replace(path: &Path, make: impl FnOnce(&Path)) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap()
    } else {
        fs::remove_file(path).unwrap()
    }
    make(path);
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn what_has_the_name_of_the_lock_is_set_aside() {
    let at = |make: fn(&Path)| move |folder: &Path| replace(&folder.join("lock"), make);
    written_beside("a pipe", at(make_pipe), "lock");
    written_beside("a link", at(|path| symlink("PROFILE.json", path).unwrap()), "lock");
    written_beside("a link to nothing", at(|path| symlink("nothing", path).unwrap()), "lock");
    written_beside("a folder", at(|path| fs::create_dir(path).unwrap()), "lock");
    if is_root() {
        let foreign = at(|path| {
            fs::write(path, "").unwrap();
            chown(path, Some(12345), None).unwrap();
        });
        written_beside("another user's file", foreign, "lock");
    }
}

#[test]
fn what_has_the_name_of_the_folder_for_new_files_is_set_aside() {
    let at = |make: fn(&Path)| move |folder: &Path| replace(&folder.join("pending"), make);
    written_beside("a file", at(|path| fs::write(path, "text").unwrap()), "pending");
    written_beside("a pipe", at(make_pipe), "pending");
    let open_to_all = at(|path| {
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    });
    written_beside("a folder that others may write to", open_to_all, "pending");
    let full =
        |folder: &Path| replace(&folder.join("pending/new"), |path| fs::create_dir_all(path.join("full")).unwrap());
    written_beside("a folder with a full folder for the new file", full, "pending");
    if is_root() {
        let foreign = at(|path| {
            fs::create_dir(path).unwrap();
            chown(path, Some(12345), None).unwrap();
        });
        written_beside("another user's folder", foreign, "pending");
    }
}

#[test]
fn no_file_behind_a_link_is_written() {
    let (place, folder) = place();
    helper("helper_sets_offline", &folder).run();
    let users = place.path().join("users");
    fs::create_dir(&users).unwrap();
    fs::write(users.join("new"), "the user's").unwrap();
    replace(&folder.join("pending"), |path| symlink(&users, path).unwrap());
    helper("helper_sets_online", &folder).run();
    assert_eq!((stored(&folder, "Profile"), names(&users)), (Some(State::Online), vec!["new".to_owned()]));
    assert_eq!(fs::read_to_string(users.join("new")).unwrap(), "the user's");
}

#[test]
fn a_file_with_a_second_name_is_not_written_in_place() {
    let (_place, folder) = place();
    helper("helper_sets_offline", &folder).run();
    let spare = folder.join("pending/new");
    replace(&spare, |path| fs::hard_link(folder.join("PROFILE.json"), path).unwrap());
    let before = fs::metadata(folder.join("PROFILE.json")).unwrap().ino();
    helper("helper_follows_a_change", &folder).run();
    assert_ne!(fs::metadata(folder.join("PROFILE.json")).unwrap().ino(), before, "it was replaced");
    for make in [|path: &Path| fs::create_dir(path).unwrap(), make_pipe] {
        replace(&spare, make);
        helper("helper_sets_offline", &folder).run();
        helper("helper_sets_online", &folder).run();
        assert_eq!(stored(&folder, "Profile"), Some(State::Online));
    }
}

#[test]
fn helper_follows_a_change() {
    let Some(folder) = begin() else { return };
    let object = open();
    assert_eq!(object.state(), State::Offline);
    helper("helper_sets_online", &folder).run();
    wait_for("it is notified", Duration::from_secs(4), || object.state() == State::Online);
}
