//! Pages that show how to do something, word for word: their files, their commands and what they print.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::tools::{self, Tools};
use crate::{Result, root};

/// Prepares the machine for a page. Returns the folder in which Python is to look, if there is one.
type Prepare = fn() -> Result<Option<PathBuf>>;

const PAGES: [(&str, Prepare); 3] = [
    ("testing-clients", tools::pytest),
    ("agent", || Ok(None)),
    ("fleet", || tools::debian_packages(&["nats-server"], "the server of a fleet").map(|()| None)),
];

/// Does what the pages say, as a user with the installed package in `prefix`.
pub(crate) fn check(tools: &Tools, work: &Path, prefix: &Path, library: &Path) -> Result<()> {
    PAGES.iter().try_for_each(|(page, prepare)| {
        let Some(python_path) = tools::or_skipped(prepare())? else { return Ok(()) };
        walk(page, python_path.as_deref(), tools, work, prefix, library)
    })
}

/// Does what one page says.
pub(crate) fn walk(
    name: &str,
    python_path: Option<&Path>,
    tools: &Tools,
    work: &Path,
    prefix: &Path,
    library: &Path,
) -> Result<()> {
    let name_of_page = format!("docs/{name}.md");
    let folder = work.join(name);
    fs::create_dir_all(folder.join("home"))?;
    fs::create_dir_all(folder.join("bin"))?;
    fs::copy(root().join("examples/testing/addin.c"), folder.join("addin.c"))?;
    symlink(prefix, folder.join("home/.local"))?;
    let programs =
        [("cmake", &tools.cmake), ("ctest", &tools.ctest), ("ninja", &tools.ninja), ("pkg-config", &tools.pkg_config)];
    // Those that were fetched: the others are found without a folder.
    for (name, program) in programs.into_iter().filter(|(_, program)| program.is_absolute()) {
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display());
        let file = folder.join("bin").join(name);
        fs::write(&file, script)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", folder.join("bin").display(), prefix.join("bin").display());
    let shell = |script: &str| -> Result<(Option<i32>, String)> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec 2>&1\n{script}")).current_dir(&folder).stdin(Stdio::null());
        shell.env("PATH", &path).env("LD_LIBRARY_PATH", library).env("PKG_CONFIG_PATH", library.join("pkgconfig"));
        shell.env("CMAKE_PREFIX_PATH", prefix).env("CMAKE_GENERATOR", "Ninja");
        shell.env("HOME", folder.join("home"));
        if let Some(python_path) = python_path {
            let others = std::env::var("PYTHONPATH").map_or(String::new(), |others| format!(":{others}"));
            shell.env("PYTHONPATH", format!("{}{others}", python_path.display()));
        }
        let output = shell.output()?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };

    follow(&name_of_page, &fs::read_to_string(root().join(&name_of_page))?, &folder, shell)
}

/// Writes the files of a page, or of a part of it, into a folder, and has a shell do its commands. The shell returns the exit code and what
/// was printed.
pub(crate) fn follow(
    name_of_page: &str,
    page: &str,
    folder: &Path,
    shell: impl Fn(&str) -> Result<(Option<i32>, String)>,
) -> Result<()> {
    let (mut files, mut commands) = (0, 0);
    for (language, block) in blocks(page) {
        let name = block.lines().next().and_then(|line| {
            let in_c = || line.strip_prefix("/* ")?.strip_suffix(" */");
            line.strip_prefix("# ").or_else(in_c).or_else(|| line.strip_prefix("{ ")?.strip_suffix(" }"))
        });
        let name = name.filter(|name| !name.contains(' '));
        if let Some(name) = name {
            let file = folder.join(name);
            file.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(file, block)?;
            files += 1;
        }
        let session = match language {
            "console" => block.to_owned(),
            "yaml" => tests_of_job(block).iter().map(|line| format!("$ {line}\n")).collect(),
            _ => continue,
        };
        let mut last = Some(0);
        for (command, expected) in steps(&session) {
            commands += 1;
            if command == "echo $?" {
                if expected != [format!("{}", last.unwrap_or(-1))] {
                    return Err(format!("{name_of_page}: the command before `echo $?` exits with {last:?}").into());
                }
                continue;
            }
            let (code, printed) = shell(command)?;
            let is_failure = expected.iter().any(|line| line.contains("FAILED") || line.contains("misused"));
            let lines: Vec<String> = printed.lines().map(without_numbers).collect();
            let lacks =
                expected.iter().find(|expected| !lines.iter().any(|line| line.contains(&without_numbers(expected))));
            if let Some(line) = lacks {
                return Err(format!("{name_of_page}: `{command}` does not print: {line}\nbut: {printed}").into());
            }
            if (code == Some(0)) == is_failure {
                return Err(format!("{name_of_page}: `{command}` exits with {code:?}: {printed}").into());
            }
            last = code;
        }
    }
    println!("{name_of_page}: {files} files, {commands} commands, as the page says");
    Ok(())
}

/// The fenced blocks of a page, with their languages.
fn blocks(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n'))
}

/// The commands of a session, each with the lines that it prints.
fn steps(session: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in session.lines().filter(|line| !line.is_empty()) {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command, Vec::new())),
            (None, Some((_, expected))) => expected.push(line),
            (None, None) => {}
        }
    }
    steps.into_iter()
}

/// The commands of a job that are not about installing: the step `Test` on GitHub, `script` on GitLab.
fn tests_of_job(job: &str) -> Vec<&str> {
    let begins = |line: &&str| line.trim() == "- name: Test" || line.trim() == "script:";
    let behind = job.lines().skip_while(|line| !begins(line)).skip(1);
    let lines = behind.skip_while(|line| line.trim() == "run: |").take_while(|line| line.trim() != "artifacts:");
    lines.map(|line| line.trim().trim_start_matches("- ")).collect()
}

/// A line in which all numbers are alike.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for character in line.trim().chars() {
        match character {
            '0'..='9' if text.ends_with('0') => {}
            '0'..='9' => text.push('0'),
            other => text.push(other),
        }
    }
    text
}
