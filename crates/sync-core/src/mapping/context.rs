//! What a mapping may know besides the object itself.
//!
//! Never holds anything of the object. Trap: an included container is known by its anchor; the rules carry its DN, and whoever
//! calls resolves it, so that a renamed container stays the same one.

use jiff::Timestamp;

use crate::{expression::random::Seed, id::Anchor, takeover::Takeover};

/// The surroundings of a job.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// DNS name of the source domain (`canal.example`).
    pub domain_fqdn: &'a str,
    /// NetBIOS name of the source domain.
    pub domain_netbios: &'a str,
    /// Verified domains of the target, the initial one included.
    pub verified_domains: &'a [String],
    /// The target's initial domain, which no source address may claim.
    pub initial_domain: &'a str,
    /// Containers in scope.
    pub containers: Containers<'a>,
    /// The time, for expressions that ask for it.
    pub now: Option<Timestamp>,
    /// What random values in expressions are made from.
    pub seed: Option<&'a Seed>,
    /// Whether what leaves the scope stays in the target (`SkipOutOfScopeDeletions`).
    pub leaves_out_of_scope: bool,
    /// What may be taken over in the target.
    pub takeover: Takeover,
    /// Whether a value that another object holds is set aside.
    pub sets_aside: bool,
}

impl Context<'_> {
    /// Whether the target has verified this domain.
    pub fn is_verified(&self, domain: &str) -> bool {
        self.verified_domains
            .iter()
            .any(|known| known.eq_ignore_ascii_case(domain))
    }
}

/// Containers in and out of scope; the nearest one above an object decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Containers<'a> {
    /// Included; empty: everything, unless the rules name containers.
    pub included: &'a [Anchor],
    /// Excluded.
    pub excluded: &'a [Anchor],
}
