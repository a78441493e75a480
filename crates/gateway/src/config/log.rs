//! `[log]`: what the access log shows.

use crate::record::access_log::LogSettings;
use crate::record::identity::{HashKey, KEY_BYTES, LoggedIdentity};

use super::description::{self, LOG, Naming, ROOT, Root};
use super::mistakes::Code;
use super::reader::Fields;
use super::surroundings::{Referred, Surroundings};

pub(super) fn read(fields: &Fields<'_, Root>, surroundings: &Surroundings<'_>) -> LogSettings {
    let Some(fields) = ROOT.log.read(fields) else {
        return LogSettings::default();
    };
    let identity = LOG.identity.read(&fields);
    let admitted_one_in = LOG.admitted_one_in.read(&fields);
    let key = key(&fields, surroundings);
    let identity = match identity {
        Naming::None => LoggedIdentity::None,
        Naming::KeyedHash => {
            if !fields.has(&LOG.identity_key) {
                let message = "`identity = \"keyed-hash\"` needs `identity_key`";
                let help = "add `identity_key = \"env:NAME\"` or `identity_key = \"file:PATH\"`";
                fields.report(Code::Missing, &LOG.identity, message, help);
            }
            key.map_or(LoggedIdentity::None, LoggedIdentity::KeyedHash)
        }
        Naming::Subject => LoggedIdentity::Subject,
    };
    let is_used = matches!(identity, LoggedIdentity::KeyedHash(_));
    if fields.has(&LOG.identity_key) && !is_used {
        let message = "`identity_key` has an effect only with `identity = \"keyed-hash\"`";
        fields.warn(Code::Value, &LOG.identity_key, message.to_owned(), "");
    }
    LogSettings {
        identity,
        admitted_one_in,
    }
}

fn key(fields: &Fields<'_, description::Log>, surroundings: &Surroundings<'_>) -> Option<HashKey> {
    let reference = LOG.identity_key.read(fields)?;
    let secret = match surroundings.refer(fields, &LOG.identity_key, &reference)? {
        Referred::Variable(secret) => secret,
        Referred::File(path) => surroundings.read_secret(fields, &LOG.identity_key, path)?,
    };
    let key = HashKey::new(secret.expose());
    if key.is_none() {
        let message = format!("the key is shorter than {KEY_BYTES} bytes");
        let help = "generate one: `openssl rand -hex 32`";
        fields.report(Code::SecretWeak, &LOG.identity_key, message, help);
    }
    key
}
