//! `cargo xtask bench`: compares the library with its limits and its peers.
//!
//! The client image in benches/ measures. This module builds it, runs it group by group, and judges and prints its figures.

mod chart;
mod figures;
mod judge;
mod load;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use crate::run::{cargo, command, output, run};
use crate::tools::Tools;
use crate::{Result, root, target, tools};
use figures::{Figures, LIBRARY};
use load::Load;

/// A bound is missed only if each attempt misses it: noise is no regression.
const ATTEMPTS: usize = 3;

/// So many measurements beside other work are not counted.
const MOST_DISTURBED: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Only the figures that have bounds.
    Short,
    /// All peers, and growth.
    Full,
    /// As `Full`. Also updates the charts and tables of the documentation.
    Write,
}

/// What the client image measures in one process.
struct Group {
    name: &'static str,
    subjects: &'static [&'static str],
    /// How often each, in the short form and in the full one. Zero: not at all.
    repetitions: [u32; 2],
    variables: &'static [(&'static str, &'static str)],
}

const fn group(name: &'static str, subjects: &'static [&'static str], repetitions: [u32; 2]) -> Group {
    Group { name, subjects, repetitions, variables: &[] }
}

const SHARED_STORE: &[(&str, &str)] = &[("MAPIOFFLINE_STORE", "shared")];

/// The short form has one size for each; the full form has the groups that grow, with the peers.
const GROUPS: [Group; 19] = [
    group("calls", &["mapioffline", "fixture", "manager", "windows-core", "glib"], [9, 21]),
    group("registrations", &["mapioffline", "fixture", "manager"], [5, 0]),
    group(
        "registrations-growth",
        &["mapioffline", "fixture", "manager", "windows-core", "glib", "boost", "sigc"],
        [0, 7],
    ),
    group("delivery", &["mapioffline", "fixture", "bare", "manager", "windows-core"], [5, 0]),
    group(
        "delivery-growth",
        &["mapioffline", "fixture", "bare", "manager", "windows-core", "glib", "boost", "sigc"],
        [0, 7],
    ),
    group("contention", &["mapioffline", "manager"], [3, 5]),
    group("contention", &["glib", "boost"], [0, 1]),
    group("wake", &["mapioffline", "fixture", "manager"], [5, 11]),
    group("done", &["mapioffline", "windows-core"], [7, 21]),
    group("memory", &["mapioffline"], [1, 1]),
    group("memory", &["fixture"], [0, 1]),
    group("memory", &["manager"], [0, 1]),
    group("memory", &["glib"], [0, 1]),
    group("memory", &["boost"], [0, 1]),
    group("profiles", &["mapioffline", "fixture:open_profile"], [5, 0]),
    group("profiles-growth", &["mapioffline", "fixture:open_profile"], [0, 9]),
    group("idle-profiles", &["mapioffline"], [1, 1]),
    group("growth", &["mapioffline"], [0, 9]),
    Group { name: "store", subjects: &["mapioffline"], repetitions: [3, 9], variables: SHARED_STORE },
];

/// Measures, prints the tables, and fails if a bound is missed each time.
pub(crate) fn bench(form: Form) -> Result<()> {
    let start = Instant::now();
    let work = target().join("bench");
    fs::create_dir_all(&work)?;
    let subjects = Subjects::build(&work)?;
    println!("built in {:.0} s", start.elapsed().as_secs_f64());
    let mut figures = Figures::default();
    let groups: Vec<&Group> =
        GROUPS.iter().filter(|group| group.repetitions[usize::from(form != Form::Short)] > 0).collect();
    let mut load = Load::begin();
    for group in &groups {
        subjects.measure(group, form, &mut figures)?;
    }
    let mut verdicts = judge::judge(&figures);
    let (mut counted, mut disturbed) = (0, 0);
    loop {
        let missed = judge::missed(&verdicts);
        let others = load.as_ref().and_then(Load::of_others);
        // A measurement beside other work says little: it is judged again, and does not count as an attempt.
        match others {
            Some(others) if disturbed < MOST_DISTURBED => {
                println!("other processes used {others:.1} processors meanwhile");
                disturbed += 1;
            }
            _ => counted += 1,
        }
        if missed.is_empty() || counted == ATTEMPTS {
            break;
        }
        println!("missed, and measured once more: {}", missed.join(", "));
        if others.is_some() {
            load::wait_for_idle_processors();
        }
        load = Load::begin();
        let mut again = Figures::default();
        for group in groups.iter().filter(|group| missed.iter().any(|row| subjects.measures(group, row, &figures))) {
            subjects.measure(group, form, &mut again)?;
        }
        judge::judge_again(&mut verdicts, &again);
    }
    println!("\n{}", figures.table());
    println!("{}", judge::table(&verdicts));
    fs::write(work.join("results.json"), figures.json(verdicts.iter().map(judge::Verdict::json).collect())?)?;
    if form != Form::Short {
        chart::draw(&figures, &work)?;
    }
    if form == Form::Write {
        write_documents(&work, &figures, &verdicts)?;
    }
    println!("in all {:.0} s; the figures are in target/bench/results.json", start.elapsed().as_secs_f64());
    match judge::missed(&verdicts) {
        missed if missed.is_empty() => Ok(()),
        missed => Err(format!("bounds missed {ATTEMPTS} times in a row: {}", missed.join(", ")).into()),
    }
}

/// The programs and libraries that are measured.
struct Subjects {
    client: PathBuf,
    allocations: PathBuf,
    /// By name. Those that could not be built are missing.
    files: Vec<(&'static str, PathBuf)>,
}

impl Subjects {
    fn build(work: &Path) -> Result<Self> {
        let tools = Tools::find()?;
        tools.configure(&root(), &crate::build_folder(), &crate::definitions())?;
        tools.build(&crate::build_folder(), &["mapioffline_cargo_release"])?;
        let sources = root().join("benches");
        let compile = |file: &str, source: &str, flags: &[String]| -> Result<PathBuf> {
            let built = work.join(file);
            let mut cxx = command("c++", ["-std=c++17", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror", "-pthread"]);
            cxx.arg("-I").arg(root().join("include")).arg("-I").arg(sources.join("subjects"));
            if file.ends_with(".so") {
                cxx.args(["-shared", "-fPIC", "-fvisibility=hidden"]);
            }
            run(cxx.arg("-o").arg(&built).arg(sources.join(source)).args(flags).arg("-ldl"))?;
            Ok(built)
        };
        let client = compile("client", "client.cpp", &[])?;
        let allocations = compile("allocations.so", "allocations.cpp", &[])?;
        let library = crate::build_folder().join("release/libmapioffline.so");
        let mut files = vec![
            (LIBRARY, library),
            ("fixture", compile("fixture.so", "subjects/fixture.cpp", &[])?),
            ("manager", compile("manager.so", "subjects/manager.cpp", &[])?),
        ];
        let packages = ["libglib2.0-dev", "libboost-dev", "libsigc++-3.0-dev", "pkg-config"];
        if tools::or_skipped(tools::debian_packages(&packages, "peers of the benchmark"))?.is_some() {
            let flags = |package: &str| -> Result<Vec<String>> {
                let flags = output(&mut command("pkg-config", ["--cflags", "--libs", package]))?;
                Ok(flags.split_whitespace().map(str::to_owned).collect())
            };
            files.push(("glib", compile("glib.so", "subjects/glib.cpp", &flags("gobject-2.0")?)?));
            files.push(("boost", compile("boost.so", "subjects/boost.cpp", &[])?));
            files.push(("sigc", compile("sigc.so", "subjects/sigc.cpp", &flags("sigc++-3.0")?)?));
        }
        let rust = work.join("rust");
        let mut build = cargo(["build", "--release", "--locked", "--quiet", "--manifest-path"]);
        run(build.arg(sources.join("subjects/rust/Cargo.toml")).arg("--target-dir").arg(&rust))?;
        files.push(("windows-core", rust.join("release/libpeers.so")));
        Ok(Self { client, allocations, files })
    }

    fn argument(&self, subject: &str) -> Option<String> {
        let (name, symbol) = subject.split_once(':').map_or((subject, None), |(name, symbol)| (name, Some(symbol)));
        let (file, symbol) = if name == "bare" { ("fixture", Some("open_bare")) } else { (name, symbol) };
        let path = &self.files.iter().find(|(known, _)| *known == file)?.1;
        let symbol = symbol.map(|symbol| format!(":{symbol}")).unwrap_or_default();
        Some(format!("{name}={}{symbol}", path.display()))
    }

    /// Runs a group, and adds its lines to the figures.
    fn measure(&self, group: &Group, form: Form, figures: &mut Figures) -> Result<()> {
        let start = Instant::now();
        let state = target().join("bench/state");
        let mut client = command(&self.client, [group.name]);
        client.arg(group.repetitions[usize::from(form != Form::Short)].to_string());
        client.args(group.subjects.iter().filter_map(|subject| self.argument(subject)));
        client.env("MAPIOFFLINE_STORE", "memory").envs(group.variables.iter().copied());
        client.env("MAPIOFFLINE_STATE_DIR", &state);
        if group.name == "memory" {
            client.env("LD_PRELOAD", &self.allocations);
        }
        let mut child = client.stdout(Stdio::piped()).spawn()?;
        for line in BufReader::new(child.stdout.take().ok_or("no output")?).lines() {
            figures.read(group.name, &line?)?;
        }
        let status = child.wait()?;
        let _ = fs::remove_dir_all(&state);
        if !status.success() {
            return Err(format!("the client image, group {}: {status}", group.name).into());
        }
        println!("{:22} {:5.1} s  {}", group.name, start.elapsed().as_secs_f64(), group.subjects.join(", "));
        Ok(())
    }

    /// Whether a group measures a row for the library.
    fn measures(&self, group: &Group, row: &str, figures: &Figures) -> bool {
        group.subjects.contains(&LIBRARY) && figures.group_of(row) == Some(group.name)
    }
}

/// Updates the figures in the documentation.
fn write_documents(work: &Path, figures: &Figures, verdicts: &[judge::Verdict]) -> Result<()> {
    let folder = root().join("docs/performance");
    fs::create_dir_all(&folder)?;
    for name in ["results.json", "chart.svg", "growth.svg"] {
        fs::copy(work.join(name), folder.join(name))?;
    }
    replace_part(&root().join("README.md"), "figures", &figures.readme())?;
    let page = root().join("docs/performance.md");
    replace_part(&page, "figures", &figures.markdown())?;
    replace_part(&page, "bounds", &judge::markdown(verdicts))
}

/// Replaces the part between `<!-- NAME -->` and `<!-- end NAME -->`.
fn replace_part(file: &Path, name: &str, part: &str) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- end {name} -->"));
    let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let Some((before, after)) = parts else {
        return Err(format!("{} has no {begin}", file.display()).into());
    };
    Ok(fs::write(file, format!("{before}{begin}\n{part}{end}{after}"))?)
}
