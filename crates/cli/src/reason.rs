//! `bearward reason`: prints the meaning of a reason, from the document built into the program.

use std::ffi::OsStr;
use std::io::{self, Write};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};

use crate::explain::write_labelled;
use crate::format::Format;
use crate::reasons::Explanation;
use crate::{Exit, Failure, end, help};

/// Explains a reason code: what it means, which component refuses the request, what response the sender gets, the likely causes, and what to do.
///
/// The text is that of docs/reasons.md, which is part of the program. Without CODE it lists all codes.
#[derive(clap::Args)]
#[command(after_long_help = help::sections([help::PLAIN_EXITS, help::ENVIRONMENT]))]
pub(crate) struct Reason {
    /// The code, as in logs, metrics and results
    #[arg(hide_possible_values = true, value_parser = Code)]
    code: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Reason {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let mut out = anstream::stdout();
        let is_list = self.code.is_none();
        let is_asked =
            |reason: &Explanation| self.code.as_deref().is_none_or(|code| code == reason.code);
        for reason in Explanation::all().filter(is_asked) {
            let written = match self.format {
                // Strings always serialize.
                Format::Json => {
                    let line = serde_json::to_string(&reason).unwrap_or_default();
                    writeln!(out, "{line}")
                }
                Format::Text if is_list => writeln!(out, "{:22} {}", reason.code, reason.means),
                Format::Text => write(&reason, &mut out),
            };
            if written.is_err() {
                return end(written, Exit::Good);
            }
        }
        Ok(Exit::Good)
    }
}

fn write(reason: &Explanation, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", reason.code)?;
    write_labelled("means", &reason.means, out)?;
    write_labelled("by", &reason.refused_by, out)?;
    write_labelled("answer", &reason.answer, out)?;
    for (at, cause) in reason.causes.iter().enumerate() {
        write_labelled(if at == 0 { "causes" } else { "" }, cause, out)?;
    }
    write_labelled("remedy", &reason.remedy, out)?;
    write_labelled("more", &reason.anchor(), out)
}

/// Parses a code. An error message that listed all hundred codes would hide the one that was meant.
#[derive(Clone)]
struct Code;

impl TypedValueParser for Code {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let codes = PossibleValuesParser::new(Explanation::all().map(|reason| reason.code));
        let parsed = codes.parse_ref(command, argument, value);
        parsed.map_err(|mut error| {
            error.insert(ContextKind::ValidValue, ContextValue::Strings(Vec::new()));
            let all = "no such code; `bearward reason` lists all codes".into();
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![all]));
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let codes = Explanation::all().map(|reason| PossibleValue::new(reason.code));
        Some(Box::new(codes))
    }
}
