//! What a server's subschema says of attributes and classes.
//!
//! Never guesses: an attribute that the schema does not have is not asked for. Trap: names have aliases (`sn`, `surname`), a
//! server answers with the first one whatever was asked for, and an attribute takes its syntax from the one above it if it
//! has none of its own.
//!
//! # Source
//! RFC 4512 §4.1 Schema Definitions

use std::collections::{HashMap, HashSet};

use sync_core::{
    object::{AttributeInfo, AttributeType},
    value::Name,
};

/// RFC 4517 §3.3 and the syntaxes OpenLDAP and 389 Directory Server add.
const DN: &str = "1.3.6.1.4.1.1466.115.121.1.12";
const NAME_AND_UID: &str = "1.3.6.1.4.1.1466.115.121.1.34";
const BOOLEAN: &str = "1.3.6.1.4.1.1466.115.121.1.7";
const INTEGER: &str = "1.3.6.1.4.1.1466.115.121.1.27";
const GENERALIZED_TIME: &str = "1.3.6.1.4.1.1466.115.121.1.24";
const UTC_TIME: &str = "1.3.6.1.4.1.1466.115.121.1.53";
const BINARY: &[&str] = &[
    "1.3.6.1.4.1.1466.115.121.1.4",  // audio
    "1.3.6.1.4.1.1466.115.121.1.5",  // binary
    "1.3.6.1.4.1.1466.115.121.1.8",  // certificate
    "1.3.6.1.4.1.1466.115.121.1.9",  // certificate list
    "1.3.6.1.4.1.1466.115.121.1.10", // certificate pair
    "1.3.6.1.4.1.1466.115.121.1.23", // fax
    "1.3.6.1.4.1.1466.115.121.1.28", // JPEG
    "1.3.6.1.4.1.1466.115.121.1.40", // octet string
    "1.3.6.1.4.1.1466.115.121.1.49", // supported algorithm
];
/// A chain of superiors longer than this is damaged.
const DEEPEST: usize = 32;

/// One attribute type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub info: AttributeInfo,
    /// Whether values are distinguished names.
    pub is_reference: bool,
}

#[derive(Clone, Debug, Default)]
struct Class {
    superiors: Vec<String>,
    is_structural: bool,
}

/// Attributes and classes, found by any of their names.
#[derive(Debug, Default)]
pub(super) struct Schema {
    attributes: Vec<Attribute>,
    attribute_names: HashMap<String, usize>,
    classes: Vec<Class>,
    class_names: HashMap<String, usize>,
}

impl Schema {
    /// Reads the values of `attributeTypes` and `objectClasses`; what cannot be read is passed over.
    pub fn read<'a>(
        attribute_types: impl IntoIterator<Item = &'a str>,
        object_classes: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut schema = Self::default();
        schema.read_attributes(attribute_types.into_iter().filter_map(definition));
        for found in object_classes.into_iter().filter_map(definition) {
            let class = Class {
                superiors: found.list("SUP"),
                is_structural: !found.has("AUXILIARY") && !found.has("ABSTRACT"),
            };
            for name in found.names() {
                schema.class_names.insert(name, schema.classes.len());
            }
            schema.classes.push(class);
        }
        schema
    }

    fn read_attributes(&mut self, definitions: impl Iterator<Item = Definition>) {
        let all: Vec<Definition> = definitions.collect();
        let by_name: HashMap<String, usize> = all
            .iter()
            .enumerate()
            .flat_map(|(at, found)| found.names().into_iter().map(move |name| (name, at)))
            .collect();
        for found in &all {
            let syntax = syntax(found, &all, &by_name);
            let Some(name) = found.first_name() else {
                continue;
            };
            for name in found.names() {
                self.attribute_names.insert(name, self.attributes.len());
            }
            self.attributes.push(Attribute {
                info: AttributeInfo {
                    name: name.into(),
                    kind: kind(&syntax),
                    is_multivalued: !found.has("SINGLE-VALUE"),
                },
                is_reference: matches!(&*syntax, DN | NAME_AND_UID),
            });
        }
    }

    /// Whether nothing could be read.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The attribute of this name or alias.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        let at = self.attribute_names.get(&name.to_ascii_lowercase())?;
        self.attributes.get(*at)
    }

    /// All attributes, sorted by name.
    pub fn infos(&self) -> Vec<AttributeInfo> {
        let mut infos: Vec<_> = self.attributes.iter().map(|a| a.info.clone()).collect();
        infos.sort_by(|a, b| a.name.cmp(&b.name));
        infos
    }

    /// The first name of every attribute by each of its others, folded: what makes `UserID=a` and `uid=a` the same name.
    pub fn aliases(&self) -> HashMap<String, String> {
        let mut aliases = HashMap::new();
        for (name, at) in &self.attribute_names {
            let Some(found) = self.attributes.get(*at) else {
                continue;
            };
            let first = found.info.name.to_ascii_lowercase();
            if *name != first {
                aliases.insert(name.clone(), first);
            }
        }
        aliases
    }

    /// These classes with all above them, folded.
    fn with_superiors(&self, classes: &[&str]) -> HashSet<usize> {
        let mut found = HashSet::new();
        let mut rest: Vec<String> = classes.iter().map(|c| c.to_ascii_lowercase()).collect();
        while let Some(name) = rest.pop() {
            let Some(at) = self.class_names.get(&name) else {
                continue;
            };
            if found.insert(*at)
                && let Some(class) = self.classes.get(*at)
            {
                rest.extend(class.superiors.iter().cloned());
            }
        }
        found
    }

    /// How far below the top a class is.
    fn depth(&self, class: usize, left: usize) -> usize {
        let Some(class) = self.classes.get(class).filter(|_| left > 0) else {
            return 0;
        };
        let above = class.superiors.iter().filter_map(|name| {
            let at = self.class_names.get(name)?;
            Some(self.depth(*at, left - 1))
        });
        1 + above.max().unwrap_or(0)
    }

    /// Which of these wanted classes an object with these `objectClass` values is: the most specific, a structural one before
    /// an auxiliary one.
    pub fn choose<'w>(&self, have: &[&str], wanted: &'w [Name]) -> Option<&'w Name> {
        let all = self.with_superiors(have);
        let is_had = |name: &Name| {
            have.iter().any(|class| class.eq_ignore_ascii_case(name))
                || self
                    .class_names
                    .get(&name.to_ascii_lowercase())
                    .is_some_and(|at| all.contains(at))
        };
        let rank = |name: &Name| {
            let at = self.class_names.get(&name.to_ascii_lowercase());
            let structural = at
                .and_then(|at| self.classes.get(*at))
                .is_some_and(|class| class.is_structural);
            (structural, at.map_or(0, |at| self.depth(*at, DEEPEST)))
        };
        // Of equals the first one stays.
        wanted
            .iter()
            .filter(|name| is_had(name))
            .rev()
            .max_by_key(|name| rank(name))
    }
}

fn syntax(found: &Definition, all: &[Definition], by_name: &HashMap<String, usize>) -> String {
    let mut now = found;
    for _ in 0..DEEPEST {
        if let Some(syntax) = now.text("SYNTAX") {
            return syntax.split('{').next().unwrap_or_default().to_owned();
        }
        let above = now.list("SUP");
        let next = above.first().and_then(|name| all.get(*by_name.get(name)?));
        match next {
            Some(next) => now = next,
            None => break,
        }
    }
    String::new()
}

fn kind(syntax: &str) -> AttributeType {
    match syntax {
        DN | NAME_AND_UID => AttributeType::Reference,
        BOOLEAN => AttributeType::Boolean,
        INTEGER => AttributeType::Integer,
        GENERALIZED_TIME | UTC_TIME => AttributeType::Time,
        _ if BINARY.contains(&syntax) => AttributeType::Binary,
        _ => AttributeType::Text,
    }
}

/// A definition as its words: `( 2.5.4.4 NAME ( 'sn' 'surname' ) SUP name )`.
struct Definition {
    oid: String,
    // Keyword with what follows it; a keyword that stands alone has nothing.
    words: Vec<(String, Vec<String>)>,
}

impl Definition {
    fn has(&self, keyword: &str) -> bool {
        self.words.iter().any(|(have, _)| have == keyword)
    }

    fn values(&self, keyword: &str) -> &[String] {
        let found = self.words.iter().find(|(have, _)| have == keyword);
        found.map_or(&[], |(_, values)| values)
    }

    fn text(&self, keyword: &str) -> Option<&str> {
        self.values(keyword).first().map(String::as_str)
    }

    /// Folded.
    fn list(&self, keyword: &str) -> Vec<String> {
        let values = self.values(keyword).iter();
        values.map(|value| value.to_ascii_lowercase()).collect()
    }

    fn first_name(&self) -> Option<&str> {
        self.text("NAME")
    }

    /// All names and the OID, folded.
    fn names(&self) -> Vec<String> {
        let mut names = self.list("NAME");
        names.push(self.oid.clone());
        names
    }
}

/// Keywords that are followed by something.
const WITH_VALUE: &[&str] = &[
    "NAME", "DESC", "SUP", "SYNTAX", "EQUALITY", "ORDERING", "SUBSTR", "USAGE", "MUST", "MAY",
];

fn definition(text: &str) -> Option<Definition> {
    let mut words = words(text).into_iter().peekable();
    words.next().filter(|word| word == "(")?;
    let oid = words.next()?.to_ascii_lowercase();
    let mut all = Vec::new();
    while let Some(keyword) = words.next().filter(|word| word != ")") {
        let mut values = Vec::new();
        if WITH_VALUE.contains(&&*keyword) || keyword.starts_with("X-") {
            match words.next()? {
                open if open == "(" => {
                    while let Some(word) = words.next().filter(|word| word != ")") {
                        if word != "$" {
                            values.push(word);
                        }
                    }
                }
                word => values.push(word),
            }
        }
        all.push((keyword, values));
    }
    Some(Definition { oid, words: all })
}

/// Splits at blanks, brackets and dollars; what is quoted stays whole, without its quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_quoted = false;
    for c in text.chars() {
        match c {
            '\'' => {
                if is_quoted {
                    words.push(std::mem::take(&mut word));
                }
                is_quoted = !is_quoted;
            }
            _ if is_quoted => word.push(c),
            '(' | ')' | '$' | ' ' | '\t' | '\n' | '\r' => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                if matches!(c, '(' | ')' | '$') {
                    words.push(c.to_string());
                }
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTRIBUTES: &[&str] = &[
        "( 2.5.4.41 NAME 'name' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
        "( 2.5.4.4 NAME ( 'sn' 'surname' ) DESC 'RFC2256: last (family) name(s)' SUP name )",
        "( 2.5.4.49 NAME 'distinguishedName' SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )",
        "( 2.5.4.31 NAME 'member' SUP distinguishedName )",
        "(2.5.4.50 NAME 'uniqueMember' SYNTAX 1.3.6.1.4.1.1466.115.121.1.34)",
        "( 1.3.6.1.1.1.1.0 NAME 'uidNumber' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )",
        "( 0.9.2342.19200300.100.1.60 NAME 'jpegPhoto' SYNTAX 1.3.6.1.4.1.1466.115.121.1.28 X-ORIGIN ( 'a' 'b' ) )",
        "no definition",
        "( 1.1 NAME 'loop' SUP loop )",
    ];
    const CLASSES: &[&str] = &[
        "( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
        "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) )",
        "( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP person STRUCTURAL MAY jpegPhoto )",
        "( 9.9 NAME 'acmePerson' SUP inetOrgPerson STRUCTURAL )",
        "( 2.5.6.9 NAME 'groupOfNames' SUP top STRUCTURAL MUST ( member $ cn ) )",
        "( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY MAY memberUid )",
    ];

    fn schema() -> Schema {
        Schema::read(ATTRIBUTES.iter().copied(), CLASSES.iter().copied())
    }

    #[test]
    fn attributes_are_found_by_any_name_with_inherited_syntax() {
        let schema = schema();
        let check = |name: &str| schema.attribute(name).map(|a| (&*a.info.name, a.info.kind));
        assert_eq!(check("SURNAME"), Some(("sn", AttributeType::Text)));
        assert_eq!(check("2.5.4.4"), Some(("sn", AttributeType::Text)));
        assert_eq!(check("member"), Some(("member", AttributeType::Reference)));
        assert!(schema.attribute("uniqueMember").unwrap().is_reference);
        assert_eq!(
            check("uidNumber"),
            Some(("uidNumber", AttributeType::Integer))
        );
        assert!(!schema.attribute("uidnumber").unwrap().info.is_multivalued);
        assert_eq!(
            check("jpegPhoto"),
            Some(("jpegPhoto", AttributeType::Binary))
        );
        assert_eq!(check("loop"), Some(("loop", AttributeType::Text)));
        assert_eq!(check("photo"), None);
        assert_eq!(schema.aliases().get("surname").unwrap(), "sn");
    }

    #[test]
    fn the_most_specific_wanted_class_is_chosen_also_through_superiors() {
        let schema = schema();
        let check = |have: &[&str], wanted: &[&str]| {
            let wanted: Vec<Name> = wanted.iter().map(|name| Name::from(*name)).collect();
            schema.choose(have, &wanted).map(|name| name.to_string())
        };
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(
            check(&["acmePerson"], &["person", "inetOrgPerson"]),
            some("inetOrgPerson")
        );
        assert_eq!(
            check(
                &["posixGroup", "groupOfNames"],
                &["posixGroup", "groupOfNames"]
            ),
            some("groupOfNames")
        );
        assert_eq!(
            check(&["top", "posixGroup"], &["posixGroup", "groupOfNames"]),
            some("posixGroup")
        );
        assert_eq!(check(&["person"], &["inetOrgPerson"]), None);
        assert_eq!(check(&["Unheard"], &["unheard"]), some("unheard"));
    }
}
