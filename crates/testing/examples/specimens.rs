//! Writes generated tokens for other programs to decide on: `specimens COUNT [SEED]`.
//!
//! JSON lines. The first has the setting: issuer, audience, time, leeway, algorithms and key sets by
//! their names. Each of the others has a token, its algorithm, the name of its key set, what was done
//! to it, and the reason to refuse it, or `null` if it is to be accepted.

use std::error::Error;
use std::io::{self, BufWriter, Write};

use bearward_testing::Algorithm;
use bearward_testing::generator::{AUDIENCE, Generator, ISSUER, KeySet, NOW};
use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().ok_or("specimens COUNT [SEED]")?.parse()?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;

    let algorithms: Vec<&str> = Algorithm::ALL
        .iter()
        .filter(|algorithm| !algorithm.is_symmetric())
        .map(|algorithm| algorithm.as_str())
        .collect();
    let key_sets = KeySet::ALL.iter();
    let key_sets: Map<String, Value> = key_sets
        .map(|key_set| (key_set.as_str().into(), key_set.jwk_set()))
        .collect();
    let mut output = BufWriter::new(io::stdout().lock());
    let setting = json!({
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "now": NOW.as_secs(),
        "leeway": 30,
        "algorithms": algorithms,
        "key_sets": key_sets,
    });
    writeln!(output, "{setting}")?;
    for specimen in Generator::from_seed(seed).take(count) {
        let line = json!({
            "token": specimen.token,
            "algorithm": specimen.algorithm.as_str(),
            "key_set": specimen.key_set.as_str(),
            "edges": specimen.edges,
            "spoils": specimen.spoils,
            "refused": specimen.expected.err().map(|reason| reason.code()),
        });
        writeln!(output, "{line}")?;
    }
    Ok(output.flush()?)
}
