//! What stands at the end of a long --help, and so in the manual page as well: sections of terms and
//! their meanings.

/// Sections, one below the other.
pub(crate) fn sections<const COUNT: usize>(sections: [&str; COUNT]) -> String {
    sections.join("\n")
}

pub(crate) const EXITS: &str = "\
Exit status:
  0  It did what it was asked.
  1  A token is refused, or a configuration would not work.
  2  Nothing could be decided: a usage error, no keys, a file that cannot be read, an address that
     cannot be listened on.
";

/// Of commands that decide on nothing.
pub(crate) const PLAIN_EXITS: &str = "\
Exit status:
  0  It did what it was asked, or was told to stop and did.
  2  It could not: a usage error, a configuration with mistakes, a file that cannot be read or
     written, an address that cannot be listened on.
";

pub(crate) const ENVIRONMENT: &str = "\
Environment:
  RUST_LOG        What to log, as --log; for the commands that have that option, which counts
                  before it.
  NO_COLOR        If it is set and not empty, nothing is coloured.
  CLICOLOR_FORCE  If it is set and not 0, colours are used even where no terminal is.
  any NAME        The secret of an issuer, where --secret or the configuration says env:NAME. No
                  secret is ever an argument.
  NOTIFY_SOCKET   Where systemd is told that the gateway listens, and that it stops: Type=notify. Of
                  serve alone.
";

pub(crate) const FILES: &str = "\
Files:
  bearward.toml          The configuration, in the current folder unless --config names another
                         file. Paths in it are relative to its folder. bearward schema --format
                         markdown prints every key.
  snapshot of an issuer  The last good key set, where the configuration asks for it: written with
                         mode 0600 and by renaming, read at the start.
";

pub(crate) const SIGNALS: &str = "\
Signals:
  SIGHUP           The configuration, and the files it names, are read again. With mistakes the
                   last good one stays in force.
  SIGTERM, SIGINT  No new connections are accepted; requests under way are answered, for 30 s at
                   most.
";
