//! Wine: for 64-bit programs Debian's as it is installed, for 32-bit ones unpacked into a folder, as its packages cannot be
//! installed beside each other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::foreign;
use super::row::folder;
use crate::run::{run, succeeds};
use crate::{Result, tools};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wine {
    Bits32,
    Bits64,
}

/// What Wine's 32-bit programs need from Debian's i386 packages; the C library comes with libc6-i386.
const PACKAGES_32: [&str; 9] =
    ["wine32", "libwine", "libunwind8", "liblzma5", "libgcc-s1", "zlib1g", "libxml2", "libicu72", "libstdc++6"];

impl Wine {
    fn name(self) -> &'static str {
        match self {
            Self::Bits32 => "wine32",
            Self::Bits64 => "wine64",
        }
    }

    /// The command that runs a program.
    pub(super) fn script(self) -> PathBuf {
        folder().join("bin").join(self.name())
    }

    fn prefix(self) -> PathBuf {
        folder().join("prefix").join(self.name())
    }

    fn server(self) -> PathBuf {
        match self {
            Self::Bits32 => Self::unpacked().join("usr/lib/wine/wineserver32"),
            Self::Bits64 => "/usr/lib/wine/wineserver64".into(),
        }
    }

    fn unpacked() -> PathBuf {
        folder().join("tools/wine32")
    }

    /// Installs Wine, and keeps its server running until the value is dropped. Otherwise every program would start a server
    /// and wait for its end.
    pub(super) fn start(self) -> Result<Running> {
        tools::debian_packages(&["wine64"], "running Windows programs")?;
        if self == Self::Bits32 {
            tools::debian_packages(&["libc6-i386", "libz-mingw-w64"], "running 32-bit Windows programs")?;
            foreign::unpack("i386", &PACKAGES_32, &Self::unpacked())?;
        }
        self.write_script()?;
        self.make_prefix()?;
        self.stop();
        run(self.ask_server("-p").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
        let running = Running(self);
        // The first program starts Wine's services, which keep its output open.
        let mut first = Command::new(self.script());
        first.args(["cmd", "/c", "exit"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        run(&mut first)?;
        Ok(running)
    }

    /// The environment variables that select this Wine.
    fn variables(self) -> Vec<(&'static str, String)> {
        let prefix = self.prefix().display().to_string();
        let mut variables = vec![
            ("WINEPREFIX", prefix),
            ("WINESERVER", self.server().display().to_string()),
            ("WINEDEBUG", "-all".into()),
            // No offers to install things, no debugger on a crash.
            ("WINEDLLOVERRIDES", "mscoree,mshtml=;winedbg.exe=d".into()),
        ];
        match self {
            Self::Bits32 => {
                let wine = Self::unpacked();
                let usr = wine.join("usr/lib/i386-linux-gnu");
                variables.extend([
                    ("WINEARCH", "win32".into()),
                    ("WINELOADER", wine.join("usr/lib/wine/wine").display().to_string()),
                    ("WINEDLLPATH", usr.join("wine").display().to_string()),
                    ("LD_LIBRARY_PATH", format!("{}:{}", usr.display(), wine.join("lib/i386-linux-gnu").display())),
                ]);
            }
            Self::Bits64 => {
                variables.extend([("WINEARCH", "win64".into()), ("WINELOADER", "/usr/lib/wine/wine64".into())])
            }
        }
        variables
    }

    fn ask_server(self, option: &str) -> Command {
        let mut server = Command::new(self.server());
        server.arg(option).envs(self.variables());
        server
    }

    /// Ends the server of this prefix, if one runs, and waits for its end.
    fn stop(self) {
        // It fails where none runs.
        let _ = self.ask_server("-k").status();
        let _ = self.ask_server("-w").status();
    }

    fn write_script(self) -> Result<()> {
        let mut text = String::from("#!/bin/sh\n# Written by `cargo xtask platforms`.\n");
        for (name, value) in self.variables() {
            text += &format!("export {name}='{value}'\n");
        }
        // Without a preloader, which Debian does not have, a few programs in a thousand find the addresses that Wine needs
        // taken, and do not start.
        let fixed = if succeeds("setarch", &["-R", "true"]) { "setarch -R " } else { "" };
        text += &format!("exec {fixed}\"$WINELOADER\" \"$@\"\n");
        let script = self.script();
        fs::create_dir_all(folder().join("bin"))?;
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// A Windows folder with the DLLs that this Wine lacks.
    fn make_prefix(self) -> Result<()> {
        let ready = self.prefix().join("ready");
        if ready.exists() {
            return Ok(());
        }
        println!("setting up {}", self.name());
        let system = self.prefix().join("drive_c/windows/system32");
        if self.prefix().exists() {
            fs::remove_dir_all(self.prefix())?;
        }
        fs::create_dir_all(&system)?;
        if self == Self::Bits32 {
            fs::copy("/usr/i686-w64-mingw32/lib/zlib1.dll", system.join("zlib1.dll"))?;
        }
        let log = folder().join(format!("{}.log", self.name()));
        let file = fs::File::create(&log)?;
        let mut boot = Command::new("timeout");
        boot.arg("180").arg(self.script()).args(["wineboot", "-i"]);
        boot.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        run(&mut boot).map_err(|error| format!("{error}; see {}", log.display()))?;
        fs::write(ready, "")?;
        Ok(())
    }
}

/// A Wine whose server runs.
pub(super) struct Running(Wine);

impl Running {
    pub(super) fn script(&self) -> PathBuf {
        self.0.script()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}
