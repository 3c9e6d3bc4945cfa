//! Servers of a fleet: who may do what there, and leaf nodes.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use common::eventually;
use common::nats::{Machine, Nats, Operator, free_port};
use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair as Key;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

/// What docs/fleet.md has an operator and the machines do.
const PERMISSIONS: &str = r#"
authorization {
  operator = { publish: ">", subscribe: ">" }
  machine = {
    publish: [
      "$KV.mapioffline-reports.NAME", "$JS.API.STREAM.INFO.KV_mapioffline", "$JS.API.STREAM.INFO.KV_mapioffline-reports",
      "$JS.API.CONSUMER.CREATE.KV_mapioffline", "$JS.API.CONSUMER.CREATE.KV_mapioffline.>",
      "$JS.API.CONSUMER.DELETE.KV_mapioffline.>", "$JS.FC.KV_mapioffline.>",
      "$JS.API.DIRECT.GET.KV_mapioffline-reports.$KV.mapioffline-reports.NAME"
    ]
    subscribe: "_INBOX.NAME.>"
  }
  users = [ OPERATOR, MACHINE ]
}
"#;

fn permissions(operator: &str, machine: &str) -> String {
    let operator = format!("{{ {operator}, permissions: $operator }}");
    let machine = format!("{{ {machine}, permissions: $machine }}");
    PERMISSIONS.replace("OPERATOR", &operator).replace("MACHINE", &machine).replace("NAME", "pc-1")
}

/// A machine follows and reports, and can do nothing else.
fn machine_may_only_follow(nats: &Nats, operator: &Operator, as_machine: &Operator, fleet: &str) {
    operator.text(&["init"]);
    let machine = Machine::new(nats, "pc-1", fleet, "");
    let agent = machine.agent();
    eventually("it reports", || operator.reported() == 1);
    operator.text(&["set", "lab", "offline", "--wait"]);
    assert!(machine.is("offline"));
    agent.says("offline, set by");
    for words in [&["set", "lab", "online"][..], &["init", "--bucket", "other"], &["forget", "pc-1"], &["status"]] {
        let (code, line) = as_machine.failure(words);
        assert!(code == 1 && (line.contains("the server refuses: Permissions Violation")), "{words:?}: {line}");
    }
    assert!(machine.is("offline"));
    // A machine with another's name follows, and cannot report.
    let other = Machine::new(nats, "pc-2", fleet, "");
    let agent = other.agent();
    agent.says("Permissions Violation");
}

#[test]
fn machines_may_follow_and_report_and_nothing_else() {
    let users = permissions("user: op, password: secret", "user: m, password: other");
    let Some(nats) = Nats::with(&users, |_| {}) else { return };
    let url = |user: &str| format!("nats://{user}@127.0.0.1:{}", nats.port);
    let with = |user: &str| Operator { access: vec!["--server".to_owned(), url(user)], ..Operator::of(&nats) };
    let (operator, machine) = (with("op:secret"), with("m:other"));
    machine_may_only_follow(&nats, &operator, &machine, &format!("servers = [\"{}\"]", url("m:other")));
    let (code, line) = with("m:wrong").failure(&["status"]);
    assert!(code == 1 && line.contains("does not let this program in") && !line.contains("wrong"), "{line}");
    let machine = Machine::new(&nats, "pc-3", &format!("servers = [\"{}\"]", url("m:wrong")), "");
    machine.agent().says("it does not let this machine in: check the credentials");
}

#[test]
fn a_key_is_taken_and_certificates_are_checked_both_ways() {
    let (operator_key, machine_key) = (Key::new_user(), Key::new_user());
    let users =
        permissions(&format!("nkey: {}", operator_key.public_key()), &format!("nkey: {}", machine_key.public_key()));
    let tls = "tls {\n cert_file: \"FOLDER/server.pem\"\n key_file: \"FOLDER/server.key\"\n ca_file: \"FOLDER/ca.pem\"\n verify: true\n}\n";
    let prepare = |folder: &Path| {
        let authority = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "The fleet's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.join("ca.pem"), params.self_signed(&authority).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, authority);
        for (name, usage) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            params.extended_key_usages.push(usage);
            fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
            fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        for (name, key) in [("operator.nk", &operator_key), ("machine.nk", &machine_key)] {
            fs::write(folder.join(name), key.seed().unwrap()).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
    };
    let Some(nats) = Nats::with(&format!("{tls}{users}"), prepare) else { return };
    let file = |name: &str| nats.path(name).display().to_string();
    let (ca, certificate, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let (own, others) = (file("operator.nk"), file("machine.nk"));
    let tls = ["--ca-file", &ca, "--certificate", &certificate, "--key", &key];
    let with = |nkey: &str| Operator::with(&nats, &[&["--nkey", nkey], &tls[..]].concat());
    let (operator, machine) = (with(&own), with(&others));
    let fleet = "nkey = \"machine.nk\"\ncertificate = \"client.pem\"\nkey = \"client.key\"\n";
    // Before the tables.
    let fleet_with_ca = |machine: &Machine| {
        let text = fs::read_to_string(&machine.config).unwrap();
        fs::write(&machine.config, format!("ca-file = \"ca.pem\"\n{text}")).unwrap();
    };
    operator.text(&["init"]);
    let followed = Machine::new(&nats, "pc-1", fleet, "");
    fleet_with_ca(&followed);
    let _agent = followed.agent();
    eventually("it reports", || operator.reported() == 1);
    operator.text(&["set", "lab", "offline", "--wait"]);
    assert!(followed.is("offline"));
    let (_, line) = machine.failure(&["set", "lab", "online"]);
    assert!(line.contains("Permissions Violation"), "{line}");
    // An authority that is not known, and no certificate of one's own.
    let (code, line) =
        Operator::with(&nats, &["--nkey", &own, "--certificate", &certificate, "--key", &key]).failure(&["status"]);
    assert!(code == 1 && line.to_lowercase().contains("certificate"), "{line}");
    let (code, _) = Operator::with(&nats, &["--nkey", &own, "--ca-file", &ca]).failure(&["status"]);
    assert_eq!(code, 1);
}

/// A JSON web token as NATS has it.
fn token(issuer: &Key, subject: &Key, nats: Value) -> String {
    let encode = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let claims = json!({
        "jti": "ID", "iat": 1, "iss": issuer.public_key(), "name": "test", "sub": subject.public_key(), "nats": nats,
    });
    let text = format!("{}.{}", encode(json!({ "typ": "JWT", "alg": "ed25519-nkey" })), encode(claims));
    let signature = BASE64URL_NOPAD.encode(&issuer.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

#[test]
fn credentials_of_nats_own_tools_are_taken() {
    let (root, account, user) = (Key::new_operator(), Key::new_account(), Key::new_user());
    let system = Key::new_account();
    let of_root = token(&root, &root, json!({ "type": "operator", "version": 2 }));
    // JetStream is not for the system's own account.
    let limits = |storage: i32| {
        json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": storage, "disk_storage": storage, "streams": storage, "consumer": storage,
        })
    };
    let limited = |storage| json!({ "type": "account", "version": 2, "limits": limits(storage) });
    let (of_account, of_system) = (token(&root, &account, limited(-1)), token(&root, &system, limited(0)));
    let of_user = token(
        &account,
        &user,
        json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {} }),
    );
    let more = format!(
        "operator: {of_root}\nresolver: MEMORY\nsystem_account: {1}\nresolver_preload: {{ {0}: {of_account}, {1}: {of_system} }}\n",
        account.public_key(),
        system.public_key()
    );
    let Some(nats) = Nats::with(&more, |_| {}) else { return };
    let seed = user.seed().unwrap();
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n\
         ------END USER NKEY SEED------\n"
    );
    fs::write(nats.path("user.creds"), creds).unwrap();
    let file = nats.path("user.creds").display().to_string();
    let operator = Operator::with(&nats, &["--creds", &file]);
    operator.text(&["init"]);
    let machine = Machine::new(&nats, "pc-1", "credentials = \"user.creds\"", "");
    let _agent = machine.agent();
    eventually("it reports", || operator.reported() == 1);
    operator.text(&["set", "lab", "offline", "--wait"]);
    assert!(machine.is("offline"));
    let (code, line) = Operator::of(&nats).failure(&["status"]);
    assert!(code == 1 && line.contains("check the credentials"), "{line}");
    fs::write(nats.path("user.creds"), "nothing").unwrap();
    let (code, line) = operator.failure(&["status"]);
    assert!(code == 1 && line.contains("the credentials"), "{line}");
}

#[test]
fn a_server_without_jetstream_is_said_to_have_none() {
    let Some(mut nats) = Nats::start() else { return };
    let config = fs::read_to_string(nats.path("nats.conf")).unwrap();
    let config: Vec<&str> = config.lines().filter(|line| !line.starts_with("jetstream")).collect();
    fs::write(nats.path("nats.conf"), config.join("\n")).unwrap();
    nats.end();
    nats.again();
    let begun = Instant::now();
    for words in [&["init"][..], &["status"], &["set", "lab", "offline"]] {
        let (code, line) = Operator::of(&nats).failure(words);
        assert!(code == 1 && line.contains("the server has no JetStream: start it by `nats-server -js`"), "{line}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_leaf_node_mirrors_the_instructions_and_keeps_the_reports_of_its_machines() {
    let port = free_port();
    let Some(mut hub) = Nats::with(&format!("leafnodes {{ listen: \"127.0.0.1:{port}\" }}"), |_| {}) else { return };
    let remote =
        format!("leafnodes {{ reconnect: 1, remotes: [{{ url: \"nats://127.0.0.1:{port}\" }}] }}\nserver_name: leaf");
    let Some(leaf) = Nats::with(&remote, |_| {}) else { return };
    let (operator, of_leaf) = (Operator::of(&hub), Operator::of(&leaf));
    operator.text(&["init"]);
    operator.text(&["set", "lab", "offline", "--reason", "said before"]);
    eventually("the leaf node is connected", || {
        of_leaf.place.run(&of_leaf.arguments(&["init", "--mirror", &hub.domain()])).status.success()
    });
    let machine = Machine::new(&leaf, "pc-1", "", "");
    let _agent = machine.agent();
    machine.becomes("offline");
    operator.text(&["set", "lab", "online"]);
    machine.becomes("online");
    // Through the leaf node to the hub, and back.
    eventually("it reports", || of_leaf.reported() == 1);
    assert!(of_leaf.text(&["set", "lab", "offline", "--wait"]).contains("1 machine follows"));
    assert!(machine.is("offline") && operator.reported() == 0);
    assert_eq!(operator.objects(&["history", "lab"]).len(), 3);
    // Without the hub the leaf node has what was said.
    hub.end();
    let late = Machine::new(&leaf, "pc-2", "", "");
    let _late = late.agent();
    late.becomes("offline");
    hub.again();
    operator.text(&["set", "lab", "online"]);
    machine.becomes("online");
    late.becomes("online");
}
