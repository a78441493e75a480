//! Settings that change while requests run: another server takes the place, with the keys of the
//! one before.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bearward::ResourceServer;
use bearward::core::rejection::InvalidToken;
use bearward::resource_server::ResourceServerBuilder;
use shuttle::future::spawn;

use crate::scene::{A, AUDIENCE, B, Origin, ask, assert_refused, explore, server, settings};

/// What requests load, as the gateway's gate.
type Current = Arc<Mutex<ResourceServer>>;

/// No request is refused by it, keys are fetched on, and there is still one flight at a time.
#[test]
fn t_cfg_04_a_reload_keeps_the_keys_and_loses_no_request() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let current = Current::new(Mutex::new(server(&origin)));
        let readers = [(); 2].map(|()| {
            let current = Arc::clone(&current);
            spawn(async move {
                assert!(ask(&load(&current), &A).await.is_ok());
                assert!(ask(&load(&current), &A).await.is_ok());
            })
        });
        replace(&current, settings(&origin, AUDIENCE));
        replace(&current, settings(&origin, AUDIENCE));
        origin.publish(&[&A, &B]);
        assert!(ask(&load(&current), &B).await.is_ok());
        for reader in readers {
            reader.await.unwrap();
        }
        assert!(origin.flights() <= 2, "{} flights", origin.flights());
    });
}

/// A token that was remembered under other settings is judged anew.
#[test]
fn t_cch_04_nothing_is_served_by_settings_that_are_gone() {
    explore(|| async {
        let origin = Origin::publishing(&[&A]);
        let current = Current::new(Mutex::new(server(&origin)));
        let is_changed = Arc::new(AtomicBool::new(false));
        let readers = [(); 2].map(|()| {
            let (current, is_changed) = (Arc::clone(&current), Arc::clone(&is_changed));
            spawn(async move {
                read(&current, &is_changed).await;
                read(&current, &is_changed).await;
            })
        });
        replace(&current, settings(&origin, "https://other.example"));
        is_changed.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
    });
}

/// Once they have changed, the new settings decide.
async fn read(current: &Current, is_changed: &AtomicBool) {
    let was_changed = is_changed.load(Ordering::SeqCst);
    let outcome = ask(&load(current), &A).await;
    match outcome {
        Ok(_) => assert!(!was_changed, "served by settings that are gone"),
        Err(_) => assert_refused(&outcome, InvalidToken::AudMismatch),
    }
}

fn load(current: &Current) -> ResourceServer {
    current.lock().unwrap().clone()
}

/// As a reload of the gateway does it.
fn replace(current: &Current, settings: ResourceServerBuilder) {
    let new = settings.keep_keys_of(&load(current)).build().unwrap();
    let old = mem::replace(&mut *current.lock().unwrap(), new);
    // Its end is not waited for under the lock, which shuttle does not know.
    drop(old);
}
