//! Copies to the user's clipboard through the terminal (OSC 52): the one way that also works over SSH.
//!
//! No tool of the host is ever called: it would fill the clipboard of another machine and report success. The
//! terminal gives no answer, so a copy is "sent", never "done".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::capability::ClipboardWay;

/// The most bytes of text that terminals are known to take (xterm's, hterm's and others' limit of 100,000 in base64).
pub const LIMIT: usize = 74_994;
/// Bytes in one piece for screen, whose versions cut at 256, 768 or some 4,000.
const SCREEN_PIECE: usize = 240;

/// A copy to be written to the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copying {
    /// The bytes for the terminal.
    pub(super) bytes: Vec<u8>,
    /// What the user is told.
    pub(super) sent: Sent,
}

/// A copy that is on its way; whether it arrived can't be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// What may be in the way, and what to do about it.
    pub hint: Option<&'static str>,
}

/// Why a copy was not even sent. The caller writes the text to a file instead and says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is longer than terminals take; half a copy would be worse than none.
    #[error("{bytes} bytes are more than terminals take as a copy ({LIMIT})")]
    TooLong {
        /// The text's length.
        bytes: usize,
    },
    /// The terminal has no way to its user's clipboard.
    #[error("this terminal has no way to the clipboard")]
    NoWay,
    /// The terminal did not take the bytes.
    #[error("the terminal is gone")]
    Gone,
}

/// The bytes that carry `text` to the clipboard on this way.
pub(super) fn copying(text: &str, way: ClipboardWay) -> Result<Copying, Refused> {
    if way == ClipboardWay::Absent {
        return Err(Refused::NoWay);
    }
    if text.len() > LIMIT {
        return Err(Refused::TooLong { bytes: text.len() });
    }
    let plain = [b"\x1b]52;c;".as_slice(), STANDARD.encode(text).as_bytes(), b"\x07"].concat();
    let (bytes, hint) = match way {
        ClipboardWay::Tmux => {
            // Once for tmux itself and once through it: its settings may allow either.
            let doubled = plain.iter().flat_map(|byte| std::iter::repeat_n(*byte, 1 + usize::from(*byte == 0x1b)));
            let through = [b"\x1bPtmux;".to_vec(), doubled.collect(), b"\x1b\\".to_vec()].concat();
            ([plain, through].concat(), Some("tmux needs: set -g set-clipboard on"))
        }
        ClipboardWay::Screen => {
            let piece = |piece: &[u8]| [b"\x1bP".as_slice(), piece, b"\x1b\\"].concat();
            (plain.chunks(SCREEN_PIECE).flat_map(piece).collect(), None)
        }
        ClipboardWay::Direct | ClipboardWay::Absent => (plain, None),
    };
    Ok(Copying { bytes, sent: Sent { hint } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_one_sequence_for_the_terminal() {
        let copy = copying("hi", ClipboardWay::Direct).unwrap();
        assert_eq!(copy.bytes, b"\x1b]52;c;aGk=\x07");
        assert_eq!(copy.sent.hint, None);
    }

    #[test]
    fn tmux_gets_it_both_ways_and_the_user_a_hint() {
        let copy = copying("hi", ClipboardWay::Tmux).unwrap();
        assert_eq!(copy.bytes, b"\x1b]52;c;aGk=\x07\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\");
        assert!(copy.sent.hint.unwrap().contains("set-clipboard"));
    }

    #[test]
    fn screen_gets_pieces_that_it_does_not_cut_and_that_together_are_the_whole() {
        let text = "x".repeat(5000);
        let copy = copying(&text, ClipboardWay::Screen).unwrap();
        let shown = String::from_utf8(copy.bytes).unwrap();
        let pieces: Vec<&str> = shown.split("\x1b\\").filter(|piece| !piece.is_empty()).collect();
        assert!(pieces.iter().all(|piece| piece.starts_with("\x1bP") && piece.len() < 256));
        let joined: String = pieces.iter().filter_map(|piece| piece.strip_prefix("\x1bP")).collect();
        assert_eq!(joined.as_bytes(), copying(&text, ClipboardWay::Direct).unwrap().bytes);
    }

    #[test]
    fn what_is_too_long_or_has_no_way_is_refused_whole() {
        let long = "x".repeat(200_000);
        assert_eq!(copying(&long, ClipboardWay::Direct), Err(Refused::TooLong { bytes: 200_000 }));
        assert_eq!(copying("hi", ClipboardWay::Absent), Err(Refused::NoWay));
    }
}
