//! Debian's ldap-utils as clients over TLS, or the codec over TLS where they are missing.

use std::process::{Command, Output};
use std::sync::Arc;

use forest::{Organisation, Rights, make_ca};
use futures_util::{SinkExt, StreamExt};
use ldap3_proto::proto::*;
use ldap3_proto::{LdapCodec, parse_ldap_filter_str};

struct Tools {
    directory: tempfile::TempDir,
    url: String,
}

impl Tools {
    fn run(&self, tool: &str, arguments: &[&str]) -> Option<Output> {
        let ca = self.directory.path().join("ca.pem");
        Command::new(tool)
            .env("LDAPTLS_CACERT", ca)
            .env("LDAPTLS_REQCERT", "demand")
            .args([
                "-x",
                "-H",
                &self.url,
                "-D",
                "CANAL\\sync",
                "-w",
                "Sync-Pass-1",
            ])
            .args(arguments)
            .output()
            .ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_tools_read_and_change_over_tls() {
    let company = Organisation {
        people: 1_300,
        seed: 4,
    }
    .build()
    .unwrap();
    company
        .forest
        .add_account("sync", "Sync-Pass-1", Rights::ALL)
        .unwrap();
    let authority = make_ca().unwrap();
    let server = company
        .forest
        .serve(
            "127.0.0.1:0".parse().unwrap(),
            Some(authority.server.clone()),
        )
        .await
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ca.pem"), &authority.ca_pem).unwrap();
    let tools = Tools {
        directory,
        url: format!("ldaps://127.0.0.1:{}", server.addr.port()),
    };
    if Command::new("ldapsearch").arg("-VV").output().is_err() {
        return without_tools(&authority.ca_pem, server.addr).await;
    }
    tokio::task::spawn_blocking(move || with_tools(&company.forest, tools, server.addr.port()))
        .await
        .unwrap();
}

// LONG: one story, told in order.
fn with_tools(forest: &forest::Forest, mut tools: Tools, port: u16) {
    let base = ["-b", "DC=canal,DC=example"];
    let count = |output: &Output| {
        String::from_utf8_lossy(&output.stdout)
            .matches("\ndn:")
            .count()
    };
    let output = tools
        .run(
            "ldapsearch",
            &[&base[..], &["-LLL", "(employeeID=*)", "cn"]].concat(),
        )
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "size limit: {output:?}");
    let output = tools
        .run(
            "ldapsearch",
            &[
                &base[..],
                &["-LLL", "-E", "pr=500/noprompt", "(employeeID=*)", "cn"],
            ]
            .concat(),
        )
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(count(&output) >= 1_299);
    // DirSync: 0 flags, no size limit, no cookie.
    let output = tools
        .run(
            "ldapsearch",
            &[
                &base[..],
                &["-LLL", "-E", "!dirSync=0/0", "(objectClass=group)", "cn"],
            ]
            .concat(),
        )
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let guid = forest
        .guid_of("CN=Administrator,CN=Users,DC=canal,DC=example")
        .unwrap();
    let octets: String = guid
        .to_bytes_le()
        .iter()
        .map(|octet| format!("\\{octet:02x}"))
        .collect();
    let output = tools
        .run(
            "ldapsearch",
            &[
                &base[..],
                &["-LLL", &format!("(objectGUID={octets})"), "cn"],
            ]
            .concat(),
        )
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("cn: Administrator"),
        "{output:?}"
    );
    let output = tools
        .run("ldapsearch", &["-b", "OU=x,DC=elsewhere,DC=org", "(cn=x)"])
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .contains("ref: ldap://elsewhere.org/OU=x,DC=elsewhere,DC=org"),
        "{output:?}"
    );

    // StartTLS on the same port, demanded.
    tools.url = format!("ldap://127.0.0.1:{port}");
    let ldif = tools.directory.path().join("change.ldif");
    std::fs::write(&ldif, "dn: CN=Administrator,CN=Users,DC=canal,DC=example\nchangetype: modify\nreplace: title\ntitle: Keeper of keys\n-\n").unwrap();
    let output = tools
        .run("ldapmodify", &["-ZZ", "-f", ldif.to_str().unwrap()])
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        forest.get(guid).unwrap().text("title"),
        Some("Keeper of keys")
    );
    let output = tools
        .run("ldapsearch", &[&base[..], &["-LLL", "(cn=x)"]].concat())
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(8),
        "without TLS the bind is refused"
    );
    let output = tools.run("ldapwhoami", &["-ZZ"]).unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("u:CANAL\\sync"));
}

async fn without_tools(ca_pem: &str, addr: std::net::SocketAddr) {
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let mut framed = tokio_util::codec::Framed::new(stream, LdapCodec::new(Some(64 << 20), None));
    let bind = LdapOp::BindRequest(LdapBindRequest {
        version: 3,
        dn: "CANAL\\sync".into(),
        cred: LdapBindCred::Simple("Sync-Pass-1".into()),
    });
    framed
        .send(LdapMsg {
            msgid: 1,
            op: bind,
            ctrl: vec![],
        })
        .await
        .unwrap();
    framed.next().await.unwrap().unwrap();
    let search = LdapOp::SearchRequest(LdapSearchRequest {
        base: "DC=canal,DC=example".into(),
        scope: LdapSearchScope::Subtree,
        aliases: LdapDerefAliases::Never,
        sizelimit: 0,
        timelimit: 0,
        typesonly: false,
        filter: parse_ldap_filter_str("(employeeID=*)").unwrap(),
        attrs: vec!["cn".into()],
    });
    framed
        .send(LdapMsg {
            msgid: 2,
            op: search,
            ctrl: vec![],
        })
        .await
        .unwrap();
    let mut count = 0;
    loop {
        match framed.next().await.unwrap().unwrap().op {
            LdapOp::SearchResultEntry(_) => count += 1,
            LdapOp::SearchResultDone(done) => {
                assert_eq!(
                    (count, done.code),
                    (1_000, LdapResultCode::SizeLimitExceeded)
                );
                return;
            }
            _ => {}
        }
    }
}
