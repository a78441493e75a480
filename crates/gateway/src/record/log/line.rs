//! How the fields of any line are written in text and JSON, without the machinery of `tracing`, which
//! takes longer for one line than the gateway takes for some requests. The bytes are those that
//! `tracing-subscriber` writes for the same event; a test compares them.

use std::io::Write;
use std::time::SystemTime;

use super::{LogFormat, timestamp};

/// A line that is being written.
#[derive(Debug)]
pub(crate) struct Line {
    format: LogFormat,
    target: &'static str,
    bytes: Vec<u8>,
}

impl Line {
    /// At level `info`.
    pub(crate) fn info(format: LogFormat, target: &'static str, message: &str) -> Self {
        Self::begin(format, "INFO", target, message, SystemTime::now())
    }

    /// At level `warn`.
    pub(super) fn warning(format: LogFormat, target: &'static str, message: &str) -> Self {
        Self::begin(format, "WARN", target, message, SystemTime::now())
    }

    /// Level, target and message are our own text, so nothing in them is escaped.
    fn begin(
        format: LogFormat,
        level: &str,
        target: &'static str,
        message: &str,
        now: SystemTime,
    ) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        let parts = if format == LogFormat::Json {
            bytes.extend_from_slice(br#"{"timestamp":""#);
            timestamp::write(&mut bytes, now);
            [
                r#"","level":""#,
                level,
                r#"","fields":{"message":""#,
                message,
                r#"""#,
            ]
        } else {
            timestamp::write(&mut bytes, now);
            // As wide as the longest level.
            ["  ", level, " ", target, ": "]
        };
        for part in parts {
            bytes.extend_from_slice(part.as_bytes());
        }
        if format != LogFormat::Json {
            bytes.extend_from_slice(message.as_bytes());
        }
        Self {
            format,
            target,
            bytes,
        }
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if value.bytes().all(is_plain) {
            self.bytes.push(b'"');
            self.bytes.extend_from_slice(value.as_bytes());
            self.bytes.push(b'"');
            return;
        }
        // Neither writing to a vector nor writing a string as JSON can fail.
        let _ = match self.format {
            LogFormat::Json => serde_json::to_writer(&mut self.bytes, value).is_ok(),
            LogFormat::Coloured | LogFormat::Text => write!(self.bytes, "{value:?}").is_ok(),
        };
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.bytes, "{value}");
    }

    pub(crate) fn truth(&mut self, name: &str, value: bool) {
        self.name(name);
        let value = if value { "true" } else { "false" };
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// The whole line.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.format == LogFormat::Json {
            for part in [r#"},"target":""#, self.target, r#""}"#] {
                self.bytes.extend_from_slice(part.as_bytes());
            }
        }
        self.bytes.push(b'\n');
        self.bytes
    }

    fn name(&mut self, name: &str) {
        let (before, after) = match self.format {
            LogFormat::Json => (",\"", "\":"),
            LogFormat::Coloured | LogFormat::Text => (" ", "="),
        };
        for part in [before, name, after] {
            self.bytes.extend_from_slice(part.as_bytes());
        }
    }
}

/// Lines of the access log have 200 bytes.
const USUAL_BYTES: usize = 320;
