//! Texts from outside, made harmless, and numbers and times, made readable.

use chrono::{DateTime, TimeDelta, Utc};

use super::value::{Unit, Value};

/// Takes out of a text whatever could act on a terminal or mislead a reader: escape sequences, control characters,
/// bidirectional overrides and zero-width characters. Line breaks and tabs become spaces. Used at the wire edge.
#[must_use]
pub fn clean(text: &str) -> String {
    if !text.chars().any(|char| is_hostile(char) || char == JOINER) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            '\n' | '\r' | '\t' => out.push(' '),
            // it joins emoji and letters of some scripts; between others it only hides
            JOINER => {
                if out.chars().next_back().is_some_and(joins) && chars.peek().copied().is_some_and(joins) {
                    out.push(JOINER);
                }
            }
            hostile if is_hostile(hostile) => {}
            harmless => out.push(harmless),
        }
    }
    out
}

/// Whether a character has no business in a cell.
fn is_hostile(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{061c}' | '\u{00ad}' | '\u{180e}')
            && char != '\u{200d}'
}

/// The joiner of zero width.
const JOINER: char = '\u{200d}';

/// Whether a joiner beside this character may mean something.
fn joins(char: char) -> bool {
    // the scripts and symbols that know it begin with Arabic
    char >= '\u{600}' && char != JOINER && !is_hostile(char)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.next() {
        Some('[') => skip_csi(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(chars),
        // a charset or similar: intermediate characters, then a final one
        Some(' '..='/') => {
            while chars.next_if(|char| matches!(char, ' '..='/')).is_some() {}
            chars.next_if(|char| matches!(char, '0'..='~'));
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut Chars<'_>) {
    while chars.next_if(|char| matches!(char, '\u{20}'..='\u{3f}')).is_some() {}
    chars.next_if(|char| matches!(char, '\u{40}'..='\u{7e}'));
}

fn skip_string(chars: &mut Chars<'_>) {
    while let Some(char) = chars.next() {
        match char {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

/// An age or a length of time in its largest unit: `12s`, `14m`, `5h`, `2d`.
#[must_use]
pub fn age(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(0);
    match seconds {
        0..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m", seconds / 60),
        3600..=86_399 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Three significant digits, without an exponent where it can be helped: `0.0042`, `9.81`, `98.1`, `981`, `1270`.
#[must_use]
pub fn digits(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    // SQL stores keep infinity as the largest double
    if number.is_infinite() || number.abs() >= f64::MAX {
        return if number > 0.0 { "∞".into() } else { "-∞".into() };
    }
    if number == 0.0 {
        return "0".into();
    }
    let size = number.abs();
    if !(1e-4..1e15).contains(&size) {
        return format!("{number:.2e}");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between -4 and 15")]
    let places = (2 - size.log10().floor() as i32).max(0) as usize;
    let text = format!("{number:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number and its unit, apart, so that the unit can be drawn dim: `("9.8", "ms")`.
#[must_use]
pub fn number(value: f64, unit: Unit) -> (String, &'static str) {
    if !value.is_finite() {
        return (digits(value), "");
    }
    match unit {
        Unit::None => (digits(value), ""),
        Unit::Ratio => {
            let percent = value * 100.0;
            (if percent.abs() < 99.95 { format!("{percent:.1}") } else { format!("{percent:.0}") }, "%")
        }
        Unit::PerSecond => (digits(value), "/s"),
        Unit::Seconds => match value.abs() {
            0.0 => ("0".into(), "s"),
            size if size < 0.001 => (digits(value * 1e6), "µs"),
            size if size < 1.0 => (digits(value * 1e3), "ms"),
            size if size < 60.0 => (digits(value), "s"),
            _ => (duration(value), ""),
        },
        Unit::Bytes => {
            let mut scaled = value;
            for unit in ["B", "KiB", "MiB", "GiB"] {
                if scaled.abs() < 1024.0 {
                    return (digits(scaled), unit);
                }
                scaled /= 1024.0;
            }
            (digits(scaled), "TiB")
        }
    }
}

/// A length of time of a minute or more: `6m41s`, `2h05m`, `3d04h`.
fn duration(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let total = seconds.round() as i64;
    let (sign, total) = if total < 0 { ("-", -total) } else { ("", total) };
    match total {
        0..=3599 => format!("{sign}{}m{:02}s", total / 60, total % 60),
        3600..=86_399 => format!("{sign}{}h{:02}m", total / 3600, total % 3600 / 60),
        _ => format!("{sign}{}d{:02}h", total / 86_400, total % 86_400 / 3600),
    }
}

impl Value {
    /// The cell as words, for filters, copying and plain output. `now` turns moments into ages.
    #[must_use]
    pub fn show(&self, now: DateTime<Utc>) -> String {
        match self {
            Self::None => String::new(),
            Self::Text(text) => text.to_string(),
            Self::Link(link) => link.words.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Number(value, unit) => {
                let (digits, unit) = number(*value, *unit);
                if unit.is_empty() { digits } else { format!("{digits} {unit}") }
            }
            Self::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
            Self::Time(at) => age(now - *at),
            Self::State(state) => state.word.to_string(),
            Self::Share(parts) => parts
                .iter()
                .map(|part| format!("{} {}", part.label, digits(part.percent)))
                .collect::<Vec<_>>()
                .join("  "),
            Self::Spark(series) => {
                series.last().map_or(String::new(), |last| Self::Number(last, series.unit).show(now))
            }
            Self::Pair(pair) => {
                let (first, second) = (pair.0.show(now), pair.1.show(now));
                if second.is_empty() { first } else { format!("{first} {second}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_bidi_and_zero_width_never_pass() {
        assert_eq!(clean("a\u{1b}[31mred\u{1b}[0m"), "ared");
        assert_eq!(clean("x\u{1b}]0;title\u{7}y\u{1b}]8;;u\u{1b}\\z"), "xyz");
        assert_eq!(clean("ab\u{202e}cd\u{200b}e\u{feff}"), "abcde");
        assert_eq!(clean("one\ntwo\tthree\u{0}"), "one two three");
        assert_eq!(clean("\u{9b}2Jx"), "x");
        assert_eq!(clean("\u{1b}(Bx"), "x");
    }

    #[test]
    fn a_joiner_hides_nothing_between_letters_that_it_does_not_join() {
        assert_eq!(clean("ml\u{200d}-prod\u{200d}"), "ml-prod");
        assert_eq!(clean("é\u{200d}é"), "éé");
        assert_eq!(clean("क्\u{200d}ष"), "क्\u{200d}ष");
    }

    #[test]
    fn emoji_sequences_survive() {
        assert_eq!(clean("👩\u{200d}🔬"), "👩\u{200d}🔬");
    }

    #[test]
    fn numbers_have_three_significant_digits_and_their_unit() {
        assert_eq!(number(0.0098, Unit::Seconds), ("9.8".into(), "ms"));
        assert_eq!(number(401.0, Unit::Seconds), ("6m41s".into(), ""));
        assert_eq!(number(0.041, Unit::Ratio), ("4.1".into(), "%"));
        assert_eq!(number(2_040_109_465.6, Unit::Bytes), ("1.9".into(), "GiB"));
        assert_eq!(digits(1.797_693_134_862_315_7e308), "∞");
        assert_eq!(digits(f64::NAN), "NaN");
        assert_eq!(digits(0.9), "0.9");
        assert_eq!(digits(1_270_000.0), "1270000");
    }
}
