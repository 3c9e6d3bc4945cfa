//! The program mapioffline-conformance: what it says of right, of wrong and of other libraries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::{Result, target};

pub(crate) fn check(build: &Path) -> Result<()> {
    let work = target().join("conformance-program");
    fs::create_dir_all(&work)?;
    let tests = build.join("c-tests");
    let suite = Suite { program: tests.join("mapioffline-conformance"), work };
    let library = build.join("release/libmapioffline.so");
    let (plain, wrong) = (tests.join("plain.so"), tests.join("wrong.so"));

    let all = ["--provenance", "reference,com,decision", "--only", "advise.", "--junit", "report.xml"];
    let text = suite.run(&all, &library, "", 0)?;
    expect(text.ends_with(" 0 failed, 0 skipped\n"), "no case of ours fails or is skipped", &text)?;
    let (cases, failed, skipped) = suite.junit()?;
    expect(
        cases > 10 && (failed, skipped) == (0, 0),
        "the report in XML counts them",
        &format!("{cases} {failed} {skipped}"),
    )?;
    let shared = ["--store", "shared", "--provenance", "decision", "--only", "shared."];
    let text = suite.run(&shared, &library, "", 0)?;
    expect(text.contains(" 0 failed"), "with a folder that processes share", &text)?;

    let text = suite.run(&["--tap", "--provenance", "decision", "--only", "extensions."], &plain, "", 0)?;
    let lines: Vec<&str> = text.lines().collect();
    let plan = format!("1..{}", lines.len() - 2);
    let skips =
        lines[2..].iter().filter(|line| line.starts_with("ok ") && line.contains(" # SKIP the library")).count();
    expect(
        lines[..2] == ["TAP version 14", &*plan] && skips > 5,
        "cases of extensions are skipped without them",
        &text,
    )?;

    let text = suite.run(&["--only", "open.", "--junit", "report.xml"], &wrong, "", 1)?;
    let first = "FAILED open.many_profiles, which rests on reference: ";
    expect(
        text.contains(first) && text.contains("    "),
        "a failure says what it rests on, and what was found",
        &text,
    )?;
    let (cases, failed, _) = suite.junit()?;
    expect(cases >= failed && failed > 0, "the report in XML counts failures", &format!("{cases} {failed}"))?;
    let one = ["--only", "open.many_profiles", "--timeout", "1"];
    let text = suite.run(&one, &wrong, "crash", 1)?;
    expect(text.starts_with("CRASHED open.many_profiles"), "a crash ends one case", &text)?;
    let begun = Instant::now();
    let text = suite.run(&one, &wrong, "hang", 1)?;
    expect(text.starts_with("TIMED OUT open.many_profiles"), "a hang ends", &text)?;
    expect(begun.elapsed() < Duration::from_secs(20), "in time", &format!("{:?}", begun.elapsed()))?;

    for (library, what) in [
        (Path::new("/nowhere/lib.so"), "there is no such file"),
        (Path::new("/proc/version"), "cannot be tested"),
        (&*suite.program, "cannot be tested"),
    ] {
        let text = suite.run(&[], library, "", 2)?;
        expect(text.contains(what), "a file that is no such library", &text)?;
    }
    for wrong in [["--provenance", "hearsay"], ["--timeout", "0"], ["--only", "nothing."], ["--tap", "--what"]] {
        let text = suite.run(&wrong, &library, "", 2)?;
        expect(text.lines().count() == 1, "a wrong command line", &text)?;
    }
    let left: Vec<_> =
        fs::read_dir(&suite.work)?.filter_map(|entry| entry.ok()).map(|entry| entry.file_name()).collect();
    expect(left == ["report.xml"], "nothing is left behind", &format!("{left:?}"))?;
    println!(
        "mapioffline-conformance: reports of right, wrong, hanging, crashing and other libraries are as they must be"
    );
    Ok(())
}

struct Suite {
    program: PathBuf,
    work: PathBuf,
}

impl Suite {
    /// Runs it, which must end with `code`. Returns what it printed.
    fn run(&self, options: &[&str], library: &Path, wrong: &str, code: i32) -> Result<String> {
        let mut command = Command::new(&self.program);
        let Output { status, stdout, stderr } =
            command.args(options).arg(library).env("WRONG", wrong).current_dir(&self.work).output()?;
        let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        if status.code() != Some(code) {
            return Err(format!(
                "mapioffline-conformance {options:?} {}: {status}, not {code}: {text}",
                library.display()
            )
            .into());
        }
        Ok(text)
    }

    /// Cases, failures and skipped cases of the report, as another program reads it.
    fn junit(&self) -> Result<(u64, u64, u64)> {
        const READ: &str = "import sys, xml.etree.ElementTree as e\nr = e.parse(sys.argv[1]).getroot()\n\
            c = list(r.iter('testcase'))\ns = list(r.iter('testsuite'))\n\
            n = [len(c), sum(1 for x in c if x.find('failure') is not None), sum(1 for x in c if x.find('skipped') is not None)]\n\
            assert n == [sum(int(x.get(k)) for x in s) for k in ('tests', 'failures', 'skipped')], n\nprint(*n)";
        let output = Command::new("python3").args(["-c", READ]).arg(self.work.join("report.xml")).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [cases, failed, skipped] => Ok((cases, failed, skipped)),
            _ => Err(format!("the report is not as it must be: {}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    }
}

fn expect(holds: bool, what: &str, text: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(format!("mapioffline-conformance: {what}: {text}").into()) }
}
