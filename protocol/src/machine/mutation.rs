//! The Agree phase, broken on purpose: so that a test can show that the simulator would notice.
//!
//! Only the simulator (feature `sim`) can break a machine; in any other build [`Mutant::is`] is
//! false for good, and the compiler removes the branches behind it.

/// One way to break the Agree phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "sim"),
    allow(unreachable_pub, reason = "the simulator exports it")
)]
pub enum Mutation {
    /// Accepts a first seal in any attempt though only its author signed for it.
    FewSigners,
    /// Leaves out the last attempt.
    NoLastAttempt,
    /// Applies what it holds when it seals, before anything is agreed.
    BeforeAgreement,
    /// Takes the fast path when all first seals are in, though they differ.
    UnequalSeals,
    /// Does not sign for what it newly accepted, so nobody learns of it.
    SilentAcceptance,
    /// Counts an entry that a single first seal names.
    OneIsEnough,
}

impl Mutation {
    /// Every mutation.
    #[cfg(feature = "sim")]
    pub const ALL: [Self; 6] = [
        Self::FewSigners,
        Self::NoLastAttempt,
        Self::BeforeAgreement,
        Self::UnequalSeals,
        Self::SilentAcceptance,
        Self::OneIsEnough,
    ];

    /// Its name on the command line.
    #[cfg(feature = "sim")]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FewSigners => "few-signers",
            Self::NoLastAttempt => "no-last-attempt",
            Self::BeforeAgreement => "before-agreement",
            Self::UnequalSeals => "unequal-seals",
            Self::SilentAcceptance => "silent-acceptance",
            Self::OneIsEnough => "one-is-enough",
        }
    }

    /// The mutation of that name.
    #[cfg(feature = "sim")]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mutation| mutation.name() == name)
    }
}

/// How a machine is broken: not at all, unless the simulator says so.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mutant {
    #[cfg(feature = "sim")]
    mutation: Option<Mutation>,
}

impl Mutant {
    #[cfg(feature = "sim")]
    pub(super) const fn new(mutation: Option<Mutation>) -> Self {
        Self { mutation }
    }

    /// Whether the machine is broken in this way.
    #[cfg(feature = "sim")]
    pub(super) fn is(self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Whether the machine is broken in this way: never.
    #[cfg(not(feature = "sim"))]
    #[allow(clippy::unused_self, reason = "the simulator's build looks at it")]
    pub(super) const fn is(self, _: Mutation) -> bool {
        false
    }
}
