//! Times: FILETIME, and .NET format strings of the invariant culture.
//!
//! Never reads the clock and knows no time zone but UTC. Trap: a FILETIME counts 100 ns since 1601-01-01 UTC; a format of one
//! letter is a standard format, and `%d` is how the letter alone is written.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};

const TICKS_PER_SECOND: i64 = 10_000_000;
const SECONDS_1601_TO_1970: i64 = 11_644_473_600;

/// The moment of a FILETIME; `None` if it is out of range.
pub(super) fn from_filetime(ticks: i64) -> Option<Timestamp> {
    let seconds = ticks.div_euclid(TICKS_PER_SECOND) - SECONDS_1601_TO_1970;
    let nanoseconds = i32::try_from(ticks.rem_euclid(TICKS_PER_SECOND) * 100).ok()?;
    Timestamp::new(seconds, nanoseconds).ok()
}

/// The FILETIME of a moment; `None`: it is before 1601.
pub(super) fn to_filetime(moment: Timestamp) -> Option<i64> {
    let seconds = moment.as_second().checked_add(SECONDS_1601_TO_1970)?;
    let ticks = i64::from(moment.subsec_nanosecond()) / 100;
    let all = seconds.checked_mul(TICKS_PER_SECOND)?.checked_add(ticks)?;
    (all >= 0).then_some(all)
}

/// Forms that say date and time, and can therefore be compared as moments.
const FULL_FORMS: [&str; 6] = [
    "yyyy-MM-ddTHH:mm:ssK",
    "yyyyMMddHHmmss.FFFFFFFZ",
    "M/d/yyyy h:mm:ss tt",
    "yyyyMMddHHmmssZ",
    "yyyy-MM-ddTHH:mm:ss.FFFFFFFK",
    "yyyy-MM-dd HH:mm:ssK",
];

/// Further forms understood without a format.
const OTHER_FORMS: [&str; 14] = [
    "yyyy-MM-ddK",
    "yyyy-MM-ddTHH:mmK",
    "yyyy-MM-dd HH:mm:ss.FFFFFFFK",
    "yyyy-MM-dd HH:mmK",
    "yyyy-MM-dd h:mm:ss tt",
    "yyyy-MM-dd h:mm tt",
    "yyyy-MM-dd h:mm tt z",
    "yyyy/MM/dd",
    "M/d/yyyy",
    "M/d/yyyy h:mm tt",
    "M/d/yyyy H:mm:ss",
    "M/d/yyyy H:mm",
    "d MMM yyyy",
    "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
];

/// A moment in ISO 8601, as far as it has parts of seconds with these.
pub(super) fn iso(moment: Timestamp) -> String {
    let time = Offset::UTC.to_datetime(moment);
    if time.subsec_nanosecond() != 0 || !(1_000..10_000).contains(&time.year()) {
        return moment.to_string();
    }
    written(moment, "yyyy-MM-ddTHH:mm:ssK")
}

/// Reads what [`iso`] writes, without looking for its form.
fn from_iso(text: &str) -> Option<Timestamp> {
    let mut bytes: [u8; 20] = text.as_bytes().try_into().ok()?;
    let mut number = |from: usize, to: usize| -> Option<i16> {
        let mut number = 0;
        for digit in bytes.get_mut(from..to)? {
            number = number * 10 + i16::from(digit.is_ascii_digit().then(|| *digit - b'0')?);
            *digit = b'0';
        }
        Some(number)
    };
    let year = number(0, 4)?;
    let mut two = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let (month, day) = (two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let is_iso = bytes == *b"0000-00-00T00:00:00Z";
    let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    is_iso.then(|| Offset::UTC.to_timestamp(time).ok())?
}

/// Reads a time in one of the known forms.
pub(super) fn parse_known(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Some(moment) = from_iso(text) {
        return Ok(moment);
    }
    let mut forms = FULL_FORMS.iter().chain(&OTHER_FORMS);
    forms
        .find_map(|form| parse(text, form).ok())
        .ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("{shown:?} is not a time in any known form")
        })
}

/// The moment of a text that says date and time; `None`: it does not.
pub(crate) fn moment_of(text: &str) -> Option<Timestamp> {
    const LENGTHS: std::ops::RangeInclusive<usize> = 15..=40;
    let is_likely = text.starts_with(|c: char| c.is_ascii_digit())
        && LENGTHS.contains(&text.len())
        && (text.contains(':') || text.ends_with('Z'));
    let mut forms = FULL_FORMS.iter();
    is_likely.then(|| forms.find_map(|form| parse(text, form).ok()))?
}

/// A moment as functions give it: `M/d/yyyy h:mm:ss tt`.
pub(super) fn text(moment: Timestamp) -> String {
    written(moment, "M/d/yyyy h:mm:ss tt")
}

/// The custom format a standard format of .NET stands for.
fn custom(format: &str) -> Result<&str, String> {
    let mut letters = format.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else {
        return Ok(format.strip_prefix('%').unwrap_or(format));
    };
    Ok(match letter {
        'd' => "MM/dd/yyyy",
        'D' => "dddd, dd MMMM yyyy",
        'f' => "dddd, dd MMMM yyyy HH:mm",
        'F' | 'U' => "dddd, dd MMMM yyyy HH:mm:ss",
        'g' => "MM/dd/yyyy HH:mm",
        'G' => "MM/dd/yyyy HH:mm:ss",
        'M' | 'm' => "MMMM dd",
        'O' | 'o' => "yyyy-MM-ddTHH:mm:ss.fffffffK",
        'R' | 'r' => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        's' => "yyyy-MM-ddTHH:mm:ss",
        't' => "HH:mm",
        'T' => "HH:mm:ss",
        'u' => "yyyy-MM-dd HH:mm:ss'Z'",
        'Y' | 'y' => "yyyy MMMM",
        _ => {
            return Err(format!(
                "{format:?} is no standard format; write %{format} for the letter alone"
            ));
        }
    })
}

/// A piece of a format string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece<'f> {
    /// A letter and how often it stands there.
    Field(char, usize),
    /// Text that stands for itself.
    Literal(&'f str),
}

fn pieces(format: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = format;
    std::iter::from_fn(move || {
        let (piece, width) = piece(rest)?;
        rest = rest.get(width..).unwrap_or_default();
        Some(piece)
    })
}

/// The first piece of a format and its length in bytes.
fn piece(format: &str) -> Option<(Piece<'_>, usize)> {
    let c = format.chars().next()?;
    let literal = |from: usize, to: usize| Piece::Literal(format.get(from..to).unwrap_or_default());
    Some(match c {
        'y' | 'M' | 'd' | 'H' | 'h' | 'm' | 's' | 'f' | 'F' | 't' | 'z' | 'K' | 'g' => {
            let count = format.chars().take_while(|next| *next == c).count();
            (Piece::Field(c, count), count)
        }
        '\'' | '"' => {
            let inner = format.get(1..).unwrap_or_default();
            let end = 1 + inner.find(c).unwrap_or(inner.len());
            (literal(1, end), (end + 1).min(format.len()))
        }
        '\\' => {
            let next = format.chars().nth(1).map_or(0, char::len_utf8);
            (literal(1, 1 + next), 1 + next)
        }
        _ => (literal(0, c.len_utf8()), c.len_utf8()),
    })
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

/// Reads a time by a .NET format; without an offset it is UTC.
pub(super) fn parse(text: &str, format: &str) -> Result<Timestamp, String> {
    let format = custom(format)?;
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
            'g' => (0, strip_prefix_no_case(text, "A.D.")?),
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
        let moment = Offset::UTC.to_timestamp(time.ok()?).ok()?;
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

/// Writes a moment, in UTC, by a .NET format.
pub(super) fn format(moment: Timestamp, format: &str) -> Result<String, String> {
    Ok(written(moment, custom(format)?))
}

/// Writes a moment by a custom format.
fn written(moment: Timestamp, format: &str) -> String {
    let time = Offset::UTC.to_datetime(moment);
    let mut text = String::with_capacity(format.len() + 8);
    for piece in pieces(format) {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Field(letter, count) => write_field(&mut text, time, letter, count),
        }
    }
    text
}

fn write_field(text: &mut String, time: DateTime, letter: char, count: usize) {
    let half = if time.hour() < 12 { "AM" } else { "PM" };
    match letter {
        'y' if count <= 2 => write_number(text, i64::from(time.year()) % 100, count),
        'y' => write_number(text, time.year().into(), count.min(9)),
        'M' if count >= 3 => text.push_str(named(&MONTHS, time.month(), count)),
        'M' => write_number(text, time.month().into(), count),
        'd' if count >= 3 => {
            let day = time.weekday().to_monday_one_offset();
            text.push_str(named(&DAYS, day, count));
        }
        'd' => write_number(text, time.day().into(), count),
        'H' => write_number(text, time.hour().into(), count.min(2)),
        'h' => {
            let hour = (i64::from(time.hour()) + 11) % 12 + 1;
            write_number(text, hour, count.min(2));
        }
        'm' => write_number(text, time.minute().into(), count.min(2)),
        's' => write_number(text, time.second().into(), count.min(2)),
        'f' | 'F' => {
            let fraction = format!("{:09}", time.subsec_nanosecond());
            let fraction = fraction.get(..count.min(9)).unwrap_or_default();
            text.push_str(match letter {
                'F' => fraction.trim_end_matches('0'),
                _ => fraction,
            });
        }
        't' => text.push_str(half.get(..count.min(2)).unwrap_or(half)),
        'g' => text.push_str("A.D."),
        'z' if count == 1 => text.push_str("+0"),
        'z' if count == 2 => text.push_str("+00"),
        'z' => text.push_str("+00:00"),
        _ => text.push('Z'),
    }
}

/// The name with this number, from 1; three letters of it if the format has three.
fn named(names: &[&'static str], number: i8, count: usize) -> &'static str {
    let index = usize::try_from(number - 1).unwrap_or_default();
    let name = names.get(index).copied().unwrap_or_default();
    match count {
        3 => name.get(..3).unwrap_or(name),
        _ => name,
    }
}

/// A number with at least so many digits.
fn write_number(text: &mut String, number: i64, digits: usize) {
    if let (2, Ok(small @ 0..100)) = (digits, u8::try_from(number)) {
        // Nearly every field of a time.
        text.push(char::from(b'0' + small / 10));
        text.push(char::from(b'0' + small % 10));
        return;
    }
    let mut power = 10_i64.saturating_pow(u32::try_from(digits).unwrap_or(9).min(18) - 1);
    while number < power && power > 1 {
        text.push('0');
        power /= 10;
    }
    // Writing to a text cannot fail.
    let _ = write!(text, "{number}");
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
            assert_eq!(format(moment, form), Ok(text.to_owned()));
        }
        for form in ["yyyy-MM-ddTHH:mm:ss.FFFFFFFK", "MMM dd yyyy hh:mm:ss.ff tt"] {
            assert_eq!(parse(&written(moment, form), form), Ok(moment), "{form}");
        }
    }

    #[test]
    fn standard_formats_are_those_of_the_invariant_culture() {
        let moment: Timestamp = "2009-06-15T13:45:30.0900000Z".parse().unwrap();
        for (form, text) in [
            ("d", "06/15/2009"),
            ("D", "Monday, 15 June 2009"),
            ("f", "Monday, 15 June 2009 13:45"),
            ("F", "Monday, 15 June 2009 13:45:30"),
            ("g", "06/15/2009 13:45"),
            ("G", "06/15/2009 13:45:30"),
            ("m", "June 15"),
            ("O", "2009-06-15T13:45:30.0900000Z"),
            ("R", "Mon, 15 Jun 2009 13:45:30 GMT"),
            ("s", "2009-06-15T13:45:30"),
            ("t", "13:45"),
            ("T", "13:45:30"),
            ("u", "2009-06-15 13:45:30Z"),
            ("U", "Monday, 15 June 2009 13:45:30"),
            ("Y", "2009 June"),
            ("%d", "15"),
            ("gg yyyy", "A.D. 2009"),
            ("h 'h' m 'min'", "1 h 45 min"),
        ] {
            assert_eq!(format(moment, form).as_deref(), Ok(text), "{form}");
        }
        assert!(
            format(moment, "x")
                .unwrap_err()
                .contains("no standard format")
        );
        assert!(parse("Mon, 15 Jun 2009 13:45:30 GMT", "r").is_ok());
    }

    #[test]
    fn only_texts_with_date_and_time_are_moments() {
        let same = moment_of("2021-09-27T14:09:16Z");
        assert!(same.is_some());
        for text in [
            "9/27/2021 2:09:16 PM",
            "20210927140916.0Z",
            "20210927140916Z",
            "2021-09-27T16:09:16+02:00",
            "2021-09-27 14:09:16",
        ] {
            assert_eq!(moment_of(text), same, "{text}");
        }
        for text in [
            "2021-09-27",
            "20210927",
            "9:30:00 o'clock",
            "123456789012345",
            "",
        ] {
            assert_eq!(moment_of(text), None, "{text}");
        }
        let moment: Timestamp = "2012-01-01T23:00:00.5Z".parse().unwrap();
        assert_eq!(to_filetime(moment), Some(129_699_324_005_000_000));
        assert_eq!(from_filetime(129_699_324_005_000_000), Some(moment));
    }

    #[test]
    fn what_is_written_in_iso_is_read_as_any_other_form_is() {
        for text in [
            "2021-09-27T14:09:16Z",
            "1601-01-01T00:00:00Z",
            "9999-12-30T22:00:00Z",
            "0050-02-03T04:05:06Z",
        ] {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(from_iso(text), Some(moment), "{text}");
            assert_eq!(parse(text, FULL_FORMS[0]), Ok(moment), "{text}");
            assert_eq!(iso(moment), moment.to_string());
        }
        let fraction: Timestamp = "2021-09-27T14:09:16.25Z".parse().unwrap();
        assert_eq!(iso(fraction), "2021-09-27T14:09:16.25Z");
        for text in [
            "2021-02-30T00:00:00Z",
            "2021-09-27T24:09:16Z",
            "2021-09-27T14:09:60Z",
            "2021-09-27 14:09:16Z",
            "2021-09-27T14:09:1 Z",
            "2021-09-27T14:09:16.",
            "",
        ] {
            assert_eq!(from_iso(text), None, "{text}");
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
