//! Which rights an account has in a domain, feature by feature, and which are missing.
//!
//! Told from the access control list of the domain's root and the groups of the account, and for reading also from objects that
//! are there. Never changes anything. Trap: objects that do not inherit (those AdminSDHolder protects) stay closed whatever the
//! root grants; that shows only when one of them is touched.

mod descriptor;
mod needs;
mod script;

use std::collections::BTreeSet;

use ldap::{Filter, LdapControl, Query, Scope};
use sync_core::{code::Code, sid};

use super::{session::Session, vector::Vector};
use crate::{
    ldap::config::LdapConfig,
    source::{SourceError, source_error},
};

use descriptor::Acl;
pub use needs::{Feature, Need, Place};
pub use script::{Account, Dialect, script};

/// LDAP_SERVER_SD_FLAGS (MS-ADTS §3.1.1.3.4.1.11), asking for the discretionary list only.
const SD_FLAGS: &str = "1.2.840.113556.1.4.801";
const DACL_ONLY: [u8; 5] = [0x30, 0x03, 0x02, 0x01, 0x04];
/// Groups everybody who signed in belongs to, besides those of the account.
const EVERYBODY: [&str; 2] = ["S-1-1-0", "S-1-5-11"];
/// Objects of a class looked at.
const SAMPLES: u32 = 3;

/// A need, and whether it is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What is needed.
    pub need: Need,
    /// Whether the account has it.
    pub is_granted: bool,
}

/// Rights of an account in a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Whose.
    pub account: Account,
    /// What of the features is granted and what is not.
    pub needs: Vec<Granted>,
}

/// Looks at the rights the configured account needs for these features.
///
/// # Errors
/// By code, as far as the directory cannot be read; `SourceInsufficientAccess` if the account may not see the list.
pub async fn rights(config: &LdapConfig, features: &[Feature]) -> Result<Rights, SourceError> {
    let session = Session::open(config, &Vector::default()).await?;
    let (account, groups) = account(&session, config).await?;
    let root = acl(&session, &session.naming_context).await?;
    let root = root.ok_or_else(|| {
        let text = format!(
            "the access control list of {} is not shown",
            session.naming_context
        );
        let code = Code::SourceInsufficientAccess;
        source_error(code, &session.server, "read nTSecurityDescriptor", text)
    })?;
    let mut needs = Vec::new();
    let wanted: BTreeSet<Need> = features
        .iter()
        .flat_map(|feature| feature.needs())
        .collect();
    for need in wanted {
        let mut is_granted = root.grants(&groups, &need);
        if !is_granted && need.is_reading() {
            is_granted = samples_grant(&session, &groups, &need).await?;
        }
        needs.push(Granted { need, is_granted });
    }
    Ok(Rights { account, needs })
}

/// The account of the settings, and every group it is in.
async fn account(
    session: &Session,
    config: &LdapConfig,
) -> Result<(Account, BTreeSet<String>), SourceError> {
    let name = config.bind.as_deref().unwrap_or_default();
    let plain = name.rsplit_once('\\').map_or(name, |(_, plain)| plain);
    let short = plain.split_once('@').map_or(plain, |(short, _)| short);
    let by = |attribute: &str, value: &str| Filter::Equality(attribute.into(), value.into());
    let filter = Filter::Or(vec![
        by("distinguishedName", name),
        by("userPrincipalName", plain),
        by("sAMAccountName", short),
        by("sAMAccountName", plain),
    ]);
    let told = session.told("look for the account");
    let query = Query::new(&session.naming_context, Scope::Subtree)
        .filter(filter)
        .attributes(["objectSid", "sAMAccountName"]);
    let found = session.connection.search_all(&query).await.map_err(&told)?;
    let found = found.first().ok_or_else(|| {
        let text = format!(
            "the account {name} is not shown in {}",
            session.naming_context
        );
        source_error(
            Code::SourceInsufficientAccess,
            &session.server,
            "look for the account",
            text,
        )
    })?;
    let own = found.first("objectSid").and_then(|bytes| sid::text(bytes));
    let own = own.unwrap_or_default();
    let groups = Query::new(&found.dn, Scope::Base).attributes(["tokenGroups"]);
    let groups = session
        .connection
        .search_all(&groups)
        .await
        .map_err(&told)?;
    let mut all: BTreeSet<String> = EVERYBODY.map(str::to_owned).into();
    all.insert(own.clone());
    let values = groups.first().and_then(|entry| entry.values("tokenGroups"));
    all.extend(
        values
            .into_iter()
            .flatten()
            .filter_map(|bytes| sid::text(bytes)),
    );
    let account = Account {
        sid: own,
        name: found.text("sAMAccountName").unwrap_or(short).to_owned(),
        base: session.naming_context.clone(),
        deleted_objects: session.deleted_objects(),
    };
    Ok((account, all))
}

async fn acl(session: &Session, dn: &str) -> Result<Option<Acl>, SourceError> {
    let query = Query::new(dn, Scope::Base)
        .attributes(["nTSecurityDescriptor"])
        .control(dacl_only());
    let told = session.told("read nTSecurityDescriptor");
    let found = session.connection.search_all(&query).await.map_err(told)?;
    let bytes = found
        .first()
        .and_then(|entry| entry.first("nTSecurityDescriptor"));
    Ok(bytes.and_then(|bytes| Acl::read(bytes)))
}

fn dacl_only() -> LdapControl {
    LdapControl::Unknown {
        oid: SD_FLAGS.into(),
        criticality: true,
        value: Some(DACL_ONLY.to_vec()),
    }
}

/// Whether objects of the class that are there let themselves be read. None there: nothing is missing.
async fn samples_grant(
    session: &Session,
    groups: &BTreeSet<String>,
    need: &Need,
) -> Result<bool, SourceError> {
    let Some(class) = need.class else {
        return Ok(false);
    };
    let query = Query::new(&session.naming_context, Scope::Subtree)
        .filter(Filter::Equality("objectClass".into(), class.name.into()))
        .attributes(["nTSecurityDescriptor"])
        .control(dacl_only());
    let told = session.told("look at rights of objects");
    let mut some = session.connection.paged(query, SAMPLES).map_err(&told)?;
    for _ in 0..SAMPLES {
        let Some(entry) = some.next().await.map_err(&told)? else {
            break;
        };
        let acl = entry
            .first("nTSecurityDescriptor")
            .and_then(|b| Acl::read(b));
        if !acl.is_some_and(|acl| acl.allows_itself(groups, need)) {
            return Ok(false);
        }
    }
    Ok(true)
}
