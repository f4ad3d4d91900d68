//! Questions to name servers that the system's resolver does not answer: where a domain's controllers are (RFC 2782), and which
//! step of a chain of aliases (RFC 1034 §3.6.2) leads nowhere.
//!
//! Asks the name servers of this machine over UDP, and over TCP what does not fit. Nothing of an answer is believed but what was
//! asked for. Trap: names in `/etc/hosts` are not known to name servers; whether a name works is the resolver's word, not this.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

const PORT: u16 = 53;
const TIMEOUT: Duration = Duration::from_secs(3);
// LIMIT: aliases followed, labels of a name, jumps of its compression, records of an answer, bytes of a message.
const MOST_ALIASES: usize = 16;
const MOST_LABELS: usize = 128;
const MOST_RECORDS: u16 = 512;
const MESSAGE_BYTES: usize = 4096;
const MOST_SERVERS: usize = 4;

const CLASS_IN: u16 = 1;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const NAME_ERROR: u16 = 3;

/// Kinds of records asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Where a service is.
    Srv,
}

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SRV: u16 = 33;

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::A => A,
            Self::Aaaa => AAAA,
            Self::Srv => SRV,
        }
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An address.
    Address(IpAddr),
    /// The name is an alias of this one.
    Alias(String),
    /// A service.
    Service {
        /// The lowest comes first.
        priority: u16,
        /// Share among those of one priority.
        weight: u16,
        /// Port.
        port: u16,
        /// Host.
        host: String,
    },
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose.
    pub name: String,
    /// What.
    pub data: Data,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// There is no such name.
    #[error("there is no name {0}")]
    NoSuchName(String),
    /// No name server answered.
    #[error("no name server answered ({0})")]
    NoAnswer(String),
    /// A name server refused or failed.
    #[error("the name server {server} answered with error {code}")]
    Failed {
        /// Which.
        server: String,
        /// RCODE.
        code: u16,
    },
    /// What was asked is no name.
    #[error("{0} is not a name")]
    BadName(String),
}

/// Name servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameServers(pub Vec<SocketAddr>);

impl NameServers {
    /// Those of this machine.
    pub fn of_this_machine() -> Self {
        Self::of_file(Path::new("/etc/resolv.conf"))
    }

    /// Those of a file like `resolv.conf`.
    pub fn of_file(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver")).then_some(())?;
            // A zone (`fe80::1%eth0`) cannot be spoken to without its interface.
            words.next()?.parse::<IpAddr>().ok()
        });
        let servers = lines.map(|address| SocketAddr::new(address, PORT));
        Self(servers.take(MOST_SERVERS).collect())
    }

    /// Asks for the records of a name. What is there under another name, and all of the answer's aliases, is in it too.
    ///
    /// # Errors
    /// That there is no such name, or no answer.
    pub async fn ask(&self, name: &str, kind: Kind) -> Result<Vec<Record>, DnsError> {
        let id = fastrand::u16(..);
        let question = question(id, name, kind).ok_or_else(|| DnsError::BadName(name.into()))?;
        let mut failures = Vec::new();
        for server in &self.0 {
            match exchange(*server, &question).await.map(|b| answer(&b, id)) {
                Ok(Some((0, records))) => return Ok(records),
                Ok(Some((NAME_ERROR, records))) => {
                    // The alias that leads nowhere is in the answer.
                    return match records.is_empty() {
                        true => Err(DnsError::NoSuchName(name.into())),
                        false => Ok(records),
                    };
                }
                Ok(Some((code, _))) => failures.push(DnsError::Failed {
                    server: server.ip().to_string(),
                    code,
                }),
                Ok(None) => failures.push(DnsError::NoAnswer(format!(
                    "{} answers nonsense",
                    server.ip()
                ))),
                Err(fault) => {
                    failures.push(DnsError::NoAnswer(format!("{}: {fault}", server.ip())));
                }
            }
        }
        let none = || DnsError::NoAnswer("no name server is set in /etc/resolv.conf".into());
        Err(failures.into_iter().next_back().unwrap_or_else(none))
    }

    /// Follows a name through its aliases to addresses.
    pub async fn chain(&self, name: &str) -> Chain {
        let mut chain = Chain {
            steps: vec![plain(name)],
            addresses: Vec::new(),
            end: ChainEnd::Reached,
        };
        for kind in [Kind::A, Kind::Aaaa] {
            let followed = self.follow(name, kind).await;
            if followed.steps.len() > chain.steps.len() {
                chain.steps = followed.steps;
            }
            chain.addresses.extend(followed.addresses);
            if followed.end != ChainEnd::Reached && chain.end == ChainEnd::Reached {
                chain.end = followed.end;
            }
        }
        if !chain.addresses.is_empty() {
            chain.end = ChainEnd::Reached;
        } else if chain.end == ChainEnd::Reached {
            chain.end = ChainEnd::NoAddress;
        }
        chain
    }

    async fn follow(&self, name: &str, kind: Kind) -> Chain {
        let mut chain = Chain {
            steps: vec![plain(name)],
            addresses: Vec::new(),
            end: ChainEnd::Reached,
        };
        loop {
            let here = chain.steps.last().cloned().unwrap_or_default();
            let records = match self.ask(&here, kind).await {
                Ok(records) => records,
                Err(DnsError::NoSuchName(_)) => {
                    chain.end = ChainEnd::Missing(here);
                    return chain;
                }
                Err(other) => {
                    chain.end = ChainEnd::Failed(here, other);
                    return chain;
                }
            };
            let before = chain.steps.len();
            if let Err(end) = chain.take(&records) {
                chain.end = end;
                return chain;
            }
            if !chain.addresses.is_empty() || chain.steps.len() == before {
                return chain;
            }
        }
    }
}

/// A name followed through its aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The name, then every alias' target.
    pub steps: Vec<String>,
    /// Where it leads.
    pub addresses: Vec<IpAddr>,
    /// How it ended.
    pub end: ChainEnd,
}

/// How a chain ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainEnd {
    /// With addresses.
    Reached,
    /// This name exists and has no address.
    NoAddress,
    /// This name does not exist.
    Missing(String),
    /// It leads back to this name.
    Loop(String),
    /// It has more steps than anybody follows.
    TooLong,
    /// Nobody answered for this name.
    Failed(String, DnsError),
}

impl Chain {
    /// Walks the records of one answer from where it stands.
    fn take(&mut self, records: &[Record]) -> Result<(), ChainEnd> {
        loop {
            let here = self.steps.last().cloned().unwrap_or_default();
            let mut of_here = records.iter().filter(|record| plain(&record.name) == here);
            let mut alias = None;
            for record in of_here.by_ref() {
                match &record.data {
                    Data::Address(address) => self.addresses.push(*address),
                    Data::Alias(target) => alias = Some(plain(target)),
                    Data::Service { .. } => {}
                }
            }
            let Some(target) = alias else {
                return Ok(());
            };
            if self.steps.contains(&target) {
                return Err(ChainEnd::Loop(target));
            }
            if self.steps.len() >= MOST_ALIASES {
                return Err(ChainEnd::TooLong);
            }
            self.steps.push(target);
        }
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(64);
    for word in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    let name = name.trim_end_matches('.');
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok()?;
        if length == 0 || length > 63 || !label.is_ascii() {
            return None;
        }
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.number().to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    (message.len() <= 300).then_some(message)
}

async fn exchange(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let answer = timeout(TIMEOUT, by_udp(server, question))
        .await
        .map_err(late)??;
    let flags = answer.get(2..4).and_then(|two| two.try_into().ok());
    let is_cut = flags.is_some_and(|two| u16::from_be_bytes(two) & TRUNCATED != 0);
    if !is_cut {
        return Ok(answer);
    }
    timeout(TIMEOUT, by_tcp(server, question))
        .await
        .map_err(late)?
}

async fn by_udp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let own = match server {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    };
    let socket = UdpSocket::bind(own).await?;
    // Connected, so that nobody else's datagrams are taken.
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; MESSAGE_BYTES];
    loop {
        let count = socket.recv(&mut buffer).await?;
        let answer = buffer.get(..count).unwrap_or_default();
        if answer.get(..2) == question.get(..2) {
            return Ok(answer.to_vec());
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).unwrap_or_default();
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(question).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// RCODE and records of an answer to the question with this number; `None`: it is not one.
fn answer(message: &[u8], id: u16) -> Option<(u16, Vec<Record>)> {
    let word = |at: usize| -> Option<u16> {
        let two = message.get(at..at.checked_add(2)?)?;
        Some(u16::from_be_bytes(two.try_into().ok()?))
    };
    let flags = word(2)?;
    let is_answer = flags & 0x8000 != 0;
    if word(0)? != id || !is_answer {
        return None;
    }
    let (questions, answers) = (word(4)?, word(6)?);
    if questions > 1 || answers > MOST_RECORDS {
        return None;
    }
    let mut at = 12;
    for _ in 0..questions {
        at = name_at(message, at)?.1.checked_add(4)?;
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        let (name, after) = name_at(message, at)?;
        let (kind, class, length) = (word(after)?, word(after + 2)?, word(after + 8)?);
        let start = after + 10;
        let end = start.checked_add(length.into())?;
        let data = message.get(start..end)?;
        at = end;
        if class != CLASS_IN {
            continue;
        }
        let data = match kind {
            A => Data::Address(IpAddr::from(<[u8; 4]>::try_from(data).ok()?)),
            AAAA => Data::Address(IpAddr::from(<[u8; 16]>::try_from(data).ok()?)),
            CNAME => Data::Alias(name_at(message, start)?.0),
            SRV => Data::Service {
                priority: word(start)?,
                weight: word(start + 2)?,
                port: word(start + 4)?,
                host: name_at(message, start + 6)?.0,
            },
            _ => continue,
        };
        records.push(Record { name, data });
    }
    Some((flags & 0xf, records))
}

/// The name that begins here, and what comes after it.
fn name_at(message: &[u8], start: usize) -> Option<(String, usize)> {
    let mut labels: Vec<String> = Vec::new();
    let (mut at, mut after) = (start, None);
    for _ in 0..MOST_LABELS {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => {
                let end = after.unwrap_or(at.checked_add(1)?);
                return Some((labels.join("."), end));
            }
            1..=63 => {
                let label = message.get(at + 1..at + 1 + length)?;
                labels.push(String::from_utf8_lossy(label).into_owned());
                at += 1 + length;
            }
            192.. => {
                let low = usize::from(*message.get(at + 1)?);
                after = after.or(Some(at + 2));
                at = (length & 0x3f) << 8 | low;
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, data: Data) -> Record {
        Record {
            name: name.into(),
            data,
        }
    }

    #[test]
    fn an_answer_with_compressed_names_is_read() {
        let mut message = question(7, "a.example", Kind::A).unwrap();
        message[2] = 0x81;
        message[7] = 2;
        // a.example is an alias of b.example, which has an address.
        message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'b', 0xc0, 14]);
        message.extend([1, b'b', 0xc0, 14, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 1, 2, 3]);
        let (code, records) = answer(&message, 7).unwrap();
        assert_eq!(code, 0);
        assert_eq!(
            records,
            [
                record("a.example", Data::Alias("b.example".into())),
                record("b.example", Data::Address("10.1.2.3".parse().unwrap())),
            ]
        );
        assert_eq!(answer(&message, 8), None);
    }

    #[test]
    fn hostile_answers_end() {
        // A name that points at itself, and every cut of a message.
        let mut message = question(7, "a.example", Kind::Srv).unwrap();
        message[2] = 0x81;
        message[7] = 1;
        let at = u8::try_from(message.len()).unwrap();
        message.extend([0xc0, at, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]);
        assert_eq!(answer(&message, 7), None);
        let mut random = fastrand::Rng::with_seed(5);
        for length in 0..message.len() {
            assert_eq!(answer(&message[..length], 7), None);
        }
        for _ in 0..20_000 {
            let mut broken = message.clone();
            for _ in 0..3 {
                let at = random.usize(2..broken.len());
                broken[at] = random.u8(..);
            }
            let _ = answer(&broken, 7);
        }
    }

    #[test]
    fn a_chain_that_leads_back_is_a_loop() {
        let mut chain = Chain {
            steps: vec!["a.example".into()],
            addresses: Vec::new(),
            end: ChainEnd::Reached,
        };
        let alias = |from: &str, to: &str| record(from, Data::Alias(to.into()));
        let loop_end = chain.take(&[
            alias("a.example", "b.example"),
            alias("B.example", "A.example."),
        ]);
        assert_eq!(loop_end, Err(ChainEnd::Loop("a.example".into())));
        assert_eq!(chain.steps, ["a.example", "b.example"]);
    }

    #[test]
    fn names_that_are_none_are_not_asked_for() {
        for name in ["", "a..b", &"x".repeat(64), "ü.example"] {
            assert_eq!(question(1, name, Kind::A), None, "{name}");
        }
    }
}
