//! Which certificates the agent trusts: those that the system trusts, and those of a file.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error};

/// What a server's certificate is checked against.
pub(crate) struct Trust(RwLock<Arc<ClientConfig>>);

impl Trust {
    /// The system's certificates, and those of the file, in PEM.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub(crate) fn new(file: Option<&Path>) -> Result<Self, String> {
        let mut extra = Vec::new();
        if let Some(file) = file {
            let text = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            for certificate in CertificateDer::pem_slice_iter(&text) {
                extra.push(certificate.map_err(|error| format!("{}: {error}", file.display()))?);
            }
            if extra.is_empty() {
                return Err(format!("{}: there is no certificate in PEM", file.display()));
            }
        }
        let provider = Arc::new(ring::default_provider());
        let has_extra = !extra.is_empty();
        let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider));
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        // A system without any certificate can still use servers without TLS.
        let config = match verifier {
            Ok(verifier) => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
            }
            Err(error) if has_extra => return Err(format!("certificates cannot be checked: {error}")),
            Err(_) => {
                builder.with_root_certificates(tokio_rustls::rustls::RootCertStore::empty()).with_no_client_auth()
            }
        };
        Ok(Self(RwLock::new(Arc::new(config))))
    }

    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(self.config())
    }

    /// Takes over another's, for all that is asked from now on.
    pub(crate) fn replace(&self, other: Self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = other.config();
    }

    fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
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
