//! Query options of a request.
//!
//! Trap: an option that a resource has no use for is refused there too, not only one that nobody knows.

use axum::{extract::Query, http::Uri};

use super::Fault;

// LIMIT: items of one page.
const LARGEST_PAGE: usize = 1_000;
/// Items of a page unless told otherwise.
const PAGE: usize = 100;

/// Query options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `$filter`.
    pub filter: Option<String>,
    /// `$orderby`: a path, and whether it descends.
    pub order: Vec<(String, bool)>,
    /// `$top`.
    pub top: Option<usize>,
    /// `$skip`.
    pub skip: Option<usize>,
    /// `$skiptoken`.
    pub place: Option<String>,
    /// `$select`.
    pub select: Vec<String>,
    /// `$expand`.
    pub expand: Vec<String>,
    /// `$count`.
    pub count: bool,
}

impl Options {
    /// Reads those this resource takes.
    ///
    /// # Errors
    /// The first that is not supported or not understood, by name.
    pub fn read(uri: &Uri, taken: &[&str]) -> Result<Self, Fault> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| "the query cannot be decoded".to_owned())?;
        let mut options = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in &pairs {
            if !taken.contains(&name.as_str()) {
                let known = match taken.is_empty() {
                    true => "none".to_owned(),
                    false => taken.join(", "),
                };
                return Err(format!(
                    "the query option {name} is not supported here; supported: {known}"
                ));
            }
            if seen.contains(&name.as_str()) {
                return Err(format!("the query option {name} stands there twice"));
            }
            seen.push(name);
            options.take(name, value)?;
        }
        Ok(options)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        let number = |least: usize| {
            let number = value.trim().parse::<usize>().ok();
            number
                .filter(|number| *number >= least)
                .ok_or_else(|| format!("{name} needs a whole number of at least {least}"))
        };
        let list = || {
            let names = value.split(',').map(|one| one.trim().to_owned());
            names.filter(|one| !one.is_empty()).collect()
        };
        match name {
            "$filter" => self.filter = Some(value.to_owned()),
            "$orderby" => self.order = orders(value)?,
            "$top" => self.top = Some(number(1)?.min(LARGEST_PAGE)),
            "$skip" => self.skip = Some(number(0)?),
            "$skiptoken" => self.place = Some(value.to_owned()),
            "$select" => self.select = list(),
            "$expand" => self.expand = list(),
            "$count" => {
                self.count = value
                    .parse()
                    .map_err(|_| "$count is true or false".to_owned())?;
            }
            _ => return Err(format!("the query option {name} is not supported")),
        }
        Ok(())
    }

    /// Items of a page.
    pub fn size(&self) -> usize {
        self.top.unwrap_or(PAGE)
    }
}

fn orders(text: &str) -> Result<Vec<(String, bool)>, Fault> {
    let one = |part: &str| {
        let mut words = part.split_whitespace();
        let path = words.next().ok_or("$orderby names no property")?;
        let descends = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(other) => return Err(format!("{other} is not an order; known: asc, desc")),
        };
        match words.next() {
            None => Ok((path.to_owned(), descends)),
            Some(more) => Err(format!("{more} is not expected in $orderby")),
        }
    };
    text.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Options, Fault> {
        let uri: Uri = format!("/x?{query}").parse().unwrap();
        Options::read(
            &uri,
            &["$filter", "$orderby", "$top", "$skip", "$select", "$count"],
        )
    }

    #[test]
    fn options_are_decoded() {
        let options = read(
            "$filter=a%20eq+'b%26c'&$orderby=at%20desc,%20id&$top=5&$select=id,%20at&$count=true",
        )
        .unwrap();
        assert_eq!(options.filter.as_deref(), Some("a eq 'b&c'"));
        assert_eq!(
            options.order,
            [("at".to_owned(), true), ("id".to_owned(), false)]
        );
        assert_eq!((options.size(), options.count), (5, true));
        assert_eq!(options.select, ["id", "at"]);
        assert_eq!(read("$top=5000").unwrap().size(), 1_000);
        assert_eq!(read("").unwrap().size(), 100);
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (query, named) in [
            ("$search=x", "$search"),
            ("$expand=schema", "$expand"),
            ("$apply=x", "$apply"),
            ("filter=x", "option filter"),
            ("$top=0", "$top"),
            ("$top=-1", "$top"),
            ("$top=x", "$top"),
            ("$count=1", "$count"),
            ("$orderby=at sideways", "sideways"),
            ("$orderby=", "names no property"),
            ("$top=1&$top=2", "twice"),
        ] {
            let uri_safe = query.replace(' ', "%20");
            let fault = read(&uri_safe).unwrap_err();
            assert!(fault.contains(named), "{query}: {fault}");
        }
    }
}
