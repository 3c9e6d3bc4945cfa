//! Deliberate defects: the suite must fail when the library is broken.
//!
//! Each is a patch in c-tests/defects. A line `Must fail: CASE` names the case that has to fail. A line `Store: shared` has
//! it run with the shared store, which cases of `shared` always use. The patch is applied to a copy of the sources, the
//! library is built from the copy, and the case runs against that library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::run::{cargo, command, run};
use crate::{Result, root, target};

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

/// How many defects are built and run at a time. Most of the time goes by in cases that wait or hang.
const WORKERS: usize = 4;

pub(crate) fn check() -> Result<()> {
    let defects = read()?;
    println!("{} defects; first the library without any", defects.len());
    prepare()?;
    let next = AtomicUsize::new(0);
    let work = |worker: usize| -> Result<Vec<&str>, String> {
        let place = Place::new(worker);
        let mut unseen = Vec::new();
        loop {
            let Some(defect) = defects.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(unseen) };
            if place.sees(defect).map_err(|error| format!("{}: {error}", defect.name))? {
                println!("  {}: {} fails, as it must", defect.name, defect.case);
            } else {
                println!("  {}: {} PASSES", defect.name, defect.case);
                unseen.push(defect.name.as_str());
            }
        }
    };
    let unseen: Vec<&str> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
        let results = workers.into_iter().map(|worker| worker.join().map_err(|_| "a worker panicked".to_owned())?);
        results.collect::<Result<Vec<_>, String>>().map(|unseen| unseen.concat())
    })?;
    println!("{} passed, {} failed", defects.len() - unseen.len(), unseen.len());
    if unseen.is_empty() { Ok(()) } else { Err(format!("not detected by the suite: {}", unseen.join(", ")).into()) }
}

/// Builds the library without a defect for every worker. What it depends on is compiled once.
fn prepare() -> Result<()> {
    let first = Place::new(0);
    for place in (0..WORKERS).map(Place::new) {
        copy_sources(&place.tree)?;
        if place.build != first.build && !place.build.exists() {
            run(command("cp", ["-a"]).arg(&first.build).arg(&place.build))?;
        }
        place.build()?;
    }
    Ok(())
}

/// Where one worker builds.
struct Place {
    tree: PathBuf,
    build: PathBuf,
}

impl Place {
    fn new(worker: usize) -> Self {
        let folder = target().join("defects");
        Self { tree: folder.join(format!("tree-{worker}")), build: folder.join(format!("build-{worker}")) }
    }

    /// Whether the case fails with the defect. Without it the case has to pass, against the library that the suite was
    /// built with.
    fn sees(&self, defect: &Defect) -> Result<bool> {
        let good = crate::build_folder().join(format!("release/libmapioffline.so.{}", crate::version()));
        if !passes(&defect.case, defect.store, &good)? {
            return Err(format!("{} fails without the defect", defect.case).into());
        }
        apply(&self.tree, &defect.patch, false)?;
        self.build()?;
        let passed = passes(&defect.case, defect.store, &self.build.join("defect/libmapioffline.so"))?;
        apply(&self.tree, &defect.patch, true)?;
        Ok(!passed)
    }

    /// The shared library alone, which is what the case loads.
    fn build(&self) -> Result<()> {
        let mut build = cargo(["rustc", "--quiet", "--locked", "--package", "mapioffline", "--lib"]);
        build
            .args(["--profile", "defect", "--crate-type", "cdylib"])
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.build)
            .env("RUSTFLAGS", "--cap-lints=allow");
        run(&mut build)
    }
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

/// Copies the sources of the library from the work tree. Unchanged files are not written, so that cargo does not rebuild.
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
    // Inside the checkout, git would resolve the paths against the checkout.
    git.arg(patch).current_dir(copy).env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy));
    run(&mut git).map_err(|error| format!("{} no longer applies: {error}", patch.display()).into())
}

/// Whether a case passes against a library. A case that takes too long does not.
fn passes(case: &str, store: &str, library: &Path) -> Result<bool> {
    let mut child = Command::new(crate::build_folder().join("c-tests/suite-c-loaded"))
        .arg(case)
        .env("MAPIOFFLINE_TEST_LIBRARY", library)
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
