//! The fault matrix, for the library: the development issuer in any trouble, over real sockets.

use bearward::fetch::HttpTransport;
use bearward::{Issuer, Policy, ResourceServer};

use self::fault_matrix::{AUDIENCE, Answer, Door, Trouble};
use crate::fixture::request;

#[path = "../../../tests/fault_matrix.rs"]
mod fault_matrix;

impl Door for ResourceServer {
    async fn start(issuer: &str, ca_pem: Option<&str>) -> Self {
        let policy = Policy::builder(issuer, AUDIENCE).build().unwrap();
        let transport = match ca_pem {
            Some(pem) => HttpTransport::with_root_certificates(pem.as_bytes()),
            None => HttpTransport::new(),
        };
        Self::builder()
            .transport(transport.unwrap())
            .issuer(Issuer::discover(policy))
            .build()
            .unwrap()
    }

    async fn ask(&self, token: &str) -> Answer {
        let Err(rejection) = self.authenticate(&request(token)).await else {
            return Answer {
                status: 200,
                reason: "admitted".to_owned(),
                retry_after: None,
            };
        };
        let challenge = self.challenge(&rejection, &request(token));
        let retry_after = challenge.headers().get("retry-after");
        Answer {
            status: challenge.status().as_u16(),
            reason: rejection.reason().to_owned(),
            retry_after: retry_after.map(|seconds| seconds.to_str().unwrap().parse().unwrap()),
        }
    }

    fn server(&self) -> ResourceServer {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn t_key_02_t_key_08_a_key_05_faults_while_there_are_no_keys() {
    fault_matrix::cold::<ResourceServer>(&Trouble::all()).await;
}

#[tokio::test(start_paused = true)]
async fn t_key_04_t_key_05_a_key_03_faults_while_another_key_signs() {
    fault_matrix::rotated::<ResourceServer>(&Trouble::all()).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_04_t_dos_04_faults_while_keys_are_stale() {
    fault_matrix::stale::<ResourceServer>(&Trouble::all()).await;
}

#[tokio::test(start_paused = true)]
async fn t_key_06_faults_until_keys_are_too_old() {
    fault_matrix::too_old::<ResourceServer>(&Trouble::all()).await;
}
