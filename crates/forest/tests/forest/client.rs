//! A small LDAP client on a foreign codec.

use forest::{Forest, Options, Rights, Served};
use futures_util::{SinkExt, StreamExt};
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::*;
use ldap3_proto::{LdapCodec, parse_ldap_filter_str};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

pub const PASSWORD: &str = "Sync-Pass-1";
pub const INCREMENTAL: i64 = 0x8000_0000;

/// A forest that lets plain binds in, with a synchronisation account that may also write.
pub async fn served(options: Options) -> (Forest, Served) {
    let forest = Forest::new(Options {
        allows_plain_bind: true,
        ..options
    })
    .unwrap();
    forest.add_account("sync", PASSWORD, Rights::ALL).unwrap();
    let server = forest
        .serve("127.0.0.1:0".parse().unwrap(), None)
        .await
        .unwrap();
    (forest, server)
}

pub struct Client {
    framed: Framed<TcpStream, LdapCodec>,
    id: i32,
}

/// What a search gave.
pub struct Found {
    pub entries: Vec<LdapSearchResultEntry>,
    pub references: Vec<String>,
    pub done: LdapResult,
    pub controls: Vec<LdapControl>,
}

impl Client {
    pub async fn connect(server: &Served) -> Self {
        let stream = TcpStream::connect(server.addr).await.unwrap();
        Self {
            framed: Framed::new(stream, LdapCodec::new(Some(256 << 20), None)),
            id: 0,
        }
    }

    pub async fn bound(server: &Served) -> Self {
        let mut client = Self::connect(server).await;
        assert_eq!(
            client.bind("CANAL\\sync", PASSWORD).await.code,
            LdapResultCode::Success
        );
        client
    }

    pub async fn send(&mut self, op: LdapOp, ctrl: Vec<LdapControl>) -> i32 {
        self.id += 1;
        let message = LdapMsg {
            msgid: self.id,
            op,
            ctrl,
        };
        self.framed.send(message).await.unwrap();
        self.id
    }

    pub async fn receive(&mut self) -> Option<LdapMsg> {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), self.framed.next());
        next.await
            .expect("the server answers")
            .transpose()
            .ok()
            .flatten()
    }

    pub async fn bind(&mut self, dn: &str, password: &str) -> LdapResult {
        let op = LdapOp::BindRequest(LdapBindRequest {
            version: 3,
            dn: dn.into(),
            cred: LdapBindCred::Simple(password.into()),
        });
        self.send(op, vec![]).await;
        match self.receive().await.unwrap().op {
            LdapOp::BindResponse(response) => response.res,
            other => panic!("{other:?}"),
        }
    }

    pub async fn change(&mut self, op: LdapOp, ctrl: Vec<LdapControl>) -> LdapResult {
        self.send(op, ctrl).await;
        match self.receive().await.unwrap().op {
            LdapOp::AddResponse(result)
            | LdapOp::ModifyResponse(result)
            | LdapOp::DelResponse(result)
            | LdapOp::ModifyDNResponse(result) => result,
            other => panic!("{other:?}"),
        }
    }

    pub async fn search(
        &mut self,
        base: &str,
        scope: LdapSearchScope,
        filter: &str,
        attrs: &[&str],
        ctrl: Vec<LdapControl>,
    ) -> Found {
        self.find(
            base,
            scope,
            parse_ldap_filter_str(filter).unwrap(),
            attrs,
            ctrl,
        )
        .await
    }

    pub async fn find(
        &mut self,
        base: &str,
        scope: LdapSearchScope,
        filter: LdapFilter,
        attrs: &[&str],
        ctrl: Vec<LdapControl>,
    ) -> Found {
        self.begin(base, scope, filter, attrs, ctrl).await;
        let (mut entries, mut references) = (Vec::new(), Vec::new());
        loop {
            let message = self.receive().await.expect("the search ends");
            match message.op {
                LdapOp::SearchResultEntry(entry) => entries.push(entry),
                LdapOp::SearchResultReference(reference) => references.extend(reference.uris),
                LdapOp::SearchResultDone(done) => {
                    return Found {
                        entries,
                        references,
                        done,
                        controls: message.ctrl,
                    };
                }
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn start(
        &mut self,
        base: &str,
        scope: LdapSearchScope,
        filter: &str,
        attrs: &[&str],
        ctrl: Vec<LdapControl>,
    ) -> i32 {
        self.begin(
            base,
            scope,
            parse_ldap_filter_str(filter).unwrap(),
            attrs,
            ctrl,
        )
        .await
    }

    async fn begin(
        &mut self,
        base: &str,
        scope: LdapSearchScope,
        filter: LdapFilter,
        attrs: &[&str],
        ctrl: Vec<LdapControl>,
    ) -> i32 {
        let op = LdapOp::SearchRequest(LdapSearchRequest {
            base: base.into(),
            scope,
            aliases: LdapDerefAliases::Never,
            sizelimit: 0,
            timelimit: 0,
            typesonly: false,
            filter,
            attrs: attrs.iter().map(|name| (*name).to_owned()).collect(),
        });
        self.send(op, ctrl).await
    }

    /// One object by DN.
    pub async fn get(&mut self, dn: &str, attrs: &[&str]) -> LdapSearchResultEntry {
        let mut found = self
            .search(dn, LdapSearchScope::Base, "(objectClass=*)", attrs, vec![])
            .await;
        assert_eq!(found.done.code, LdapResultCode::Success, "{dn}");
        found.entries.pop().unwrap()
    }

    /// One DirSync answer: entries, whether there is more, the cookie.
    pub async fn dirsync(
        &mut self,
        flags: i64,
        cookie: &[u8],
        attrs: &[&str],
    ) -> (Vec<LdapSearchResultEntry>, bool, Vec<u8>) {
        let found = self
            .search(
                ROOT,
                LdapSearchScope::Subtree,
                "(objectClass=*)",
                attrs,
                vec![dirsync(flags, cookie)],
            )
            .await;
        assert_eq!(
            found.done.code,
            LdapResultCode::Success,
            "{}",
            found.done.message
        );
        match found.controls.as_slice() {
            [LdapControl::AdDirsync { flags, cookie, .. }] => {
                (found.entries, *flags != 0, cookie.clone().unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    /// A whole round of DirSync.
    pub async fn round(
        &mut self,
        flags: i64,
        cookie: &[u8],
        attrs: &[&str],
    ) -> (Vec<LdapSearchResultEntry>, Vec<u8>) {
        let (mut all, mut cookie) = (Vec::new(), cookie.to_vec());
        loop {
            let (entries, has_more, next) = self.dirsync(flags, &cookie, attrs).await;
            all.extend(entries);
            cookie = next;
            if !has_more {
                return (all, cookie);
            }
        }
    }
}

pub const ROOT: &str = "DC=canal,DC=example";
pub const USERS: &str = "CN=Users,DC=canal,DC=example";

pub fn dirsync(flags: i64, cookie: &[u8]) -> LdapControl {
    LdapControl::AdDirsync {
        flags,
        max_bytes: 0,
        cookie: Some(cookie.to_vec()),
    }
}

pub fn control(oid: &str) -> LdapControl {
    LdapControl::Unknown {
        oid: oid.into(),
        criticality: true,
        value: None,
    }
}

/// Values of an attribute under exactly that name, as text.
pub fn values(entry: &LdapSearchResultEntry, name: &str) -> Option<Vec<String>> {
    let attribute = entry.attributes.iter().find(|one| one.atype == name)?;
    Some(
        attribute
            .vals
            .iter()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect(),
    )
}

/// Names of the attributes of an entry.
pub fn names(entry: &LdapSearchResultEntry) -> Vec<&str> {
    entry
        .attributes
        .iter()
        .map(|one| one.atype.as_str())
        .collect()
}
