//! Times: FILETIME, and .NET custom format strings.
//!
//! Never reads the clock and knows no time zone but UTC. Trap: a FILETIME counts 100 ns since 1601-01-01 UTC.

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone},
};

const TICKS_PER_SECOND: i64 = 10_000_000;
const SECONDS_1601_TO_1970: i64 = 11_644_473_600;

/// The moment of a FILETIME; `None` if it is out of range.
pub(super) fn from_filetime(ticks: i64) -> Option<Timestamp> {
    let seconds = ticks.div_euclid(TICKS_PER_SECOND) - SECONDS_1601_TO_1970;
    let nanoseconds = i32::try_from(ticks.rem_euclid(TICKS_PER_SECOND) * 100).ok()?;
    Timestamp::new(seconds, nanoseconds).ok()
}

/// Forms understood without a format.
const KNOWN_FORMS: [&str; 6] = [
    "yyyyMMddHHmmss.FFFFFFFZ",
    "yyyyMMddHHmmssZ",
    "M/d/yyyy h:mm:ss tt",
    "yyyy-MM-ddTHH:mm:ss.FFFFFFFK",
    "yyyy-MM-ddTHH:mm:ssK",
    "yyyy-MM-ddK",
];

/// Reads a time in one of the known forms.
pub(super) fn parse_known(text: &str) -> Result<Timestamp, String> {
    KNOWN_FORMS
        .iter()
        .find_map(|form| parse(text, form).ok())
        .ok_or_else(|| format!("{text:?} is not a time in any known form"))
}

/// A piece of a format string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece<'f> {
    /// A letter and how often it stands there.
    Field(char, usize),
    /// Text that stands for itself.
    Literal(&'f str),
}

fn pieces(format: &str) -> Vec<Piece<'_>> {
    let mut all = Vec::new();
    let mut rest = format;
    while let Some(c) = rest.chars().next() {
        let width = match c {
            'y' | 'M' | 'd' | 'H' | 'h' | 'm' | 's' | 'f' | 'F' | 't' | 'z' | 'K' => {
                let count = rest.chars().take_while(|next| *next == c).count();
                all.push(Piece::Field(c, count));
                count
            }
            '\'' | '"' => {
                let inner = rest.get(1..).unwrap_or_default();
                let end = inner.find(c).unwrap_or(inner.len());
                all.push(Piece::Literal(inner.get(..end).unwrap_or_default()));
                (end + 2).min(rest.len())
            }
            '\\' => {
                let next = rest.chars().nth(1).map_or(0, char::len_utf8);
                all.push(Piece::Literal(rest.get(1..1 + next).unwrap_or_default()));
                1 + next
            }
            _ => {
                all.push(Piece::Literal(rest.get(..c.len_utf8()).unwrap_or_default()));
                c.len_utf8()
            }
        };
        rest = rest.get(width..).unwrap_or_default();
    }
    all
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// What was read so far.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
    is_afternoon: Option<bool>,
    offset_minutes: i64,
}

/// Reads a time by a .NET custom format; without an offset it is UTC.
pub(super) fn parse(text: &str, format: &str) -> Result<Timestamp, String> {
    let mut fields = Fields::default();
    let mut rest = text;
    let refuse = || format!("{text:?} does not have the form {format:?}");
    for piece in pieces(format) {
        rest = match piece {
            Piece::Literal(literal) => rest.strip_prefix(literal),
            Piece::Field(letter, count) => fields.read(letter, count, rest),
        }
        .ok_or_else(refuse)?;
    }
    if !rest.is_empty() {
        return Err(refuse());
    }
    fields
        .moment()
        .ok_or_else(|| format!("{text:?} is no existing time"))
}

/// Between `least` and `most` digits at the beginning of a text.
fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    if count < least {
        return None;
    }
    let number = match text.get(..count)? {
        "" => 0,
        digits => digits.parse().ok()?,
    };
    Some((number, text.get(count..)?))
}

fn strip_prefix_no_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| text.get(prefix.len()..))?
}

/// The number, from 1, of the name at the beginning of a text.
fn name<'t>(text: &'t str, names: &[&str], is_short: bool) -> Option<(i64, &'t str)> {
    names.iter().zip(1..).find_map(|(name, number)| {
        let name = if is_short { name.get(..3)? } else { name };
        Some((number, strip_prefix_no_case(text, name)?))
    })
}

impl Fields {
    /// Reads one field; returns what is left of the text.
    fn read<'t>(&mut self, letter: char, count: usize, text: &'t str) -> Option<&'t str> {
        let two = |least| digits(text, least, 2);
        let (number, rest) = match letter {
            'y' if count >= 3 => digits(text, 4, 4)?,
            'M' if count >= 3 => name(text, &MONTHS, count == 3)?,
            'd' if count >= 3 => name(text, &DAYS, count == 3)?,
            'f' => digits(text, count.min(9), count.min(9))?,
            'F' => digits(text, 0, count.min(9))?,
            't' => self.read_half(count, text)?,
            'z' => read_offset(text)?,
            'K' if text.is_empty() => (0, text),
            'K' => match text.strip_prefix('Z') {
                Some(rest) => (0, rest),
                None => read_offset(text)?,
            },
            _ => two(count.min(2))?,
        };
        match letter {
            // Two digits are a year from 1950 to 2049, as .NET's default calendar has it.
            'y' if count <= 2 => self.year = Some(if number < 50 { 2000 } else { 1900 } + number),
            'y' => self.year = Some(number),
            'M' => self.month = Some(number),
            'd' if count <= 2 => self.day = Some(number),
            'H' | 'h' => self.hour = number,
            'm' => self.minute = number,
            's' => self.second = number,
            'f' | 'F' => {
                let width = u32::try_from(text.len() - rest.len()).ok()?;
                self.nanosecond = number * 10_i64.checked_pow(9_u32.checked_sub(width)?)?;
            }
            'z' | 'K' => self.offset_minutes = number,
            _ => {}
        }
        Some(rest)
    }

    fn read_half<'t>(&mut self, count: usize, text: &'t str) -> Option<(i64, &'t str)> {
        for (name, is_afternoon) in [("AM", false), ("PM", true)] {
            let name = name.get(..count.min(2))?;
            if let Some(rest) = strip_prefix_no_case(text, name) {
                self.is_afternoon = Some(is_afternoon);
                return Some((0, rest));
            }
        }
        None
    }

    fn moment(&self) -> Option<Timestamp> {
        let hour = match self.is_afternoon {
            None => self.hour,
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(is_afternoon) => self.hour % 12 + if is_afternoon { 12 } else { 0 },
        };
        let time = DateTime::new(
            i16::try_from(self.year?).ok()?,
            i8::try_from(self.month.unwrap_or(1)).ok()?,
            i8::try_from(self.day.unwrap_or(1)).ok()?,
            i8::try_from(hour).ok()?,
            i8::try_from(self.minute).ok()?,
            i8::try_from(self.second).ok()?,
            i32::try_from(self.nanosecond).ok()?,
        );
        let utc = TimeZone::fixed(Offset::UTC);
        let moment = time.ok()?.to_zoned(utc).ok()?.timestamp();
        moment
            .checked_sub(SignedDuration::from_mins(self.offset_minutes))
            .ok()
    }
}

/// `+01:00`, `-0730`, `+1` in minutes.
fn read_offset(text: &str) -> Option<(i64, &str)> {
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, rest) = digits(rest, 1, 2)?;
    let after_colon = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = digits(after_colon, 2, 2).unwrap_or((0, rest));
    (hours <= 14 && minutes < 60).then_some((sign * (hours * 60 + minutes), rest))
}

/// Writes a moment, in UTC, by a .NET custom format.
pub(super) fn format(moment: Timestamp, format: &str) -> String {
    let time = Offset::UTC.to_datetime(moment);
    let mut text = String::new();
    for piece in pieces(format) {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Field(letter, count) => text.push_str(&field(time, letter, count)),
        }
    }
    text
}

fn field(time: DateTime, letter: char, count: usize) -> String {
    let padded = |number: i64| match count {
        1 => number.to_string(),
        _ => format!("{number:02}"),
    };
    let named = |names: &[&str], index: i8| {
        let index = usize::try_from(index - 1).unwrap_or_default();
        let name = names.get(index).copied().unwrap_or_default();
        if count == 3 {
            name.get(..3).unwrap_or(name).to_owned()
        } else {
            name.to_owned()
        }
    };
    let fraction = format!("{:09}", time.subsec_nanosecond());
    let fraction = fraction.get(..count.min(9)).unwrap_or_default();
    match letter {
        'y' if count <= 2 => padded(i64::from(time.year()) % 100),
        'y' => format!("{:0count$}", time.year(), count = count.min(9)),
        'M' if count >= 3 => named(&MONTHS, time.month()),
        'M' => padded(time.month().into()),
        'd' if count >= 3 => named(&DAYS, time.weekday().to_monday_one_offset()),
        'd' => padded(time.day().into()),
        'H' => padded(time.hour().into()),
        'h' => padded(match time.hour() % 12 {
            0 => 12,
            hour => hour.into(),
        }),
        'm' => padded(time.minute().into()),
        's' => padded(time.second().into()),
        'f' => fraction.to_owned(),
        'F' => fraction.trim_end_matches('0').to_owned(),
        't' => {
            let half = if time.hour() < 12 { "AM" } else { "PM" };
            half.get(..count.min(2)).unwrap_or(half).to_owned()
        }
        'z' if count == 1 => "+0".into(),
        'z' if count == 2 => "+00".into(),
        'z' => "+00:00".into(),
        _ => "Z".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_read_back_what_they_write() {
        let moment: Timestamp = "2021-09-27T14:09:16.25Z".parse().unwrap();
        for (form, text) in [
            ("yyyyMMddHHmmss.0Z", "20210927140916.0Z"),
            (
                "dddd d MMMM yyyy 'at' h:mm:ss tt",
                "Monday 27 September 2021 at 2:09:16 PM",
            ),
            ("yy-M-dTHH:mm:ss.fff", "21-9-27T14:09:16.250"),
            ("o\\'clock H", "o'clock 14"),
        ] {
            assert_eq!(format(moment, form), text);
        }
        for form in ["yyyy-MM-ddTHH:mm:ss.FFFFFFFK", "MMM dd yyyy hh:mm:ss.ff tt"] {
            assert_eq!(parse(&format(moment, form), form), Ok(moment), "{form}");
        }
    }

    #[test]
    fn offsets_are_converted_and_impossible_times_refused() {
        let read = |text, form| parse(text, form).map(|t| t.to_string());
        assert_eq!(
            read("2009-06-15T01:45:30-07:00", "yyyy-MM-ddTHH:mm:ssK").unwrap(),
            "2009-06-15T08:45:30Z"
        );
        assert!(read("2021-02-30", "yyyy-MM-dd").is_err());
        assert!(read("13:00 PM", "HH:mm tt").is_err());
        assert!(read("2021-01-01x", "yyyy-MM-dd").is_err());
        assert!(parse_known("20150123105347.1Z").is_ok());
        assert_eq!(from_filetime(i64::MIN), None);
    }
}
