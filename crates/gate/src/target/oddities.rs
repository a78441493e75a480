//! The oddities of a path: what honest senders write and servers read in different ways.

/// What a path may contain only where a route tolerates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "crates of this workspace name every oddity to a person"
)]
pub enum Oddity {
    /// `//`: an empty segment, also one that has only parameters. Some servers merge slashes.
    EmptySegment,
    /// `%3B`: some servers cut parameters off after they have resolved the escape.
    EncodedSemicolon,
    /// `%2F`: some servers resolve it to a slash. Routes match it as `%2F`, within a segment.
    EncodedSlash,
    /// A segment ends in a dot or a space, which some file systems ignore.
    FinalDot,
    /// `;`: parameters of a segment, which some servers cut off before they match a path.
    Semicolon,
}

/// A set of oddities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities(u8);

impl Oddity {
    /// Every oddity.
    pub const ALL: &'static [Self] = &[
        Self::EmptySegment,
        Self::EncodedSemicolon,
        Self::EncodedSlash,
        Self::FinalDot,
        Self::Semicolon,
    ];

    /// What it is, in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmptySegment => "`//`",
            Self::EncodedSemicolon => "`%3B`",
            Self::EncodedSlash => "`%2F`",
            Self::FinalDot => "a dot or a space at the end of a segment",
            Self::Semicolon => "`;`",
        }
    }

    /// The oddity of writing this byte as an escape, if it is one.
    pub(super) const fn escaped(byte: u8) -> Option<Self> {
        match byte {
            b'/' => Some(Self::EncodedSlash),
            b';' => Some(Self::EncodedSemicolon),
            _ => None,
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::EmptySegment => 1,
            Self::EncodedSemicolon => 2,
            Self::EncodedSlash => 4,
            Self::FinalDot => 8,
            Self::Semicolon => 16,
        }
    }
}

impl Oddities {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds one.
    pub const fn insert(&mut self, oddity: Oddity) {
        self.0 |= oddity.bit();
    }

    /// Those that `others` lacks.
    pub fn without(self, others: Self) -> impl Iterator<Item = Oddity> {
        let all = Oddity::ALL.iter().copied();
        all.filter(move |oddity| self.0 & !others.0 & oddity.bit() != 0)
    }
}

impl Extend<Oddity> for Oddities {
    fn extend<I: IntoIterator<Item = Oddity>>(&mut self, oddities: I) {
        oddities.into_iter().for_each(|oddity| self.insert(oddity));
    }
}

impl FromIterator<Oddity> for Oddities {
    fn from_iter<I: IntoIterator<Item = Oddity>>(oddities: I) -> Self {
        let mut set = Self::default();
        set.extend(oddities);
        set
    }
}
