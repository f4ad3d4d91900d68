//! What stands after the `@`: whether it is a domain name, and whether it can ever be verified.
//!
//! Pure. Trap: a name below a reserved top level is fine once the target has verified it, which only tests and laboratories do.

/// Top levels that are reserved or kept for private use, and so never public.
///
/// Source: RFC 2606 §2, RFC 6761 §6, RFC 6762 §3 and Appendix G, RFC 8375, ICANN board resolutions on corp, home, mail, internal
const PRIVATE: [&str; 17] = [
    "arpa",
    "corp",
    "domain",
    "example",
    "home",
    "host",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "priv",
    "test",
];
/// Longest label of a domain name (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// What stands after the last `@`.
pub fn suffix_of(name: &str) -> Option<&str> {
    name.rsplit_once('@').map(|(_, suffix)| suffix)
}

/// Whether this is a domain name with at least two labels.
pub(super) fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.contains('.') && name.split('.').all(is_label)
}

/// Whether a domain can be a public one.
pub fn is_routable(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or_default();
    let is_private = PRIVATE.iter().any(|name| name.eq_ignore_ascii_case(last));
    let is_number = last.bytes().all(|b| b.is_ascii_digit());
    domain.contains('.') && !is_private && !is_number
}
