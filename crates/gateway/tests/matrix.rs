//! The fault matrix, for the gateway: asked as Traefik asks, over HTTP.

use std::collections::HashMap;

use bearward::ResourceServer;

use self::fault_matrix::{AUDIENCE, Answer, Door, Trouble};
use crate::running::{Running, get, status};

#[path = "../../../tests/fault_matrix.rs"]
mod fault_matrix;

impl Door for Running {
    async fn start(issuer: &str, ca_pem: Option<&str>) -> Self {
        assert_eq!(
            ca_pem, None,
            "the gateway trusts the authorities of the system"
        );
        let text = format!(
            "[[issuers]]\nissuer = '{issuer}'\naudiences = '{AUDIENCE}'\n\
             [[routes]]\nname = 'all'\npath_prefix = '/'\n\
             [listen.forward_auth]\naddress = '127.0.0.1:0'\n"
        );
        Self::launch(&text).await
    }

    async fn ask(&self, token: &str) -> Answer {
        let before = reasons(self);
        // nginx would turn a 503 into 500, so it is told in another way; Traefik relays it.
        let fields = format!(
            "X-Forwarded-Method: GET\r\nX-Forwarded-Host: a.example\r\nX-Forwarded-Uri: /orders\r\n\
             Authorization: Bearer {token}\r\n"
        );
        let answer = get(self.address("forward auth"), "/auth/traefik", &fields).await;
        let after = reasons(self);
        let counted = |reason: &&String| before.get(*reason) != after.get(*reason);
        let counted: Vec<_> = after.keys().filter(counted).collect();
        let [reason] = counted[..] else {
            panic!("one reason, not {counted:?}: {answer}");
        };
        let head = answer.to_ascii_lowercase();
        let retry_after = head
            .lines()
            .find_map(|line| line.strip_prefix("retry-after: "));
        Answer {
            status: status(&answer),
            reason: reason.clone(),
            retry_after: retry_after.map(|seconds| seconds.trim().parse().unwrap()),
        }
    }

    fn server(&self) -> ResourceServer {
        Self::server(self)
    }
}

/// How often the door has given each reason.
fn reasons(running: &Running) -> HashMap<String, String> {
    let metrics = running.metrics.encode().unwrap();
    let lines = metrics.lines().filter_map(|line| {
        let line = line.strip_prefix("bearward_requests_total{door=\"forward_auth\"")?;
        let (_, reason) = line.split_once("reason=\"")?;
        let (reason, _) = reason.split_once('"')?;
        let (_, count) = line.rsplit_once(' ')?;
        // Some start at 0, for every route.
        (count != "0").then(|| (reason.to_owned(), count.to_owned()))
    });
    lines.collect()
}

/// All but those for which an authority would have to be trusted.
fn rows() -> Vec<Trouble> {
    let mut rows = Trouble::all();
    rows.retain(|row| !matches!(row, Trouble::Tls(_)));
    rows
}

#[tokio::test(start_paused = true)]
async fn t_key_02_t_key_08_a_key_05_faults_while_there_are_no_keys() {
    fault_matrix::cold::<Running>(&rows()).await;
}

#[tokio::test(start_paused = true)]
async fn t_key_04_t_key_05_a_key_03_faults_while_another_key_signs() {
    fault_matrix::rotated::<Running>(&rows()).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_04_t_dos_04_faults_while_keys_are_stale() {
    fault_matrix::stale::<Running>(&rows()).await;
}

#[tokio::test(start_paused = true)]
async fn t_key_06_faults_until_keys_are_too_old() {
    fault_matrix::too_old::<Running>(&rows()).await;
}
