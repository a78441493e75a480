//! The meaning and remedy of each reason, from `docs/reasons.md`, which is built into the program.

use bearward::explain::Meaning;
use serde::Serialize;

/// A section of the document, about a reason to refuse a token, a request, a key or a configuration.
#[derive(Serialize)]
pub(crate) struct Explanation {
    /// Its stable code, which is also its anchor in the document.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) means: String,
    /// The component that refuses.
    pub(crate) refused_by: String,
    /// The response to the sender, starting with the status if there is one.
    pub(crate) answer: String,
    /// The usual causes.
    pub(crate) causes: Vec<String>,
    /// What to do.
    pub(crate) remedy: String,
}

impl Explanation {
    /// The explanation of the reason with this code.
    pub(crate) fn of(code: &str) -> Option<Self> {
        Self::all().find(|reason| reason.code == code)
    }

    /// The explanations of all reasons, in the order of the document.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let groups = DOCUMENT.split("\n# ").skip(1);
        groups.flat_map(|group| {
            let mut sections = group.split("\n## ");
            let who = sections
                .next()
                .and_then(|intro| intro.split_once(REFUSED_BY));
            let who = who.map_or("", |(_, who)| who);
            sections.filter_map(move |section| Self::parse(section, who))
        })
    }

    /// The part of it that a report shows.
    pub(crate) fn meaning(&self) -> Meaning<'_> {
        Meaning {
            means: &self.means,
            remedy: &self.remedy,
        }
    }

    /// A link to the whole section.
    pub(crate) fn anchor(&self) -> String {
        format!("docs/reasons.md#{}", self.code)
    }

    /// Where the whole section is: on the page, and on the command line.
    pub(crate) fn more(&self) -> String {
        format!("{}, or `bearward reason {}`", self.anchor(), self.code)
    }

    fn parse(section: &'static str, who: &str) -> Option<Self> {
        let (code, text) = section.split_once('\n')?;
        let (means, text) = text.split_once("\n\nAnswer: ")?;
        let (answer, text) = text.split_once("\n\nLikely causes:\n\n- ")?;
        let (causes, remedy) = text.split_once("\n\nWhat to do: ")?;
        Some(Self {
            code,
            means: on_one_line(means),
            refused_by: on_one_line(who),
            answer: on_one_line(answer),
            causes: causes.split("\n- ").map(on_one_line).collect(),
            remedy: on_one_line(remedy),
        })
    }
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A link to the document, since a crate contains only files of its folder. `cargo package` replaces
/// the link with the document.
const DOCUMENT: &str = include_str!("reasons.md");

/// Precedes the component in the introduction of a group.
const REFUSED_BY: &str = "\nRefused by: ";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bearward_core::challenge::ProtectionSpace;
    use bearward_core::jwk::UnusableJwk;
    use bearward_core::rejection::{Forbidden, InvalidRequest, InvalidToken};
    use bearward_core::{Challenge, Rejection};
    use bearward_gateway::config::Code;
    use bearward_gateway::decision::{Reason as OfGateway, Refusal};
    use bearward_gateway::doors::admin;
    use bearward_gateway::record::interruption::Interruption;

    use super::*;

    /// Reasons not to use a key have codes as well.
    const UNUSABLE: [UnusableJwk; 5] = [
        UnusableJwk::OtherUse,
        UnusableJwk::Private,
        UnusableJwk::Symmetric,
        UnusableJwk::Unusable,
        UnusableJwk::Weak,
    ];

    fn answer_of(code: &str) -> String {
        Explanation::of(code)
            .expect("a section for each code")
            .answer
    }

    #[test]
    fn each_code_has_one_heading_and_no_heading_is_unknown() {
        let codes: BTreeSet<&str> = Rejection::reasons()
            .chain(UNUSABLE.iter().map(|reason| reason.code()))
            .chain(OfGateway::OWN.iter().map(OfGateway::code))
            .chain(Interruption::ALL.iter().map(|by| by.code()))
            .chain(admin::ERRORS)
            .chain(Code::ALL.iter().map(|code| code.as_str()))
            .collect();
        // A section without all its parts would be missing here.
        let headings: Vec<&str> = Explanation::all().map(|reason| reason.code).collect();
        assert_eq!(headings.len(), DOCUMENT.matches("\n## ").count());
        let distinct: BTreeSet<&str> = headings.iter().copied().collect();
        assert_eq!(headings.len(), distinct.len(), "a heading stands twice");
        assert_eq!(distinct, codes);
    }

    #[test]
    fn each_part_of_a_section_says_something() {
        for reason in Explanation::all() {
            let code = reason.code;
            let texts = [
                reason.means,
                reason.refused_by,
                reason.answer,
                reason.remedy,
            ];
            for text in texts.iter().chain(&reason.causes) {
                assert!(!text.is_empty() && !text.contains("- "), "{code}: {text:?}");
            }
        }
    }

    #[test]
    fn the_document_says_which_answer_the_sender_gets() {
        let tokens = InvalidToken::ALL.iter().copied().map(Rejection::from);
        let requests = InvalidRequest::ALL.iter().copied().map(Rejection::from);
        let forbidden = Forbidden::ALL.iter().copied().map(Rejection::from);
        let rejections = tokens.chain(requests).chain(forbidden);
        for rejection in rejections.chain([Rejection::NoCredentials]) {
            let challenge = Challenge::new(&rejection, &ProtectionSpace::default());
            let status = challenge.status().as_str().to_owned();
            let answer = answer_of(rejection.reason());
            assert!(answer.starts_with(&status), "{}", rejection.reason());
            let code: serde_json::Value =
                serde_json::from_str(challenge.body()).expect("a problem document");
            if let Some(error) = code["error"].as_str() {
                assert!(answer.contains(&format!("`{error}`")), "{error}");
            }
        }
    }

    #[test]
    fn it_says_so_of_the_gateways_own_reasons_as_well() {
        for reason in OfGateway::OWN {
            let refusal = Refusal::plain(None, reason.clone());
            let status = format!("{}, ", refusal.status.as_str());
            let answer = answer_of(reason.code());
            assert!(answer.starts_with(&status), "{}: {status}", reason.code());
        }
    }
}
