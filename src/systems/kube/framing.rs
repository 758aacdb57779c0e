//! Cuts a list's JSON into its items while it arrives: each item is decoded on its own, so that an odd one costs no
//! other, and no more of the list is in memory than the item that is being read.
//!
//! Only quotes and brackets are looked at; whether the JSON is right is for those to say who decode the pieces.

use memchr::{memchr2, memchr3};

/// The brackets of an object, and of a list where an object should be.
const OBJECT: [u8; 2] = *b"{}";
const LIST: [u8; 2] = *b"[]";

/// A list's JSON on its way, without its items.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// All but the items: what is left is a list of none.
    envelope: Vec<u8>,
    /// The beginning of an item that has not come whole.
    item: Vec<u8>,
    at: At,
    text: Text,
    /// Brackets that are open, counted within the envelope or within the item.
    depth: u32,
    /// Which of them are counted within the item: those of the other kind can't end it.
    brackets: [u8; 2],
    /// The last text of the envelope's first level.
    name: Vec<u8>,
}

/// What is being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    Envelope,
    /// Among the items, between two of them.
    Between,
    Item,
}

/// Whether a string is being read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Text {
    #[default]
    No,
    Yes,
    /// After a backslash.
    Escape,
}

impl Framing {
    /// Takes the next bytes of the list and hands out the items that are whole.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut item: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            let taken = match self.at {
                At::Envelope => self.in_envelope(bytes),
                At::Between => self.between(bytes),
                At::Item => self.in_item(bytes, &mut item),
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// The JSON around the items.
    pub(super) fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// How much is kept, in bytes.
    pub(super) fn len(&self) -> usize {
        self.envelope.len() + self.item.len()
    }

    /// Reads until the items begin; how much was read.
    fn in_envelope(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().copied().enumerate() {
            self.envelope.push(byte);
            match (self.text, byte) {
                (Text::Escape, _) => self.text = Text::Yes,
                (Text::Yes, b'\\') => self.text = Text::Escape,
                (Text::Yes, b'"') => self.text = Text::No,
                (Text::Yes, _) if self.depth == 1 => self.name.push(byte),
                (Text::No, b'"') => {
                    self.text = Text::Yes;
                    self.name.clear();
                }
                (Text::No, b'[') if self.depth == 1 && self.name == b"items" => {
                    self.at = At::Between;
                    return at + 1;
                }
                (Text::No, b'{' | b'[') => self.depth += 1,
                (Text::No, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
                (Text::Yes | Text::No, _) => {}
            }
        }
        bytes.len()
    }

    /// Passes over what stands between two items.
    fn between(&mut self, bytes: &[u8]) -> usize {
        let Some(at) = bytes.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b',') else {
            return bytes.len();
        };
        if bytes.get(at) == Some(&b']') {
            self.envelope.push(b']');
            self.name.clear();
            self.at = At::Envelope;
            return at + 1;
        }
        (self.at, self.depth) = (At::Item, 0);
        at
    }

    /// Reads to the end of the item, or of the bytes.
    fn in_item(&mut self, bytes: &[u8], item: &mut impl FnMut(&[u8])) -> usize {
        let Some(end) = self.item_end(bytes) else {
            self.item.extend_from_slice(bytes);
            return bytes.len();
        };
        let last = bytes.get(..end).unwrap_or_default();
        if self.item.is_empty() {
            item(last);
        } else {
            self.item.extend_from_slice(last);
            item(&self.item);
            self.item.clear();
        }
        // the envelope goes on within its own bracket
        (self.at, self.depth) = (At::Between, 1);
        end
    }

    /// Where the item ends.
    fn item_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match self.text {
                Text::Escape => {
                    self.text = Text::Yes;
                    at += 1;
                }
                Text::Yes => {
                    let found = memchr2(b'"', b'\\', rest)?;
                    self.text = if rest.get(found) == Some(&b'"') { Text::No } else { Text::Escape };
                    at += found + 1;
                }
                Text::No if self.depth == 0 => {
                    match rest.first() {
                        Some(b'{') => (self.depth, self.brackets) = (1, OBJECT),
                        Some(b'[') => (self.depth, self.brackets) = (1, LIST),
                        Some(b'"') => self.text = Text::Yes,
                        // a bare word or number ends where the next begins
                        Some(b',' | b']') => return Some(at),
                        _ => {}
                    }
                    at += 1;
                }
                Text::No => {
                    let [open, close] = self.brackets;
                    let found = memchr3(b'"', open, close, rest)?;
                    match rest.get(found) {
                        Some(b'"') => self.text = Text::Yes,
                        Some(byte) if *byte == open => self.depth += 1,
                        _ => self.depth -= 1,
                    }
                    at += found + 1;
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    /// What comes of a text that arrives in pieces of this size: the items, and the envelope.
    fn cut(text: &str, piece: usize) -> (Vec<String>, String) {
        let mut framing = Framing::default();
        let mut items = Vec::new();
        for bytes in text.as_bytes().chunks(piece) {
            framing.push(bytes, |item| items.push(String::from_utf8_lossy(item).trim().to_owned()));
        }
        (items, String::from_utf8_lossy(framing.envelope()).into_owned())
    }

    #[test]
    fn items_are_cut_out_wherever_they_stand_and_the_rest_stays() {
        let text = r#" {"kind":"PodList", "metadata":{"items":[1]}, "items": [ {"a":"}\"]"} ,{"b":[{}]}], "x":[2]} "#;
        for piece in 1..text.len() {
            let (items, envelope) = cut(text, piece);
            assert_eq!(items, [r#"{"a":"}\"]"}"#, r#"{"b":[{}]}"#], "in pieces of {piece}");
            assert_eq!(envelope, r#" {"kind":"PodList", "metadata":{"items":[1]}, "items": [], "x":[2]} "#);
        }
    }

    #[test]
    fn what_is_no_object_is_an_item_too_and_costs_no_other() {
        let (items, envelope) = cut(r#"{"items":[null, 7,"a,]b",[[1],"]"],{"c":1}],"kind":"L"}"#, 3);
        assert_eq!(items, ["null", "7", r#""a,]b""#, r#"[[1],"]"]"#, r#"{"c":1}"#]);
        assert_eq!(envelope, r#"{"items":[],"kind":"L"}"#);
    }

    #[test]
    fn what_is_no_list_is_all_envelope() {
        for text in ["<html>[1]</html>", r#"[{"items":[1]}]"#, r#"{"items":null}"#, r#"{"a":{"items":[{}]}}"#, ""] {
            assert_eq!(cut(text, 2), (vec![], text.to_owned()));
        }
    }

    #[test]
    fn a_text_that_is_cut_off_keeps_its_brackets_open() {
        let (items, envelope) = cut(r#"{"items":[{"a":1},{"b""#, 4);
        assert_eq!((items.len(), envelope.as_str()), (1, r#"{"items":["#));
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<i32>().prop_map(Json::from),
            "[ -~\n\u{e9}\u{1f600}]{0,12}".prop_map(Json::from),
            Just(json!("\\\"{[]},")),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[a-z\"\\\\{]{0,6}", inner, 0..4)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_list_is_cut_as_a_decoder_of_the_whole_reads_it(
            items in prop::collection::vec(any_json(), 0..6), meta in any_json(), piece in 1..40_usize, pretty: bool,
        ) {
            let list = json!({ "metadata": meta, "items": items, "rest": meta });
            let text = if pretty { serde_json::to_string_pretty(&list) } else { serde_json::to_string(&list) };
            let (cut_out, envelope) = cut(&text.unwrap(), piece);
            let read: Vec<Json> = cut_out.iter().map(|item| serde_json::from_str(item).unwrap()).collect();
            prop_assert_eq!(read, items);
            let around: Json = serde_json::from_str(&envelope).unwrap();
            prop_assert_eq!(around, json!({ "metadata": meta, "items": [], "rest": meta }));
        }
    }
}
