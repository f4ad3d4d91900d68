//! LDAP by hand: requests as octets, answers as plain data, over TLS.
//!
//! It knows neither schema nor dialect, so that both servers get the very same octets. Trap: a server may answer with
//! silence, which is an answer here ([`Answer::Silence`]) and costs the waiting time.

use std::{path::Path, time::Duration};

use forest::ber::{self, BOOLEAN, ENUMERATED, INTEGER, OCTETS, Reader, SEQUENCE, SET, Writer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long silence has to last to be one.
const SILENCE: Duration = Duration::from_secs(4);
/// How long an answer may take that has to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A control of a request: identifier, whether critical, value.
pub type Control = (String, bool, Option<Vec<u8>>);

/// One found object.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    pub dn: String,
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    pub fn values(&self, name: &str) -> Option<&Vec<Vec<u8>>> {
        let found = self.attributes.iter().find(|(have, _)| have == name);
        found.map(|(_, values)| values)
    }
}

/// How an operation was answered.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub code: i64,
    pub matched: String,
    pub text: String,
    pub referrals: Vec<String>,
    pub entries: Vec<Entry>,
    pub references: Vec<String>,
    pub controls: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, Clone)]
pub enum Answer {
    Reply(Reply),
    /// The connection was closed, perhaps with a notice before.
    Closed,
    Silence,
}

impl Answer {
    pub fn reply(self) -> Reply {
        match self {
            Self::Reply(reply) => reply,
            other => panic!("an answer was due: {other:?}"),
        }
    }
}

/// A search request; `Search::new` asks for everything below the base.
#[derive(Clone)]
pub struct Search {
    pub base: String,
    pub scope: i64,
    pub size_limit: i64,
    pub types_only: bool,
    pub filter: Vec<u8>,
    pub attributes: Vec<String>,
    pub controls: Vec<Control>,
}

impl Search {
    pub fn new(base: &str, filter: &[u8]) -> Self {
        Self {
            base: base.into(),
            scope: 2,
            size_limit: 0,
            types_only: false,
            filter: filter.to_vec(),
            attributes: Vec::new(),
            controls: Vec::new(),
        }
    }

    pub fn scope(mut self, scope: i64) -> Self {
        self.scope = scope;
        self
    }

    pub fn attributes(mut self, names: &[&str]) -> Self {
        self.attributes = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    pub fn control(mut self, oid: &str, value: Option<Vec<u8>>) -> Self {
        self.controls.push((oid.to_owned(), true, value));
        self
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let search = writer.open(0x63);
        writer.octets(OCTETS, self.base.as_bytes());
        writer.integer(ENUMERATED, self.scope);
        writer.integer(ENUMERATED, 0);
        writer.integer(INTEGER, self.size_limit);
        writer.integer(INTEGER, 0);
        writer.boolean(BOOLEAN, self.types_only);
        writer.bytes.extend_from_slice(&self.filter);
        let list = writer.open(SEQUENCE);
        for name in &self.attributes {
            writer.octets(OCTETS, name.as_bytes());
        }
        writer.close(list);
        writer.close(search);
        writer.bytes
    }
}

/// The filter `(objectClass=*)`.
pub fn anything() -> Vec<u8> {
    present("objectClass")
}

pub fn present(name: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.octets(0x87, name.as_bytes());
    writer.bytes
}

/// A filter of two octet strings: 0xa3 equality, 0xa5 at least, 0xa6 at most.
pub fn compare(tag: u8, name: &str, value: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    let open = writer.open(tag);
    writer.octets(OCTETS, name.as_bytes());
    writer.octets(OCTETS, value);
    writer.close(open);
    writer.bytes
}

pub fn equal(name: &str, value: &str) -> Vec<u8> {
    compare(0xa3, name, value.as_bytes())
}

/// `(name=start*)`
pub fn starts(name: &str, start: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    let open = writer.open(0xa4);
    writer.octets(OCTETS, name.as_bytes());
    let parts = writer.open(SEQUENCE);
    writer.octets(0x80, start.as_bytes());
    writer.close(parts);
    writer.close(open);
    writer.bytes
}

/// A filter around filters: 0xa0 and, 0xa1 or, 0xa2 not.
pub fn around(tag: u8, filters: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new();
    let open = writer.open(tag);
    for filter in filters {
        writer.bytes.extend_from_slice(filter);
    }
    writer.close(open);
    writer.bytes
}

/// A filter with a matching rule.
pub fn rule(rule: &str, name: &str, value: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    let open = writer.open(0xa9);
    writer.octets(0x81, rule.as_bytes());
    writer.octets(0x82, name.as_bytes());
    writer.octets(0x83, value.as_bytes());
    writer.close(open);
    writer.bytes
}

/// Numbers and a cookie, as the values of paging and DirSync controls are.
pub fn sequence(numbers: &[i64], cookie: Option<&[u8]>) -> Vec<u8> {
    let mut writer = Writer::new();
    let open = writer.open(SEQUENCE);
    for number in numbers {
        writer.integer(INTEGER, *number);
    }
    if let Some(cookie) = cookie {
        writer.octets(OCTETS, cookie);
    }
    writer.close(open);
    writer.bytes
}

/// One change of a modify request: 0 add, 1 delete, 2 replace.
pub type Change<'a> = (i64, &'a str, &'a [&'a [u8]]);

/// Attributes of an add request.
pub type Attributes<'a> = &'a [(&'a str, &'a [&'a str])];

pub struct Client {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    id: i64,
}

impl Client {
    pub async fn connect(address: &str, ca: &Path) -> Self {
        let config = ldap::client_config(&ldap::Trust::CaFile(ca.to_owned()), None).unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = stream.peer_addr().unwrap().ip().into();
        let connector = TlsConnector::from(config);
        Self {
            stream: connector.connect(name, stream).await.unwrap(),
            buffer: Vec::new(),
            id: 0,
        }
    }

    pub async fn send(&mut self, operation: &[u8], controls: &[Control]) -> i64 {
        self.id += 1;
        let mut writer = Writer::new();
        let message = writer.open(SEQUENCE);
        writer.integer(INTEGER, self.id);
        writer.bytes.extend_from_slice(operation);
        if !controls.is_empty() {
            let list = writer.open(0xa0);
            for (oid, is_critical, value) in controls {
                let one = writer.open(SEQUENCE);
                writer.octets(OCTETS, oid.as_bytes());
                writer.boolean(BOOLEAN, *is_critical);
                if let Some(value) = value {
                    writer.octets(OCTETS, value);
                }
                writer.close(one);
            }
            writer.close(list);
        }
        writer.close(message);
        // A server that has closed the connection is met when its answer is read.
        let _ = self.stream.write_all(&writer.bytes).await;
        self.id
    }

    /// The next message with its number and tag. `None`: closed.
    async fn message(&mut self) -> Option<(i64, u8, Vec<u8>)> {
        loop {
            if let Ok(Some(length)) = ber::frame_length(&self.buffer)
                && self.buffer.len() >= length
            {
                let rest = self.buffer.split_off(length);
                let whole = std::mem::replace(&mut self.buffer, rest);
                let (id, tag, _) = opened(&whole);
                return Some((id, tag, whole));
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Everything that answers one request.
    pub async fn answer(&mut self, id: i64, patience: Duration) -> Answer {
        let mut reply = Reply::default();
        loop {
            let Ok(message) = tokio::time::timeout(patience, self.message()).await else {
                return Answer::Silence;
            };
            let Some((of, tag, body)) = message else {
                return Answer::Closed;
            };
            // Notices, and what a search told that was abandoned a moment ago.
            if of == 0 || (of < id && tag == 0x64) {
                continue;
            }
            if of != id {
                panic!("an answer to {of} while waiting for {id}");
            }
            let (_, _, mut inside) = opened(&body);
            let mut content = inside.nested(tag).unwrap();
            match tag {
                0x64 => reply.entries.push(entry(content)),
                0x73 => {
                    while let Ok(url) = content.text(OCTETS) {
                        reply.references.push(url);
                    }
                }
                _ => {
                    finish(&mut reply, content, inside);
                    return Answer::Reply(reply);
                }
            }
        }
    }

    /// The next entry of a search that does not end. `None`: none came.
    pub async fn told(&mut self, id: i64) -> Option<Entry> {
        let (of, tag, body) = tokio::time::timeout(SILENCE, self.message()).await.ok()??;
        assert_eq!((of, tag), (id, 0x64), "an entry was due");
        Some(entry(opened(&body).2.nested(tag).unwrap()))
    }

    pub async fn operate(&mut self, operation: &[u8], controls: &[Control]) -> Reply {
        let id = self.send(operation, controls).await;
        self.answer(id, PATIENCE).await.reply()
    }

    /// A request that may be met with silence.
    pub async fn dare(&mut self, operation: &[u8], controls: &[Control]) -> Answer {
        let id = self.send(operation, controls).await;
        self.answer(id, SILENCE).await
    }

    pub async fn start(&mut self, search: &Search) -> i64 {
        self.send(&search.encode(), &search.controls).await
    }

    pub async fn search(&mut self, search: &Search) -> Reply {
        self.operate(&search.encode(), &search.controls).await
    }

    pub async fn dare_search(&mut self, search: &Search) -> Answer {
        self.dare(&search.encode(), &search.controls).await
    }

    pub async fn bind(&mut self, name: &str, password: &str) -> Reply {
        let mut writer = Writer::new();
        let bind = writer.open(0x60);
        writer.integer(INTEGER, 3);
        writer.octets(OCTETS, name.as_bytes());
        writer.octets(0x80, password.as_bytes());
        writer.close(bind);
        self.operate(&writer.bytes, &[]).await
    }

    pub async fn add(&mut self, dn: &str, attributes: Attributes<'_>) -> Reply {
        self.operate(&added(dn, attributes), &[]).await
    }

    /// Adds many objects without waiting for one before the next.
    pub async fn add_many(&mut self, all: &[Vec<u8>]) {
        for chunk in all.chunks(50) {
            let mut ids = Vec::new();
            for operation in chunk {
                ids.push(self.send(operation, &[]).await);
            }
            for id in ids {
                let reply = self.answer(id, PATIENCE).await.reply();
                assert_eq!(reply.code, 0, "{}", reply.text);
            }
        }
    }

    pub async fn modify(&mut self, dn: &str, changes: &[Change<'_>]) -> Reply {
        let mut writer = Writer::new();
        let modify = writer.open(0x66);
        writer.octets(OCTETS, dn.as_bytes());
        let list = writer.open(SEQUENCE);
        for (kind, name, values) in changes {
            let change = writer.open(SEQUENCE);
            writer.integer(ENUMERATED, *kind);
            partial(&mut writer, name, values);
            writer.close(change);
        }
        writer.close(list);
        writer.close(modify);
        self.operate(&writer.bytes, &[]).await
    }

    pub async fn delete(&mut self, dn: &str) -> Reply {
        let mut writer = Writer::new();
        writer.octets(0x4a, dn.as_bytes());
        self.operate(&writer.bytes, &[]).await
    }

    pub async fn rename(&mut self, dn: &str, rdn: &str, parent: Option<&str>) -> Reply {
        let mut writer = Writer::new();
        let rename = writer.open(0x6c);
        writer.octets(OCTETS, dn.as_bytes());
        writer.octets(OCTETS, rdn.as_bytes());
        writer.boolean(BOOLEAN, true);
        if let Some(parent) = parent {
            writer.octets(0x80, parent.as_bytes());
        }
        writer.close(rename);
        self.operate(&writer.bytes, &[]).await
    }

    pub async fn compare(&mut self, dn: &str, name: &str, value: &str) -> Reply {
        let mut writer = Writer::new();
        let compare = writer.open(0x6e);
        writer.octets(OCTETS, dn.as_bytes());
        let pair = writer.open(SEQUENCE);
        writer.octets(OCTETS, name.as_bytes());
        writer.octets(OCTETS, value.as_bytes());
        writer.close(pair);
        writer.close(compare);
        self.operate(&writer.bytes, &[]).await
    }

    pub async fn extended(&mut self, oid: &str) -> Answer {
        let mut writer = Writer::new();
        let request = writer.open(0x77);
        writer.octets(0x80, oid.as_bytes());
        writer.close(request);
        self.dare(&writer.bytes, &[]).await
    }

    pub async fn abandon(&mut self, id: i64) {
        let mut writer = Writer::new();
        writer.integer(0x50, id);
        self.send(&writer.bytes, &[]).await;
    }
}

/// An add request.
pub fn added(dn: &str, attributes: Attributes<'_>) -> Vec<u8> {
    let mut writer = Writer::new();
    let add = writer.open(0x68);
    writer.octets(OCTETS, dn.as_bytes());
    let list = writer.open(SEQUENCE);
    for (name, values) in attributes {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        partial(&mut writer, name, &values);
    }
    writer.close(list);
    writer.close(add);
    writer.bytes
}

fn partial(writer: &mut Writer, name: &str, values: &[&[u8]]) {
    let one = writer.open(SEQUENCE);
    writer.octets(OCTETS, name.as_bytes());
    let set = writer.open(SET);
    for value in values {
        writer.octets(OCTETS, value);
    }
    writer.close(set);
    writer.close(one);
}

/// Number, tag, and what follows the number.
fn opened(whole: &[u8]) -> (i64, u8, Reader<'_>) {
    let mut inside = Reader::new(whole).nested(SEQUENCE).unwrap();
    let id = inside.integer(INTEGER).unwrap();
    (id, inside.peek().unwrap(), inside)
}

fn entry(mut content: Reader<'_>) -> Entry {
    let dn = content.text(OCTETS).unwrap();
    let mut list = content.nested(SEQUENCE).unwrap();
    let mut attributes = Vec::new();
    while let Ok(mut one) = list.nested(SEQUENCE) {
        let name = one.text(OCTETS).unwrap();
        let mut set = one.nested(SET).unwrap();
        let mut values = Vec::new();
        while let Ok(value) = set.expect(OCTETS) {
            values.push(value.to_vec());
        }
        attributes.push((name, values));
    }
    Entry { dn, attributes }
}

fn finish(reply: &mut Reply, mut content: Reader<'_>, mut after: Reader<'_>) {
    reply.code = content.integer(ENUMERATED).unwrap();
    reply.matched = content.text(OCTETS).unwrap();
    reply.text = content.text(OCTETS).unwrap_or_default();
    if let Ok(Some(list)) = content.optional(0xa3) {
        let mut list = Reader::new(list);
        while let Ok(url) = list.text(OCTETS) {
            reply.referrals.push(url);
        }
    }
    if let Ok(mut list) = after.nested(0xa0) {
        while let Ok(mut control) = list.nested(SEQUENCE) {
            let oid = control.text(OCTETS).unwrap();
            let _ = control.optional(BOOLEAN);
            let value = control.optional(OCTETS).ok().flatten();
            reply
                .controls
                .push((oid, value.unwrap_or_default().to_vec()));
        }
    }
}
