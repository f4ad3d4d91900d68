//! The table of attributes.
//!
//! Names, identifiers, syntaxes and ranges follow the published AD schema; `M` stands for Microsoft's arc.
//! Rows that the code itself needs carry a constant in [`attr`]; they stand first, in the constants' order.

use crate::schema::{AttributeDef, Syntax};

/// Microsoft's arc of object identifiers.
const ARC: &str = "1.2.840.113556.1.";

/// Constants for the attributes that the code itself uses.
#[allow(missing_docs)]
pub mod attr {
    use crate::schema::AttributeId;

    pub const CN: AttributeId = AttributeId(0);
    pub const OBJECT_CLASS: AttributeId = AttributeId(1);
    pub const OBJECT_CATEGORY: AttributeId = AttributeId(2);
    pub const OBJECT_GUID: AttributeId = AttributeId(3);
    pub const OBJECT_SID: AttributeId = AttributeId(4);
    pub const NAME: AttributeId = AttributeId(5);
    pub const DISTINGUISHED_NAME: AttributeId = AttributeId(6);
    pub const PARENT_GUID: AttributeId = AttributeId(7);
    pub const INSTANCE_TYPE: AttributeId = AttributeId(8);
    pub const USN_CREATED: AttributeId = AttributeId(9);
    pub const USN_CHANGED: AttributeId = AttributeId(10);
    pub const WHEN_CREATED: AttributeId = AttributeId(11);
    pub const WHEN_CHANGED: AttributeId = AttributeId(12);
    pub const IS_DELETED: AttributeId = AttributeId(13);
    pub const IS_RECYCLED: AttributeId = AttributeId(14);
    pub const LAST_KNOWN_PARENT: AttributeId = AttributeId(15);
    pub const LAST_KNOWN_RDN: AttributeId = AttributeId(16);
    pub const IS_CRITICAL: AttributeId = AttributeId(17);
    pub const MEMBER: AttributeId = AttributeId(18);
    pub const MEMBER_OF: AttributeId = AttributeId(19);
    pub const MANAGER: AttributeId = AttributeId(20);
    pub const DIRECT_REPORTS: AttributeId = AttributeId(21);
    pub const MANAGED_BY: AttributeId = AttributeId(22);
    pub const MANAGED_OBJECTS: AttributeId = AttributeId(23);
    pub const ASSISTANT: AttributeId = AttributeId(24);
    pub const SAM: AttributeId = AttributeId(25);
    pub const SAM_TYPE: AttributeId = AttributeId(26);
    pub const UPN: AttributeId = AttributeId(27);
    pub const USER_ACCOUNT_CONTROL: AttributeId = AttributeId(28);
    pub const PWD_LAST_SET: AttributeId = AttributeId(29);
    pub const ACCOUNT_EXPIRES: AttributeId = AttributeId(30);
    pub const LOCKOUT_TIME: AttributeId = AttributeId(31);
    pub const PRIMARY_GROUP_ID: AttributeId = AttributeId(32);
    pub const GROUP_TYPE: AttributeId = AttributeId(33);
    pub const TOKEN_GROUPS: AttributeId = AttributeId(34);
    pub const UNICODE_PWD: AttributeId = AttributeId(35);
    pub const OU: AttributeId = AttributeId(36);
    pub const DC: AttributeId = AttributeId(37);
    pub const DISPLAY_NAME: AttributeId = AttributeId(38);
    pub const MAIL: AttributeId = AttributeId(39);
    pub const INVOCATION_ID: AttributeId = AttributeId(40);
    pub const TOMBSTONE_LIFETIME: AttributeId = AttributeId(41);
    pub const SD: AttributeId = AttributeId(42);
    pub const LDAP_DISPLAY_NAME: AttributeId = AttributeId(43);
    pub const ATTRIBUTE_ID: AttributeId = AttributeId(44);
    pub const ATTRIBUTE_SYNTAX: AttributeId = AttributeId(45);
    pub const OM_SYNTAX: AttributeId = AttributeId(46);
    pub const IS_SINGLE_VALUED: AttributeId = AttributeId(47);
    pub const LINK_ID: AttributeId = AttributeId(48);
    pub const SEARCH_FLAGS: AttributeId = AttributeId(49);
    pub const SYSTEM_FLAGS: AttributeId = AttributeId(50);
    pub const RANGE_UPPER: AttributeId = AttributeId(51);
    pub const SCHEMA_ID_GUID: AttributeId = AttributeId(52);
    pub const GOVERNS_ID: AttributeId = AttributeId(53);
    pub const SUB_CLASS_OF: AttributeId = AttributeId(54);
    pub const OBJECT_CLASS_CATEGORY: AttributeId = AttributeId(55);
    pub const RDN_ATT_ID: AttributeId = AttributeId(56);
    pub const SYSTEM_ONLY: AttributeId = AttributeId(57);
}

/// Name, identifier, syntax, flags.
type Row = (&'static str, &'static str, Syntax, &'static str);

// LONG: a table.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("cn", "2.5.4.3", Syntax::Unicode, "single upper=64 idx"),
    ("objectClass", "2.5.4.0", Syntax::Oid, "multi idx tomb"),
    ("objectCategory", "M4.782", Syntax::Dn, "single idx"),
    ("objectGUID", "M4.2", Syntax::Octets, "single idx tomb system"),
    ("objectSid", "M4.146", Syntax::Sid, "single idx tomb system"),
    ("name", "M4.1", Syntax::Unicode, "single upper=255 idx tomb system"),
    ("distinguishedName", "2.5.4.49", Syntax::Dn, "single system tomb"),
    ("parentGUID", "M4.1224", Syntax::Octets, "single constructed system"),
    ("instanceType", "M2.1", Syntax::Integer, "single tomb system"),
    ("uSNCreated", "M2.19", Syntax::Large, "single local system idx"),
    ("uSNChanged", "M2.120", Syntax::Large, "single local system idx"),
    ("whenCreated", "M2.2", Syntax::Time, "single system tomb"),
    ("whenChanged", "M2.3", Syntax::Time, "single local system"),
    ("isDeleted", "M2.48", Syntax::Boolean, "single tomb"),
    ("isRecycled", "M4.2058", Syntax::Boolean, "single tomb system"),
    ("lastKnownParent", "M4.781", Syntax::Dn, "single tomb system"),
    ("msDS-LastKnownRDN", "M4.2067", Syntax::Unicode, "single tomb system"),
    ("isCriticalSystemObject", "M4.868", Syntax::Boolean, "single"),
    ("member", "2.5.4.31", Syntax::Dn, "multi link=2"),
    ("memberOf", "M2.102", Syntax::Dn, "multi link=3 system"),
    ("manager", "0.9.2342.19200300.100.1.10", Syntax::Dn, "single link=42"),
    ("directReports", "M2.436", Syntax::Dn, "multi link=43 system"),
    ("managedBy", "M4.653", Syntax::Dn, "single link=72"),
    ("managedObjects", "M4.654", Syntax::Dn, "multi link=73 system"),
    ("assistant", "M4.652", Syntax::Dn, "single"),
    ("sAMAccountName", "M4.221", Syntax::Unicode, "single upper=256 idx tomb"),
    ("sAMAccountType", "M4.302", Syntax::Integer, "single system idx"),
    ("userPrincipalName", "M4.656", Syntax::Unicode, "single upper=1024 idx"),
    ("userAccountControl", "M4.8", Syntax::Integer, "single tomb"),
    ("pwdLastSet", "M4.96", Syntax::Large, "single"),
    ("accountExpires", "M4.159", Syntax::Large, "single"),
    ("lockoutTime", "M4.662", Syntax::Large, "single"),
    ("primaryGroupID", "M4.98", Syntax::Integer, "single idx"),
    ("groupType", "M4.750", Syntax::Integer, "single tomb idx"),
    ("tokenGroups", "M4.1301", Syntax::Sid, "multi constructed system"),
    ("unicodePwd", "M4.90", Syntax::Octets, "single secret"),
    ("ou", "2.5.4.11", Syntax::Unicode, "multi upper=64 idx"),
    ("dc", "0.9.2342.19200300.100.1.25", Syntax::Unicode, "single"),
    ("displayName", "M2.13", Syntax::Unicode, "single upper=256 idx"),
    ("mail", "0.9.2342.19200300.100.1.3", Syntax::Unicode, "single upper=256 idx"),
    ("invocationId", "M2.115", Syntax::Octets, "single system"),
    ("tombstoneLifetime", "M2.54", Syntax::Integer, "single"),
    ("nTSecurityDescriptor", "M2.281", Syntax::Octets, "single tomb"),
    ("lDAPDisplayName", "M2.460", Syntax::Unicode, "single idx"),
    ("attributeID", "M2.30", Syntax::Oid, "single"),
    ("attributeSyntax", "M2.32", Syntax::Oid, "single"),
    ("oMSyntax", "M2.231", Syntax::Integer, "single"),
    ("isSingleValued", "M2.33", Syntax::Boolean, "single"),
    ("linkID", "M2.50", Syntax::Integer, "single"),
    ("searchFlags", "M2.334", Syntax::Integer, "single"),
    ("systemFlags", "M4.375", Syntax::Integer, "single"),
    ("rangeUpper", "M2.35", Syntax::Integer, "single"),
    ("schemaIDGUID", "M4.148", Syntax::Octets, "single"),
    ("governsID", "M2.22", Syntax::Oid, "single"),
    ("subClassOf", "M2.21", Syntax::Oid, "single"),
    ("objectClassCategory", "M2.370", Syntax::Integer, "single"),
    ("rDNAttID", "M2.26", Syntax::Oid, "single"),
    ("systemOnly", "M4.170", Syntax::Boolean, "single"),
    ("msDS-User-Account-Control-Computed", "M4.1460", Syntax::Integer, "single constructed system"),
    ("canonicalName", "M4.916", Syntax::Unicode, "multi constructed system"),
    ("primaryGroupToken", "M4.1412", Syntax::Integer, "single constructed system"),
    ("subSchemaSubEntry", "2.5.18.10", Syntax::Dn, "single constructed system"),
    ("objectVersion", "M2.76", Syntax::Integer, "single"),
    ("sn", "2.5.4.4", Syntax::Unicode, "single upper=64 idx"),
    ("serialNumber", "2.5.4.5", Syntax::Printable, "multi upper=64"),
    ("c", "2.5.4.6", Syntax::Unicode, "single upper=3"),
    ("l", "2.5.4.7", Syntax::Unicode, "single upper=128 idx"),
    ("st", "2.5.4.8", Syntax::Unicode, "single upper=128"),
    ("street", "2.5.4.9", Syntax::Unicode, "single upper=1024"),
    ("o", "2.5.4.10", Syntax::Unicode, "multi upper=64"),
    ("title", "2.5.4.12", Syntax::Unicode, "single upper=128"),
    ("description", "2.5.4.13", Syntax::Unicode, "multi upper=1024"),
    ("postalCode", "2.5.4.17", Syntax::Unicode, "single upper=40"),
    ("postOfficeBox", "2.5.4.18", Syntax::Unicode, "multi upper=40"),
    ("physicalDeliveryOfficeName", "2.5.4.19", Syntax::Unicode, "single upper=128 idx"),
    ("telephoneNumber", "2.5.4.20", Syntax::Unicode, "single upper=64"),
    ("facsimileTelephoneNumber", "2.5.4.23", Syntax::Unicode, "single upper=64"),
    ("seeAlso", "2.5.4.34", Syntax::Dn, "multi"),
    ("userPassword", "2.5.4.35", Syntax::Octets, "multi secret"),
    ("userCertificate", "2.5.4.36", Syntax::Octets, "multi"),
    ("givenName", "2.5.4.42", Syntax::Unicode, "single upper=64 idx"),
    ("initials", "2.5.4.43", Syntax::Unicode, "single upper=6"),
    ("houseIdentifier", "2.5.4.51", Syntax::Unicode, "multi"),
    ("uid", "0.9.2342.19200300.100.1.1", Syntax::Unicode, "multi upper=256"),
    ("roomNumber", "0.9.2342.19200300.100.1.6", Syntax::Unicode, "multi upper=256"),
    ("homePhone", "0.9.2342.19200300.100.1.20", Syntax::Unicode, "single upper=64"),
    ("secretary", "0.9.2342.19200300.100.1.21", Syntax::Dn, "multi"),
    ("mobile", "0.9.2342.19200300.100.1.41", Syntax::Unicode, "single upper=64"),
    ("pager", "0.9.2342.19200300.100.1.42", Syntax::Unicode, "single upper=64"),
    ("jpegPhoto", "0.9.2342.19200300.100.1.60", Syntax::Octets, "multi"),
    ("carLicense", "2.16.840.1.113730.3.1.1", Syntax::Unicode, "multi"),
    ("departmentNumber", "2.16.840.1.113730.3.1.2", Syntax::Unicode, "multi"),
    ("middleName", "2.16.840.1.113730.3.1.34", Syntax::Unicode, "single upper=64"),
    ("thumbnailPhoto", "2.16.840.1.113730.3.1.35", Syntax::Octets, "single upper=102400"),
    ("preferredLanguage", "2.16.840.1.113730.3.1.39", Syntax::Unicode, "single"),
    ("userSMIMECertificate", "2.16.840.1.113730.3.140", Syntax::Octets, "multi"),
    ("co", "M2.131", Syntax::Unicode, "single upper=128"),
    ("company", "M2.146", Syntax::Unicode, "single upper=64"),
    ("department", "M2.141", Syntax::Unicode, "single upper=64"),
    ("info", "M2.81", Syntax::Unicode, "single upper=1024"),
    ("adminDescription", "M2.226", Syntax::Unicode, "single upper=1024"),
    ("adminDisplayName", "M2.194", Syntax::Unicode, "single upper=256"),
    ("displayNamePrintable", "M2.353", Syntax::Printable, "single upper=256"),
    ("comment", "M4.156", Syntax::Unicode, "single"),
    ("countryCode", "M4.25", Syntax::Integer, "single"),
    ("codePage", "M4.16", Syntax::Integer, "single"),
    ("employeeID", "M4.35", Syntax::Unicode, "single upper=16"),
    ("employeeNumber", "M2.610", Syntax::Unicode, "single upper=512"),
    ("employeeType", "M2.613", Syntax::Unicode, "single upper=256"),
    ("division", "M4.261", Syntax::Unicode, "single upper=256"),
    ("personalTitle", "M2.615", Syntax::Unicode, "single upper=64"),
    ("generationQualifier", "2.5.4.44", Syntax::Unicode, "single upper=64"),
    ("streetAddress", "M2.256", Syntax::Unicode, "single upper=1024"),
    ("homePostalAddress", "M2.617", Syntax::Unicode, "single"),
    ("wWWHomePage", "M2.464", Syntax::Unicode, "single upper=2048"),
    ("url", "M4.749", Syntax::Unicode, "multi"),
    ("ipPhone", "M4.721", Syntax::Unicode, "single upper=64"),
    ("otherIpPhone", "M4.722", Syntax::Unicode, "multi"),
    ("otherTelephone", "M2.18", Syntax::Unicode, "multi upper=64"),
    ("otherHomePhone", "M2.277", Syntax::Unicode, "multi upper=64"),
    ("otherMobile", "M4.647", Syntax::Unicode, "multi upper=64"),
    ("otherPager", "M2.118", Syntax::Unicode, "multi upper=64"),
    ("otherFacsimileTelephoneNumber", "M4.646", Syntax::Unicode, "multi upper=64"),
    ("telephoneAssistant", "M2.79", Syntax::Unicode, "single upper=64"),
    ("otherMailbox", "M4.651", Syntax::Unicode, "multi"),
    ("badPwdCount", "M4.12", Syntax::Integer, "single local"),
    ("badPasswordTime", "M4.49", Syntax::Large, "single local"),
    ("lastLogoff", "M4.51", Syntax::Large, "single local"),
    ("lastLogon", "M4.52", Syntax::Large, "single local"),
    ("lastLogonTimestamp", "M4.1696", Syntax::Large, "single"),
    ("logonCount", "M4.169", Syntax::Integer, "single local"),
    ("logonHours", "M4.64", Syntax::Octets, "single"),
    ("userWorkstations", "M4.86", Syntax::Unicode, "single upper=1024"),
    ("scriptPath", "M4.62", Syntax::Unicode, "single"),
    ("profilePath", "M4.139", Syntax::Unicode, "single"),
    ("homeDirectory", "M4.44", Syntax::Unicode, "single"),
    ("homeDrive", "M4.45", Syntax::Unicode, "single"),
    ("adminCount", "M4.150", Syntax::Integer, "single"),
    ("servicePrincipalName", "M4.771", Syntax::Unicode, "multi idx"),
    ("dNSHostName", "M4.619", Syntax::Unicode, "single idx"),
    ("operatingSystem", "M4.363", Syntax::Unicode, "single"),
    ("operatingSystemVersion", "M4.364", Syntax::Unicode, "single"),
    ("operatingSystemServicePack", "M4.365", Syntax::Unicode, "single"),
    ("location", "M4.222", Syntax::Unicode, "single upper=1024"),
    ("mS-DS-ConsistencyGuid", "M4.1360", Syntax::Octets, "single upper=16 idx tomb"),
    ("mS-DS-ConsistencyChildCount", "M4.1361", Syntax::Integer, "single"),
    ("mS-DS-CreatorSID", "M4.1410", Syntax::Sid, "single"),
    ("msDS-PhoneticDisplayName", "M4.1946", Syntax::Unicode, "single upper=256"),
    ("msDS-PhoneticFirstName", "M4.1942", Syntax::Unicode, "single upper=64"),
    ("msDS-PhoneticLastName", "M4.1943", Syntax::Unicode, "single upper=64"),
    ("msDS-HABSeniorityIndex", "M4.1997", Syntax::Integer, "single"),
    ("msDS-preferredDataLocation", "M4.2366", Syntax::Unicode, "single upper=10"),
    ("msDS-ExternalDirectoryObjectId", "M4.2310", Syntax::Unicode, "single upper=256 idx"),
    ("msDS-SourceAnchor", "M4.2352", Syntax::Unicode, "single upper=256"),
    ("msDS-KeyCredentialLink", "M4.2328", Syntax::Octets, "multi"),
    ("msDS-Enabled-Feature", "M4.2061", Syntax::Dn, "multi link=2168"),
    ("msDS-Behavior-Version", "M4.1459", Syntax::Integer, "single"),
    ("msDS-PrincipalName", "M4.1865", Syntax::Unicode, "single constructed system"),
    ("msOrg-IsOrganizational", "M6.47.1.1", Syntax::Boolean, "single"),
    ("msDS-HasMasterNCs", "M4.1836", Syntax::Dn, "multi"),
    ("fSMORoleOwner", "M4.369", Syntax::Dn, "single"),
    ("nCName", "M2.16", Syntax::Dn, "single"),
    ("dnsRoot", "M4.28", Syntax::Unicode, "multi"),
    ("nETBIOSName", "M4.87", Syntax::Unicode, "single upper=16"),
    ("maxPwdAge", "M4.74", Syntax::Large, "single"),
    ("minPwdLength", "M4.79", Syntax::Integer, "single"),
    ("lockoutThreshold", "M4.73", Syntax::Integer, "single"),
    ("msDS-Other-Settings", "M4.1621", Syntax::Unicode, "multi"),
    ("wellKnownObjects", "M4.618", Syntax::Octets, "multi"),
    ("proxyAddresses", "M2.210", Syntax::Unicode, "multi upper=1123 idx"),
    ("mailNickname", "M2.447", Syntax::Unicode, "single upper=64 idx"),
    ("targetAddress", "M2.352", Syntax::Unicode, "single upper=1123"),
    ("legacyExchangeDN", "M4.655", Syntax::Unicode, "single idx"),
    ("textEncodedORAddress", "M2.75", Syntax::Unicode, "single"),
    ("showInAddressBook", "M4.644", Syntax::Dn, "multi"),
    ("homeMDB", "M2.244", Syntax::Dn, "single"),
    ("authOrig", "M2.129", Syntax::Dn, "multi link=110"),
    ("authOrigBL", "M2.1290", Syntax::Dn, "multi link=111 system"),
    ("unauthOrig", "M2.221", Syntax::Dn, "multi link=114"),
    ("dLMemRejectPerms", "M2.47", Syntax::Dn, "multi link=116"),
    ("dLMemSubmitPerms", "M2.144", Syntax::Dn, "multi link=112"),
    ("publicDelegates", "M2.251", Syntax::Dn, "multi link=108"),
    ("publicDelegatesBL", "M2.295", Syntax::Dn, "multi link=109 system"),
    ("altRecipient", "M2.126", Syntax::Dn, "single link=126"),
    ("oOFReplyToOriginator", "M2.438", Syntax::Boolean, "single"),
    ("reportToOriginator", "M2.46", Syntax::Boolean, "single"),
    ("reportToOwner", "M2.207", Syntax::Boolean, "single"),
    ("hideDLMembership", "M2.297", Syntax::Boolean, "single"),
    ("garbageCollPeriod", "M2.301", Syntax::Integer, "single"),
    ("msRTCSIP-PrimaryUserAddress", "M6.24.1.1", Syntax::Unicode, "single upper=512 idx"),
    ("msRTCSIP-UserEnabled", "M6.24.1.2", Syntax::Boolean, "single"),
    ("msRTCSIP-OptionFlags", "M6.24.1.20", Syntax::Integer, "single"),
    ("msRTCSIP-DeploymentLocator", "M6.24.1.84", Syntax::Unicode, "single"),
    ("msRTCSIP-Line", "M6.24.1.38", Syntax::Unicode, "single"),
    ("msRTCSIP-OwnerUrn", "M6.24.1.63", Syntax::Unicode, "single"),
    ("msRTCSIP-ApplicationOptions", "M6.24.1.75", Syntax::Integer, "single"),
    ("extensionAttribute1", "M2.423", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute2", "M2.424", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute3", "M2.425", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute4", "M2.426", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute5", "M2.427", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute6", "M2.428", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute7", "M2.429", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute8", "M2.430", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute9", "M2.431", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute10", "M2.432", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute11", "M2.599", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute12", "M2.600", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute13", "M2.601", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute14", "M2.602", Syntax::Unicode, "single upper=1024"),
    ("extensionAttribute15", "M2.603", Syntax::Unicode, "single upper=1024"),
    ("msDS-cloudExtensionAttribute1", "M4.2214", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute2", "M4.2215", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute3", "M4.2216", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute4", "M4.2217", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute5", "M4.2218", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute6", "M4.2219", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute7", "M4.2220", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute8", "M4.2221", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute9", "M4.2222", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute10", "M4.2223", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute11", "M4.2224", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute12", "M4.2225", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute13", "M4.2226", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute14", "M4.2227", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute15", "M4.2228", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute16", "M4.2229", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute17", "M4.2230", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute18", "M4.2231", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute19", "M4.2232", Syntax::Unicode, "single"),
    ("msDS-cloudExtensionAttribute20", "M4.2233", Syntax::Unicode, "single"),
    ("msExchExtensionCustomAttribute1", "M4.7000.102.50001", Syntax::Unicode, "multi upper=2048"),
    ("msExchExtensionCustomAttribute2", "M4.7000.102.50002", Syntax::Unicode, "multi upper=2048"),
    ("msExchExtensionCustomAttribute3", "M4.7000.102.50003", Syntax::Unicode, "multi upper=2048"),
    ("msExchExtensionCustomAttribute4", "M4.7000.102.50004", Syntax::Unicode, "multi upper=2048"),
    ("msExchExtensionCustomAttribute5", "M4.7000.102.50005", Syntax::Unicode, "multi upper=2048"),
    ("msExchHideFromAddressLists", "M4.7000.102.50006", Syntax::Boolean, "single"),
    ("msExchRequireAuthToSendTo", "M4.7000.102.50007", Syntax::Boolean, "single"),
    ("msExchEnableModeration", "M4.7000.102.50008", Syntax::Boolean, "single"),
    ("msExchMailboxAuditEnable", "M4.7000.102.50009", Syntax::Boolean, "single"),
    ("msExchBypassAudit", "M4.7000.102.50010", Syntax::Boolean, "single"),
    ("msExchRecipientDisplayType", "M4.7000.102.50011", Syntax::Integer, "single"),
    ("msExchModerationFlags", "M4.7000.102.50012", Syntax::Integer, "single"),
    ("msExchMailboxAuditLogAgeLimit", "M4.7000.102.50013", Syntax::Integer, "single"),
    ("msExchResourceCapacity", "M4.7000.102.50014", Syntax::Integer, "single"),
    ("msExchELCMailboxFlags", "M4.7000.102.50015", Syntax::Integer, "single"),
    ("msExchAuditAdmin", "M4.7000.102.50016", Syntax::Integer, "single"),
    ("msExchAuditDelegate", "M4.7000.102.50017", Syntax::Integer, "single"),
    ("msExchAuditDelegateAdmin", "M4.7000.102.50018", Syntax::Integer, "single"),
    ("msExchAuditOwner", "M4.7000.102.50019", Syntax::Integer, "single"),
    ("msExchRecipientTypeDetails", "M4.7000.102.50020", Syntax::Large, "single"),
    ("msExchRemoteRecipientType", "M4.7000.102.50021", Syntax::Large, "single"),
    ("msExchMailboxGuid", "M4.7000.102.50022", Syntax::Octets, "single"),
    ("msExchArchiveGUID", "M4.7000.102.50023", Syntax::Octets, "single"),
    ("msExchBlockedSendersHash", "M4.7000.102.50024", Syntax::Octets, "single"),
    ("msExchSafeSendersHash", "M4.7000.102.50025", Syntax::Octets, "single"),
    ("msExchSafeRecipientsHash", "M4.7000.102.50026", Syntax::Octets, "single"),
    ("msExchUsageLocation", "M4.7000.102.50027", Syntax::Unicode, "single"),
    ("msExchAssistantName", "M4.7000.102.50028", Syntax::Unicode, "single"),
    ("msExchRetentionComment", "M4.7000.102.50029", Syntax::Unicode, "single"),
    ("msExchRetentionURL", "M4.7000.102.50030", Syntax::Unicode, "single"),
    ("msExchImmutableId", "M4.7000.102.50031", Syntax::Unicode, "single"),
    ("msExchLitigationHoldOwner", "M4.7000.102.50032", Syntax::Unicode, "single"),
    ("msExchResourceDisplay", "M4.7000.102.50033", Syntax::Unicode, "single"),
    ("msExchTeamMailboxSharePointUrl", "M4.7000.102.50034", Syntax::Unicode, "single"),
    ("msExchPoliciesExcluded", "M4.7000.102.50035", Syntax::Unicode, "single"),
    ("msExchHomeServerName", "M4.7000.102.50036", Syntax::Unicode, "single"),
    ("msExchArchiveName", "M4.7000.102.50037", Syntax::Unicode, "multi"),
    ("msExchResourceMetaData", "M4.7000.102.50038", Syntax::Unicode, "multi"),
    ("msExchResourceSearchProperties", "M4.7000.102.50039", Syntax::Unicode, "multi"),
    ("msExchSenderHintTranslations", "M4.7000.102.50040", Syntax::Unicode, "multi"),
    ("msExchUserHoldPolicies", "M4.7000.102.50041", Syntax::Unicode, "multi"),
    ("msExchPoliciesIncluded", "M4.7000.102.50042", Syntax::Unicode, "multi"),
    ("msExchLitigationHoldDate", "M4.7000.102.50043", Syntax::Time, "single"),
    ("msExchELCExpirySuspensionStart", "M4.7000.102.50044", Syntax::Time, "single"),
    ("msExchELCExpirySuspensionEnd", "M4.7000.102.50045", Syntax::Time, "single"),
    ("msExchTeamMailboxExpiration", "M4.7000.102.50046", Syntax::Time, "single"),
    ("msExchWhenMailboxCreated", "M4.7000.102.50047", Syntax::Time, "single"),
    ("msExchModeratedByLink", "M4.7000.102.50048", Syntax::Dn, "multi link=1070"),
    ("msExchCoManagedByLink", "M4.7000.102.50049", Syntax::Dn, "multi link=1072"),
    ("msExchDelegateListLink", "M4.7000.102.50050", Syntax::Dn, "multi link=1074"),
    ("msExchTeamMailboxOwners", "M4.7000.102.50051", Syntax::Dn, "multi link=1076"),
    ("msExchTeamMailboxSharePointLinkedBy", "M4.7000.102.50052", Syntax::Dn, "multi link=1078"),
    ("msExchMasterAccountSid", "M4.7000.102.50053", Syntax::Sid, "single"),
    ("msExchVersion", "M4.7000.102.50054", Syntax::Large, "single"),
];

/// Attributes in which many people of one organisation agree.
const COMMON: &[&str] = &[
    "l",
    "postalCode",
    "streetAddress",
    "c",
    "co",
    "countryCode",
    "company",
    "department",
    "title",
    "userAccountControl",
    "sAMAccountType",
    "primaryGroupID",
    "accountExpires",
    "codePage",
    "badPwdCount",
    "logonCount",
    "lastLogon",
    "lastLogoff",
    "badPasswordTime",
    "groupType",
];

/// All attributes, in the order of the table.
pub(super) fn all() -> Vec<AttributeDef> {
    ROWS.iter().map(read).collect()
}

fn read((name, oid, syntax, flags): &Row) -> AttributeDef {
    let has = |flag: &str| flags.split(' ').any(|one| one == flag);
    let number = |key: &str| {
        flags
            .split(' ')
            .find_map(|one| one.strip_prefix(key)?.parse::<u32>().ok())
    };
    let link_id = number("link=");
    AttributeDef {
        name,
        oid: match oid.strip_prefix('M') {
            Some(rest) => format!("{ARC}{rest}"),
            None => (*oid).to_owned(),
        },
        syntax: *syntax,
        is_single: has("single"),
        link_id,
        search_flags: i32::from(has("idx")) | if has("tomb") { 8 } else { 0 },
        range_upper: number("upper=").map(|upper| upper as usize),
        is_constructed: has("constructed")
            || has("secret")
            || link_id.is_some_and(|id| id % 2 == 1),
        is_local: has("local"),
        is_system: has("system"),
        is_common: COMMON.contains(name),
        encoded: crate::store::encode([name]),
    }
}
