//! Messages by mail: a small client of SMTP submission.
//!
//! Encrypts before it says who it is: a password never goes over a connection that is not TLS, and what a server said before
//! STARTTLS is forgotten. Trap: an address is put into commands as it is, so everything that could end a command is
//! refused when it is set.
//!
//! Source: RFC 5321 §4.1 SMTP Commands, RFC 3207 §4 The STARTTLS Command, RFC 4954 §4 The AUTH Command

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{Message, tls::client_config};

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Plain at first, TLS before anything is said.
    Starttls,
    /// TLS from the beginning.
    Tls,
    /// Never encrypted: only without a password.
    None,
}

/// A mail server, and whom to write to.
#[derive(Clone, Serialize, Deserialize)]
pub struct Mail {
    /// Host name.
    pub server: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Name to sign in with; empty: nobody signs in.
    #[serde(default)]
    pub user: String,
    /// Its password.
    #[serde(default)]
    pub password: String,
    /// Sender.
    pub from: String,
    /// Receivers.
    pub to: Vec<String>,
    /// Who is trusted instead of the machine's own authorities: PEM.
    #[serde(default)]
    pub authority: Option<String>,
}

// LIMIT: bytes of one answer of a mail server.
const LONGEST_ANSWER: usize = 16 * 1024;
// LIMIT: receivers of a message.
const MOST_RECEIVERS: usize = 50;

impl Mail {
    /// What is wrong with it.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self) -> Result<(), String> {
        if self.server.is_empty() || self.server.contains(char::is_whitespace) {
            return Err("the mail server has no name".into());
        }
        if self.to.is_empty() || self.to.len() > MOST_RECEIVERS {
            return Err(format!("mail goes to 1 to {MOST_RECEIVERS} addresses"));
        }
        for address in self.to.iter().chain([&self.from]) {
            if !is_address(address) {
                return Err(format!("{address} is not a mail address"));
            }
        }
        if self.security == Security::None && !self.password.is_empty() {
            return Err("a password is not sent without encryption; use starttls or tls".into());
        }
        Ok(())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// In words: not reached, not trusted, or what the server answered.
    pub async fn send(&self, message: &Message) -> Result<(), String> {
        let reached = TcpStream::connect((self.server.as_str(), self.port)).await;
        let stream = reached
            .map_err(|error| format!("{}:{} was not reached: {error}", self.server, self.port))?;
        match self.security {
            Security::None => {
                let mut session = Session::new(stream);
                session.greeting().await?;
                self.deliver(session, message).await
            }
            Security::Tls => {
                let mut session = Session::new(self.encrypt(stream).await?);
                session.greeting().await?;
                self.deliver(session, message).await
            }
            Security::Starttls => {
                let mut plain = Session::new(stream);
                plain.greeting().await?;
                let offers = plain.hello().await?;
                if !offers
                    .iter()
                    .any(|offer| offer.eq_ignore_ascii_case("STARTTLS"))
                {
                    return Err(format!("{} does not offer STARTTLS", self.server));
                }
                plain.say("STARTTLS", 220).await?;
                // What came along with the answer came from whoever is in between.
                if !plain.buffer.is_empty() {
                    return Err(format!(
                        "{} said more before encryption than it may",
                        self.server
                    ));
                }
                let session = Session::new(self.encrypt(plain.stream).await?);
                self.deliver(session, message).await
            }
        }
    }

    async fn encrypt(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
        let config = Arc::new(client_config(self.authority.as_deref())?);
        let name = ServerName::try_from(self.server.clone())
            .map_err(|_| format!("{} is not a host name", self.server))?;
        TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| format!("no encryption with {}: {error}", self.server))
    }

    async fn deliver<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut session: Session<S>,
        message: &Message,
    ) -> Result<(), String> {
        session.hello().await?;
        if !self.user.is_empty() {
            let secret = STANDARD.encode(format!("\0{}\0{}", self.user, self.password));
            session.say_secretly("AUTH PLAIN", &secret, 235).await?;
        }
        session
            .say(&format!("MAIL FROM:<{}>", self.from), 250)
            .await?;
        for address in &self.to {
            session.say(&format!("RCPT TO:<{address}>"), 250).await?;
        }
        session.say("DATA", 354).await?;
        session.write(&self.text(message)).await?;
        session.say(".", 250).await?;
        // It has taken the message; how it says goodbye does not matter.
        let _ = session.say("QUIT", 221).await;
        Ok(())
    }

    /// The message as it is sent: headers, and a body that needs no escaping.
    fn text(&self, message: &Message) -> String {
        let date = message
            .at
            .parse::<jiff::Timestamp>()
            .map(|at| at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
            .unwrap_or_default();
        let domain = self.from.rsplit('@').next().unwrap_or_default();
        let mut text = format!(
            "From: Hybridge <{}>\r\nTo: {}\r\nSubject: {}\r\nDate: {date}\r\nMessage-ID: <{}.{}@{domain}>\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n",
            self.from,
            self.to.join(", "),
            header(&message.subject()),
            message.id,
            message.at.replace([':', '.'], ""),
        );
        let body = STANDARD.encode(message.body());
        for line in body.as_bytes().chunks(76) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push_str("\r\n");
        }
        text
    }
}

/// Whether an address can be put into a command as it is.
fn is_address(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>(),;:\\\"[]".contains(c);
    match text.split_once('@') {
        Some((local, domain)) => {
            !local.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && text.chars().all(is_plain)
        }
        None => false,
    }
}

/// A header in ASCII: words that are not are encoded.
///
/// Source: RFC 2047 §2 Syntax of encoded-words
fn header(text: &str) -> String {
    if text.chars().all(|c| (' '..='~').contains(&c)) {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if word.len() + c.len_utf8() > 42 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let encoded: Vec<String> = words
        .iter()
        .map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)))
        .collect();
    encoded.join("\r\n ")
}

/// One connection.
struct Session<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    async fn greeting(&mut self) -> Result<(), String> {
        self.answer("the greeting", 220).await.map(drop)
    }

    /// Says hello; what the server offers.
    async fn hello(&mut self) -> Result<Vec<String>, String> {
        let lines = self.say("EHLO hybridge", 250).await?;
        Ok(lines.into_iter().skip(1).collect())
    }

    async fn say(&mut self, command: &str, wanted: u16) -> Result<Vec<String>, String> {
        self.write(&format!("{command}\r\n")).await?;
        self.answer(command, wanted).await
    }

    /// The same, with a part that is not told if it fails.
    async fn say_secretly(
        &mut self,
        command: &str,
        secret: &str,
        wanted: u16,
    ) -> Result<(), String> {
        self.write(&format!("{command} {secret}\r\n")).await?;
        self.answer(command, wanted).await.map(drop)
    }

    async fn write(&mut self, text: &str) -> Result<(), String> {
        let written = async {
            self.stream.write_all(text.as_bytes()).await?;
            self.stream.flush().await
        };
        written
            .await
            .map_err(|error| format!("the mail server hung up: {error}"))
    }

    async fn answer(&mut self, to: &str, wanted: u16) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
            let rest = line.get(4..).unwrap_or_default().to_owned();
            let is_last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(rest);
            if !is_last {
                continue;
            }
            let is_wanted = code == Some(wanted) || (wanted == 250 && code == Some(251));
            return match is_wanted {
                true => Ok(lines),
                false => Err(format!("the mail server answered {to} with: {line}")),
            };
        }
    }

    async fn line(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.buffer.len() > LONGEST_ANSWER {
                return Err("the mail server's answer has no end".into());
            }
            let mut chunk = [0; 1024];
            let read = self.stream.read(&mut chunk).await;
            match read.map_err(|error| format!("the mail server hung up: {error}"))? {
                0 => return Err("the mail server hung up".into()),
                n => self
                    .buffer
                    .extend_from_slice(chunk.get(..n).unwrap_or_default()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
