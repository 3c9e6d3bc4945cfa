//! What the agent asks whether a profile's server can be reached: the text of a source, and what it means.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A source, as the configuration spells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// What a source asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Whether an interface, any or this one, is up and has an address that is not loopback.
    Interface(Option<String>),
    /// Whether there is a way to other networks.
    DefaultRoute,
    /// Whether NetworkManager says that the network is there.
    #[cfg(target_os = "linux")]
    NetworkManager,
    /// Whether a server accepts a connection, and speaks its protocol.
    Server { protocol: Protocol, tls: Tls, host: String, port: u16 },
    /// Whether a web server answers.
    Web { tls: Tls, host: String, port: u16, authority: String, path: String },
    /// Whether a command ends with exit code 0: the program and its arguments.
    Command(Vec<String>),
}

/// What a server has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Nothing,
    Imap,
    Smtp,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tls {
    Never,
    AtOnce,
    /// When both have agreed by STARTTLS.
    Upgrade,
}

const FORMS: &str = "a source is interface, interface:NAME, default-route, networkmanager, command:PROGRAM ARGUMENTS, or a URL with \
                     tcp, tls, imap, imaps, imap+starttls, smtp, smtps, smtp+starttls, http or https";

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = match text.split_once(':') {
            None if text == "interface" => Kind::Interface(None),
            None if text == "default-route" => Kind::DefaultRoute,
            #[cfg(target_os = "linux")]
            None if text == "networkmanager" => Kind::NetworkManager,
            #[cfg(not(target_os = "linux"))]
            None if text == "networkmanager" => return Err("networkmanager is for Linux only".to_owned()),
            None => return Err(format!("{text:?} is no source: {FORMS}")),
            Some(("interface", "")) => return Err("interface: needs a name, such as interface:eth0".to_owned()),
            Some(("interface", name)) => Kind::Interface(Some(name.to_owned())),
            // Windows' paths have backslashes, which are no quotes there.
            Some(("command", line)) => {
                match shlex::split(&line.replace('\\', if cfg!(windows) { "\\\\" } else { "\\" })) {
                    Some(words) if !words.is_empty() => Kind::Command(words),
                    _ => return Err(format!("{text:?}: a program and its arguments are needed, quoted as in a shell")),
                }
            }
            Some(_) => server(text)?,
        };
        Ok(Self { text: text.to_owned(), kind })
    }
}

fn server(text: &str) -> Result<Kind, String> {
    let (scheme, _) = text.split_once("://").ok_or_else(|| format!("{text:?} is no source: {FORMS}"))?;
    let (protocol, tls, usual) = match scheme {
        "tcp" => (Some(Protocol::Nothing), Tls::Never, None),
        "tls" => (Some(Protocol::Nothing), Tls::AtOnce, None),
        "imap" => (Some(Protocol::Imap), Tls::Never, Some(143)),
        "imaps" => (Some(Protocol::Imap), Tls::AtOnce, Some(993)),
        "imap+starttls" => (Some(Protocol::Imap), Tls::Upgrade, Some(143)),
        "smtp" => (Some(Protocol::Smtp), Tls::Never, Some(25)),
        "smtps" => (Some(Protocol::Smtp), Tls::AtOnce, Some(465)),
        "smtp+starttls" => (Some(Protocol::Smtp), Tls::Upgrade, Some(587)),
        "http" => (None, Tls::Never, Some(80)),
        "https" => (None, Tls::AtOnce, Some(443)),
        _ => return Err(format!("{text:?}: {scheme} is not known; {FORMS}")),
    };
    let url = Url::parse(text).map_err(|error| format!("{text:?}: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{text:?}: the agent never logs in; leave out the user and the password"));
    }
    // The standard reads hosts of schemes that it knows only.
    let known = format!("http{}", &text[scheme.len()..]);
    let known = Url::parse(&known).map_err(|error| format!("{text:?}: {error}"))?;
    let host = match known.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
        _ => return Err(format!("{text:?}: a host is missing")),
    };
    if url.fragment().is_some() {
        return Err(format!("{text:?}: nothing may follow a #"));
    }
    let port = url
        .port()
        .or(usual)
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("{text:?}: a port is missing, such as :143"))?;
    Ok(match protocol {
        Some(_) if !matches!(url.path(), "" | "/") || url.query().is_some() => {
            return Err(format!("{text:?}: nothing may follow the host and the port"));
        }
        Some(protocol) => Kind::Server { protocol, tls, host, port },
        None => {
            let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
            let name = known.host_str().unwrap_or_default();
            let authority = url.port().map_or(name.to_owned(), |port| format!("{name}:{port}"));
            Kind::Web { tls, host, port, authority, path }
        }
    })
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Kind {
        text.parse::<Source>().unwrap().kind
    }

    #[test]
    fn each_form_has_its_meaning() {
        let host = || "mail.example.com".to_owned();
        let server = |protocol, tls, port| Kind::Server { protocol, tls, host: host(), port };
        for (text, expected) in [
            ("interface", Kind::Interface(None)),
            ("interface:wlan0", Kind::Interface(Some("wlan0".to_owned()))),
            ("default-route", Kind::DefaultRoute),
            ("tcp://mail.example.com:7", server(Protocol::Nothing, Tls::Never, 7)),
            ("tls://mail.example.com:7", server(Protocol::Nothing, Tls::AtOnce, 7)),
            ("imap://mail.example.com", server(Protocol::Imap, Tls::Never, 143)),
            ("imaps://mail.example.com/", server(Protocol::Imap, Tls::AtOnce, 993)),
            ("imap+starttls://mail.example.com:1143", server(Protocol::Imap, Tls::Upgrade, 1143)),
            ("smtp://mail.example.com", server(Protocol::Smtp, Tls::Never, 25)),
            ("smtps://mail.example.com", server(Protocol::Smtp, Tls::AtOnce, 465)),
            ("smtp+starttls://mail.example.com", server(Protocol::Smtp, Tls::Upgrade, 587)),
            ("command:test -e '/tmp/a b'", Kind::Command(["test", "-e", "/tmp/a b"].map(str::to_owned).to_vec())),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        let Kind::Server { host: name, port: 80, .. } = kind("tcp://müller.example:80") else { panic!("no server") };
        assert_eq!(name, "xn--mller-kva.example");
        let Kind::Web { tls, host, port, authority, path } = kind("https://[::1]:8443/EWS/Exchange.asmx?a=b") else {
            panic!("no web server");
        };
        assert_eq!((tls, host.as_str(), port), (Tls::AtOnce, "::1", 8443));
        assert_eq!((authority.as_str(), path.as_str()), ("[::1]:8443", "/EWS/Exchange.asmx?a=b"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("mail.example.com", "is no source"),
            ("mail.example.com:143", "is no source"),
            ("pop3://mail.example.com", "pop3 is not known"),
            ("tcp://mail.example.com", "a port is missing"),
            ("imap://:143", "imap://:143"),
            ("tcp://mail.example.com:0", "a port is missing"),
            ("tcp://256.1.1.1:3", "invalid IPv4 address"),
            ("imap://mail.example.com#a", "nothing may follow"),
            ("imap://me@mail.example.com", "never logs in"),
            ("imap://mail.example.com/INBOX", "nothing may follow"),
            ("imap://mail.example.com:99999", "invalid port"),
            ("interface:", "needs a name"),
            ("command:", "a program and its arguments"),
            ("command:echo 'a", "a program and its arguments"),
        ] {
            let error = text.parse::<Source>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
