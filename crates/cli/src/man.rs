//! `bearward man`: the manual pages, of what --help says and what it does not.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap_mangen::roff::{Roff, bold, roman};

use crate::{Exit, Failure};

/// Prints a manual page, or writes all of them.
///
/// Without COMMAND the page is that of the program: bearward man | man -l -
#[derive(clap::Args)]
pub(crate) struct Man {
    /// The command whose page it is
    command: Option<String>,
    /// Writes bearward.1 and one page for each command into this folder, which must be there
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    folder: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, mut program: clap::Command) -> Result<Exit, Failure> {
        // Gives commands their full names.
        program.build();
        if let Some(folder) = &self.folder {
            write_all(&program, folder)?;
            return Ok(Exit::Good);
        }
        let command = match &self.command {
            Some(name) => program
                .find_subcommand(name)
                .ok_or_else(|| Failure::NoCommand(name.clone()))?,
            None => &program,
        };
        let page = page(command).map_err(Failure::Write)?;
        io::stdout().write_all(&page).map_err(Failure::Write)?;
        Ok(Exit::Good)
    }
}

fn write_all(program: &clap::Command, folder: &Path) -> Result<(), Failure> {
    let commands = program
        .get_subcommands()
        .filter(|command| command.get_name() != "help");
    for command in [program].into_iter().chain(commands) {
        let page = page(command).map_err(Failure::Write)?;
        let file = folder.join(format!("{}.1", name_of(command)));
        std::fs::write(&file, page).map_err(|error| Failure::Page { file, error })?;
    }
    Ok(())
}

fn name_of(command: &clap::Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone())
        .source(concat!("bearward ", env!("CARGO_PKG_VERSION")))
        .manual("bearward");
    man.render_title(&mut page)?;
    // Ragged, with words as they are: else spaces are spread over each line, that of NAME first.
    let mut ragged = Roff::new();
    ragged.control("nh", []).control("ad", ["l"]);
    ragged.to_writer(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    for (title, entries) in sections(command) {
        let mut section = Roff::new();
        section.control("SH", [title]);
        for (term, text) in entries {
            section.control("TP", []);
            section.text([bold(*term)]);
            section.text([roman(*text)]);
        }
        section.to_writer(&mut page)?;
    }
    let mut see = Roff::new();
    see.control("SH", ["SEE ALSO"]);
    see.text([roman(see_also(command))]);
    see.to_writer(&mut page)?;
    Ok(escaped(&page))
}

/// In ASCII, whatever reads it.
fn escaped(page: &[u8]) -> Vec<u8> {
    let escape = |char: char| match char {
        ..='\u{7f}' => String::from(char),
        _ => format!("\\[u{:04X}]", u32::from(char)),
    };
    let page = String::from_utf8_lossy(page);
    page.chars().map(escape).collect::<String>().into_bytes()
}

/// What has no place in --help.
fn sections(command: &clap::Command) -> Vec<(&'static str, &'static [Entry])> {
    let exits = match command.get_name() {
        "bearward" => EXITS,
        "check" => CHECK_EXITS,
        "explain" => EXPLAIN_EXITS,
        "verify" => VERIFY_EXITS,
        _ => OTHER_EXITS,
    };
    let environment = match command.get_name() {
        "serve" => SERVE_ENVIRONMENT,
        _ => ENVIRONMENT,
    };
    let mut sections = vec![("EXIT STATUS", exits), ("ENVIRONMENT", environment)];
    if ["bearward", "check", "explain", "serve"].contains(&command.get_name()) {
        sections.push(("FILES", FILES));
    }
    if ["bearward", "serve"].contains(&command.get_name()) {
        sections.push(("SIGNALS", SIGNALS));
    }
    sections
}

fn see_also(command: &clap::Command) -> String {
    if command.get_name() != "bearward" {
        return "bearward(1)".to_owned();
    }
    let commands = command.get_subcommands().map(name_of);
    let pages: Vec<_> = commands
        .filter(|name| *name != "bearward-help")
        .map(|name| format!("{name}(1)"))
        .collect();
    pages.join(", ")
}

/// A term and what it means.
type Entry = (&'static str, &'static str);

const EXITS: &[Entry] = &[
    ("0", "It did what it was asked."),
    (
        "1",
        "A token is refused, or a configuration would not work.",
    ),
    (
        "2",
        "Nothing could be decided: a usage error, no keys, a file that cannot be read, an address \
         that cannot be listened on.",
    ),
];

const CHECK_EXITS: &[Entry] = &[
    (
        "0",
        "The configuration has no mistakes, and each issuer has keys for us.",
    ),
    ("1", "There are mistakes, or an issuer has no keys for us."),
    ("2", "The file cannot be read, or a usage error."),
];

const EXPLAIN_EXITS: &[Entry] = &[
    (
        "0",
        "The token would be accepted; with --url, the request would pass.",
    ),
    ("1", "It is refused."),
    (
        "2",
        "That could not be decided (no keys, options left out), or a usage error.",
    ),
];

const VERIFY_EXITS: &[Entry] = &[
    ("0", "All tokens are valid."),
    ("1", "Some are refused."),
    ("2", "Nothing could be decided: no keys, or a usage error."),
];

const OTHER_EXITS: &[Entry] = &[
    (
        "0",
        "It did what it was asked, or was told to stop and did.",
    ),
    (
        "2",
        "It could not: a usage error, a configuration with mistakes, a file that cannot be read or \
         written, an address that cannot be listened on.",
    ),
];

const ENVIRONMENT: &[Entry] = &[LOG, NO_COLOR, COLOR, SECRET];

const SERVE_ENVIRONMENT: &[Entry] = &[LOG, NO_COLOR, COLOR, SECRET, NOTIFY];

const LOG: Entry = (
    "RUST_LOG",
    "What to log, as --log; for the commands that have that option, which counts before it.",
);
const NO_COLOR: Entry = (
    "NO_COLOR",
    "If it is set and not empty, nothing is coloured.",
);
const COLOR: Entry = (
    "CLICOLOR_FORCE",
    "If it is set and not 0, colours are used even where no terminal is.",
);
const SECRET: Entry = (
    "any NAME",
    "The secret of an issuer, where --secret or the configuration says env:NAME. No secret is ever \
     an argument.",
);
const NOTIFY: Entry = (
    "NOTIFY_SOCKET",
    "Where systemd is told that the gateway listens, and that it stops: Type=notify.",
);

const FILES: &[Entry] = &[
    (
        "bearward.toml",
        "The configuration, in the current folder unless --config names another file. Paths in it \
         are relative to its folder. bearward schema --format markdown prints every key.",
    ),
    (
        "snapshot of an issuer",
        "The last good key set, where the configuration asks for it: written with mode 0600 and by \
         renaming, read at the start.",
    ),
];

const SIGNALS: &[Entry] = &[
    (
        "SIGHUP",
        "The configuration, and the files it names, are read again. With mistakes the last good one \
         stays in force.",
    ),
    (
        "SIGTERM, SIGINT",
        "No new connections are accepted; requests under way are answered, for 30 s at most.",
    ),
];
