//! Who signs in, and by which proof.
//!
//! Secrets do not print and are wiped when dropped. Trap: a name with a suffix (`name@contoso.com`) need not belong to the
//! realm of that name, so with Kerberos the realm is given beside it.

use secrecy::SecretString;

use crate::{error::Error, keytab};

/// The proof of an account.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Its password.
    Password(SecretString),
    /// A key of a keytab.
    Key(keytab::Key),
}

/// An account with its proof.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `name@suffix`, `DOMAIN\name`, or the bare name.
    pub account: String,
    /// Proof.
    pub credential: Credential,
}

impl Identity {
    /// The account's name without the domain it is qualified by, and that domain.
    pub(crate) fn split(&self) -> Result<(&str, Option<&str>), Error> {
        let bad = || Error::BadAccount(self.account.clone());
        let (name, domain) = match (self.account.split_once('\\'), self.account.rsplit_once('@')) {
            (Some((domain, name)), _) => (name, Some(domain)),
            (None, Some((_, suffix))) => (self.account.as_str(), Some(suffix)),
            (None, None) => (self.account.as_str(), None),
        };
        let is_plain = |text: &str| !text.is_empty() && !text.contains(['\\', '/', '\0']);
        match is_plain(name) && domain.is_none_or(is_plain) && !name.starts_with('@') {
            true => Ok((name, domain)),
            false => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(account: &str) -> Option<(String, Option<String>)> {
        let identity = Identity {
            account: account.into(),
            credential: Credential::Password("x".into()),
        };
        let (name, domain) = identity.split().ok()?;
        Some((name.into(), domain.map(Into::into)))
    }

    #[test]
    fn names_are_split_by_their_form() {
        let some = |name: &str, domain: &str| Some((name.into(), Some(domain.into())));
        assert_eq!(check("CANAL\\svc"), some("svc", "CANAL"));
        assert_eq!(
            check("svc@canal.example"),
            some("svc@canal.example", "canal.example")
        );
        assert_eq!(check("svc"), Some(("svc".into(), None)));
        for bad in ["", "\\svc", "CANAL\\", "@canal", "svc@", "A\\B\\c", "a/b"] {
            assert_eq!(check(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_identity_does_not_print_its_secret() {
        let identity = Identity {
            account: "svc".into(),
            credential: Credential::Password("hush-hush".into()),
        };
        assert!(!format!("{identity:?}").contains("hush"));
    }
}
