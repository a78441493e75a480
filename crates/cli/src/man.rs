//! `bearward man`: the manual pages, with the contents of --help.

use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::roff::{Roff, bold, roman};

use crate::{Exit, Failure, help, print};

/// Prints a manual page, or writes all of them.
///
/// Without COMMAND it prints the page of the program: bearward man | man -l -
#[derive(clap::Args)]
#[command(after_long_help = help::sections([help::PLAIN_EXITS, help::ENVIRONMENT]))]
pub(crate) struct Man {
    /// The command to print the page of
    command: Option<String>,
    /// Writes bearward.1 and one page for each command into this folder, which must exist
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    folder: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, mut program: clap::Command) -> Result<Exit, Failure> {
        // This gives commands their full names.
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
        print(page)?;
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
        std::fs::write(&file, page).map_err(|error| Failure::File { file, error })?;
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
    // Left-aligned, without hyphenation: otherwise roff spreads the words of each line.
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
    let more = command.get_after_long_help().map(ToString::to_string);
    write_sections(&more.unwrap_or_default(), &mut page)?;
    let mut see = Roff::new();
    see.control("SH", ["SEE ALSO"]);
    see.text([roman(see_also(command))]);
    see.to_writer(&mut page)?;
    Ok(escaped(&page))
}

/// Converts the sections at the end of --help, in the layout of `help`.
fn write_sections(text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let mut roff = Roff::new();
        if let Some(title) = line
            .strip_suffix(':')
            .filter(|title| !title.starts_with(' '))
        {
            roff.control("SH", [title.to_uppercase().as_str()]);
        } else if let Some((term, first)) = line.trim_start().split_once("  ") {
            let mut entry = first.trim_start().to_owned();
            while let Some(more) = lines.next_if(|line| line.starts_with("   ")) {
                entry = format!("{entry} {}", more.trim_start());
            }
            roff.control("TP", []);
            roff.text([bold(term)]);
            roff.text([roman(entry)]);
        }
        roff.to_writer(page)?;
    }
    Ok(())
}

/// Escapes to ASCII, for any reader.
fn escaped(page: &[u8]) -> Vec<u8> {
    let escape = |char: char| match char {
        ..='\u{7f}' => String::from(char),
        _ => format!("\\[u{:04X}]", u32::from(char)),
    };
    let page = String::from_utf8_lossy(page);
    page.chars().map(escape).collect::<String>().into_bytes()
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
