//! A private OpenLDAP server: loaded offline, or replicating from another one.
//!
//! Never touches the system's own configuration. Trap: overlays must stand after the `syncrepl` line of their database.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ldap::{Connection, Endpoint, Options, Query, Scope, Security, Timeouts};

use super::organisation::SUFFIX;

/// Name of the administrator, below the suffix.
pub const ADMIN: &str = "cn=admin,dc=bench,dc=example";
/// The administrator's password.
pub const PASSWORD: &str = "Secret.Bench1";
/// How long a replica may take.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// A running server.
pub struct Slapd {
    child: Child,
    /// Plain address.
    pub url: String,
    /// Port of LDAPS.
    pub tls_port: u16,
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Slapd {
    /// A server that holds what the file says.
    pub async fn loaded(dir: &Path, ldif: &Path) -> Self {
        let config = configure(dir, None);
        let status = Command::new("/usr/sbin/slapadd")
            .args(["-q", "-w", "-b", SUFFIX, "-f"])
            .arg(&config)
            .arg("-l")
            .arg(ldif)
            .status()
            .expect("slapadd starts: apt-get install slapd ldap-utils");
        assert!(status.success(), "slapadd failed");
        Self::start(dir, &config).await
    }

    /// A server that fetches everything from another one.
    pub async fn replica(dir: &Path, provider: &Self) -> Self {
        let config = configure(dir, Some(&provider.url));
        Self::start(dir, &config).await
    }

    async fn start(dir: &Path, config: &Path) -> Self {
        let (port, tls_port) = (free_port(), free_port());
        let log = fs::File::create(dir.join("slapd.log")).unwrap();
        let child = Command::new("/usr/sbin/slapd")
            .arg("-f")
            .arg(config)
            .args(["-d", "0", "-h"])
            .arg(format!(
                "ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/"
            ))
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .expect("slapd starts: apt-get install slapd ldap-utils");
        let mut new = Self {
            child,
            url: format!("ldap://127.0.0.1:{port}"),
            tls_port,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while new.connect().await.is_none() {
            assert!(
                new.child.try_wait().unwrap().is_none(),
                "slapd ended: see {}",
                dir.display()
            );
            assert!(Instant::now() < deadline, "slapd does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        new
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// A connection of the administrator, if it answers.
    pub async fn connect(&self) -> Option<Connection> {
        let endpoint: Endpoint = self.url.parse().unwrap();
        let options = Options {
            security: Security::PlainForTests,
            server_name: None,
            timeouts: Timeouts::default(),
        };
        let connection = ldap::connect(&endpoint, &options).await.ok()?;
        connection.simple_bind(ADMIN, PASSWORD).await.ok()?;
        Some(connection)
    }

    /// How far its content is; `None`: nothing is complete yet.
    async fn context(&self, connection: &Connection) -> Option<Vec<u8>> {
        let query = Query::new(SUFFIX, Scope::Base).attributes(["contextCSN"]);
        let entries = connection.search_all(&query).await.ok()?;
        let value = entries.first()?.first("contextCSN")?;
        Some(value.to_vec())
    }

    /// Waits until it is as far as the other one.
    pub async fn catches_up_with(&self, provider: &Self) {
        let theirs = provider.context(&provider.connect().await.unwrap()).await;
        assert!(theirs.is_some(), "the provider has no contextCSN");
        let own = self.connect().await.unwrap();
        let deadline = Instant::now() + PATIENCE;
        while self.context(&own).await != theirs {
            assert!(Instant::now() < deadline, "the replica does not catch up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Makes a certificate of the lab for a server on this machine; returns the file of its authority.
pub fn certificate(dir: &Path) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/mkcert.sh");
    let status = Command::new(script)
        .arg(dir.join("ca"))
        .arg(dir.join("tls"))
        .args(["localhost", "127.0.0.1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "no certificate: is openssl installed?");
    dir.join("tls/ca.pem")
}

fn configure(dir: &Path, provider: Option<&str>) -> PathBuf {
    fs::create_dir_all(dir.join("db")).unwrap();
    certificate(dir);
    let place = dir.display();
    let mut text = String::new();
    for schema in ["core", "cosine", "inetorgperson", "nis"] {
        writeln!(text, "include /etc/ldap/schema/{schema}.schema").unwrap();
    }
    write!(
        text,
        "modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload syncprov\nsizelimit unlimited\n\
         TLSCACertificateFile {place}/tls/ca.pem\nTLSCertificateFile {place}/tls/cert.pem\n\
         TLSCertificateKeyFile {place}/tls/key.pem\n\
         database mdb\nsuffix \"{SUFFIX}\"\nrootdn \"{ADMIN}\"\nrootpw {PASSWORD}\ndirectory {place}/db\n\
         maxsize 17179869184\nindex objectClass,entryCSN,entryUUID eq\nindex uid,mail,cn,member eq\n",
    )
    .unwrap();
    if let Some(provider) = provider {
        write!(
            text,
            "dbnosync\nsyncrepl rid=001 provider={provider} type=refreshAndPersist retry=\"5 +\" \
             searchbase=\"{SUFFIX}\" bindmethod=simple binddn=\"{ADMIN}\" credentials={PASSWORD} schemachecking=off\n",
        )
        .unwrap();
    }
    text.push_str("overlay syncprov\nsyncprov-checkpoint 1000 5\nsyncprov-sessionlog 100000\n");
    let path = dir.join("slapd.conf");
    fs::write(&path, text).unwrap();
    path
}
