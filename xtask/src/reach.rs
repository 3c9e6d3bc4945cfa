//! A new user's way: packages on a system that has nothing else. docs/first-steps.md, and what becomes of them later.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::run::{command, run};
use crate::tools::{self, Tools, or_skipped};
use crate::{Result, dist, python, remove_folder, root, target, version, walk};

/// How long each part of the page may take.
const LIMIT: Duration = Duration::from_secs(180);
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The same in the fresh system, which may make others of its own.
const TRUSTED: &str = "/etc/trusted-by-the-host.crt";

pub(crate) fn check(tools: &Tools) -> Result<()> {
    let prepared = tools::debian_packages(&["mmdebstrap", "dpkg-dev"], "a fresh Debian");
    let Some(()) = or_skipped(prepared)? else { return Ok(()) };
    let packages = dist::debian(tools)?;
    let wheel = python::build(tools)?;
    let system = System::new(target().join("reach/root"))?;
    for package in packages.iter().chain([&wheel]) {
        let name = package.file_name().ok_or("a package has no name")?;
        fs::copy(package, system.home().join(name))?;
    }
    let page = fs::read_to_string(root().join("docs/first-steps.md"))?;
    for part in page.split("\n## ").skip(1) {
        let title = part.lines().next().unwrap_or_default();
        let begun = Instant::now();
        walk::follow(&format!("docs/first-steps.md, {title}"), part, &system.home(), |line| system.shell(line))?;
        println!("{title}: {:.0} s", begun.elapsed().as_secs_f64());
        if begun.elapsed() > LIMIT {
            return Err(format!("{title}: more than {LIMIT:?}").into());
        }
    }
    upgrade_and_remove(&system, &packages)
}

/// A later version takes the place of the packages; nothing of them stays when they are removed, but states do.
fn upgrade_and_remove(system: &System, packages: &[PathBuf]) -> Result<()> {
    let later = system.home().join("later");
    fs::create_dir_all(&later)?;
    for package in packages {
        let tree = target().join("reach/repacked");
        remove_folder(&tree)?;
        run(command("dpkg-deb", ["-R"]).arg(package).arg(&tree))?;
        let control = tree.join("DEBIAN/control");
        let text = fs::read_to_string(&control)?;
        let text = text.replace(&format!("Version: {}\n", version()), &format!("Version: {}+later\n", version()));
        fs::write(&control, text.replace(&format!("(= {})", version()), &format!("(= {}+later)", version())))?;
        run(command("dpkg-deb", ["--root-owner-group", "-b"]).arg(&tree).arg(&later).stdout(Stdio::null()))?;
    }
    let names = dist::DEBIAN.join(" ");
    for (line, expected) in [
        ("apt-get install -qq -y ./mapioffline-conformance_*.deb".to_owned(), ""),
        ("apt-get install -qq -y ./later/*.deb".to_owned(), ""),
        ("dpkg-query -W -f '${Version}\n' mapioffline".to_owned(), "+later"),
        ("./state".to_owned(), "offline"),
        ("mapioffline-conformance --only advise /usr/lib/*/libmapioffline.so.0".to_owned(), " 0 failed"),
        // What they consist of, without the folders of others.
        (format!("dpkg -L {names} | grep mapioffline > files; test $(wc -l < files) -gt 50"), ""),
        (format!("apt-get purge -qq -y {names}"), ""),
        (
            "while read file; do if test -e \"$file\"; then echo \"left: $file\"; fi; done < files; echo looked"
                .to_owned(),
            "looked",
        ),
        ("ls .local/state/mapioffline".to_owned(), "OUTLOOK.json"),
    ] {
        let (code, printed) = system.shell(&line)?;
        if code != Some(0) || !printed.contains(expected) || printed.contains("left: ") {
            return Err(format!("`{line}` exits with {code:?}: {printed}").into());
        }
    }
    println!("{} packages upgraded and removed; nothing is left but the user's states", packages.len());
    Ok(())
}

/// A Debian 12 with apt, below a folder.
struct System(PathBuf);

impl System {
    fn new(folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            run(command("rm", ["-rf", "--one-file-system"]).arg(&folder))?;
        }
        fs::create_dir_all(folder.parent().ok_or("no folder")?)?;
        let mut make = command("mmdebstrap", ["--quiet", "--variant=apt", "--mode=root", "bookworm"]);
        run(make.arg(&folder).stdin(Stdio::null()))?;
        let system = Self(folder);
        // As on this machine: how names are found, and which certificates are trusted.
        for (here, there) in [("/etc/resolv.conf", "etc/resolv.conf"), (CERTIFICATES, TRUSTED)] {
            if Path::new(here).exists() {
                fs::copy(here, system.0.join(there.trim_start_matches('/')))?;
            }
        }
        fs::create_dir_all(system.home())?;
        let (code, printed) = system.shell("apt-get update -qq")?;
        if code == Some(0) { Ok(system) } else { Err(printed.into()) }
    }

    fn home(&self) -> PathBuf {
        self.0.join("root/first")
    }

    /// Runs a line of a shell there, in mounts of its own, which end with it.
    fn shell(&self, line: &str) -> Result<(Option<i32>, String)> {
        let mut shell = Command::new("unshare");
        shell
            .args(["--mount", "sh", "-c"])
            .arg("mount -t proc proc \"$1/proc\" && exec chroot \"$1\" /bin/sh -c \"$2\"");
        shell.arg("sh").arg(&self.0).arg(format!("exec 2>&1; cd /root/first; {line}")).stdin(Stdio::null());
        shell.env_clear().env("HOME", "/root/first").env("LOGNAME", "root").env("LANG", "C.UTF-8");
        shell
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("MANPAGER", "cat");
        if self.0.join(TRUSTED.trim_start_matches('/')).exists() {
            shell.env("PIP_CERT", TRUSTED);
        }
        // How this machine reaches the registries.
        shell.envs(std::env::vars().filter(|(name, _)| name.to_lowercase().ends_with("_proxy")));
        let output = shell.output()?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}
