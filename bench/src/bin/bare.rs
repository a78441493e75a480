//! The bare signature check, RS256: `bare SECONDS` prints how many of them there are in a second.

use std::time::{Duration, Instant};

use bearward::Algorithm;
use bearward_bench::contestants::Bare;
use bearward_bench::tokens::signed;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let limit = Duration::from_secs_f64(seconds.unwrap_or(1.0));
    let (key, token) = signed(Algorithm::Rs256);
    let bare = Bare::new(&key, &token);
    let (start, mut checks) = (Instant::now(), 0.0);
    while start.elapsed() < limit {
        for _ in 0..100 {
            assert!(bare.verify());
        }
        checks += 100.0;
    }
    println!("{:.0}", checks / start.elapsed().as_secs_f64());
}
