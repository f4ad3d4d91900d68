//! The lines that grant what is missing, for whoever administers the domain to run.
//!
//! Only text: nothing is run here. Trap: the account is named by its SID where the tool allows it, because a name may be given
//! to somebody else by the time the lines are run.

use super::needs::{Need, Place};

/// Whom rights are granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its SID.
    pub sid: String,
    /// sAMAccountName.
    pub name: String,
    /// The domain's naming context.
    pub base: String,
    /// The container of deleted objects.
    pub deleted_objects: String,
}

/// Who runs the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `samba-tool dsacl`.
    SambaTool,
    /// `dsacls` of Windows.
    Dsacls,
    /// PowerShell with the ActiveDirectory module.
    PowerShell,
}

impl std::str::FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "samba-tool" => Ok(Self::SambaTool),
            "dsacls" => Ok(Self::Dsacls),
            "powershell" => Ok(Self::PowerShell),
            _ => Err(format!(
                "{text} is not known; known are samba-tool, dsacls, powershell"
            )),
        }
    }
}

/// The lines that grant these needs to an account.
pub fn script(dialect: Dialect, account: &Account, needs: &[Need]) -> Vec<String> {
    let mut lines = Vec::new();
    if dialect == Dialect::PowerShell && !needs.is_empty() {
        lines.push("Import-Module ActiveDirectory".into());
        lines.push(format!(
            "$acl = Get-Acl {}",
            quoted(&format!("AD:\\{}", account.base))
        ));
        let sid = quoted(&account.sid);
        lines.push(format!(
            "$sid = New-Object System.Security.Principal.SecurityIdentifier {sid}"
        ));
    }
    lines.extend(needs.iter().map(|need| match dialect {
        Dialect::SambaTool => samba_tool(account, need),
        Dialect::Dsacls => dsacls(account, need),
        Dialect::PowerShell => power_shell(need),
    }));
    if dialect == Dialect::PowerShell && !needs.is_empty() {
        lines.push(format!(
            "Set-Acl {} $acl",
            quoted(&format!("AD:\\{}", account.base))
        ));
    }
    lines
}

fn samba_tool(account: &Account, need: &Need) -> String {
    let ace = sddl(account, need);
    let base = shell(&account.base);
    format!("samba-tool dsacl set --action=allow --objectdn={base} --sddl='{ace}'")
}

/// An entry in the security descriptor definition language (MS-DTYP §2.5.1).
fn sddl(account: &Account, need: &Need) -> String {
    let flags = match (need.place, need.class) {
        (Place::Root, _) => "",
        // Only to those of the class, not to the domain itself.
        (Place::Below, Some(_)) => "CIIO",
        (Place::Below, None) => "CI",
    };
    let guid = |named: Option<super::needs::Named>| named.map_or("", |named| named.guid);
    let kind = if need.kind.is_some() || need.class.is_some() {
        "OA"
    } else {
        "A"
    };
    format!(
        "({kind};{flags};{};{};{};{})",
        need.letters(),
        guid(need.kind),
        guid(need.class),
        account.sid
    )
}

fn dsacls(account: &Account, need: &Need) -> String {
    let inherit = match (need.place, need.class) {
        (Place::Root, _) => "/I:P",
        (Place::Below, Some(_)) => "/I:S",
        (Place::Below, None) => "/I:T",
    };
    let kind = need.kind.map_or("", |kind| kind.name);
    let class = need.class.map_or("", |class| class.name);
    let letters: String = match need.letters().as_str() {
        "CR" => "CA".into(),
        other => other.into(),
    };
    format!(
        "dsacls \"{}\" {inherit} /G \"{}:{letters};{kind};{class}\"",
        account.base, account.sid
    )
}

fn power_shell(need: &Need) -> String {
    let letters = need.letters();
    let names = [
        ("CC", "CreateChild"),
        ("DC", "DeleteChild"),
        ("RP", "ReadProperty"),
        ("WP", "WriteProperty"),
        ("DT", "DeleteTree"),
        ("CR", "ExtendedRight"),
        ("SD", "Delete"),
    ];
    let pairs = letters.as_bytes().chunks(2);
    let rights: Vec<&str> = pairs
        .filter_map(|pair| names.iter().find(|(two, _)| two.as_bytes() == pair))
        .map(|(_, name)| *name)
        .collect();
    let inherit = match (need.place, need.class) {
        (Place::Root, _) => "None",
        (Place::Below, Some(_)) => "Descendents",
        (Place::Below, None) => "All",
    };
    let empty = "00000000-0000-0000-0000-000000000000";
    let guid = |named: Option<super::needs::Named>| named.map_or(empty, |named| named.guid);
    format!(
        "$acl.AddAccessRule((New-Object System.DirectoryServices.ActiveDirectoryAccessRule $sid, {}, 'Allow', ([guid]{}), {}, ([guid]{})))",
        quoted(&rights.join(", ")),
        quoted(guid(need.kind)),
        quoted(inherit),
        quoted(guid(need.class))
    )
}

/// Within PowerShell's single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Within a shell's single quotes.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::ad::permissions::Feature;

    #[test]
    fn every_dialect_says_the_same_right() {
        let account = Account {
            sid: "S-1-5-21-1-2-3-1104".into(),
            name: "svc".into(),
            base: "DC=canal,DC=example".into(),
            deleted_objects: String::new(),
        };
        let lines = |dialect, feature: Feature| script(dialect, &account, &feature.needs());
        assert_eq!(
            lines(Dialect::SambaTool, Feature::DirSync),
            [
                "samba-tool dsacl set --action=allow --objectdn='DC=canal,DC=example' --sddl='(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;S-1-5-21-1-2-3-1104)'"
            ]
        );
        assert_eq!(
            lines(Dialect::Dsacls, Feature::DirSync),
            [
                "dsacls \"DC=canal,DC=example\" /I:P /G \"S-1-5-21-1-2-3-1104:CA;Replicating Directory Changes;\""
            ]
        );
        assert_eq!(
            lines(Dialect::Dsacls, Feature::PasswordWriteBack)[1],
            "dsacls \"DC=canal,DC=example\" /I:S /G \"S-1-5-21-1-2-3-1104:WP;lockoutTime;user\""
        );
        let shell = lines(Dialect::PowerShell, Feature::DirSync);
        assert_eq!(shell.len(), 5);
        assert!(shell[3].contains(
            "'ExtendedRight', 'Allow', ([guid]'1131f6aa-9c07-11d1-f79f-00c04fc2dcd2'), 'None'"
        ));
        assert!(script(Dialect::PowerShell, &account, &[]).is_empty());
    }
}
