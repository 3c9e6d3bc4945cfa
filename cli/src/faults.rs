//! `mapioffline fault`: what the programs of a private state folder are asked to do wrong, or late.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use mapioffline::StateFolder;
use mapioffline::testing::Fault;
use serde_json::json;

use crate::clients::describe;
use crate::failure::{Code, Failure};
use crate::output::{Output, bad, shown};

/// How long programs that run may take to have a change of the faults.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads a fault from words of the command line, or from one word that has all of them.
pub(crate) fn parse(words: &[String]) -> Result<Fault, Failure> {
    let parsed = if let [text] = words { text.parse() } else { Fault::from_words(words) };
    parsed.map_err(|error| Failure::new(Code::Usage, format!("{error}; see `mapioffline fault add --help`")))
}

/// Asks the folder's programs for a fault. Its number.
pub(crate) fn ask_for(folder: &StateFolder, fault: &Fault) -> Result<u32, Failure> {
    folder.add_fault(fault).map_err(|error| match error.kind() {
        io::ErrorKind::Unsupported => not_private(),
        _ => Failure::of_folder(folder.path(), &error),
    })
}

/// Only a folder that is not the user's own can ask for faults.
pub(crate) fn check(folder: &StateFolder) -> Result<(), Failure> {
    if folder.is_private() { Ok(()) } else { Err(not_private()) }
}

fn not_private() -> Failure {
    let line = "faults are not for the state folder that your programs share: name another one by --state-dir or \
                MAPIOFFLINE_STATE_DIR, or use `mapioffline run --fault`";
    Failure::new(Code::NoFolder, line)
}

/// Removes a fault, or all. Whether there was any.
pub(crate) fn remove(folder: &StateFolder, number: Option<u32>) -> Result<bool, Failure> {
    folder.remove_fault(number).map_err(|error| Failure::of_folder(folder.path(), &error))
}

/// Waits until the programs that run have the folder's faults.
pub(crate) fn wait(folder: &StateFolder) -> Result<(), Failure> {
    let programs = folder.programs(None, PATIENCE).map_err(|error| Failure::of_folder(folder.path(), &error))?;
    let silent: Vec<String> = programs.iter().filter(|program| program.profiles.is_none()).map(describe).collect();
    if silent.is_empty() {
        return Ok(());
    }
    let line = format!("programs that have not answered have the change when they do: {}", silent.join(", "));
    Err(Failure::new(Code::TimedOut, line))
}

pub(crate) fn add(folder: &StateFolder, words: &[String], output: &Output) -> Result<ExitCode, Failure> {
    let fault = parse(words)?;
    let number = ask_for(folder, &fault)?;
    output.say(
        || format!("fault {number}: {}", shown(&fault.to_string())),
        || json!({ "number": number, "fault": fault.to_string() }),
    );
    wait(folder)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn clear(folder: &StateFolder, number: Option<u32>, output: &Output) -> Result<ExitCode, Failure> {
    let found = remove(folder, number)?;
    if let (Some(number), false) = (number, found) {
        let line = format!("there is no fault {number}; `mapioffline fault list` lists all");
        return Err(Failure::new(Code::Failed, line));
    }
    output.say(
        || number.map_or_else(|| "no faults any more".to_owned(), |number| format!("fault {number} removed")),
        || json!({ "removed": number.map_or_else(|| json!("all"), |number| json!(number)) }),
    );
    wait(folder)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn list(folder: &StateFolder, output: &Output) -> Result<ExitCode, Failure> {
    let failed = |error: io::Error| Failure::of_folder(folder.path(), &error);
    let faults = folder.faults().map_err(failed)?;
    if faults.is_empty() {
        output.remark("the state folder asks for no faults");
        return Ok(ExitCode::SUCCESS);
    }
    check(folder)?;
    let mut counts: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let programs = folder.programs(None, PATIENCE).map_err(failed)?;
    for fault in programs.iter().flat_map(|program| &program.faults) {
        let count = counts.entry(fault.line).or_default();
        *count = (count.0 + u64::from(fault.calls), count.1 + u64::from(fault.times));
    }
    let rows = faults.iter().map(|fault| {
        let (calls, times) = counts.get(&fault.line).copied().unwrap_or_default();
        let error = fault.fault.as_ref().err().map(ToString::to_string);
        let object = json!({
            "number": fault.line,
            "fault": fault.text,
            "calls": calls,
            "times": times,
            "error": error,
        });
        let text = match error {
            Some(error) => bad(format!("{}: {}", shown(&fault.text), shown(&error))),
            None => shown(&fault.text).into(),
        };
        (vec![fault.line.to_string().into(), text, calls.to_string().into(), times.to_string().into()], object)
    });
    output.table(&["NUMBER", "FAULT", "CALLS", "TIMES"], rows.collect());
    let silent: Vec<String> = programs.iter().filter(|program| program.profiles.is_none()).map(describe).collect();
    if !silent.is_empty() {
        output.note(&format!("without programs that have not answered: {}", silent.join(", ")));
    }
    Ok(ExitCode::SUCCESS)
}
