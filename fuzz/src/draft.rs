//! Tokens as they might be written: a good header and good claims with changes drawn by the fuzzer,
//! signed as they stand, and then perhaps tampered with.

use arbitrary::{Arbitrary, Unstructured};
use bearward_testing::token::Parts;

use crate::setting::{AUDIENCE, ISSUER, KEY, OTHER};

/// What is done to a good token before it is signed, and after.
#[derive(Debug, Arbitrary)]
pub struct Draft {
    header: Object,
    claims: Object,
    signer: Signer,
    tampering: Vec<Tampering>,
}

/// A token and what was done to it.
pub struct Token {
    pub header: Vec<u8>,
    pub payload: Vec<u8>,
    /// What is presented.
    pub text: Vec<u8>,
    /// Whether every byte of it is as the issuer wrote it.
    pub is_genuine: bool,
}

impl Draft {
    pub fn write(&self) -> Token {
        let kid = KEY.kid().unwrap_or_default();
        let header = [
            ("alg", "\"EdDSA\""),
            ("kid", &format!("{kid:?}")),
            ("typ", "\"at+jwt\""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let claims = [
            ("iss", format!("{ISSUER:?}")),
            ("aud", format!("{AUDIENCE:?}")),
            ("sub", "\"user\"".to_owned()),
            ("client_id", "\"client\"".to_owned()),
            ("exp", "1700001800".to_owned()),
            ("iat", "1700000000".to_owned()),
            ("jti", "\"1\"".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let header = self.header.write(header.into());
        let payload = self.claims.write(claims.into());
        let key = match self.signer {
            Signer::Issuer => &*KEY,
            Signer::Attacker => &*OTHER,
        };
        let genuine = Parts::sign(&header, &payload, key).encode().into_bytes();
        let mut text = genuine.clone();
        for tampering in &self.tampering {
            tampering.apply(&mut text);
        }
        // RFC 6750 §2.1: any number of spaces before it.
        let spaces = text.iter().take_while(|byte| **byte == b' ').count();
        let is_genuine = matches!(self.signer, Signer::Issuer) && text[spaces..] == genuine;
        Token {
            header,
            payload,
            text,
            is_genuine,
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Signer {
    Issuer,
    Attacker,
}

/// Changes to the members of an object, and to its text.
#[derive(Debug, Arbitrary)]
struct Object {
    changes: Vec<Change>,
    space: Space,
    raw: Option<Splice>,
}

#[derive(Debug, Arbitrary)]
enum Change {
    Set(Name, Value),
    /// Written a second time.
    Again(Name, Value),
    Remove(Name),
    /// Another spelling of the same name.
    Escape(Name),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Space {
    None,
    Blank,
    LineFeed,
}

/// Bytes in the place of others.
#[derive(Debug, Arbitrary)]
struct Splice {
    at: u16,
    cut: u8,
    bytes: Vec<u8>,
}

#[derive(Debug, Arbitrary)]
enum Tampering {
    Flip {
        at: u16,
        bits: u8,
    },
    Splice(Splice),
    Truncate(u16),
    /// Another character of the same value in the last place, if a lax decoder drops its low bits.
    LastCharacter(u8),
}

impl Object {
    fn write(&self, mut members: Vec<(String, String)>) -> Vec<u8> {
        for change in &self.changes {
            change.apply(&mut members);
        }
        let space = match self.space {
            Space::None => "",
            Space::Blank => " ",
            Space::LineFeed => "\r\n\t",
        };
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{space}\"{name}\"{space}:{space}{value}{space}"))
            .collect();
        let mut text = format!("{space}{{{}}}{space}", members.join(",")).into_bytes();
        if let Some(splice) = &self.raw {
            splice.apply(&mut text);
        }
        text
    }
}

impl Change {
    fn apply(&self, members: &mut Vec<(String, String)>) {
        match self {
            Self::Set(name, value) => {
                members.retain(|(of, _)| *of != name.0);
                members.push((name.0.clone(), value.0.clone()));
            }
            Self::Again(name, value) => members.push((name.0.clone(), value.0.clone())),
            Self::Remove(name) => members.retain(|(of, _)| *of != name.0),
            Self::Escape(name) => {
                let units = name.0.encode_utf16();
                let escaped: String = units.map(|unit| format!("\\u{unit:04x}")).collect();
                let named = members.iter_mut().filter(|(of, _)| *of == name.0);
                named.for_each(|(of, _)| of.clone_from(&escaped));
            }
        }
    }
}

impl Splice {
    fn apply(&self, text: &mut Vec<u8>) {
        let at = usize::from(self.at) % (text.len() + 1);
        let end = text.len().min(at + usize::from(self.cut));
        text.splice(at..end, self.bytes.iter().copied());
    }
}

impl Tampering {
    fn apply(&self, text: &mut Vec<u8>) {
        let place = |at: &u16, text: &[u8]| usize::from(*at) % text.len().max(1);
        match self {
            Self::Flip { at, bits } => {
                let at = place(at, text);
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Self::Splice(splice) => splice.apply(text),
            Self::Truncate(at) => text.truncate(place(at, text)),
            Self::LastCharacter(to) => {
                if let Some(last) = text.last_mut() {
                    *last = *to;
                }
            }
        }
    }
}

/// The name of a member: those that mean something, or any.
#[derive(Debug)]
struct Name(String);

impl<'a> Arbitrary<'a> for Name {
    fn arbitrary(draw: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        const NAMES: &[&str] = &[
            "alg",
            "kid",
            "typ",
            "crit",
            "b64",
            "zip",
            "jwk",
            "jku",
            "x5c",
            "cty",
            "iss",
            "aud",
            "sub",
            "client_id",
            "exp",
            "iat",
            "nbf",
            "jti",
            "scope",
            "scp",
            "cnf",
            "email",
            "auth_time",
            "acr",
            "amr",
            "azp",
            "events",
            "nonce",
        ];
        if draw.ratio(1, 8)? {
            let name: String = draw.arbitrary()?;
            // A name as it stands between quotes.
            let quoted = serde_json::to_string(&name).unwrap_or_default();
            return Ok(Self(quoted[1..quoted.len() - 1].to_owned()));
        }
        Ok(Self((*draw.choose(NAMES)?).to_owned()))
    }
}

/// A value as it is written: those at an edge, or any.
#[derive(Debug)]
struct Value(String);

impl<'a> Arbitrary<'a> for Value {
    fn arbitrary(draw: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self(value(draw, 0)?))
    }
}

fn value(draw: &mut Unstructured<'_>, depth: usize) -> arbitrary::Result<String> {
    const EDGES: &[&str] = &[
        "\"https://auth.example\"",
        "\"https:\\/\\/auth.example\"",
        "\"https://auth.example/\"",
        "\"https://api.example\"",
        "[\"https://api.example\"]",
        "[\"\",\"https://other.example\"]",
        "1699999970",
        "1699999970.5",
        "1699999971",
        "1700000030",
        "1700000030.25",
        "1700000031",
        "253402300799",
        "253402300800",
        "-1",
        "0",
        "-0",
        "1e400",
        "1.7e9",
        "18446744073709551616",
        "null",
        "true",
        "\"\"",
        "[]",
        "{}",
        "\"at+jwt\"",
        "\"application/AT+JWT\"",
        "\"JWT\"",
        "\"EdDSA\"",
        "\"Ed25519\"",
        "\"none\"",
        "\"HS256\"",
        "\"RS256\"",
        "\"openid profile\"",
        "[\"read\",\"write\"]",
        "\"a@b@c\"",
        "{\"jkt\":\"x\"}",
        "{\"x5t#S256\":\"x\",\"jkt\":\"x\"}",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\u0000\"",
    ];
    match draw.int_in_range(0..=11)? {
        0 => {
            let text: String = draw.arbitrary()?;
            Ok(serde_json::to_string(&text).unwrap_or_default())
        }
        1 => Ok(draw.arbitrary::<i64>()?.to_string()),
        2 => Ok(format!("{:e}", draw.arbitrary::<u32>()? as f32 / 7.0)),
        // Seconds around now.
        3 => Ok((1_700_000_000_i64 + i64::from(draw.arbitrary::<i8>()?)).to_string()),
        4 if depth < 40 => {
            let elements: Vec<String> = (0..draw.int_in_range(0..=3)?)
                .map(|_| value(draw, depth + 1))
                .collect::<Result<_, _>>()?;
            Ok(format!("[{}]", elements.join(",")))
        }
        5 if depth < 40 => {
            let mut members = Vec::new();
            for _ in 0..draw.int_in_range(0..=3)? {
                let name: Name = draw.arbitrary()?;
                members.push(format!("\"{}\":{}", name.0, value(draw, depth + 1)?));
            }
            Ok(format!("{{{}}}", members.join(",")))
        }
        // Deeper than the limit, and wider.
        6 => {
            let depth = draw.int_in_range(28..=36)?;
            Ok(format!("{}{}", "[".repeat(depth), "]".repeat(depth)))
        }
        7 => {
            let members: Vec<String> = (0..draw.int_in_range(240..=260)?)
                .map(|index| format!("\"{index}\":0"))
                .collect();
            Ok(format!("{{{}}}", members.join(",")))
        }
        8 => Ok(format!("{:?}", "k".repeat(draw.int_in_range(250..=260)?))),
        _ => Ok((*draw.choose(EDGES)?).to_owned()),
    }
}
