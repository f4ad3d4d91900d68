//! What is wrong in the data, on purpose, each once or in pairs, and listed.

use uuid::Uuid;

use super::people::Person;
use super::{Builder, Units};
use crate::handle::Edit;
use crate::schema::attr;
use crate::store::{ObjectId, Origin, Refusal};

/// A kind of fault in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DirtKind {
    /// Shares a proxy address with another person.
    DuplicateProxyAddress,
    /// Has another person's principal name in other case.
    DuplicatePrincipalName,
    /// Principal name with characters that the cloud refuses.
    InvalidPrincipalName,
    /// No mail address.
    MissingMail,
    /// Blanks before and after values.
    SurroundingBlanks,
    /// Longer display name than 256.
    OverlongDisplayName,
    /// No principal name.
    MissingPrincipalName,
    /// Group without members.
    EmptyGroup,
    /// Contact without any address.
    ContactWithoutMail,
    /// Shares a mail nickname with another person.
    DuplicateMailNickname,
}

/// One fault in the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirt {
    /// The object.
    pub guid: Uuid,
    /// What is wrong with it.
    pub what: DirtKind,
}

impl Builder<'_> {
    pub(super) fn dirt(&mut self, units: &Units, people: &[Person]) -> Result<Vec<Dirt>, Refusal> {
        let mut dirt = Vec::new();
        let enabled: Vec<ObjectId> = people
            .iter()
            .filter(|person| person.is_enabled)
            .map(|person| person.id)
            .collect();
        // Spread over the organisation and out of each other's way; small ones have less dirt.
        let pick = |slot: usize| enabled.get((slot + 1) * enabled.len() / 13).copied();
        let text = |builder: &Self, id: ObjectId, attribute| {
            builder
                .state
                .object(id)
                .text(attribute)
                .unwrap_or_default()
                .to_owned()
        };
        let slots: Vec<ObjectId> = (0..12).filter_map(pick).collect();
        let has_room = enabled.len() >= 26;
        if let ([a, b, c, d, e, f, g, h, i, j, k, ..], true) = (slots.as_slice(), has_room) {
            let address = format!("smtp:info.desk@{}", self.state.options.domain);
            for id in [*a, *b] {
                self.edit(id, Edit::add("proxyAddresses", &address))?;
                dirt.push(self.found(id, DirtKind::DuplicateProxyAddress));
            }
            let other = text(self, *c, attr::UPN).to_uppercase();
            self.edit(*d, Edit::set("userPrincipalName", &other))?;
            dirt.push(self.found(*d, DirtKind::DuplicatePrincipalName));
            let domain = self.state.options.domain.clone();
            self.edit(
                *e,
                Edit::set("userPrincipalName", &format!("jürgen groß?@{domain}")),
            )?;
            dirt.push(self.found(*e, DirtKind::InvalidPrincipalName));
            for attribute in ["mail", "proxyAddresses"] {
                self.edit(*f, Edit::clear(attribute))?;
            }
            dirt.push(self.found(*f, DirtKind::MissingMail));
            for attribute in ["displayName", "department"] {
                let known = crate::schema::attribute(attribute).unwrap_or(attr::DISPLAY_NAME);
                let blanked = format!("  {} ", text(self, *g, known));
                self.edit(*g, Edit::set(attribute, &blanked))?;
            }
            dirt.push(self.found(*g, DirtKind::SurroundingBlanks));
            let long = "Hydraulic Engineering Liaison ".repeat(10);
            self.edit(*h, Edit::set("displayName", long.trim_end()))?;
            dirt.push(self.found(*h, DirtKind::OverlongDisplayName));
            self.edit(*i, Edit::clear("userPrincipalName"))?;
            dirt.push(self.found(*i, DirtKind::MissingPrincipalName));
            for id in [*j, *k] {
                self.edit(id, Edit::set("mailNickname", "frontdesk"))?;
                dirt.push(self.found(id, DirtKind::DuplicateMailNickname));
            }
        }
        let empty = self.group(units, "Fax Users", "-2147483646", false)?;
        dirt.push(self.found(empty, DirtKind::EmptyGroup));
        let contact = self.add(
            units.contacts,
            "contact",
            "Front Door Intercom",
            vec![
                ("displayName", "Front Door Intercom".to_owned()),
                ("telephoneNumber", "+31 20 555 0000".to_owned()),
            ],
        )?;
        dirt.push(self.found(contact, DirtKind::ContactWithoutMail));
        Ok(dirt)
    }

    fn found(&self, id: ObjectId, what: DirtKind) -> Dirt {
        Dirt {
            guid: self.guid(id),
            what,
        }
    }

    fn edit(&mut self, id: ObjectId, edit: Edit) -> Result<(), Refusal> {
        self.state.modify(id, &[edit.into_change()], Origin::Forest)
    }
}
