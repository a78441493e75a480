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
        Self::begin(format, "INFO", target, message)
    }

    /// At level `warn`.
    pub(super) fn warning(format: LogFormat, target: &'static str, message: &str) -> Self {
        Self::begin(format, "WARN", target, message)
    }

    /// Level, target and message are our own text, so nothing in them is escaped.
    fn begin(format: LogFormat, level: &str, target: &'static str, message: &str) -> Self {
        let mut line = Self {
            format,
            target,
            bytes: Vec::with_capacity(USUAL_BYTES),
        };
        let now = SystemTime::now();
        if format == LogFormat::Json {
            line.push([r#"{"timestamp":""#]);
            timestamp::write(&mut line.bytes, now);
            line.push([r#"","level":""#, level, r#"","fields":{"message":""#]);
            line.push([message, r#"""#]);
        } else {
            timestamp::write(&mut line.bytes, now);
            // As wide as the longest level.
            line.push(["  ", level, " ", target, ": ", message]);
        }
        line
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if value.bytes().all(is_plain) {
            self.push(["\"", value, "\""]);
            return;
        }
        // Neither writing to a vector nor writing a string as JSON can fail.
        let _ = match self.format {
            LogFormat::Json => serde_json::to_writer(&mut self.bytes, value).is_ok(),
            LogFormat::Coloured | LogFormat::Text => write!(self.bytes, "{value:?}").is_ok(),
        };
    }

    /// A value that stands in the line as it is, which is JSON.
    pub(crate) fn json(&mut self, name: &str, value: &serde_json::Value) {
        self.name(name);
        let _ = write!(self.bytes, "{value}");
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.bytes, "{value}");
    }

    pub(crate) fn truth(&mut self, name: &str, value: bool) {
        self.name(name);
        self.push([if value { "true" } else { "false" }]);
    }

    /// The whole line.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.format == LogFormat::Json {
            self.push([r#"},"target":""#, self.target, r#""}"#]);
        }
        self.bytes.push(b'\n');
        self.bytes
    }

    fn name(&mut self, name: &str) {
        let (before, after) = match self.format {
            LogFormat::Json => (",\"", "\":"),
            LogFormat::Coloured | LogFormat::Text => (" ", "="),
        };
        self.push([before, name, after]);
    }

    fn push<const N: usize>(&mut self, parts: [&str; N]) {
        for part in parts {
            self.bytes.extend_from_slice(part.as_bytes());
        }
    }
}

/// Lines of the access log have 200 bytes.
const USUAL_BYTES: usize = 320;
