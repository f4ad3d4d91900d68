//! How fast a served forest is read: whole paged reads and DirSync reads over plain LDAP, counted, never decoded.
//!
//! usage: read JSON, where JSON is the line that `forest --plain` printed when it was ready. Prints entries, octets,
//! seconds of the clock and of the server's processor for each read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use forest::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTETS, Reader, SEQUENCE, Writer};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let line = std::env::args().nth(1).ok_or("usage: read JSON")?;
    let text = |name: &str| field(&line, name).ok_or(format!("no {name} in the line"));
    let pid = text("pid")?;
    let address = text("url")?.trim_start_matches("ldap://").to_owned();
    let password = std::fs::read_to_string(text("password_file")?)?;
    let mut client = Client {
        stream: TcpStream::connect(address)?,
        buffer: Vec::new(),
        id: 0,
    };
    client.bind(&text("bind")?.replace("\\\\", "\\"), &password)?;
    let base = text("base")?;
    let some = ["objectGUID", "cn", "mail", "userPrincipalName", "member"];
    for (name, attributes) in [("some", &some[..]), ("all", &[][..])] {
        report(&pid, &format!("paged, {name} attributes"), || {
            client.paged(&base, attributes)
        })?;
        report(&pid, &format!("DirSync, {name} attributes"), || {
            client.dirsync(&base, attributes)
        })?;
    }
    Ok(())
}

/// The value of a field in one flat JSON object.
fn field(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("\"{name}\":"))?;
    match rest.strip_prefix('"') {
        Some(text) => text.split_once('"').map(|(text, _)| text.to_owned()),
        None => rest.split([',', '}']).next().map(str::to_owned),
    }
}

fn report(
    pid: &str,
    name: &str,
    read: impl FnOnce() -> Result<(usize, usize), Failure>,
) -> Result<(), Failure> {
    let (before, started) = (cpu_seconds(pid)?, Instant::now());
    let (entries, octets) = read()?;
    let (clock, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds(pid)? - before);
    println!(
        "{name:28} {entries:8} entries {:6} MiB {clock:7.2} s clock {cpu:7.2} s cpu {:9.0} entries/s of clock {:9.0} of cpu",
        octets >> 20,
        entries as f64 / clock,
        entries as f64 / cpu.max(0.01),
    );
    Ok(())
}

/// Processor time of a process, in ticks of a hundredth of a second.
fn cpu_seconds(pid: &str) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').ok_or("no process")?;
    let ticks: f64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|one| one.parse::<f64>().ok())
        .sum();
    Ok(ticks / 100.0)
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    id: i64,
}

impl Client {
    fn bind(&mut self, name: &str, password: &str) -> Result<(), Failure> {
        let mut writer = Writer::new();
        let bind = writer.open(0x60);
        writer.integer(INTEGER, 3);
        writer.octets(OCTETS, name.as_bytes());
        writer.octets(0x80, password.as_bytes());
        writer.close(bind);
        self.send(&writer.bytes)?;
        self.read(|_| Ok(())).map(drop)
    }

    fn send(&mut self, operation: &[u8]) -> Result<(), Failure> {
        self.id += 1;
        let mut writer = Writer::new();
        let message = writer.open(SEQUENCE);
        writer.integer(INTEGER, self.id);
        writer.bytes.extend_from_slice(operation);
        writer.close(message);
        self.stream.write_all(&writer.bytes)?;
        Ok(())
    }

    /// Reads to the end of an operation; says how many entries and octets came, and hands the last message over.
    fn read<T>(
        &mut self,
        mut last: impl FnMut(&[u8]) -> Result<T, Failure>,
    ) -> Result<(usize, usize, T), Failure> {
        let (mut entries, mut octets) = (0, 0);
        let mut chunk = vec![0; 1 << 18];
        loop {
            let mut at = 0;
            while let Some(length) = forest::ber::frame_length(&self.buffer[at..])?
                && self.buffer.len() - at >= length
            {
                let message = &self.buffer[at..at + length];
                at += length;
                let mut inside = Reader::new(message).nested(SEQUENCE)?;
                inside.integer(INTEGER)?;
                match inside.peek() {
                    Some(0x64) => (entries, octets) = (entries + 1, octets + length),
                    Some(0x73) => {}
                    _ => {
                        let (_, body) = inside.next_value()?;
                        let code = Reader::new(body).integer(ENUMERATED)?;
                        if code != 0 {
                            return Err(format!("result {code}").into());
                        }
                        let done = last(message)?;
                        self.buffer.drain(..at);
                        return Ok((entries, octets, done));
                    }
                }
            }
            self.buffer.drain(..at);
            match self.stream.read(&mut chunk)? {
                0 => return Err("the connection ended".into()),
                count => self.buffer.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn search(base: &str, attributes: &[&str], oid: &str, value: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        let search = writer.open(0x63);
        writer.octets(OCTETS, base.as_bytes());
        writer.integer(ENUMERATED, 2);
        writer.integer(ENUMERATED, 0);
        writer.integer(INTEGER, 0);
        writer.integer(INTEGER, 0);
        writer.boolean(BOOLEAN, false);
        writer.octets(0x87, b"objectClass");
        let list = writer.open(SEQUENCE);
        for name in attributes {
            writer.octets(OCTETS, name.as_bytes());
        }
        writer.close(list);
        writer.close(search);
        let controls = writer.open(0xa0);
        let control = writer.open(SEQUENCE);
        writer.octets(OCTETS, oid.as_bytes());
        writer.boolean(BOOLEAN, true);
        writer.octets(OCTETS, value);
        writer.close(control);
        writer.close(controls);
        writer.bytes
    }

    fn paged(&mut self, base: &str, attributes: &[&str]) -> Result<(usize, usize), Failure> {
        let (mut cookie, mut sum) = (Vec::new(), (0, 0));
        loop {
            let value = sequence(&[1_000], &cookie);
            self.send(&Self::search(
                base,
                attributes,
                "1.2.840.113556.1.4.319",
                &value,
            ))?;
            let (entries, octets, next) = self.read(|done| answered(done, 1))?;
            sum = (sum.0 + entries, sum.1 + octets);
            cookie = next.1;
            if cookie.is_empty() {
                return Ok(sum);
            }
        }
    }

    fn dirsync(&mut self, base: &str, attributes: &[&str]) -> Result<(usize, usize), Failure> {
        let (mut cookie, mut sum) = (Vec::new(), (0, 0));
        loop {
            let value = sequence(&[0x8000_0000, 0], &cookie);
            self.send(&Self::search(
                base,
                attributes,
                "1.2.840.113556.1.4.841",
                &value,
            ))?;
            let (entries, octets, next) = self.read(|done| answered(done, 2))?;
            sum = (sum.0 + entries, sum.1 + octets);
            cookie = next.1;
            if next.0 == 0 {
                return Ok(sum);
            }
        }
    }
}

/// A control's value: numbers and a cookie.
fn sequence(numbers: &[i64], cookie: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    let open = writer.open(SEQUENCE);
    for number in numbers {
        writer.integer(INTEGER, *number);
    }
    writer.octets(OCTETS, cookie);
    writer.close(open);
    writer.bytes
}

/// The first number and the cookie of the answer's control.
fn answered(message: &[u8], numbers: usize) -> Result<(i64, Vec<u8>), Failure> {
    let mut inside = Reader::new(message).nested(SEQUENCE)?;
    inside.integer(INTEGER)?;
    inside.next_value()?;
    let mut control = inside.nested(0xa0)?.nested(SEQUENCE)?;
    control.expect(OCTETS)?;
    let mut value = Reader::new(control.expect(OCTETS)?).nested(SEQUENCE)?;
    let first = value.integer(INTEGER)?;
    for _ in 1..numbers {
        value.integer(INTEGER)?;
    }
    Ok((first, value.expect(OCTETS)?.to_vec()))
}
