//! Distinguished names as text (RFC 4514): splitting off the first RDN, escaping, and AD's extended form.
//!
//! Never normalises: names are compared by anchors elsewhere. Trap: a separator may be escaped (`\,`) or stand inside
//! quotes (RFC 2253's old form), and a backslash may itself be escaped.

/// Splits a DN into its first RDN and the rest (the parent's DN).
pub fn split_first(dn: &str) -> (&str, &str) {
    // Most names have nothing escaped or quoted before their first separator.
    let special = |byte: &u8| matches!(byte, b',' | b';' | b'\\' | b'"');
    let first = dn.as_bytes().iter().position(special);
    match first.map(|at| (at, dn.as_bytes().get(at))) {
        None => (trim(dn), ""),
        Some((at, Some(b',' | b';'))) => split_at(dn, at),
        Some(_) => split_escaped(dn),
    }
}

/// Splits at a separator.
fn split_at(dn: &str, separator: usize) -> (&str, &str) {
    let (rdn, rest) = dn.split_at(separator);
    let parent = rest.get(1..).unwrap_or_default();
    (trim(rdn), parent.trim_start_matches(' '))
}

fn split_escaped(dn: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let mut is_quoted = false;
    for (at, c) in dn.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' | ';' if !is_quoted => return split_at(dn, at),
            _ => {}
        }
    }
    (trim(dn), "")
}

/// Without blanks around it; one that is escaped belongs to the value.
fn trim(rdn: &str) -> &str {
    let start = rdn.trim_start_matches(' ');
    let bare = start.trim_end_matches(' ');
    let escapes = bare.chars().rev().take_while(|c| *c == '\\').count();
    match escapes % 2 {
        0 => bare,
        _ => start.get(..=bare.len()).unwrap_or(bare),
    }
}

/// The attribute type of an RDN (`CN` of `CN=Müller\, Jo`).
pub fn rdn_attribute(rdn: &str) -> &str {
    rdn.split('=').next().unwrap_or_default().trim()
}

/// Escapes a value for use in an RDN.
///
/// # Source
/// RFC 4514 §2.4 Converting an AttributeValue from ASN.1 to a String
pub fn escape_value(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (at, c) in value.chars().enumerate() {
        match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => {
                text.push('\\');
                text.push(c);
            }
            '#' if at == 0 => text.push_str("\\#"),
            ' ' if at == 0 || at == last => text.push_str("\\ "),
            '\0'..='\x1f' => text.push_str(&format!("\\{:02X}", c as u32)),
            _ => text.push(c),
        }
    }
    text
}

/// Splits AD's extended form `<GUID=…>;<SID=…>;CN=…` into the GUID's text, the SID's text and the plain DN.
///
/// # Source
/// MS-ADTS §3.1.1.3.4.1.5 LDAP_SERVER_EXTENDED_DN_OID
pub fn split_extended(text: &str) -> (Option<&str>, Option<&str>, &str) {
    let (mut guid, mut sid, mut rest) = (None, None, text);
    while let Some(inner) = rest.strip_prefix('<') {
        let Some((component, after)) = inner.split_once('>') else {
            break;
        };
        match component.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("GUID") => guid = Some(value),
            Some((name, value)) if name.eq_ignore_ascii_case("SID") => sid = Some(value),
            _ => {}
        }
        rest = after.strip_prefix(';').unwrap_or(after);
    }
    (guid, sid, rest)
}
