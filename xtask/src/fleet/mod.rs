//! `cargo xtask test fleet`: a fleet of real agents, each a process of its own, on real servers of NATS.

mod farm;

use std::process::Stdio;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use farm::{Farm, Machine, Server, become_all, folder, leaf, servers, stay_all, until_it_succeeds};

use crate::run::run;
use crate::{Result, tools};

/// From the beginning of `fleet set` to the last machine's stored state.
const LIMIT: Duration = Duration::from_secs(2);
/// The same for machines that have to connect again first.
const LATE: Duration = Duration::from_secs(20);
/// The longest pause before a machine tries a server again that has been away for long.
const PAUSE: Duration = Duration::from_secs(60);
/// As [`LATE`] where a server has to be found dead first, which takes two of its pings.
const VERY_LATE: Duration = Duration::from_secs(120);

/// How much is tested.
struct Form {
    machines: usize,
    /// How long the far half is cut off, and the server is away.
    away: Duration,
    /// How often a machine's agent is killed.
    kills: usize,
}

/// Half a minute, in CI.
pub(crate) fn check_shortly() -> Result<()> {
    let form = Form { machines: 60, away: Duration::from_secs(2), kills: 10 };
    with_packages(|| one_server(&form))
}

/// All of it.
pub(crate) fn check() -> Result<()> {
    let form = Form { machines: 200, away: Duration::from_secs(30), kills: 60 };
    with_packages(|| {
        one_server(&form)?;
        costs()?;
        clocks()?;
        leaf_node()?;
        cluster()
    })
}

fn with_packages(test: impl FnOnce() -> Result<()>) -> Result<()> {
    let packages = tools::debian_packages(&["nats-server", "iproute2", "faketime"], "a fleet");
    let Some(()) = tools::or_skipped(packages)? else { return Ok(()) };
    test()?;
    println!("fleet: passed");
    Ok(())
}

/// Starts an instruction, and returns when that was.
fn set(farm: &Farm, words: &[&str]) -> Result<Instant> {
    let begun = Instant::now();
    farm.fleet(&[&["set"], words].concat())?;
    Ok(begun)
}

/// The CPU time and the memory of a server.
fn cost(server: &Server) -> Result<(f64, f64)> {
    Ok((server.process()?.seconds_used()?, server.process()?.resident()?))
}

fn one_server(form: &Form) -> Result<()> {
    let farm = Farm::new(folder("one"))?;
    let mut server = farm.server(0, 1)?;
    farm.init(1)?;
    let more = "report-within = \"1s\"\nreconnect-within = \"1s\"\n";
    let machines =
        (0..form.machines).map(|index| farm.machine(format!("m{index:03}"), index % 2 == 1, &servers(1), more));
    let mut machines = machines.collect::<Result<Vec<Machine>>>()?;

    let (used, resident) = cost(&server)?;
    let begun = Instant::now();
    machines.iter_mut().try_for_each(|machine| farm.start(machine))?;
    farm.until_reported(machines.len())?;
    let count = machines.len() as f64;
    let (used_then, resident_then) = cost(&server)?;
    println!(
        "{count} machines have started and reported after {:.1} s; the server: {:.2} ms of a processor and {:.0} kB each",
        begun.elapsed().as_secs_f64(),
        (used_then - used) / count * 1e3,
        (resident_then - resident) / count * 1024.0
    );
    all_follow(&farm, &server, &machines)?;
    canary(&farm, &machines)?;
    person(&farm, &machines)?;
    cut(&farm, &machines, form)?;
    restart(&farm, &mut server, &machines, form)?;
    kills(&farm, &mut machines, form)?;
    wiped(&farm, &mut server, &machines)
}

/// All machines follow, and know why.
fn all_follow(farm: &Farm, server: &Server, machines: &[Machine]) -> Result<()> {
    println!("-- all follow, with the reason");
    let count = machines.len() as f64;
    let (used, _) = cost(server)?;
    let since = set(farm, &["lab", "offline", "--reason", "mail1 is moved", "--for", "1h"])?;
    become_all(machines.iter(), "offline", "one instruction", since, LIMIT)?;
    farm.fleet(&["set", "lab", "offline", "--reason", "mail1 is moved", "--for", "1h", "--wait"])?;
    let (used_then, _) = cost(server)?;
    println!(
        "the server: {:.2} ms of a processor each, for two instructions and their reports",
        (used_then - used) / count * 1e3
    );
    let history = machines[0].history()?;
    let last = history.lines().last().unwrap_or_default();
    if !last.contains("for the fleet: mail1 is moved") {
        return Err(format!("the reason is missing: {history}").into());
    }
    println!("  {last}");
    let since = set(farm, &["all", "online"])?;
    become_all(machines.iter(), "online", "the other way", since, LIMIT)
}

/// A part of the machines follows first, as many as asked for.
fn canary(farm: &Farm, machines: &[Machine]) -> Result<()> {
    println!("-- a canary");
    let since = set(farm, &["lab", "offline", "--canary", "5%", "--reason", "new version"])?;
    let first = machines.len().div_ceil(20);
    while machines.iter().filter(|machine| machine.is("offline")).count() < first {
        if since.elapsed() > LIMIT {
            return Err("the canary does not follow".into());
        }
        sleep(Duration::from_millis(10));
    }
    println!("a canary of 5%: {first} machines are offline after {} ms", since.elapsed().as_millis());
    stay_all(machines.iter().filter(|machine| !machine.is("offline")), "online", "the others", LIMIT)?;
    let offline = machines.iter().filter(|machine| machine.is("offline")).count();
    if offline != first {
        return Err(format!("{offline} machines follow instead of {first}").into());
    }
    let since = set(farm, &["lab", "offline", "--reason", "new version"])?;
    become_all(machines.iter(), "offline", "without --canary", since, LIMIT)
}

/// What a person sets at a machine is left alone.
fn person(farm: &Farm, machines: &[Machine]) -> Result<()> {
    println!("-- a person at the machine");
    let (people, others) = machines.split_at(3);
    for machine in people {
        run(machine.person(&["set", "Outlook", "offline", "--reason", "I travel"]).stdout(Stdio::null()))?;
    }
    let since = set(farm, &["lab", "online"])?;
    become_all(others.iter(), "online", "where no person has set it", since, LIMIT)?;
    stay_all(people.iter(), "offline", "where a person has", Duration::from_secs(1))?;
    let since = Instant::now();
    for machine in people {
        run(machine.person(&["set", "Outlook", "auto"]).stdout(Stdio::null()))?;
    }
    become_all(people.iter(), "online", "handed back", since, LIMIT)
}

/// Machines that are cut off keep what was said, and follow when they are back.
fn cut(farm: &Farm, machines: &[Machine], form: &Form) -> Result<()> {
    println!("-- half of them are cut off");
    farm.cut(true)?;
    let since = set(farm, &["lab", "offline", "--reason", "power is out"])?;
    become_all(machines.iter().filter(|machine| !machine.is_far), "offline", "within reach", since, LIMIT)?;
    stay_all(machines.iter().filter(|machine| machine.is_far), "online", "cut off", form.away)?;
    farm.cut(false)?;
    become_all(machines.iter(), "offline", "no longer cut off", Instant::now(), LATE)
}

/// The server is killed while instructions come, and comes back.
fn restart(farm: &Farm, server: &mut Server, machines: &[Machine], form: &Form) -> Result<()> {
    println!("-- the server is killed under load, and comes back");
    thread::scope(|scope| -> Result<()> {
        let load = scope.spawn(|| {
            for index in 0..40 {
                let state = if index % 2 == 0 { "online" } else { "offline" };
                // It fails while there is no server.
                let _ = farm.operator(&["set", "lab", state]).stdout(Stdio::null()).stderr(Stdio::null()).status();
                sleep(Duration::from_millis(25));
            }
        });
        sleep(Duration::from_millis(500));
        server.kill();
        sleep(form.away);
        machines.iter().try_for_each(Machine::check_chosen)?;
        server.start()?;
        load.join().map_err(|_| "the load ended")?;
        Ok(())
    })?;
    let since = Instant::now();
    farm.init(1)?;
    // Both: one of them is the state in which a machine may have been left.
    for (state, what) in [("online", "all come back"), ("offline", "all have come back")] {
        farm.fleet(&["set", "lab", state, "--reason", "after the restart"])?;
        become_all(machines.iter(), state, what, since, LATE + PAUSE.min(2 * form.away))?;
    }
    Ok(())
}

/// Agents are killed while instructions come.
fn kills(farm: &Farm, machines: &mut [Machine], form: &Form) -> Result<()> {
    println!("-- agents are killed while instructions come");
    for index in 0..form.kills {
        let machine = &mut machines[index * 7 % machines.len()];
        let state = if index % 2 == 0 { "online" } else { "offline" };
        farm.fleet(&["set", "lab", state])?;
        sleep(Duration::from_millis(index as u64 * 13 % 60));
        machine.agent = None;
        machine.check_chosen()?;
        farm.start(machine)?;
    }
    println!("{} kills: each state was one that someone chose", form.kills);
    for state in ["online", "offline"] {
        let since = set(farm, &["lab", state])?;
        become_all(machines.iter(), state, "those killed, too", since, LATE)?;
    }
    Ok(())
}

/// A server that has lost all takes nothing back.
fn wiped(farm: &Farm, server: &mut Server, machines: &[Machine]) -> Result<()> {
    println!("-- the server is wiped");
    server.kill();
    server.wipe()?;
    server.start()?;
    farm.init(1)?;
    farm.until_reported(machines.len())?;
    stay_all(machines.iter(), "offline", "what the server lost", Duration::from_secs(2))?;
    let since = set(farm, &["lab", "online"])?;
    become_all(machines.iter(), "online", "what it says anew", since, LIMIT)?;
    machines.iter().try_for_each(Machine::check_chosen)
}

/// What a machine costs its server, and how long one takes alone: docs/fleet-scale.md computes with it.
fn costs() -> Result<()> {
    const ROUNDS: usize = 10;
    const WITHIN: Duration = Duration::from_secs(4);
    println!("-- what a machine costs its server");
    let farm = Farm::new(folder("costs"))?;
    let server = farm.server(0, 1)?;
    farm.init(1)?;
    let more = format!("report-within = \"{}s\"\n", WITHIN.as_secs());
    let mut machines = (0..200)
        .map(|index| farm.machine(format!("m{index:03}"), false, &servers(1), &more))
        .collect::<Result<Vec<Machine>>>()?;
    farm.start(&mut machines[0])?;
    farm.until_reported(1)?;
    let mut alone = Vec::new();
    for round in 0..ROUNDS {
        let state = if round % 2 == 0 { "offline" } else { "online" };
        let since = set(&farm, &["lab", state])?;
        while !machines[0].is(state) {
            sleep(Duration::from_millis(1));
        }
        alone.push(since.elapsed());
    }
    alone.sort_unstable();
    println!(
        "one machine alone, from the start of `fleet set`: {} ms (median of {ROUNDS})",
        alone[ROUNDS / 2].as_millis()
    );

    let (used, resident) = cost(&server)?;
    machines.iter_mut().skip(1).try_for_each(|machine| farm.start(machine))?;
    farm.until_reported(machines.len())?;
    let (used_then, resident_then) = cost(&server)?;
    let others = (machines.len() - 1) as f64;
    println!(
        "a machine: {:.0} kB, {:.2} ms of a processor to connect and report",
        (resident_then - resident) / others * 1024.0,
        (used_then - used) / others * 1e3
    );
    sleep(WITHIN);
    let (used, _) = cost(&server)?;
    sleep(Duration::from_secs(10));
    let (used_then, _) = cost(&server)?;
    println!("{} machines at rest: {:.2}% of a processor", machines.len(), (used_then - used) / 10.0 * 100.0);
    let (mut push, mut report) = (0.0, 0.0);
    for round in 0..ROUNDS {
        let state = if round % 2 == 0 { "offline" } else { "online" };
        let (used, _) = cost(&server)?;
        let since = set(&farm, &["lab", state])?;
        become_all(machines.iter(), state, "all", since, LIMIT)?;
        let (used_then, _) = cost(&server)?;
        sleep(WITHIN + Duration::from_millis(500));
        push += used_then - used;
        report += cost(&server)?.0 - used_then;
    }
    let each = |seconds: f64| seconds / (ROUNDS * machines.len()) as f64 * 1e3;
    println!("an instruction to a machine: {:.3} ms of a processor; its report: {:.3} ms", each(push), each(report));
    let agents = machines.iter().filter_map(|machine| machine.agent.as_ref()).map(crate::process::Process::resident);
    let resident = agents.collect::<Result<Vec<f64>>>()?;
    println!("an agent: {:.1} MB resident", resident.iter().sum::<f64>() / resident.len() as f64);
    Ok(())
}

/// Machines whose clocks are wrong do at the same moment what has a time.
fn clocks() -> Result<()> {
    println!("-- clocks that differ");
    let farm = Farm::new(folder("clocks"))?;
    let _server = farm.server(0, 1)?;
    farm.init(1)?;
    let mut machines = Vec::new();
    for (index, clock) in [None, Some("+3h"), Some("-3h"), Some("-400d")].into_iter().enumerate() {
        let mut machine = farm.machine(format!("c{index}"), false, &servers(1), "report-within = \"100ms\"\n")?;
        machine.clock = clock;
        farm.start(&mut machine)?;
        machines.push(machine);
    }
    farm.until_reported(machines.len())?;
    let since = set(&farm, &["lab", "offline", "--for", "5s"])?;
    become_all(machines.iter(), "offline", "clocks that differ", since, LIMIT)?;
    stay_all(machines.iter(), "offline", "for 5 s", Duration::from_secs(4).saturating_sub(since.elapsed()))?;
    become_all(machines.iter(), "online", "5 s later", since, Duration::from_secs(5) + LIMIT)
}

/// A site with a server of its own, which mirrors the instructions, and keeps them when the way to the others is cut.
fn leaf_node() -> Result<()> {
    println!("-- a leaf node");
    let farm = Farm::new(folder("leaf"))?;
    let mut hub = farm.hub()?;
    farm.init(1)?;
    farm.fleet(&["set", "lab", "offline", "--reason", "before the leaf node"])?;
    let mut leaf_server = farm.leaf()?;
    until_it_succeeds(|| farm.operator_of_leaf(&["init", "--mirror", "hub"]), LATE)?;
    let more = "report-within = \"100ms\"\nreconnect-within = \"1s\"\n";
    let mut machines = (0..20)
        .map(|index| farm.machine(format!("m{index:03}"), true, &leaf(), more))
        .collect::<Result<Vec<Machine>>>()?;
    machines.iter_mut().try_for_each(|machine| farm.start(machine))?;
    become_all(machines.iter(), "offline", "what was said before", Instant::now(), LATE)?;
    let since = set(&farm, &["lab", "online"])?;
    become_all(machines.iter(), "online", "said at the hub", since, LIMIT)?;
    let since = Instant::now();
    run(farm.operator_of_leaf(&["set", "lab", "offline", "--wait"]).stdout(Stdio::null()))?;
    become_all(machines.iter(), "offline", "said at the leaf node, and waited for", since, LATE)?;
    farm.cut(true)?;
    stay_all(machines.iter(), "offline", "the site is cut off", Duration::from_secs(3))?;
    farm.cut(false)?;
    let since = set_at_last(&farm, "online")?;
    become_all(machines.iter(), "online", "no longer cut off", since, LATE)?;
    hub.kill();
    leaf_server.kill();
    stay_all(machines.iter(), "online", "no server runs", Duration::from_secs(1))?;
    hub.start()?;
    leaf_server.start()?;
    let since = set_at_last(&farm, "offline")?;
    become_all(machines.iter(), "offline", "both come back", since, VERY_LATE)
}

/// Three servers, of which one after the other is killed and hangs, and one is cut off with half of the machines.
fn cluster() -> Result<()> {
    const MACHINES: usize = 60;
    println!("-- a cluster of three");
    let farm = Farm::new(folder("cluster"))?;
    let mut all = (0..3).map(|index| farm.server(index, 3)).collect::<Result<Vec<Server>>>()?;
    farm.init(3)?;
    let mut machines = (0..MACHINES)
        .map(|index| farm.machine(format!("m{index:03}"), index % 2 == 1, &servers(3), "reconnect-within = \"1s\"\n"))
        .collect::<Result<Vec<Machine>>>()?;
    machines.iter_mut().try_for_each(|machine| farm.start(machine))?;
    farm.until_reported(MACHINES)?;
    let since = set(&farm, &["lab", "offline"])?;
    become_all(machines.iter(), "offline", "all three run", since, LIMIT)?;
    for (index, server) in all.iter_mut().enumerate() {
        let state = if index % 2 == 0 { "online" } else { "offline" };
        server.kill();
        let since = set_at_last(&farm, state)?;
        become_all(machines.iter(), state, &format!("server {index} is killed"), since, VERY_LATE)?;
        server.start()?;
        // All answer again, to the servers that are there now.
        until_it_succeeds(|| farm.operator(&["set", "lab", state, "--wait"]), VERY_LATE)?;
        // It takes in what it has missed.
        sleep(Duration::from_secs(5));
    }
    for (index, server) in all.iter().enumerate() {
        let state = if index % 2 == 0 { "offline" } else { "online" };
        server.process()?.signal("STOP")?;
        let since = set_at_last(&farm, state)?;
        become_all(machines.iter(), state, &format!("server {index} hangs"), since, VERY_LATE)?;
        server.process()?.signal("CONT")?;
        sleep(Duration::from_secs(10));
        stay_all(machines.iter(), state, &format!("server {index} goes on"), Duration::from_secs(2))?;
    }
    // With half of the machines.
    farm.cut(true)?;
    let since = set_at_last(&farm, "online")?;
    let far = |is_far: bool| machines.iter().filter(move |machine| machine.is_far == is_far);
    become_all(far(false), "online", "server 2 is cut off: those with the others", since, VERY_LATE)?;
    stay_all(far(true), "offline", "those with it", Duration::from_secs(5))?;
    farm.cut(false)?;
    become_all(machines.iter(), "online", "it is back", Instant::now(), VERY_LATE)?;
    machines.iter().try_for_each(Machine::check_chosen)
}

/// An instruction as soon as the servers take one: a cluster has to choose a leader first. Returns when it took it.
fn set_at_last(farm: &Farm, state: &str) -> Result<Instant> {
    let begun = Instant::now();
    let at = until_it_succeeds(|| farm.operator(&["set", "lab", state]), VERY_LATE)?;
    println!("the server takes an instruction after {:.1} s", begun.elapsed().as_secs_f64());
    Ok(at)
}
