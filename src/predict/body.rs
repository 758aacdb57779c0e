//! What a body really is: unpacked where it is packed, binary tensors read, and otherwise as it came. Pure.

use std::fmt::Write;
use std::io::Read;

use http::HeaderMap;
use serde_json::{Map, Number, Value as Json};

use crate::model::text::clean;

/// How large a body may be, packed or unpacked, in bytes.
pub const LIMIT: usize = 10 << 20;

/// How many bytes of what is not text are shown.
const HEX_LIMIT: usize = 64;

/// A body, understood as far as it can be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Understood {
    /// The body as JSON, if that is what it is; binary tensors stand in it as `data`.
    pub json: Option<Json>,
    /// The body as text, harmless for a terminal.
    pub text: String,
    /// What is odd about it, as sentences.
    pub notes: Vec<String>,
}

/// Makes sense of a body, whatever its headers say.
#[must_use]
pub fn understand(headers: &HeaderMap, body: &[u8]) -> Understood {
    let mut notes = Vec::new();
    let unpacked = unpack(headers, body, &mut notes);
    let bytes: &[u8] = unpacked.as_deref().unwrap_or(body);
    let announced = headers
        .get("inference-header-content-length")
        .and_then(|value| value.to_str().ok()?.trim().parse::<usize>().ok());
    if let Some((json, tail)) = announced.and_then(|length| bytes.split_at_checked(length))
        && let Ok(mut json) = serde_json::from_slice::<Json>(json)
    {
        notes.extend(read_tensors(&mut json, tail));
        return Understood { text: pretty(&json), json: Some(json), notes };
    }
    let mut stream = serde_json::Deserializer::from_slice(bytes).into_iter::<Json>();
    if let Some(Ok(json)) = stream.next() {
        let rest = bytes.get(stream.byte_offset()..).unwrap_or_default();
        if rest.iter().all(u8::is_ascii_whitespace) {
            return Understood { text: pretty(&json), json: Some(json), notes };
        }
        // only a whole object says that what follows is something else, and not that this is no JSON at all
        if json.is_object() {
            notes.push(format!("JSON followed by {} bytes: {}", rest.len(), hex(rest)));
            return Understood { text: pretty(&json), json: Some(json), notes };
        }
    }
    let text = if let Ok(text) = std::str::from_utf8(bytes) {
        text.lines().map(clean).collect::<Vec<_>>().join("\n")
    } else {
        notes.push("the body is neither JSON nor text".into());
        hex(bytes)
    };
    Understood { json: None, text, notes }
}

/// The body unpacked, if it is gzip, said or not.
fn unpack(headers: &HeaderMap, body: &[u8], notes: &mut Vec<String>) -> Option<Vec<u8>> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return None;
    }
    let said =
        headers.get(http::header::CONTENT_ENCODING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    let mut unpacked = Vec::new();
    let limit = LIMIT as u64 + 1;
    match flate2::read::GzDecoder::new(body).take(limit).read_to_end(&mut unpacked) {
        Ok(_) if unpacked.len() > LIMIT => {
            unpacked.truncate(LIMIT);
            notes.push(format!("the body is packed and larger than {} MB; only its beginning is shown", LIMIT >> 20));
        }
        Ok(_) if !said => notes.push("the body was packed by gzip, which the server did not say".into()),
        Ok(_) => {}
        Err(error) => {
            notes.push(format!("the body is packed by gzip and damaged: {error}"));
            return None;
        }
    }
    Some(unpacked)
}

/// Puts the binary tensors that follow the JSON into its outputs as `data`.
fn read_tensors(json: &mut Json, mut tail: &[u8]) -> Vec<String> {
    let mut notes = Vec::new();
    for output in json.get_mut("outputs").and_then(Json::as_array_mut).into_iter().flatten() {
        let size = output.pointer("/parameters/binary_data_size").and_then(Json::as_u64);
        let Some(size) = size.and_then(|size| usize::try_from(size).ok()) else { continue };
        let name = output.get("name").and_then(Json::as_str).map(clean).unwrap_or_default();
        let Some((bytes, rest)) = tail.split_at_checked(size) else {
            notes.push(format!("the tensor {name} should have {size} bytes, {} came", tail.len()));
            return notes;
        };
        tail = rest;
        let kind = output.get("datatype").and_then(Json::as_str).unwrap_or_default().to_owned();
        match (values(&kind, bytes), output.as_object_mut()) {
            (Some(data), Some(output)) => set_data(output, data),
            _ => notes.push(format!("the tensor {name} of type {} is {}", clean(&kind), hex(bytes))),
        }
    }
    if !tail.is_empty() {
        notes.push(format!("{} more bytes follow the tensors: {}", tail.len(), hex(tail)));
    }
    notes
}

fn set_data(output: &mut Map<String, Json>, data: Vec<Json>) {
    output.insert("data".into(), Json::Array(data));
}

/// The values of a tensor: little-endian, one after the other. JSON has no NaN: it stands there as a text.
fn values(kind: &str, bytes: &[u8]) -> Option<Vec<Json>> {
    fn each<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> Json) -> Option<Vec<Json>> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        rest.is_empty().then(|| chunks.iter().map(|chunk| read(*chunk)).collect())
    }
    match kind {
        "BOOL" => each::<1>(bytes, |[byte]| Json::Bool(byte != 0)),
        "UINT8" => each::<1>(bytes, |[byte]| byte.into()),
        "INT8" => each(bytes, |raw| i8::from_le_bytes(raw).into()),
        "UINT16" => each(bytes, |raw| u16::from_le_bytes(raw).into()),
        "INT16" => each(bytes, |raw| i16::from_le_bytes(raw).into()),
        "UINT32" => each(bytes, |raw| u32::from_le_bytes(raw).into()),
        "INT32" => each(bytes, |raw| i32::from_le_bytes(raw).into()),
        "UINT64" => each(bytes, |raw| u64::from_le_bytes(raw).into()),
        "INT64" => each(bytes, |raw| i64::from_le_bytes(raw).into()),
        // through its shortest text, or 0.92 would become 0.9200000166893005
        "FP32" => each(bytes, |raw| {
            let value = f32::from_le_bytes(raw);
            float(value.to_string().parse().unwrap_or_else(|_| f64::from(value)))
        }),
        "FP64" => each(bytes, |raw| float(f64::from_le_bytes(raw))),
        "BYTES" => texts(bytes),
        _ => None,
    }
}

fn float(value: f64) -> Json {
    Number::from_f64(value).map_or_else(|| Json::String(value.to_string()), Json::Number)
}

/// Texts, each after its length in four bytes.
fn texts(mut bytes: &[u8]) -> Option<Vec<Json>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        all.push(Json::String(String::from_utf8_lossy(text).into_owned()));
        bytes = rest;
    }
    Some(all)
}

/// JSON over several lines; what it says is made harmless.
fn pretty(json: &Json) -> String {
    let text = crate::model::export::compact(json);
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes.iter().take(HEX_LIMIT) {
        let _ = write!(out, "{byte:02x} ");
    }
    out.truncate(out.trim_end().len());
    if bytes.len() > HEX_LIMIT { out + " …" } else { out }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_packed_body_is_unpacked_even_if_nobody_says_that_it_is() {
        let body = packed(br#"{"predictions":[0.92]}"#);
        let read = understand(&headers(&[("content-type", "application/json")]), &body);
        assert_eq!(read.json, Some(json!({"predictions": [0.92]})));
        assert_eq!(read.notes, ["the body was packed by gzip, which the server did not say"]);
        let said = understand(&headers(&[("content-encoding", "gzip")]), &body);
        assert_eq!((said.json.is_some(), said.notes.len()), (true, 0));
    }

    #[test]
    fn a_body_that_grows_without_end_is_cut() {
        let read = understand(&HeaderMap::new(), &packed(&vec![b' '; LIMIT + 1000]));
        assert!(read.notes[0].contains("larger than 10 MB"), "{:?}", read.notes);
        assert!(understand(&HeaderMap::new(), &packed(b"{}")[..12]).notes[0].contains("damaged"));
    }

    #[test]
    fn binary_tensors_are_read_little_endian_and_a_nan_stays_one() {
        let head = r#"{"outputs":[{"name":"y","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}}]}"#;
        let mut body = head.as_bytes().to_vec();
        body.extend_from_slice(&0.92_f32.to_le_bytes());
        body.extend_from_slice(&f32::NAN.to_le_bytes());
        let length = head.len().to_string();
        let read = understand(&headers(&[("inference-header-content-length", &length)]), &body);
        assert_eq!(read.json.unwrap().pointer("/outputs/0/data"), Some(&json!([0.92, "NaN"])));
        assert!(read.notes.is_empty());
        let without = understand(&HeaderMap::new(), &body);
        assert_eq!(without.notes, [format!("JSON followed by 8 bytes: {}", hex(&body[head.len()..]))]);
        let short = understand(&headers(&[("inference-header-content-length", &length)]), &body[..body.len() - 3]);
        assert_eq!(short.notes, ["the tensor y should have 8 bytes, 5 came"]);
    }

    #[test]
    fn every_datatype_of_the_protocol_is_read() {
        assert_eq!(values("INT64", &(-3_i64).to_le_bytes()), Some(vec![json!(-3)]));
        assert_eq!(values("BOOL", &[0, 1]), Some(vec![json!(false), json!(true)]));
        assert_eq!(values("BYTES", b"\x02\0\0\0hi\0\0\0\0"), Some(vec![json!("hi"), json!("")]));
        assert_eq!(
            (values("FP16", &[0, 1]), values("INT32", &[1, 2, 3]), values("BYTES", b"\xff\xff\xff\xffx")),
            (None, None, None)
        );
    }

    #[test]
    fn what_is_no_json_is_shown_without_its_escape_sequences() {
        let read = understand(&HeaderMap::new(), b"upstream \x1b[2Jrequest\ntimeout");
        assert_eq!((read.json, read.text.as_str()), (None, "upstream request\ntimeout"));
        assert_eq!(understand(&HeaderMap::new(), &[0xff, 0xfe]).text, "ff fe");
        assert_eq!(understand(&HeaderMap::new(), b"{nope").json, None);
        assert_eq!(understand(&HeaderMap::new(), b"404 page not found").json, None);
    }
}
