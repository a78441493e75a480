//! Counts what is allocated for one token: `allocations [--check]`; with `--check` the exit code is 1
//! if a target is missed.
//!
//! The allocator counts, which takes time of every allocation. So this is a program of its own, and
//! nothing is timed in it.

use std::process::ExitCode;

use allocation_counter::measure;
use bearward::{Algorithm, ResourceServer, TokenCache};
use bearward_bench::contestants::{Contestant, Ours, all, names};
use bearward_bench::targets::Targets;
use bearward_bench::tokens::{ALGORITHMS, request, signed};
use http::Request;

const TARGET_FRESH: u32 = 8;
const TARGET_CACHED: u32 = 1;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let counted = ALGORITHMS.map(count);
    println!("Allocations of one token");
    println!();
    println!(
        "contestant | {}",
        ALGORITHMS.map(Algorithm::as_str).join(" | ")
    );
    println!("-----------{}", "|---:".repeat(ALGORITHMS.len()));
    for (row, name) in ["bearward, cached"].iter().chain(&names()).enumerate() {
        let cells = counted.each_ref().map(|column| column[row].to_string());
        println!("{name} | {}", cells.join(" | "));
    }
    let [cached, fresh, ..] = counted[0][..] else {
        panic!("bearward takes no part");
    };
    let mut targets = Targets::default();
    let what = "fresh RS256, allocations";
    targets.at_most(what, TARGET_FRESH.into(), fresh.into());
    let what = "cached token, allocations";
    targets.at_most(what, TARGET_CACHED.into(), cached.into());
    targets.report()
}

/// For a token that bearward has seen before, and for a fresh one by each contestant.
fn count(algorithm: Algorithm) -> Vec<u32> {
    let (key, token) = signed(algorithm);
    let request = request(&token);
    let remembering = ResourceServer::builder().token_cache(TokenCache::new());
    let remembering = Ours::of(remembering, [&key]);
    assert!(remembering.lets_in(&request));
    let mut counted = vec![allocations(&remembering, &request)];
    for (_, contestant) in all(&key, &token) {
        counted.push(allocations(contestant.as_ref(), &request));
    }
    counted
}

fn allocations(contestant: &dyn Contestant, request: &Request<()>) -> u32 {
    let counted = measure(|| assert!(contestant.lets_in(request)));
    counted.count_total.try_into().unwrap()
}
