//! The table of classes, with the single superior, the naming attribute and the default category of each.

/// One class of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassDef {
    /// lDAPDisplayName.
    pub name: &'static str,
    /// governsID.
    pub oid: &'static str,
    /// The class above.
    pub superior: &'static str,
    /// Attribute that names its objects.
    pub naming: &'static str,
    /// cn of the class whose objects objectCategory gathers.
    pub category: &'static str,
    /// cn in the schema container.
    pub cn: &'static str,
    /// Whether its objects get a SID.
    pub has_sid: bool,
    /// Whether objects of it may have children.
    pub is_container: bool,
}

const fn row(
    name: &'static str,
    oid: &'static str,
    superior: &'static str,
    (cn, category, naming): (&'static str, &'static str, &'static str),
    flags: &'static [u8],
) -> ClassDef {
    ClassDef {
        name,
        oid,
        superior,
        naming,
        category,
        cn,
        has_sid: has(flags, b's'),
        is_container: has(flags, b'c'),
    }
}

const fn has(flags: &[u8], wanted: u8) -> bool {
    let mut place = 0;
    while place < flags.len() {
        if flags[place] == wanted {
            return true;
        }
        place += 1;
    }
    false
}

/// All classes. Flags: `s` security principal, `c` container.
#[rustfmt::skip]
pub(super) static ALL: &[ClassDef] = &[
    row("top", "2.5.6.0", "top", ("Top", "Top", "cn"), b""),
    row("person", "2.5.6.6", "top", ("Person", "Person", "cn"), b""),
    row("organizationalPerson", "2.5.6.7", "person", ("Organizational-Person", "Person", "cn"), b""),
    row("user", "1.2.840.113556.1.5.9", "organizationalPerson", ("User", "Person", "cn"), b"sc"),
    row("inetOrgPerson", "2.16.840.1.113730.3.2.2", "user", ("inetOrgPerson", "Person", "cn"), b"sc"),
    row("contact", "1.2.840.113556.1.5.15", "organizationalPerson", ("Contact", "Person", "cn"), b""),
    row("computer", "1.2.840.113556.1.3.30", "user", ("Computer", "Computer", "cn"), b"sc"),
    row("msDS-GroupManagedServiceAccount", "1.2.840.113556.1.5.282", "computer", ("ms-DS-Group-Managed-Service-Account", "ms-DS-Group-Managed-Service-Account", "cn"), b"s"),
    row("group", "1.2.840.113556.1.5.8", "top", ("Group", "Group", "cn"), b"s"),
    row("foreignSecurityPrincipal", "1.2.840.113556.1.5.76", "top", ("Foreign-Security-Principal", "Foreign-Security-Principal", "cn"), b""),
    row("organizationalUnit", "2.5.6.5", "top", ("Organizational-Unit", "Organizational-Unit", "ou"), b"c"),
    row("container", "1.2.840.113556.1.3.23", "top", ("Container", "Container", "cn"), b"c"),
    row("builtinDomain", "1.2.840.113556.1.5.4", "top", ("Builtin-Domain", "Builtin-Domain", "cn"), b"c"),
    row("lostAndFound", "1.2.840.113556.1.5.139", "top", ("Lost-And-Found", "Lost-And-Found", "cn"), b"c"),
    row("domain", "1.2.840.113556.1.5.66", "top", ("Domain", "Domain-DNS", "dc"), b"c"),
    row("domainDNS", "1.2.840.113556.1.5.67", "domain", ("Domain-DNS", "Domain-DNS", "dc"), b"c"),
    row("configuration", "1.2.840.113556.1.5.12", "top", ("Configuration", "Configuration", "cn"), b"c"),
    row("dMD", "1.2.840.113556.1.3.9", "top", ("DMD", "DMD", "cn"), b"c"),
    row("attributeSchema", "1.2.840.113556.1.3.14", "top", ("Attribute-Schema", "Attribute-Schema", "cn"), b""),
    row("classSchema", "1.2.840.113556.1.3.13", "top", ("Class-Schema", "Class-Schema", "cn"), b""),
    row("sitesContainer", "1.2.840.113556.1.5.107", "top", ("Sites-Container", "Sites-Container", "cn"), b"c"),
    row("site", "1.2.840.113556.1.5.31", "top", ("Site", "Site", "cn"), b"c"),
    row("serversContainer", "1.2.840.113556.1.5.7000.48", "top", ("Servers-Container", "Servers-Container", "cn"), b"c"),
    row("server", "1.2.840.113556.1.5.17", "top", ("Server", "Server", "cn"), b"c"),
    row("applicationSettings", "1.2.840.113556.1.5.7000.49", "top", ("Application-Settings", "Application-Settings", "cn"), b"c"),
    row("nTDSDSA", "1.2.840.113556.1.5.7000.47", "applicationSettings", ("NTDS-DSA", "NTDS-DSA", "cn"), b"c"),
    row("nTDSService", "1.2.840.113556.1.5.72", "top", ("NTDS-Service", "NTDS-Service", "cn"), b"c"),
    row("crossRefContainer", "1.2.840.113556.1.5.7000.53", "top", ("Cross-Ref-Container", "Cross-Ref-Container", "cn"), b"c"),
    row("crossRef", "1.2.840.113556.1.3.11", "top", ("Cross-Ref", "Cross-Ref", "cn"), b""),
    row("msDS-Device", "1.2.840.113556.1.5.287", "top", ("ms-DS-Device", "ms-DS-Device", "cn"), b""),
];
