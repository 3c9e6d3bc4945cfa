//! `fleet`, and agents that follow one, with a real server of NATS.
#![cfg(unix)]

mod common;

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::nats::{Machine, Nats, Operator};
use common::{Place, eventually};
use rustix::process::Signal;

/// A fleet whose machines have reported.
fn fleet(machines: &[(&str, &str, &str)]) -> Option<(Nats, Operator, Vec<Machine>, Vec<common::Agent>)> {
    let nats = Nats::start()?;
    let operator = Operator::of(&nats);
    operator.text(&["init"]);
    let machines: Vec<Machine> =
        machines.iter().map(|(name, fleet, profile)| Machine::new(&nats, name, fleet, profile)).collect();
    let agents: Vec<_> = machines.iter().map(Machine::agent).collect();
    eventually("all report", || operator.reported() == machines.len());
    Some((nats, operator, machines, agents))
}

#[test]
fn machines_follow_with_the_reason_and_report() {
    let Some((_nats, operator, machines, agents)) = fleet(&[("pc-1", "", ""), ("pc-2", "", "")]) else { return };
    assert_eq!(operator.text(&["init"]), "both buckets are there already\n");
    let text = operator.text(&["set", "lab", "offline", "--reason", "mail1 is moved", "--wait"]);
    assert_eq!(text, "lab: offline for 2 machines\nlab: 2 machines follow\n");
    for machine in &machines {
        assert!(machine.is("offline"));
        assert!(machine.history().contains("for the fleet: mail1 is moved"), "{}", machine.history());
    }
    agents[0].says("offline, set by");
    let status = operator.text(&["status"]);
    assert!(status.contains("mail1 is moved") && status.contains("2 of 2"), "{status}");
    assert!(status.contains("2 machines have reported, 0 of them silent; all is as said"), "{status}");
    let local = machines[0].place.text(&["agent", "status"]);
    assert!(local.contains("within reach") && local.contains("lab.profiles: offline, set by"), "{local}");
    // Only one profile, of which no machine has another spelling or name.
    operator.text(&["set", "pc-2", "online", "--profile", "OUTLOOK", "--wait"]);
    assert!(machines[1].is("online") && machines[0].is("offline"));
    operator.text(&["set", "pc-2", "auto", "--profile", "outlook", "--wait"]);
    machines[1].becomes("offline");
    operator.text(&["set", "lab", "auto", "--wait"]);
    machines.iter().for_each(|machine| machine.becomes("online"));
    let history = operator.objects(&["history", "lab"]);
    assert_eq!([&history[0]["said"]["state"], &history[1]["said"]["state"]], ["offline", "auto"]);
    assert_eq!(operator.text(&["history", "pc-2", "--profile", "Outlook"]).lines().count(), 2);
    // A machine that is gone.
    drop(agents);
    assert_eq!(operator.text(&["forget", "pc-2"]), "pc-2 is forgotten\n");
    assert_eq!(operator.reported(), 1);
    assert_eq!(operator.failure(&["forget", "pc-2"]).1, "mapioffline: no machine pc-2 has reported");
}

#[test]
fn what_is_set_at_the_machine_wins_unless_the_configuration_says_otherwise() {
    let machines = [
        ("person", "", ""),
        ("fleet", "order = \"fleet, person, sources\"", ""),
        ("last", "order = \"person, sources, fleet\"", "sources = [\"command:true\"]\nsuccesses = 1"),
    ];
    let Some((_nats, operator, machines, agents)) = fleet(&machines) else { return };
    agents[2].says("is there");
    for machine in &machines {
        machine.place.text(&["set", "Outlook", "online", "--reason", "I travel"]);
    }
    let (code, line) = operator.late_failure(&["set", "lab", "offline", "--wait", "--timeout", "5s"]);
    assert_eq!(code, 8);
    assert!(
        line.contains("1 of 3 machines follow") && line.contains("person: Outlook is online, set by hand"),
        "{line}"
    );
    assert!(machines[0].is("online") && machines[1].is("offline") && machines[2].is("online"));
    let rows = operator.objects(&["status"]);
    let behind: Vec<_> = rows.iter().filter_map(|row| row["machine"].as_str()).collect();
    assert_eq!(behind, ["last", "person"], "{rows:?}");
    // Handed back: the fleet decides, and for the last machine its source.
    for machine in [&machines[0], &machines[2]] {
        machine.place.text(&["set", "Outlook", "auto"]);
    }
    machines[0].becomes("offline");
    sleep(Duration::from_millis(600));
    assert!(machines[2].is("online"));
    // By hand where the fleet wins: it is undone.
    machines[1].place.text(&["set", "Outlook", "online"]);
    machines[1].becomes("offline");
}

#[test]
fn the_sources_decide_behind_the_fleet() {
    let source =
        "sources = [\"command:test -e away\"]\nsuccesses = 1\nfailures = 1\ninterval = \"50ms\"\nback-off = \"50ms\"";
    let there = "sources = [\"command:true\"]\nsuccesses = 1";
    let Some((_nats, operator, machines, agents)) = fleet(&[("away", "", source), ("there", "", there)]) else {
        return;
    };
    machines[0].becomes("offline");
    agents[1].says("is there");
    operator.text(&["set", "all", "online", "--wait", "--reason", "a test"]);
    assert!(machines.iter().all(|machine| machine.is("online")));
    operator.text(&["set", "all", "offline", "--wait"]);
    assert!(machines.iter().all(|machine| machine.is("offline")));
    operator.text(&["set", "all", "auto", "--wait"]);
    machines[1].becomes("online");
    eventually("the sources' decision is written down", || {
        machines[0].history().lines().last().is_some_and(|last| last.contains("set by the agent"))
    });
    assert!(machines[0].is("offline"));
    // The fleet's is written down where it changes nothing.
    operator.text(&["set", "all", "offline", "--reason", "again", "--wait"]);
    assert!(machines[0].history().contains("for the fleet: again"));
}

#[test]
fn an_instruction_ends_by_itself() {
    let Some((_nats, operator, machines, _agents)) = fleet(&[("pc-1", "", "")]) else { return };
    operator.text(&["set", "lab", "offline", "--for", "5s", "--wait"]);
    assert!(machines[0].is("offline"));
    machines[0].becomes("online");
    eventually("it is in force no more", || operator.text(&["status"]).contains("no instruction is in force"));
    assert!(operator.text(&["history", "lab"]).contains(", until "));
    for (words, expected) in [
        (["set", "lab", "offline", "--until", "2020-01-01T00:00"], "2020-01-01T00:00 has passed"),
        (["set", "lab", "offline", "--until", "soon"], "a time such as 18:30"),
        (["set", "lab", "auto", "--for", "1h"], "leave out --until, --for and --canary"),
        (["set", "l.b", "offline", "--for", "1h"], "a group has 1 to 64 letters"),
        (["set", "lab", "offline", "--canary", "5"], "a share between 0% and 100%"),
        (["set", "lab", "offline", "--profile", ""], "profile"),
    ] {
        let (code, line) = operator.failure(&words);
        assert!(code == 2 && line.contains(expected), "{words:?}: {line}");
    }
    let (code, line) = operator.place.failure(&["fleet", "status", "--server", "http://a:secret@x"]);
    assert!(code == 2 && line.contains("such as nats://") && !line.contains("secret"), "{line}");
}

#[test]
fn who_has_not_received_an_instruction_does_not_follow_it() {
    let machines = [("pc-1", "order = \"person, sources, fleet\"", ""), ("pc-2", "", "")];
    let Some((_nats, operator, machines, mut agents)) = fleet(&machines) else { return };
    agents.truncate(1);
    operator.text(&["set", "lab", "offline"]);
    // Without sources the fleet decides, in whatever order.
    machines[0].becomes("offline");
    eventually("one of two follows", || operator.text(&["status"]).contains("1 of 2"));
    assert!(!operator.text(&["status"]).contains("all is as said"));
}

#[test]
fn an_agent_that_starts_waits_for_the_server_before_it_takes_anything_back() {
    let Some((_nats, operator, machines, mut agents)) = fleet(&[("pc-1", "keep = \"1s\"", "")]) else { return };
    operator.text(&["set", "lab", "offline", "--wait"]);
    agents.clear();
    sleep(Duration::from_millis(1500));
    let _agent = machines[0].agent();
    let status = || machines[0].place.run(&["agent", "status"]).stdout;
    eventually("it is connected", || String::from_utf8_lossy(&status()).contains("within reach"));
    operator.text(&["set", "lab", "offline", "--reason", "again", "--wait"]);
    let history = machines[0].history();
    assert!(!history.contains("online"), "{history}");
}

#[test]
fn without_the_server_the_last_instruction_holds_for_a_while() {
    let Some((mut nats, operator, machines, mut agents)) = fleet(&[("short", "keep = \"4s\"", ""), ("long", "", "")])
    else {
        return;
    };
    operator.text(&["set", "lab", "offline", "--wait"]);
    nats.end();
    agents[0].says("out of reach");
    assert!(machines.iter().all(|machine| machine.is("offline")));
    // An agent that is killed, and starts without the server, knows what was said.
    drop(agents.pop());
    let agent = machines[1].agent();
    agent.says("out of reach");
    machines[0].becomes("online");
    assert!(machines[1].is("offline"));
    let local = machines[1].place.text(&["agent", "status"]);
    assert!(local.contains("out of reach") && local.contains("lab.profiles: offline"), "{local}");
    let (code, line) = operator.failure(&["status"]);
    assert!(code == 1 && line.contains("Connection refused"), "{line}");
    nats.again();
    machines[0].becomes("offline");
    agent.says("is there");
    operator.text(&["set", "lab", "auto", "--wait"]);
    machines.iter().for_each(|machine| machine.becomes("online"));
}

#[test]
fn a_server_that_was_wiped_takes_nothing_back() {
    let Some((mut nats, operator, machines, agents)) = fleet(&[("short", "keep = \"3s\"", ""), ("long", "", "")])
    else {
        return;
    };
    for _ in 0..3 {
        operator.text(&["set", "lab", "offline", "--wait"]);
    }
    nats.end();
    nats.wipe();
    nats.again();
    agents[0].says("has no bucket mapioffline: `mapioffline fleet init` creates it");
    operator.text(&["init"]);
    agents[1].says("does not know lab.profiles any more");
    assert!(machines[1].is("offline"));
    // One machine has kept it for as long as it should.
    machines[0].becomes("online");
    assert!(machines[1].is("offline"));
    // The new server's word is new, although its first revision is less than the last one of the old.
    operator.text(&["set", "lab", "online", "--wait"]);
    assert!(machines[1].is("online"));
    operator.text(&["set", "lab", "auto", "--wait"]);
    operator.text(&["set", "lab", "offline", "--wait"]);
    assert!(machines.iter().all(|machine| machine.is("offline")));
}

#[test]
fn a_server_that_was_set_back_decides_what_it_says() {
    let Some((mut nats, operator, machines, agents)) = fleet(&[("pc-1", "", "")]) else { return };
    operator.text(&["set", "lab", "offline", "--wait"]);
    nats.end();
    nats.copy("store", "earlier");
    nats.again();
    operator.text(&["set", "lab", "online", "--wait"]);
    operator.text(&["set", "all", "online", "--wait"]);
    nats.end();
    nats.wipe();
    nats.copy("earlier", "store");
    nats.again();
    // It is as the operator sees it there.
    agents[0].says("does not know all.profiles any more");
    machines[0].becomes("offline");
    operator.text(&["set", "all", "online", "--wait"]);
    assert!(machines[0].is("online"));
}

#[test]
fn a_canary_is_followed_by_its_share_and_the_others_stay() {
    let names: Vec<String> = (0..10).map(|index| format!("pc-{index}")).collect();
    let list: Vec<_> = names.iter().map(|name| (name.as_str(), "", "")).collect();
    let Some((_nats, operator, machines, _agents)) = fleet(&list) else { return };
    let online =
        || machines.iter().filter(|machine| machine.is("online")).map(|machine| &machine.name).collect::<Vec<_>>();
    operator.text(&["set", "lab", "offline", "--wait"]);
    let text = operator.text(&["set", "lab", "online", "--canary", "20%", "--wait"]);
    assert!(text.contains("online first for 2 of 10 machines (20%)") && text.contains("2 machines follow"), "{text}");
    let two = online();
    assert_eq!(two.len(), 2);
    let status = operator.text(&["status"]);
    assert!(status.contains("2 of 2 (first 20%)"), "{status}");
    operator.text(&["set", "lab", "online", "--canary", "50%", "--wait"]);
    let five = online();
    assert!(five.len() == 5 && two.iter().all(|machine| five.contains(machine)), "{two:?} {five:?}");
    // A smaller one: three of them go back to what was said to all before.
    operator.text(&["set", "lab", "online", "--canary", "20%", "--wait"]);
    eventually("three go back", || online() == two);
    operator.text(&["set", "lab", "online", "--wait"]);
    assert_eq!(online().len(), 10);
}

#[test]
fn a_flood_is_carried_out_at_most_ten_times_a_second_and_the_last_one_wins() {
    let Some((nats, _operator, machines, _agents)) = fleet(&[("pc-1", "", "")]) else { return };
    const COUNT: usize = 100;
    const APART: Duration = Duration::from_millis(20);
    // As in follower.rs.
    const FLOOD: Duration = Duration::from_millis(100);
    // As in docs/fleet.md, "Format".
    let value = |index: usize| {
        let state = if index.is_multiple_of(2) { "online" } else { "offline" };
        format!(r#"{{"format":1,"state":"{state}","by":"ann","why":"number {index}"}}"#)
    };
    let begun = Instant::now();
    nats.jetstream(async |jetstream| {
        let bucket = jetstream.get_key_value("mapioffline").await.unwrap();
        for index in 0..COUNT {
            bucket.put("lab.profiles", value(index).into()).await.unwrap();
            tokio::time::sleep(APART).await;
        }
    });
    eventually("the last one wins", || machines[0].history().contains(&format!("number {}", COUNT - 1)));
    assert!(machines[0].is("offline"));
    let history = machines[0].history();
    let (carried_out, most) = (history.matches("number").count(), begun.elapsed().as_millis() / FLOOD.as_millis());
    assert!(carried_out as u128 <= most + 2, "{carried_out} of {COUNT} instead of {most}:\n{history}");
}

#[test]
fn what_the_bucket_has_is_taken_in_at_once() {
    let Some(nats) = Nats::start() else { return };
    let operator = Operator::of(&nats);
    operator.text(&["init"]);
    let labels: Vec<String> = (0..12).map(|index| format!("label-{index}")).collect();
    for (index, label) in labels.iter().enumerate() {
        operator.text(&["set", label, if index % 2 == 0 { "offline" } else { "online" }]);
    }
    operator.text(&["set", "label-6", "offline", "--reason", "the last one"]);
    for index in 0..5 {
        let machine = Machine::new(&nats, &format!("pc-{index}"), "", "");
        let text = fs::read_to_string(&machine.config).unwrap();
        fs::write(&machine.config, text.replace("[\"lab\"]", &format!("{labels:?}"))).unwrap();
        let agent = machine.agent();
        machine.becomes("offline");
        agent.says("is there");
        let history = machine.history();
        assert!(history.lines().count() == 1 && history.contains("the last one"), "{history}");
    }
}

#[test]
fn buckets_that_are_made_anew_are_followed() {
    let Some((nats, operator, machines, agents)) = fleet(&[("pc-1", "report-every = \"1s\"", "")]) else { return };
    operator.text(&["set", "lab", "offline", "--wait"]);
    // The server and the connection stay.
    nats.delete("mapioffline");
    operator.text(&["init"]);
    agents[0].says("does not know lab.profiles any more");
    operator.text(&["set", "all", "online", "--wait"]);
    assert!(machines[0].is("online"));
    // The last one of the new bucket decides, also with a smaller revision than the old one had.
    operator.text(&["set", "lab", "offline", "--wait"]);
    assert!(machines[0].is("offline"));
}

#[test]
fn a_report_that_fails_is_repeated_soon() {
    let Some((nats, operator, machines, agents)) = fleet(&[("pc-1", "report-every = \"1h\"", "")]) else { return };
    nats.delete("mapioffline-reports");
    // Something to report.
    machines[0].place.text(&["set", "Outlook", "offline"]);
    agents[0].says("does not take the report: the server has no bucket mapioffline-reports");
    operator.text(&["init"]);
    eventually("it reports", || operator.reported() == 1);
}

#[test]
fn what_cannot_be_read_of_the_fleet_is_named() {
    let Some((_nats, operator, machines, mut agents)) = fleet(&[("pc-1", "", "")]) else { return };
    operator.text(&["set", "lab", "offline", "--wait"]);
    agents.clear();
    fs::write(machines[0].place.path().join("history/fleet"), "{").unwrap();
    let agent = machines[0].agent();
    agent.says("what the fleet said before cannot be read: history/fleet: ");
    operator.text(&["set", "lab", "online", "--wait"]);
    assert!(machines[0].is("online"));
}

#[test]
fn an_agent_that_is_killed_leaves_a_state_that_someone_chose() {
    let Some((_nats, operator, machines, agents)) = fleet(&[("pc-1", "", "")]) else { return };
    let machine = &machines[0];
    drop(agents);
    for round in 0..20 {
        let agent = machine.agent();
        let (state, other) = if round % 2 == 0 { ("offline", "online") } else { ("online", "offline") };
        operator.text(&["set", "lab", other, "--reason", &format!("round {round}, first")]);
        operator.text(&["set", "lab", state, "--reason", &format!("round {round}")]);
        sleep(Duration::from_millis(spread(round)));
        drop(agent);
        let stored = machine.place.objects(&["status", "Outlook"])[0]["state"].as_str().unwrap().to_owned();
        let last = machine.place.objects(&["history", "Outlook"]).pop();
        let chosen = last.as_ref().map_or("online", |last| last["what"].as_str().unwrap());
        assert_eq!(stored, chosen, "{last:?}");
        assert!(last.is_none_or(|last| last["by"] == "fleet" || last["by"] == "agent"));
    }
    let _agent = machine.agent();
    machine.becomes("online");
}

/// Moments that are spread over the time that an instruction takes.
fn spread(round: u64) -> u64 {
    round * 37 % 90
}

#[test]
fn a_reload_joins_and_leaves_a_fleet() {
    let Some(nats) = Nats::start() else { return };
    let operator = Operator::of(&nats);
    operator.text(&["init"]);
    let machine = Machine::new(&nats, "pc-1", "", "");
    let text = fs::read_to_string(&machine.config).unwrap();
    let alone = "[profile.Outlook]\nsources = [\"command:true\"]\nsuccesses = 1\n";
    fs::write(&machine.config, alone).unwrap();
    let agent = machine.agent();
    agent.says("is there");
    operator.text(&["set", "lab", "offline"]);
    fs::write(&machine.config, format!("{text}sources = [\"command:true\"]\nsuccesses = 1\n")).unwrap();
    agent.signal(Signal::HUP);
    machine.becomes("offline");
    // A change of another part does not have it connect anew.
    fs::write(&machine.config, format!("{text}sources = [\"command:true\"]\nsuccesses = 2\n")).unwrap();
    agent.says("fleet's server");
    agent.signal(Signal::HUP);
    agent.says("watching");
    operator.text(&["set", "lab", "offline", "--reason", "after the reload", "--wait"]);
    let lines = agent.lines_so_far();
    assert!(!lines.iter().any(|line| line.contains("fleet's server")), "{lines:?}");
    fs::write(&machine.config, alone).unwrap();
    agent.signal(Signal::HUP);
    let line = agent.says("online, set by the agent");
    assert!(line.contains("online"), "{line}");
    for (fleet, expected) in [
        ("servers = []", "there are no servers"),
        ("servers = [\"http://x\"]", "such as nats://"),
        ("order = \"sources\"", "is no order"),
        ("labels = [\"a.b\"]", "a name or a label has"),
        ("credentials = \"missing.creds\"", "missing.creds"),
        ("certificate = \"a.pem\"", "belong together"),
        ("keep = \"0s\"", "a time longer than 0"),
        ("bucket = \"a.b\"", "a bucket has"),
        ("severs = []", "unknown field"),
    ] {
        let servers =
            if fleet.starts_with("servers") { String::new() } else { format!("servers = [\"{}\"]\n", nats.url()) };
        fs::write(&machine.config, format!("# A fleet\n[fleet]\n{servers}{fleet}\n[profile.Outlook]\n")).unwrap();
        let (code, line) = machine.place.failure(&["agent", "--check", "--config", machine.config.to_str().unwrap()]);
        let has_line = line.contains(".toml:2: ") || line.contains(".toml:4: ") || line.contains(".toml:3: ");
        assert!(code == 2 && line.contains(expected) && has_line, "{fleet}: {line}");
    }
    let place = Place::new();
    let check = [
        "agent",
        "--check",
        "--profile",
        "Outlook",
        "--fleet",
        "nats://a,nats://b:1",
        "--machine",
        "pc-9",
        "--label",
        "lab",
    ];
    let text = place.text(&check);
    assert!(
        text.contains("Outlook: as the fleet says\nfleet nats://a:4222,nats://b:1: pc-9, in the groups all, pc-9, "),
        "{text}"
    );
}
