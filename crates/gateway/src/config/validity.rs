//! The validity of certificates. TLS presents even an invalid certificate, and only the other side
//! refuses it, so the gateway itself warns its operator.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore};

/// The certificates of a file, and when they are valid.
#[derive(Clone, Debug)]
pub(super) struct Certificates {
    file: PathBuf,
    validities: Vec<Validity>,
}

/// In seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Validity {
    not_before: u64,
    not_after: u64,
}

impl Certificates {
    /// `None` if the file has no certificates.
    pub(super) fn of(file: &Path, pem: &[u8]) -> Option<Self> {
        let certificates = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
        let validities: Vec<_> = certificates
            .filter_map(|certificate| Validity::of(&certificate))
            .collect();
        (!validities.is_empty()).then(|| Self {
            file: file.to_owned(),
            validities,
        })
    }

    /// Warns of the first that is not valid at this time.
    pub(super) fn warning(&self, now: SystemTime) -> Option<CertificateWarning> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut out = self.validities.iter();
        let out = out.find(|validity| now < validity.not_before || now > validity.not_after)?;
        Some(CertificateWarning {
            file: self.file.clone(),
            not_before: time(out.not_before),
            not_after: time(out.not_after),
            has_expired: now > out.not_after,
        })
    }
}

impl Validity {
    /// If rustls refuses a certificate because of its validity, its error has the time. rustls checks
    /// this before it looks for an authority.
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = ParsedCertificate::try_from(certificate).ok()?;
        let nobody = RootCertStore::empty();
        let refusal = |now| {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
            match verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], now, &[]) {
                Err(Error::InvalidCertificate(error)) => Some(error),
                _ => None,
            }
        };
        let not_before = match refusal(0) {
            Some(CertificateError::NotValidYetContext { not_before, .. }) => not_before.as_secs(),
            _ => 0,
        };
        let not_after = match refusal(u64::MAX) {
            Some(CertificateError::ExpiredContext { not_after, .. }) => not_after.as_secs(),
            _ => u64::MAX,
        };
        Some(Self {
            not_before,
            not_after,
        })
    }
}

/// A certificate that is not valid now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateWarning {
    /// The file it is in.
    pub file: PathBuf,
    /// When it becomes valid.
    pub not_before: Timestamp,
    /// When it expires.
    pub not_after: Timestamp,
    /// Whether it was valid before.
    pub has_expired: bool,
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        if self.has_expired {
            return write!(f, "{file}: the certificate expired at {}", self.not_after);
        }
        let from = self.not_before;
        write!(f, "{file}: the certificate is not valid before {from}")
    }
}

/// Clamped to the calendar.
fn time(second: u64) -> Timestamp {
    let second = i64::try_from(second).unwrap_or(i64::MAX);
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}
