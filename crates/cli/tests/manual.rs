//! man and completions.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program;

fn page(arguments: &[&str]) -> String {
    let mut command = program::command(["man"]);
    command.args(arguments);
    let ended = program::run(command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
}

/// The page without its markup.
fn plain(page: &str) -> String {
    let page = page.replace("\\fB", "").replace("\\fR", "");
    page.replace("\\fI", "").replace("\\-", "-")
}

#[test]
fn a_page_says_what_help_says() {
    let serve = plain(&page(&["serve"]));
    for text in [
        concat!(
            ".TH bearward-serve 1  \"bearward ",
            env!("CARGO_PKG_VERSION"),
            "\" bearward\n"
        ),
        // Else the spaces of NAME are spread over its line.
        "\n.nh\n.ad l\n",
        "\n.SH NAME\nbearward-serve - Runs the gateway: ",
        "--upstream <URL>",
        ".SH \"EXIT STATUS\"",
        ".SH ENVIRONMENT",
        "RUST_LOG",
        "NOTIFY_SOCKET",
        ".SH FILES",
        "bearward.toml",
        ".SH SIGNALS",
        "SIGHUP",
        ".SH \"SEE ALSO\"",
    ] {
        assert!(serve.contains(text), "{text}: {serve}");
    }
    assert!(plain(&page(&["verify"])).contains("All tokens are valid."));
    // In the manual a text goes on where --help begins a new line.
    let help = program::run(program::command(["serve", "--help"])).stdout;
    let end = help
        .split("Exit status:")
        .nth(1)
        .expect("what it exits with");
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (in_page, in_help) = (words(&serve), words(end));
    for word in in_help.iter().filter(|word| !word.ends_with(':')) {
        assert!(in_page.contains(word), "{word}: {serve}");
    }
    let program = plain(&page(&[]));
    assert!(program.contains("bearward-serve(1)"), "{program}");
    let unknown = program::run(program::command(["man", "srve"]));
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(
        unknown.stderr.contains("no command \"srve\""),
        "{unknown:?}"
    );
}

#[test]
fn every_command_has_a_page_without_a_mistake_in_its_markup() {
    let folder = TempDir::new().expect("a folder");
    let mut command = program::command(["man", "--folder"]);
    command.arg(folder.path());
    let ended = program::run(command);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    let help = program::run(program::command(["--help"])).stdout;
    let commands = help.split("Commands:").nth(1).expect("its commands");
    let commands = commands.lines().skip(1).take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.split_whitespace().next());
    let names: Vec<_> = names.filter(|name| *name != "help").collect();
    assert!(names.contains(&"serve"), "{names:?}");
    let pages = names.iter().map(|name| format!("bearward-{name}.1"));
    for page in pages.chain(["bearward.1".to_owned()]) {
        lint(&folder.path().join(page));
    }
}

/// With groff, where it is; content is asserted without it.
fn lint(page: &Path) {
    let text = std::fs::read_to_string(page).expect("a page");
    assert!(text.contains(".SH NAME"), "{}", page.display());
    let groff = Command::new("groff")
        .args(["-man", "-Tutf8", "-ww", "-z"])
        .arg(page)
        .output();
    let Ok(output) = groff else {
        println!("skipped: groff is not there to read {}", page.display());
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn completions_are_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = program::run(program::command(["completions", shell]));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for word in ["serve", "explain", "upstream"] {
            assert!(ended.stdout.contains(word), "{shell}: {word}");
        }
        if shell == "bash" || shell == "zsh" {
            parses(shell, &ended.stdout);
        }
    }
    let unknown = program::run(program::command(["completions", "csh"]));
    assert_eq!(unknown.code, Some(2));
}

/// By the shell itself, where it is.
fn parses(shell: &str, script: &str) {
    let started = Command::new(shell)
        .arg("-n")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut started) = started else {
        println!("skipped: {shell} is not there to read its completions");
        return;
    };
    let mut stdin = started.stdin.take().expect("a pipe");
    stdin.write_all(script.as_bytes()).expect("writing");
    drop(stdin);
    let output = started.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shell}: {said}");
}
