//! The rules in `deploy/prometheus`: what they read is there from the first scrape.

use std::collections::BTreeSet;

use bearward_gateway::config::{Config, Surroundings};
use bearward_gateway::record::metrics::{Metrics, Reload};
use bearward_gateway::run::Gateway;

const RULES: &str = include_str!("../../../deploy/prometheus/alerts.yaml");

/// A metric that a rule reads, and the label that it selects by.
#[derive(Debug)]
struct Selector<'r> {
    metric: &'r str,
    label: Option<(&'r str, Matcher<'r>)>,
}

#[derive(Clone, Copy, Debug)]
enum Matcher<'r> {
    Is(&'r str),
    StartsWith(&'r str),
}

impl Matcher<'_> {
    fn fits(self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => value == wanted,
            Self::StartsWith(prefix) => value.starts_with(prefix),
        }
    }
}

fn expressions() -> Vec<&'static str> {
    let lines = RULES.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("expr: "))
        .collect()
}

/// The metrics of an expression. What this cannot read is a mistake in the test.
fn selectors(expression: &str) -> Vec<Selector<'_>> {
    let starts = expression.match_indices("bearward_").map(|(at, _)| at);
    let texts = starts.map(|at| expression.get(at..).unwrap());
    let all: Vec<_> = texts.map(selector).collect();
    assert!(!all.is_empty(), "{expression}");
    all
}

fn selector(text: &str) -> Selector<'_> {
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let (metric, rest) = text.split_at(text.find(|char| !is_name(char)).unwrap());
    let label = rest.strip_prefix('{').map(|rest| {
        let (inside, _) = rest.split_once('}').unwrap();
        assert!(!inside.contains(','), "one matcher each: {text}");
        let (name, value) = inside.split_once('=').unwrap();
        let matcher = match value.strip_prefix("~\"") {
            Some(pattern) => Matcher::StartsWith(pattern.strip_suffix(".*\"").expect("a prefix")),
            None => Matcher::Is(value.trim_matches('"')),
        };
        (name, matcher)
    });
    Selector { metric, label }
}

/// The reasons in the manual that a rule selects.
fn reasons(matcher: Matcher<'_>) -> Vec<&'static str> {
    let manual = include_str!("../../../docs/reasons.md");
    let codes = manual.lines().filter_map(|line| line.strip_prefix("## "));
    let found: Vec<_> = codes.filter(|code| matcher.fits(code)).collect();
    assert!(!found.is_empty(), "no reason fits {matcher:?}");
    found
}

struct Setting<'s> {
    doors: &'s [&'s str],
    routes: &'s [&'s str],
    issuers: &'s [&'s str],
}

impl Setting<'_> {
    fn config(&self) -> Config {
        let mut text = String::new();
        for issuer in self.issuers {
            text += &format!(
                "[[issuers]]\nissuer = '{issuer}'\naudiences = 'https://api.example'\n\
                 algorithms = ['HS256']\nsecret = 'env:SECRET'\n"
            );
        }
        for route in self.routes {
            text += &format!("[[routes]]\nname = '{route}'\npath = '/{route}'\nupstream = 'app'\n");
        }
        for door in self.doors {
            text += &format!("[listen.{door}]\naddress = '127.0.0.1:0'\n");
        }
        text += "[upstreams.app]\nurls = 'http://127.0.0.1:9'\n[failures]\n";
        let secret = |_: &str| Some("0123456789abcdef0123456789abcdef".into());
        Config::parse_in(&text, &Surroundings::new("", secret))
            .unwrap_or_else(|all| panic!("{all}"))
    }

    /// Every series that a rule selects, as the gateway names it.
    fn series(&self, selector: &Selector<'_>) -> BTreeSet<String> {
        let metric = selector.metric;
        match (metric, selector.label) {
            ("bearward_requests_total", Some(("reason", matcher))) => self.of_requests(matcher),
            ("bearward_keys_fetches_total", Some(("outcome", Matcher::Is(outcome)))) => {
                let issuers = self.issuers.iter();
                let series = issuers
                    .map(|issuer| format!("{metric}{{issuer=\"{issuer}\",outcome=\"{outcome}\"}}"));
                series.collect()
            }
            (_, Some((label, Matcher::Is(value)))) => {
                assert!(["outcome", "reason"].contains(&label), "{selector:?}");
                [format!("{metric}{{{label}=\"{value}\"}}")].into()
            }
            (_, None) => [metric.to_owned()].into(),
            (_, Some((_, Matcher::StartsWith(_)))) => panic!("{selector:?}"),
        }
    }

    fn of_requests(&self, matcher: Matcher<'_>) -> BTreeSet<String> {
        let of_reason = |reason: &'static str| {
            let is_of_proxy = reason.starts_with("upstream_") || reason == "too_many_requests";
            let doors = self.doors.iter();
            let doors = doors.filter(move |door| !is_of_proxy || **door == "proxy");
            let routes = || ["-"].iter().chain(self.routes);
            let pairs = doors.flat_map(move |door| routes().map(move |route| (door, route)));
            pairs.map(move |(door, route)| {
                let labels = format!("door=\"{door}\",route=\"{route}\",reason=\"{reason}\"");
                format!("bearward_requests_total{{{labels},shadowed=\"\"}}")
            })
        };
        reasons(matcher).into_iter().flat_map(of_reason).collect()
    }

    #[track_caller]
    fn assert_starts_at_zero(&self, metrics: &Metrics) {
        let text = metrics.encode().unwrap();
        let mut count = 0;
        for selector in expressions().into_iter().flat_map(selectors) {
            if !selector.metric.ends_with("_total") {
                // The state of something that is configured.
                assert!(text.contains(selector.metric), "{selector:?}\n{text}");
                continue;
            }
            for series in self.series(&selector) {
                let line = format!("{series} 0");
                assert!(text.lines().any(|found| found == line), "{line}\n{text}");
                count += 1;
            }
        }
        assert!(count > 10, "{count}");
    }
}

#[tokio::test]
async fn what_a_shipped_alert_counts_is_there_as_0_from_the_first_scrape() {
    let doors = ["proxy", "forward_auth", "ext_authz"];
    for doors in [&doors[..], &doors[..1], &doors[1..]] {
        let setting = Setting {
            doors,
            routes: &["orders", "reports"],
            issuers: &["https://a.example", "https://b.example"],
        };
        let gateway = Gateway::start(setting.config()).await.unwrap();
        setting.assert_starts_at_zero(gateway.metrics());
    }
}

#[tokio::test]
async fn a_reload_starts_the_series_of_new_routes_and_issuers() {
    let before = Setting {
        doors: &["proxy", "forward_auth"],
        routes: &["orders"],
        issuers: &["https://a.example"],
    };
    let gateway = Gateway::start(before.config()).await.unwrap();
    let after = Setting {
        routes: &["orders", "reports"],
        issuers: &["https://a.example", "https://c.example"],
        ..before
    };
    let reloads = gateway.reloader();
    assert_eq!(reloads.apply(after.config()).await, Reload::Applied);
    after.assert_starts_at_zero(gateway.metrics());
}

/// Each line costs every scrape.
#[tokio::test]
async fn t_dos_06_the_series_that_start_at_0_have_a_limit() {
    let names: Vec<_> = (0..3000).map(|number| format!("r{number}")).collect();
    let setting = Setting {
        doors: &["proxy"],
        routes: &names.iter().map(String::as_str).collect::<Vec<_>>(),
        issuers: &["https://a.example"],
    };
    let gateway = Gateway::start(setting.config()).await.unwrap();
    let count = || {
        let text = gateway.metrics().encode().unwrap();
        let lines = text.lines();
        lines
            .filter(|line| line.starts_with("bearward_requests_total"))
            .count()
    };
    assert_eq!(count(), 10_000);
    // Neither does a reload with other names add any.
    let others: Vec<_> = (0..3000).map(|number| format!("s{number}")).collect();
    let other = Setting {
        routes: &others.iter().map(String::as_str).collect::<Vec<_>>(),
        ..setting
    };
    let reloads = gateway.reloader();
    assert_eq!(reloads.apply(other.config()).await, Reload::Applied);
    assert_eq!(count(), 10_000);
}

#[test]
fn the_manual_names_every_alert() {
    let manual = include_str!("../../../deploy/README.md");
    let alerts = RULES.lines().map(str::trim);
    let alerts: Vec<_> = alerts
        .filter_map(|line| line.strip_prefix("- alert: "))
        .collect();
    assert_eq!(alerts.len(), expressions().len());
    for alert in &alerts {
        assert!(manual.contains(&format!("| `{alert}` |")), "{alert}");
    }
    let rows = manual
        .lines()
        .filter(|line| line.starts_with("| `Bearward"));
    assert_eq!(rows.count(), alerts.len());
}
