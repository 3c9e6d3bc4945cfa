//! Deliberate defects: the suite must fail when the library is broken.
//!
//! Each is a patch in c-tests/defects that names, in a line `Must fail: CASE`, the case that has to see it, with `Store:
//! shared` below it if that is needed (cases of `shared` need it always). It is applied to a copy of the sources; the library is built from that and the case runs against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::run::{cargo, command, run};
use crate::{Result, root, target, test};

/// How long a case may take to fail: a lock held during Notify makes it hang.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Defect {
    pub(crate) name: String,
    pub(crate) patch: PathBuf,
    /// The case that must fail.
    pub(crate) case: String,
    /// With profiles that processes share, or in memory.
    store: &'static str,
}

pub(crate) fn check() -> Result<()> {
    let defects = read()?;
    let copy = target().join("defects/tree");
    copy_sources(&copy)?;
    println!("{} defects; first the library without any", defects.len());
    build(&copy)?;
    let cases: std::collections::BTreeSet<(&str, &str)> =
        defects.iter().map(|defect| (defect.case.as_str(), defect.store)).collect();
    for (case, store) in cases {
        if !passes(case, store)? {
            return Err(format!("{case} fails without a defect").into());
        }
    }
    let mut unseen = Vec::new();
    for defect in &defects {
        apply(&copy, &defect.patch, false)?;
        build(&copy).map_err(|error| format!("{}: {error}", defect.name))?;
        if passes(&defect.case, defect.store)? {
            println!("  {}: {} PASSES", defect.name, defect.case);
            unseen.push(defect.name.as_str());
        } else {
            println!("  {}: {} fails, as it must", defect.name, defect.case);
        }
        apply(&copy, &defect.patch, true)?;
    }
    println!("{} passed, {} failed", defects.len() - unseen.len(), unseen.len());
    if unseen.is_empty() { Ok(()) } else { Err(format!("not seen by the suite: {}", unseen.join(", ")).into()) }
}

pub(crate) fn read() -> Result<Vec<Defect>> {
    let mut defects = Vec::new();
    for entry in fs::read_dir(root().join("c-tests/defects"))? {
        let patch = entry?.path();
        if patch.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        let text = fs::read_to_string(&patch)?;
        let case = text.lines().find_map(|line| line.strip_prefix("Must fail: "));
        let case = case.ok_or_else(|| format!("{} does not say which case must fail", patch.display()))?.to_owned();
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let shared = case.starts_with("shared.") || text.lines().any(|line| line == "Store: shared");
        let store = if shared { "shared" } else { "memory" };
        defects.push(Defect { name, patch, case, store });
    }
    defects.sort_by(|a, b| a.name.cmp(&b.name));
    if defects.is_empty() { Err("there are no defects in c-tests/defects".into()) } else { Ok(defects) }
}

/// What the library is built from, as it is in the work tree. Files that did not change stay untouched, for cargo.
pub(crate) fn copy_sources(copy: &Path) -> Result<()> {
    if copy.join("src").exists() {
        fs::remove_dir_all(copy.join("src"))?;
    }
    fs::create_dir_all(copy)?;
    let cargo = ["Cargo.toml", "Cargo.lock", "build.rs", "README.md", "src", "cli", "xtask", "benches", "tests"];
    let cmake = ["CMakeLists.txt", "cmake", "windows", "include", "LICENSE-MIT", "LICENSE-APACHE"];
    for part in cargo.iter().chain(&cmake) {
        copy_changed(&root().join(part), &copy.join(part))?;
    }
    Ok(())
}

fn copy_changed(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy_changed(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    let text = fs::read(from)?;
    if fs::read(to).ok().as_ref() != Some(&text) {
        fs::write(to, text)?;
    }
    Ok(())
}

pub(crate) fn apply(copy: &Path, patch: &Path, reverse: bool) -> Result<()> {
    let mut git = command("git", ["apply", "--whitespace=nowarn"]);
    if reverse {
        git.arg("--reverse");
    }
    // In a checkout git would take the paths for the checkout's own.
    git.arg(patch).current_dir(copy).env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy));
    run(&mut git).map_err(|error| format!("{} no longer applies: {error}", patch.display()).into())
}

fn build(copy: &Path) -> Result<()> {
    let mut build = cargo(["build", "--quiet", "--locked", "--package", "mapioffline", "--lib", "--profile", "defect"]);
    build
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", target().join("defects/build"))
        .env("RUSTFLAGS", "--cap-lints=allow");
    run(&mut build)
}

/// Whether a case passes against the library in target/defects. One that takes too long does not.
fn passes(case: &str, store: &str) -> Result<bool> {
    let mut child = Command::new(test::build_folder().join("c-tests/suite-c-loaded"))
        .arg(case)
        .env("MAPIOFFLINE_TEST_LIBRARY", target().join("defects/build/defect/libmapioffline.so"))
        .env("MAPIOFFLINE_TEST_STORE", store)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    for _ in 0..PATIENCE.as_millis() / 20 {
        if let Some(status) = child.try_wait()? {
            return match status.code() {
                Some(0) => Ok(true),
                Some(2 | 77) => Err(format!("{case} does not exist, or is skipped").into()),
                _ => Ok(false),
            };
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}
