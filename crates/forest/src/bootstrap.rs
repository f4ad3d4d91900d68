//! What every domain has before anybody uses it: containers, built-in accounts and groups, the schema, and
//! the domain controller's own objects in the configuration.

use std::sync::Arc;

use uuid::Uuid;

use crate::options::Options;
use crate::schema;
use crate::store::{NewObject, ObjectId, Origin, Refusal, Rights, Sid, State};

/// Password of the built-in administrator, who may do anything.
pub const ADMINISTRATOR_PASSWORD: &str = "Canal-Admin-1";

/// Time at which every forest was made: 2026-01-05 08:00 UTC.
pub const MADE_AT: i64 = 1_767_600_000;

/// Makes an empty domain.
pub fn build(options: Options) -> Result<State, Refusal> {
    let (domain_dn, root_dn) = (options.domain_dn(), options.root_dn());
    let mut state = State::empty(Arc::new(options));
    state.fixed_time = Some(MADE_AT);
    let mut maker = Maker { state: &mut state };
    let domain = maker.root(&domain_dn, "domainDNS")?;
    let configuration = maker.root(&format!("CN=Configuration,{root_dn}"), "configuration")?;
    let schema_root = maker.root(&format!("CN=Schema,CN=Configuration,{root_dn}"), "dMD")?;
    maker.domain(domain)?;
    maker.deleted_objects(0, domain)?;
    maker.deleted_objects(1, configuration)?;
    maker.configuration(configuration)?;
    maker.schema(schema_root)?;
    maker.state.set_categories();
    let site = maker.add(configuration, "sitesContainer", "Sites", &[])?;
    maker.domain_controller(site)?;
    state.fixed_time = None;
    Ok(state)
}

struct Maker<'a> {
    state: &'a mut State,
}

type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Maker<'_> {
    fn root(&mut self, dn: &str, class: &str) -> Result<ObjectId, Refusal> {
        let id = self.state.push_root(dn, class_of(class)?, None);
        if class == "domainDNS" {
            self.state.object_mut(id).sid = Sid::Whole(self.state.domain_sid().into());
        }
        Ok(id)
    }

    fn add(
        &mut self,
        parent: ObjectId,
        class: &str,
        name: &str,
        attributes: Attributes<'_>,
    ) -> Result<ObjectId, Refusal> {
        self.add_known(parent, class, name, attributes, None)
    }

    fn add_known(
        &mut self,
        parent: ObjectId,
        class: &str,
        name: &str,
        attributes: Attributes<'_>,
        rid: Option<u32>,
    ) -> Result<ObjectId, Refusal> {
        let attributes = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]))
            .collect();
        self.state.create(
            NewObject {
                parent,
                class: class_of(class)?,
                name: name.to_owned(),
                attributes,
                guid: None,
                rid,
            },
            Origin::Forest,
        )
    }

    fn deleted_objects(&mut self, context: usize, root: ObjectId) -> Result<(), Refusal> {
        let id = self.add(
            root,
            "container",
            "Deleted Objects",
            &[
                ("description", "Default container for deleted objects"),
                ("isCriticalSystemObject", "TRUE"),
            ],
        )?;
        let object = self.state.object_mut(id);
        object.is_deleted = true;
        object.usn_deleted = object.usn_created;
        if let Some(context) = self.state.contexts.get_mut(context) {
            context.deleted = Some(id);
        }
        Ok(())
    }

    // LONG: a table.
    fn domain(&mut self, domain: ObjectId) -> Result<(), Refusal> {
        const CRITICAL: (&str, &str) = ("isCriticalSystemObject", "TRUE");
        let users = self.add(domain, "container", "Users", &[CRITICAL])?;
        self.add(domain, "container", "Computers", &[CRITICAL])?;
        self.add(domain, "container", "System", &[CRITICAL])?;
        self.add(
            domain,
            "container",
            "ForeignSecurityPrincipals",
            &[CRITICAL],
        )?;
        self.add(domain, "container", "Managed Service Accounts", &[])?;
        self.add(domain, "lostAndFound", "LostAndFound", &[CRITICAL])?;
        let controllers = self.add(
            domain,
            "organizationalUnit",
            "Domain Controllers",
            &[CRITICAL],
        )?;
        let builtin = self.add(domain, "builtinDomain", "Builtin", &[CRITICAL])?;
        let administrator = self.built_in_accounts(users)?;
        for (rid, name, kind) in [
            (512, "Domain Admins", "-2147483646"),
            (513, "Domain Users", "-2147483646"),
            (514, "Domain Guests", "-2147483646"),
            (515, "Domain Computers", "-2147483646"),
            (516, "Domain Controllers", "-2147483646"),
            (518, "Schema Admins", "-2147483640"),
            (519, "Enterprise Admins", "-2147483640"),
            (520, "Group Policy Creator Owners", "-2147483646"),
        ] {
            let group = self.add_known(
                users,
                "group",
                name,
                &[
                    ("sAMAccountName", name),
                    ("groupType", kind),
                    ("adminCount", "1"),
                    CRITICAL,
                ],
                Some(rid),
            )?;
            if matches!(rid, 512 | 518 | 519) {
                let usn = self.state.next_usn();
                self.state
                    .put_link(group, schema::attr::MEMBER, administrator, true, usn);
                self.state.touch(group, usn);
            }
        }
        for (rid, name) in [(544, "Administrators"), (545, "Users"), (546, "Guests")] {
            let group = self.add(
                builtin,
                "group",
                name,
                &[
                    ("sAMAccountName", &format!("{name}-Builtin")),
                    ("groupType", "-2147483643"),
                    CRITICAL,
                ],
            )?;
            self.state.set_sid(group, &format!("S-1-5-32-{rid}"));
        }
        let host = self.state.options.host.to_uppercase();
        let host_name = self.state.options.host_name();
        self.add(
            controllers,
            "computer",
            &host,
            &[
                ("sAMAccountName", &format!("{host}$")),
                ("userAccountControl", "532480"),
                ("primaryGroupID", "516"),
                ("dNSHostName", &host_name),
                ("operatingSystem", "Windows Server 2022 Standard"),
                ("operatingSystemVersion", "10.0 (20348)"),
                CRITICAL,
            ],
        )?;
        Ok(())
    }

    fn built_in_accounts(&mut self, users: ObjectId) -> Result<ObjectId, Refusal> {
        const CRITICAL: (&str, &str) = ("isCriticalSystemObject", "TRUE");
        let administrator = self.add_known(
            users,
            "user",
            "Administrator",
            &[
                ("sAMAccountName", "Administrator"),
                ("userAccountControl", "66048"),
                ("pwdLastSet", "134120736000000000"),
                (
                    "description",
                    "Built-in account for administering the computer/domain",
                ),
                ("adminCount", "1"),
                CRITICAL,
            ],
            Some(500),
        )?;
        self.state
            .set_password(administrator, ADMINISTRATOR_PASSWORD);
        self.state.set_rights(administrator, Rights::ALL);
        for (rid, name, control) in [(501, "Guest", "66082"), (502, "krbtgt", "514")] {
            self.add_known(
                users,
                "user",
                name,
                &[
                    ("sAMAccountName", name),
                    ("userAccountControl", control),
                    CRITICAL,
                ],
                Some(rid),
            )?;
        }
        Ok(administrator)
    }

    fn configuration(&mut self, root: ObjectId) -> Result<(), Refusal> {
        let services = self.add(root, "container", "Services", &[])?;
        let windows = self.add(services, "container", "Windows NT", &[])?;
        let lifetime = self.state.options.tombstone_lifetime_days.to_string();
        self.add(
            windows,
            "nTDSService",
            "Directory Service",
            &[("tombstoneLifetime", &lifetime)],
        )?;
        let partitions = self.add(
            root,
            "crossRefContainer",
            "Partitions",
            &[("msDS-Behavior-Version", "7")],
        )?;
        let (netbios, domain) = (
            self.state.options.netbios.clone(),
            self.state.options.domain.clone(),
        );
        let domain_dn = self.state.options.domain_dn();
        self.add(
            partitions,
            "crossRef",
            &netbios,
            &[
                ("nETBIOSName", &netbios),
                ("dnsRoot", &domain),
                ("nCName", &domain_dn),
                ("systemFlags", "3"),
            ],
        )?;
        let features = self.add(root, "container", "Optional Features", &[])?;
        self.add(features, "container", "Recycle Bin Feature", &[])?;
        Ok(())
    }

    fn domain_controller(&mut self, sites: ObjectId) -> Result<(), Refusal> {
        let site = self.add(sites, "site", "Default-First-Site-Name", &[])?;
        let servers = self.add(site, "serversContainer", "Servers", &[])?;
        let host = self.state.options.host.to_uppercase();
        let host_name = self.state.options.host_name();
        let server = self.add(servers, "server", &host, &[("dNSHostName", &host_name)])?;
        let dsa = self.add(
            server,
            "nTDSDSA",
            "NTDS Settings",
            &[("msDS-Behavior-Version", "7")],
        )?;
        if self.state.options.has_recycle_bin {
            let feature = format!(
                "CN=Recycle Bin Feature,CN=Optional Features,CN=Configuration,{}",
                self.state.options.root_dn()
            );
            let feature = self.state.find(&feature)?;
            let usn = self.state.next_usn();
            if let Some(attribute) = schema::attribute("msDS-Enabled-Feature") {
                self.state.put_link(dsa, attribute, feature, true, usn);
                self.state.touch(dsa, usn);
            }
        }
        self.state.dsa = Some(dsa);
        Ok(())
    }

    fn schema(&mut self, root: ObjectId) -> Result<(), Refusal> {
        for (_, def) in schema::attributes() {
            self.attribute_object(root, def)?;
        }
        for class in schema::classes() {
            self.add(
                root,
                "classSchema",
                class.cn,
                &[
                    ("lDAPDisplayName", class.name),
                    ("governsID", class.oid),
                    ("subClassOf", class.superior),
                    ("objectClassCategory", "1"),
                    ("rDNAttID", class.naming),
                ],
            )?;
        }
        Ok(())
    }

    fn attribute_object(
        &mut self,
        root: ObjectId,
        def: &schema::AttributeDef,
    ) -> Result<(), Refusal> {
        let (syntax, om) = def.syntax.numbers();
        let text = |is_set: bool| if is_set { "TRUE" } else { "FALSE" };
        let numbers = [
            om.to_string(),
            def.search_flags.to_string(),
            def.system_flags().to_string(),
        ];
        let mut attributes = vec![
            ("lDAPDisplayName", def.name),
            ("attributeID", def.oid.as_str()),
            ("attributeSyntax", syntax),
            ("oMSyntax", numbers[0].as_str()),
            ("isSingleValued", text(def.is_single)),
            ("searchFlags", numbers[1].as_str()),
            ("systemFlags", numbers[2].as_str()),
            ("systemOnly", text(def.is_system)),
        ];
        let link = def.link_id.map(|id| id.to_string());
        let upper = def.range_upper.map(|upper| upper.to_string());
        attributes.extend(link.iter().map(|id| ("linkID", id.as_str())));
        attributes.extend(upper.iter().map(|upper| ("rangeUpper", upper.as_str())));
        let id = self.add(root, "attributeSchema", &hyphenated(def.name), &attributes)?;
        let guid = Uuid::from_u128(u128::from_be_bytes(hash(def.name)));
        if let Some(attribute) = schema::attribute("schemaIDGUID") {
            let usn = self.state.object(id).usn_created;
            let value = crate::store::encode([guid.to_bytes_le()]);
            self.state.object_mut(id).store(attribute, usn, value);
        }
        Ok(())
    }
}

/// A stable number for a name (FNV-1a, twice).
fn hash(name: &str) -> [u8; 16] {
    let once = |start: u64| {
        name.bytes().fold(start, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    };
    let (high, low) = (once(0xcbf2_9ce4_8422_2325), once(0x8422_2325_cbf2_9ce4));
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

/// `userPrincipalName` becomes `User-Principal-Name`, as the schema's objects are called.
fn hyphenated(name: &str) -> String {
    let mut text = String::new();
    let mut was_lower = false;
    for (place, c) in name.chars().enumerate() {
        if place > 0 && c.is_ascii_uppercase() && was_lower {
            text.push('-');
        }
        was_lower = c.is_ascii_lowercase();
        text.push(if place == 0 {
            c.to_ascii_uppercase()
        } else {
            c
        });
    }
    text
}

fn class_of(name: &str) -> Result<&'static schema::ClassDef, Refusal> {
    schema::class(name).ok_or_else(|| {
        Refusal::new(
            crate::proto::Code::ObjectClassViolation,
            format!("class {name} is not in the schema"),
        )
    })
}
