//! Which certificates the agent trusts: those that the system trusts, and those of a file.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error};

/// What a server's certificate is checked against, and what this machine shows for itself.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    /// The files of which it was made.
    files: Vec<Vec<u8>>,
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// A certificate of this machine and its key, in PEM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) certificate: &'a Path,
    pub(crate) key: &'a Path,
}

impl Tls {
    /// Trusts the system's certificates, and those of the file, in PEM.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub(crate) fn new(ca_file: Option<&Path>, identity: Option<Identity<'_>>) -> Result<Self, String> {
        let mut files = Vec::new();
        let extra = ca_file.map(|file| certificates(file, &mut files)).transpose()?.unwrap_or_default();
        let provider = Arc::new(ring::default_provider());
        let has_extra = !extra.is_empty();
        let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider));
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        // A system without any certificate can still use servers without TLS.
        let builder = match verifier {
            Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
            Err(error) if has_extra => return Err(format!("certificates cannot be checked: {error}")),
            Err(_) => builder.with_root_certificates(tokio_rustls::rustls::RootCertStore::empty()),
        };
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let chain = certificates(certificate, &mut files)?;
                let bytes = read(key, &mut files)?;
                let wrong = |error: &dyn fmt::Display| format!("{}: {error}", key.display());
                let parsed = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| wrong(&error))?;
                builder.with_client_auth_cert(chain, parsed).map_err(|error| wrong(&error))?
            }
        };
        Ok(Self { config: Arc::new(config), files })
    }

    pub(crate) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

fn read(file: &Path, files: &mut Vec<Vec<u8>>) -> Result<Vec<u8>, String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    files.push(bytes.clone());
    Ok(bytes)
}

fn certificates(file: &Path, files: &mut Vec<Vec<u8>>) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(file, files)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| format!("{}: {error}", file.display()))?;
    if certificates.is_empty() {
        return Err(format!("{}: there is no certificate in PEM", file.display()));
    }
    Ok(certificates)
}

/// What the servers that are asked are checked against. It can be replaced.
pub(crate) struct Trust(RwLock<Tls>);

impl Trust {
    pub(crate) fn new(tls: Tls) -> Self {
        Self(RwLock::new(tls))
    }

    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(self.0.read().unwrap_or_else(PoisonError::into_inner).config()))
    }

    /// For all that is asked from now on.
    pub(crate) fn replace(&self, tls: Tls) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }
}

/// What is wrong, in the words of a person who knows no error codes.
pub(crate) fn words(host: &str, error: &io::Error) -> String {
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()) else {
        return format!("TLS failed: {}", super::progress::words(error));
    };
    let certificate = |what: &str| format!("the certificate of {host} {what}");
    match cause {
        Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => certificate("has expired"),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                certificate("is not valid yet; is this machine's clock right?")
            }
            CertificateError::UnknownIssuer => certificate("is by an authority that this machine does not trust"),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                certificate("is for another name")
            }
            CertificateError::Revoked => certificate("was revoked"),
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                certificate("is an authority's, and cannot be a server's")
            }
            other => certificate(&format!("is not valid: {other}")),
        },
        Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        Error::AlertReceived(alert) => format!("the server ends TLS: {alert:?}"),
        other => format!("TLS failed: {other}"),
    }
}
