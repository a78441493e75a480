//! Text as the configuration of the gateway: read twice it says the same, mistakes are told at their
//! place, and what has none makes a gate that keeps those out who present nothing.

#![no_main]

use bearward_fuzz::config::{assert_good, surroundings};
use bearward_gateway::config::{Config, Mistakes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Files that are no files: reading them would wait.
    if text.contains("/dev/") || text.contains("/proc/") {
        return;
    }
    let read = |text: &str| Config::parse_in(text, &surroundings());
    match (read(text), read(text)) {
        (Ok(config), Ok(again)) => {
            assert_same(&config, &again);
            assert_same(
                &config,
                &read(&format!("# before\n{text}\n# after\n")).expect("comments"),
            );
            assert_good(&config);
        }
        (Err(mistakes), Err(again)) => {
            assert!(mistakes == again);
            assert_told(text, &mistakes);
        }
        _ => panic!("accepted once and refused once"),
    }
});

fn assert_same(one: &Config, other: &Config) {
    assert!(one.server == other.server);
    assert!(one.listen == other.listen);
    assert!(one.upstreams == other.upstreams);
    assert!(one.telemetry == other.telemetry);
    assert!(one.files == other.files);
    assert_eq!(format!("{:?}", one.routes), format!("{:?}", other.routes));
    assert_eq!(
        format!("{:?}", one.identity),
        format!("{:?}", other.identity)
    );
    assert_eq!(format!("{:?}", one.origins), format!("{:?}", other.origins));
}

/// Each mistake has a place within the text and a message, and all are rendered in order.
fn assert_told(text: &str, mistakes: &Mistakes) {
    assert!(
        mistakes.iter().next().is_some(),
        "refused without a mistake"
    );
    assert!(
        mistakes
            .iter()
            .is_sorted_by_key(|mistake| mistake.span.start)
    );
    let rendered = mistakes.render("bearward.toml");
    for mistake in mistakes.iter() {
        assert!(
            text.get(mistake.span.clone()).is_some(),
            "{:?} is no place",
            mistake.span
        );
        assert!(!mistake.message.is_empty());
        let (line, column) = mistakes.place(mistake);
        let of_text = text.split('\n').nth(line - 1).expect("a line of the text");
        assert!(column <= of_text.chars().count() + 1);
        let place = format!("--> bearward.toml:{line}:{column}\n");
        assert!(rendered.contains(&place), "{place:?} is not told");
    }
    // What is rendered goes to a terminal.
    assert!(
        !rendered
            .chars()
            .any(|char| char.is_control() && char != '\n'),
        "{rendered:?}"
    );
}
