//! Differences between the forest and Samba that are right as they are, each with its reason.
//!
//! Windows is the model: where Samba differs from Windows, the forest follows Windows. Trap: a pattern covers whatever fits it, so it
//! should say as much as it can.

use super::Difference;

/// Step, the side that has the line, the line, why. A `*` stands for any text.
type Row = (&'static str, &'static str, &'static str, &'static str);

const WINDOWS_LIMITS: &str =
    "Samba enforces neither MaxPageSize nor MaxValRange nor a size limit; Windows does";
const MATCHED: &str = "Samba leaves the matched name out; Windows sends it (RFC 4511 §4.1.9)";
const NAMING: &str =
    "Windows keeps a change number for the naming attribute beside that of name and sends it";
const TYPES: &str = "Samba sends values although types only were asked for (RFC 4511 §4.5.1.6)";
const PAST: &str =
    "beyond the last value Samba sends the attribute without any, the forest leaves it out";
const LEVEL: &str = "the forest says what Windows Server 2016 says; Samba 4.17 stands at 2008 R2";
const OWN: &str = "controls that only this server knows";
const SASL: &str = "the forest offers simple binds only";
const ZONES: &str = "the forest has no zones of DNS of its own";
const SCHEME: &str = "Samba refers by the scheme of the connection, Windows by ldap";
const ELSEWHERE: &str =
    "Windows refers to the domain that the name tells, Samba knows no such name";
const ABSENT: &str =
    "Windows tells that there is no such attribute (16), Samba that it is not equal";
const CONSTRAINT: &str =
    "Windows answers with constraintViolation, ERROR_DS_SINGLE_VALUE_CONSTRAINT";
const PERMISSIVE: &str =
    "the control makes it succeed (MS-ADTS 3.1.1.3.4.1.8); Samba looks at removals only";
const TREES: &str =
    "Windows watches trees from the root of a naming context only (MS-ADTS 3.1.1.3.4.1.9)";
const SCOPES: &str = "Windows answers DirSync for the scope subtree only";
const FIRST: &str = "Samba looks at the base's rights before it looks for the base";
const FAILED: &str =
    "a failed bind leaves the connection anonymous (RFC 4511 §4.2.1); Samba keeps the earlier one";
const NAMELESS: &str = "Windows takes a name without a password for an anonymous bind (RFC 4513 §5.1.2), Samba refuses it";
const UNDEFINED: &str =
    "what is undefined stays undefined when negated (RFC 4511 §4.5.1.7); Samba takes it for false";
const DEACTIVATED: &str = "Windows hides links to deleted objects, Samba shows them";
const EXTENDED: &str = "Samba extends this one name though nobody asked";
const LAST_PAGE: &str = "Samba adds an empty page when the last one was full";
const COOKIES: &str =
    "Windows answers a cookie of another connection with unavailableCriticalExtension";
const CLOSES: &str = "Samba closes the connection, the forest answers";
const NAME: &str = "Windows answers with namingViolation";
const OTHER: &str = "Samba gives no better code than other";
const COMPUTED: &str = "Samba does not compute it";

// LONG: a table.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("*", "samba", "*: code 32", MATCHED),
    ("*", "forest", "*: code 32, matched *", MATCHED),
    ("DirSync*", "forest", "sent: * cn = *", NAMING),
    ("DirSync*", "forest", "crowd: cn, 1 values", NAMING),
    ("a *", "forest", "sent: * cn = *", NAMING),
    ("DirSync, full*", "forest", "crowd: member;range=*", WINDOWS_LIMITS),
    ("DirSync, full*", "samba", "crowd: member*, 1600 values", WINDOWS_LIMITS),
    ("DirSync, refused", "samba", "base only: code 0", SCOPES),
    ("DirSync, refused", "forest", "base only: code 53", SCOPES),
    ("DirSync, refused", "samba", "one level: code 0", SCOPES),
    ("DirSync, refused", "forest", "one level: code 53", SCOPES),
    ("DirSync, refused", "samba", "no such object: code 50", FIRST),
    ("a deletion*", "samba", "sent: * lastKnownParent = <GUID=dashed>;OU=Likeness*", EXTENDED),
    ("a deletion*", "forest", "sent: * lastKnownParent = OU=Likeness*", EXTENDED),
    ("binds", "samba", "no password: code 49, data 52e", NAMELESS),
    ("binds", "forest", "no password: code 0", NAMELESS),
    ("binds", "samba", "search after a failed bind: *", FAILED),
    ("binds", "forest", "search after a failed bind: code 1", FAILED),
    ("compare", "samba", "no such attribute: code 5", ABSENT),
    ("compare", "forest", "no such attribute: code 16", ABSENT),
    ("compare", "samba", "no value: code 5", ABSENT),
    ("compare", "forest", "no value: code 16", ABSENT),
    ("controls", "samba", "a cookie of nobody: code 53", COOKIES),
    ("controls", "forest", "a cookie of nobody: code 12", COOKIES),
    ("controls", "samba", "extended name 7: closed", CLOSES),
    ("controls", "forest", "extended name 7: code 12", CLOSES),
    ("deleted objects", "samba", "its group: * member = *CN=eve\\0ADEL:*", DEACTIVATED),
    ("deleted objects", "forest", "its group: * member = *", DEACTIVATED),
    ("filters", "samba", "not of no such attribute: CN=ada,*", UNDEFINED),
    ("ldapsearch", "samba", "size limit: *", WINDOWS_LIMITS),
    ("ldapsearch", "forest", "size limit: exit Some(4)", WINDOWS_LIMITS),
    ("python-ldap", "samba", "size limit: done", WINDOWS_LIMITS),
    ("python-ldap", "forest", "size limit: SIZELIMIT_EXCEEDED", WINDOWS_LIMITS),
    ("python-ldap", "samba", "pages: [3, 3, 0]", LAST_PAGE),
    ("python-ldap", "forest", "pages: [3, 3]", LAST_PAGE),
    ("limits", "samba", "*: 1601 entries", WINDOWS_LIMITS),
    ("limits", "samba", "*: code 0", WINDOWS_LIMITS),
    ("limits", "forest", "a page of five thousand: 1000 entries", WINDOWS_LIMITS),
    ("limits", "forest", "unpaged: *", WINDOWS_LIMITS),
    ("limits", "forest", "size limit: *", WINDOWS_LIMITS),
    ("modify", "samba", "two values for one: code 20", CONSTRAINT),
    ("modify", "forest", "two values for one: code 19", CONSTRAINT),
    ("names", "forest", "elsewhere, scope *: code 10", ELSEWHERE),
    ("names", "forest", "elsewhere, scope *: refers to ldap://elsewhere.org/OU=x,DC=elsewhere,DC=org", ELSEWHERE),
    ("names", "forest", "from the root: refers to ldap://*", SCHEME),
    ("names", "samba", "from the root: refers to ldaps://*", SCHEME),
    ("notification", "samba", "a tree elsewhere: silence", TREES),
    ("notification", "forest", "a tree elsewhere: code 53", TREES),
    ("permissive", "samba", "add what is there: code 20", PERMISSIVE),
    ("permissive", "forest", "add what is there: code 0", PERMISSIVE),
    ("ranges", "samba", "crowd member*, 1600 values", WINDOWS_LIMITS),
    ("ranges", "forest", "crowd member*: member;range=0-1499, 1500 values", WINDOWS_LIMITS),
    ("ranges", "samba", "*, 0 values", PAST),
    ("rename", "samba", "other naming attribute: code 53", NAME),
    ("rename", "forest", "other naming attribute: code 64", NAME),
    ("rename", "samba", "to no container: code 80", OTHER),
    ("root DSE", "*", "*Functionality: *", LEVEL),
    ("root DSE", "samba", "namingContexts: DC=*DnsZones,*", ZONES),
    ("root DSE", "*", "supportedControl: *", OWN),
    ("root DSE", "*", "supportedExtension*", "Samba does not list its extended operations"),
    ("root DSE", "*", "supportedSASLMechanisms*", SASL),
    ("scopes", "forest", "one person: * msDS-PrincipalName = *", COMPUTED),
    ("scopes", "*", "types only: CN=ada,* = *", TYPES),
];

/// Differences that no row covers, and rows that cover nothing.
pub fn judge(differences: &[Difference]) -> (Vec<String>, Vec<String>) {
    let covers = |row: &Row, difference: &Difference| {
        fits(row.0, difference.step)
            && fits(row.1, difference.only)
            && fits(row.2, &difference.line)
    };
    let open = differences
        .iter()
        .filter(|difference| !ROWS.iter().any(|row| covers(row, difference)))
        .map(|one| format!("  {}: only {}: {}", one.step, one.only, one.line));
    let idle = ROWS
        .iter()
        .filter(|row| !differences.iter().any(|difference| covers(row, difference)))
        .map(|row| format!("  {}: {}: {} ({})", row.0, row.1, row.2, row.3));
    (open.collect(), idle.collect())
}

/// The text is what the pattern says, `*` standing for any text.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|after| {
            after
                .char_indices()
                .map(|(place, _)| place)
                .chain([after.len()])
                .any(|place| after.get(place..).is_some_and(|end| fits(rest, end)))
        }),
    }
}

#[test]
fn a_star_stands_for_any_text() {
    assert!(fits("a*c", "abc") && fits("*", "") && fits("a*", "a") && fits("*: x *", "y: x z"));
    assert!(!fits("a*c", "abd") && !fits("a", "ab"));
}
