//! The fault matrix of `docs/faults.md`: every fault of an issuer, in every state of the keys, at a
//! door. The document's table is what is expected; the library and the gateway include this file
//! and compare what they do.
//!
//! Time is the runtime's, which is paused: it stands still while anybody works, also over a socket,
//! and goes only when a fetch is held up by the issuer and there is nothing else to do. So what a
//! request waits is exact, however slow the machine is.

use std::fmt::Write;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bearward::ResourceServer;
use bearward::fetch::FetchError;
use bearward_testing::issuer::Tls;
use bearward_testing::{Algorithm, DevIssuer, Fault, SigningKey, Token, UnixTime};
use tokio::net::TcpSocket;
use tokio::task::yield_now;
use tokio::time::{Instant, advance, sleep};

const MANUAL: &str = include_str!("../docs/faults.md");

/// Where requests are decided on.
pub(crate) trait Door: Sized {
    /// Starts, with this issuer alone and `ca_pem` trusted, and waits for no fetch.
    async fn start(issuer: &str, ca_pem: Option<&str>) -> Self;

    /// Asks with this token.
    async fn ask(&self, token: &str) -> Answer;

    fn server(&self) -> ResourceServer;
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) retry_after: Option<u64>,
}

/// What is wrong with the issuer: a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    Fault(Fault),
    /// Nobody listens at its address.
    Refused,
    Tls(Tls),
    /// Its name does not resolve. It never did, so there are no keys to be had before.
    Unresolvable,
}

impl Trouble {
    pub(crate) fn all() -> Vec<Self> {
        let tls = [
            Tls::Expired,
            Tls::Off,
            Tls::SelfSigned,
            Tls::Silent,
            Tls::WrongName,
        ];
        let mut all = vec![Self::None];
        all.extend(Fault::ALL.iter().copied().map(Self::Fault));
        all.extend([Self::Refused, Self::Unresolvable]);
        all.extend(tls.map(Self::Tls));
        all
    }

    fn name(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Fault(fault) => fault.to_string(),
            Self::Refused => "connection refused".to_owned(),
            Self::Tls(Tls::Expired) => "TLS: expired".to_owned(),
            Self::Tls(Tls::Off) => "TLS: not spoken".to_owned(),
            Self::Tls(Tls::SelfSigned) => "TLS: self-signed".to_owned(),
            Self::Tls(Tls::Silent) => "TLS: silent".to_owned(),
            Self::Tls(Tls::WrongName) => "TLS: wrong name".to_owned(),
            Self::Tls(other) => panic!("{other:?}"),
            Self::Unresolvable => "name unresolvable".to_owned(),
        }
    }

    /// Whether the issuer holds up those who fetch.
    fn holds_up(self) -> bool {
        matches!(
            self,
            Self::Fault(Fault::Hang | Fault::Slow) | Self::Tls(Tls::Silent)
        )
    }
}

/// The states of the keys, and who asks: the columns.
const COLUMNS: [&str; 11] = [
    COLD,
    COLD_NEXT,
    HEALED,
    WARM,
    ROTATED,
    ROTATED_NEXT,
    ROTATED_OLD,
    STALE,
    STALE_NEW,
    TOO_OLD,
    LOGGED,
];

const COLD: &str = "cold";
const COLD_NEXT: &str = "cold, next";
const HEALED: &str = "healed";
const WARM: &str = "warm";
const ROTATED: &str = "rotated";
const ROTATED_NEXT: &str = "rotated, next";
const ROTATED_OLD: &str = "rotated, old key";
const STALE: &str = "stale";
const STALE_NEW: &str = "stale, new key";
const TOO_OLD: &str = "too old";
const LOGGED: &str = "in the log";

/// A cell that was measured: its row, its column, and what stands in it.
type Cell = (String, &'static str, String);

/// Compares these columns, for the rows that the door can have.
#[track_caller]
fn compare(columns: &[&'static str], rows: &[Trouble], found: &[Cell]) {
    let mut wrong = String::new();
    let expected = Table::read();
    for row in rows {
        for column in columns {
            let cells = found
                .iter()
                .filter(|(name, at, _)| *name == row.name() && at == column);
            let cells: Vec<_> = cells.map(|(_, _, text)| text.as_str()).collect();
            let cell = match cells[..] {
                [] => "—",
                [cell] => cell,
                _ => panic!("{row:?}, {column}: found twice"),
            };
            let stands = expected.cell(&row.name(), column);
            if stands != cell {
                let _ = writeln!(
                    wrong,
                    "{}, {column}: `{stands}` stands, `{cell}` is",
                    row.name()
                );
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "docs/faults.md is not what happens:\n{wrong}"
    );
}

/// The table of the document.
struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<&'static str>>,
}

impl Table {
    fn read() -> Self {
        let lines = MANUAL
            .lines()
            .skip_while(|line| !line.starts_with("| fault |"));
        let lines = lines.take_while(|line| line.starts_with('|'));
        let mut lines =
            lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect());
        let columns = lines.next().expect("docs/faults.md has no table");
        Self {
            columns,
            rows: lines.skip(1).collect(),
        }
    }

    #[track_caller]
    fn cell(&self, row: &str, column: &str) -> &'static str {
        let at = self.columns.iter().position(|name| *name == column);
        let at = at.unwrap_or_else(|| panic!("docs/faults.md has no column {column}"));
        let row = self.rows.iter().find(|cells| cells[0] == row);
        row.map_or("", |cells| cells[at])
    }
}

#[test]
fn the_document_has_every_row_and_column_and_no_other() {
    let table = Table::read();
    let rows: Vec<_> = table.rows.iter().map(|cells| cells[0].to_owned()).collect();
    let expected: Vec<_> = Trouble::all().into_iter().map(Trouble::name).collect();
    assert_eq!(rows, expected);
    assert_eq!(table.columns[0], "fault");
    assert_eq!(table.columns[1..], COLUMNS);
}

/// Without keys: the first request, and one in the back-off that follows. Then the fault goes.
pub(crate) async fn cold<D: Door>(rows: &[Trouble]) {
    let mut found = Vec::new();
    for &row in rows {
        let mut issuer = Issuer::start(row).await;
        issuer.set(row).await;
        let door = D::start(&issuer.url, issuer.ca_pem.as_deref()).await;
        let token = issuer.token();
        found.push(issuer.cell(&door, row, COLD, &token).await);
        // It may end a moment after the request that has waited for it as long as may be.
        door.server().attempted().await;
        found.push((row.name(), LOGGED, why(&door)));
        sleep(MILLISECOND).await;
        found.push(issuer.cell(&door, row, COLD_NEXT, &token).await);
        if row == Trouble::Unresolvable {
            continue;
        }
        issuer.heal().await;
        let (fetches, flights) = (issuer.fetches(), ended(&door));
        if !door.server().is_ready() {
            // The step of a second, 10 % more at most.
            advance(Duration::from_millis(1200)).await;
            still(|| ended(&door) > flights).await;
        }
        found.push(issuer.cell_since(fetches, &door, row, HEALED, &token).await);
    }
    compare(&[COLD, COLD_NEXT, HEALED, LOGGED], rows, &found);
}

/// With fresh keys; then another key signs, and the old one is taken back, while the fault is on.
pub(crate) async fn rotated<D: Door>(rows: &[Trouble]) {
    let mut found = Vec::new();
    for &row in rows.iter().filter(|row| **row != Trouble::Unresolvable) {
        let (mut issuer, door) = warm::<D>(row).await;
        let old = issuer.token();
        found.push(issuer.cell(&door, row, WARM, &old).await);
        issuer.rotate().await;
        let new = issuer.token();
        found.push(issuer.cell(&door, row, ROTATED, &new).await);
        sleep(MILLISECOND).await;
        found.push(issuer.cell(&door, row, ROTATED_NEXT, &new).await);
        sleep(MILLISECOND).await;
        found.push(issuer.cell(&door, row, ROTATED_OLD, &old).await);
    }
    compare(&[WARM, ROTATED, ROTATED_NEXT, ROTATED_OLD], rows, &found);
}

/// With keys that the issuer said are no longer fresh, and that it could not be asked for again;
/// then another key signs.
pub(crate) async fn stale<D: Door>(rows: &[Trouble]) {
    let mut found = Vec::new();
    for &row in rows.iter().filter(|row| **row != Trouble::Unresolvable) {
        let (mut issuer, door) = aged::<D>(row, Duration::from_secs(2 * 60 * 60)).await;
        found.push(issuer.cell(&door, row, STALE, &issuer.token()).await);
        issuer.rotate().await;
        // A flight that starts when a token arrives tells of its key; one before does not.
        sleep(MILLISECOND).await;
        found.push(issuer.cell(&door, row, STALE_NEW, &issuer.token()).await);
    }
    compare(&[STALE, STALE_NEW], rows, &found);
}

/// With keys past `stale_if_error`, 24 h.
pub(crate) async fn too_old<D: Door>(rows: &[Trouble]) {
    let mut found = Vec::new();
    for &row in rows.iter().filter(|row| **row != Trouble::Unresolvable) {
        let (issuer, door) = aged::<D>(row, Duration::from_secs(25 * 60 * 60)).await;
        found.push(issuer.cell(&door, row, TOO_OLD, &issuer.token()).await);
    }
    compare(&[TOO_OLD], rows, &found);
}

/// A door whose keys were fetched so long ago, when the trouble began.
async fn aged<D: Door>(row: Trouble, by: Duration) -> (Issuer, D) {
    let (issuer, door) = warm::<D>(row).await;
    let flights = ended(&door);
    advance(by).await;
    // The attempt that was due has failed, or is held up.
    still(|| match row.holds_up() {
        true => issuer.holds_one(),
        false => ended(&door) > flights,
    })
    .await;
    let keys = &door.server().state()[0].keys;
    let is_asked_well = matches!(row, Trouble::None | Trouble::Fault(Fault::OddKeys));
    assert_eq!(keys.is_stale, !is_asked_well, "{row:?}");
    (issuer, door)
}

/// A door with the keys of an issuer that is in trouble from now on.
async fn warm<D: Door>(row: Trouble) -> (Issuer, D) {
    let mut issuer = Issuer::start(row).await;
    let door = D::start(&issuer.url, issuer.ca_pem.as_deref()).await;
    still(|| ended(&door) > 0).await;
    assert!(door.server().is_ready(), "{row:?}");
    sleep(MILLISECOND).await;
    issuer.set(row).await;
    (issuer, door)
}

/// An issuer that can be in any trouble, at an address that stays.
struct Issuer {
    running: Option<DevIssuer>,
    url: String,
    ca_pem: Option<String>,
    key: SigningKey,
    address: SocketAddr,
    /// Bound, so that nobody else gets the port, and not listening.
    _reserved: TcpSocket,
    trouble: Trouble,
    /// How many GETs had come when the trouble began.
    fetches_before: u64,
}

impl Issuer {
    async fn start(row: Trouble) -> Self {
        let reserved = TcpSocket::new_v4().unwrap();
        reserved.set_reuseaddr(true).unwrap();
        reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = reserved.local_addr().unwrap();
        let key = SigningKey::first(Algorithm::EdDsa);
        let running = listening(address, &key, row).await;
        let mut url = running.url().to_owned();
        if row == Trouble::Unresolvable {
            // A label of 64 octets, one too many, so nobody is asked for it.
            url = format!("https://{}.invalid", "x".repeat(64));
        }
        Self {
            ca_pem: running.ca_pem().map(str::to_owned),
            running: Some(running),
            url,
            key,
            address,
            _reserved: reserved,
            trouble: Trouble::None,
            fetches_before: 0,
        }
    }

    async fn set(&mut self, row: Trouble) {
        self.trouble = row;
        self.fetches_before = self.fetches();
        let running = self.running.take().unwrap();
        match row {
            Trouble::Refused => return running.stop().await,
            Trouble::Fault(fault) => running.set_fault(fault),
            Trouble::Tls(tls) => {
                running.set_tls(tls).unwrap();
                // Who kept a connection open sees that it is closed.
                still_for(MOMENT / 4).await;
            }
            Trouble::None | Trouble::Unresolvable => {}
        }
        self.running = Some(running);
    }

    async fn heal(&mut self) {
        let trouble = std::mem::replace(&mut self.trouble, Trouble::None);
        match &self.running {
            None => self.running = Some(listening(self.address, &self.key, trouble).await),
            Some(running) => running.clear_fault(),
        }
        if let (Trouble::Tls(_), Some(running)) = (trouble, &self.running) {
            running.set_tls(Tls::SignedByCa).unwrap();
        }
    }

    async fn rotate(&mut self) {
        self.key = match &self.running {
            Some(running) => running.rotate_and_drop().await.unwrap(),
            None => SigningKey::second(Algorithm::EdDsa),
        };
    }

    /// A good one, by the key that signs now.
    fn token(&self) -> String {
        let now = UnixTime::from(std::time::SystemTime::now());
        Token::user(&self.url, AUDIENCE, now)
            .key(self.key.clone())
            .sign()
    }

    /// How many GETs have come, for whatever document.
    fn fetches(&self) -> u64 {
        self.running.as_ref().map_or(0, |running| {
            let counts = running.fetches();
            counts.discovery + counts.jwks + counts.redirected
        })
    }

    /// Asks, and says what came of it: the answer, what was waited for it, and what it cost.
    async fn cell<D: Door>(
        &self,
        door: &D,
        row: Trouble,
        column: &'static str,
        token: &str,
    ) -> Cell {
        self.cell_since(self.fetches(), door, row, column, token)
            .await
    }

    async fn cell_since<D: Door>(
        &self,
        fetches: u64,
        door: &D,
        row: Trouble,
        column: &'static str,
        token: &str,
    ) -> Cell {
        let began = Instant::now();
        let mut asking = pin!(door.ask(token));
        let answer = tokio::select! {
            biased;
            answer = &mut asking => answer,
            () = self.held_up() => asking.await,
        };
        let waited = began.elapsed();
        let context = format!("{row:?}, {column}: {answer:?}");
        let reason = match answer.status {
            200 => "admitted",
            401 => "kid_unknown",
            503 => "keys_unavailable",
            other => panic!("{other}, {context}"),
        };
        assert_eq!(answer.reason, reason, "{context}");
        match answer.retry_after {
            Some(seconds) => assert!(
                answer.status == 503 && (1..=2).contains(&seconds),
                "{context}"
            ),
            None => assert_ne!(answer.status, 503, "{context}"),
        }
        let waited = match waited.as_millis() {
            0 => "0".to_owned(),
            // Timers go by the millisecond, and requests come a millisecond after one another.
            millis if (millis + 2) % 1000 <= 4 => format!("{} s", (millis + 2) / 1000),
            millis => format!("{millis} ms"),
        };
        let text = format!("{}, {waited}, {}", answer.status, self.fetches() - fetches);
        (row.name(), column, text)
    }

    /// Until a request that is not answered by now waits for what the issuer holds up; or for what
    /// it must not wait for.
    async fn held_up(&self) {
        if !self.trouble.holds_up() {
            return still_for(PATIENCE / 2).await;
        }
        still(|| self.holds_one()).await;
        still_for(MOMENT).await;
    }

    /// Whether it holds up a fetch. With a handshake that is not answered nobody can tell: there it is
    /// one that is under way for a moment.
    fn holds_one(&self) -> bool {
        self.trouble == Trouble::Tls(Tls::Silent) || self.fetches() > self.fetches_before
    }
}

async fn listening(address: SocketAddr, key: &SigningKey, row: Trouble) -> DevIssuer {
    let issuer = DevIssuer::builder().bind(address).keys([key.clone()]);
    let issuer = match matches!(row, Trouble::Tls(_)) {
        true => issuer.tls(Tls::SignedByCa),
        false => issuer,
    };
    issuer.start().await.unwrap()
}

/// As the log has it; of a failed discovery, the last URL that was asked.
fn why(door: &impl Door) -> String {
    let text = match &door.server().state()[0].keys.last_error {
        None => "—".to_owned(),
        Some(FetchError::Discovery(failures)) => {
            let (_, error) = failures.attempts().last().unwrap();
            error.to_string()
        }
        Some(error) => error.to_string(),
    };
    // Every run has another port.
    let state = &door.server().state()[0];
    let text = text.replace(&*state.issuer, "https://id.example");
    // The log names the keys that are left out; the table shortens the list.
    match text.split_once("; key 0 ") {
        Some((error, _)) => format!("{error}; …"),
        None => text,
    }
}

fn ended(door: &impl Door) -> u64 {
    door.server().state()[0].keys.fetches
}

/// Lets everybody work, also over sockets, while time stands still, until it is so.
async fn still(mut is_so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it never is");
        // The runtime is never idle, so its clock does not go.
        yield_now().await;
    }
}

/// The same for so long, by the clock on the wall.
async fn still_for(time: Duration) {
    let began = std::time::Instant::now();
    still(|| began.elapsed() >= time).await;
}

pub(crate) const AUDIENCE: &str = "https://api.example";

const MILLISECOND: Duration = Duration::from_millis(1);

/// By the clock on the wall: enough for an answer that waits for nothing.
const MOMENT: Duration = Duration::from_millis(200);

/// Longer than anything takes that does not wait for a timer.
const PATIENCE: Duration = Duration::from_secs(20);
