//! The end of a long --help, and thus of the manual page: sections of terms and their meanings.

/// Joins sections, one below the other.
pub(crate) fn sections<const COUNT: usize>(sections: [&str; COUNT]) -> String {
    sections.join("\n")
}

pub(crate) const EXITS: &str = "\
Exit status:
  0  Success.
  1  A token is refused, or a configuration would not work.
  2  No decision was possible: a usage error, no keys, an unreadable file, or an address that is not
     available.
";

/// For commands that make no decisions.
pub(crate) const PLAIN_EXITS: &str = "\
Exit status:
  0  Success, or stopped on request.
  2  Failure: a usage error, a configuration with mistakes, a file that cannot be read or written, or
     an address that is not available.
";

pub(crate) const ENVIRONMENT: &str = "\
Environment:
  RUST_LOG        What to log, for commands that have --log, which takes precedence.
  NO_COLOR        If set and not empty, output is not coloured.
  CLICOLOR_FORCE  If set and not 0, output is coloured even if it is not a terminal.
  any NAME        The secret of an issuer, if --secret or the configuration says env:NAME. Secrets
                  are never passed as arguments.
  HTTPS_PROXY     The proxy on the way to issuers, only if --proxy or the configuration says
                  `environment`; the same holds for HTTP_PROXY, ALL_PROXY and NO_PROXY.
                  HTTP_PROXY is refused if REQUEST_METHOD is set, since a request may have set it.
  SSL_CERT_FILE   A PEM file with the certificate authorities to trust in place of those of the
                  system; SSL_CERT_DIR names folders of such files, separated by colons. Not on macOS
                  and Windows, whose own stores decide.
  NOTIFY_SOCKET   For serve only: the socket on which it tells systemd that it is ready or stopping
                  (Type=notify).
";

pub(crate) const FILES: &str = "\
Files:
  bearward.toml          The configuration, in the current directory unless --config names another
                         file. Relative paths in it start from the directory of the file. To list
                         every key, run: bearward schema --format markdown
  snapshot of an issuer  The last good key set, if the issuer sets `snapshot`. Written with mode 0600
                         and replaced atomically; read at startup.
";

pub(crate) const SIGNALS: &str = "\
Signals:
  SIGHUP           Reads the configuration and the files it names again. If there are mistakes,
                   the last good configuration stays in force.
  SIGTERM, SIGINT  Stops: accepts no new connections, and answers requests in progress within 30 s.
";
