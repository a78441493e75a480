//! Enums that are tables: each variant has one row with everything we know about it.
//!
//! A variant without a row does not compile, and `ALL` and `NAMES` always list every variant.
//! Methods of the enum read the rows. The macro knows only the `name` in a row.

/// Defines an enum, the row of each variant, and its name in both directions.
///
/// Documents show the documentation of a variant, too: see `meaning`.
macro_rules! rows {
    (
        $(#[$attribute:meta])*
        pub enum $Enum:ident of $Row:ty, or $Unknown:ident;
        $(
            $(#[doc = $doc:literal])+
            $(#[cfg($cfg:meta)])?
            $(#[default $($default:tt)?])?
            $name:ident = $row:expr;
        )+
    ) => {
        $(#[$attribute])*
        pub enum $Enum {
            $(
                $(#[doc = $doc])+
                $(#[cfg($cfg)])?
                $(#[default $($default)?])?
                $name,
            )+
        }

        impl $Enum {
            /// Every variant, in order.
            pub const ALL: &'static [Self] = &[$($(#[cfg($cfg)])? Self::$name,)+];

            /// The name of every variant, in the same order.
            pub const NAMES: &'static [&'static str] =
                &[$($(#[cfg($cfg)])? Self::$name.as_str(),)+];

            /// The name in tokens or settings.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                self.row().name
            }

            /// The documentation of this variant, in Markdown.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $($(#[cfg($cfg)])? Self::$name => concat!($($doc),+).trim_ascii_start(),)+
                }
            }

            pub(crate) const fn row(self) -> &'static $Row {
                match self {
                    $($(#[cfg($cfg)])? Self::$name => const { &$row },)+
                }
            }
        }

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $Enum {
            type Err = $Unknown;

            /// Exact and case-sensitive.
            fn from_str(name: &str) -> Result<Self, $Unknown> {
                let mut rows = Self::ALL.iter().zip(Self::NAMES);
                let found = rows.find(|(_, known)| **known == name);
                found.map(|(variant, _)| *variant).ok_or($Unknown)
            }
        }
    };
}

pub(crate) use rows;
