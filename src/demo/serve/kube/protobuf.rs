//! As much of protobuf as is needed to read the reviews that Go's typed clients (`kubectl auth can-i`) send in it.

use serde_json::{Value, json};

/// What bodies in Kubernetes' protobuf begin with.
const MAGIC: &[u8] = b"k8s\0";

/// A review of rights as the JSON that it would have been; `None` where the body is no protobuf.
#[must_use]
pub fn review(body: &[u8]) -> Option<Value> {
    let envelope = body.strip_prefix(MAGIC)?;
    let kind = text(inside(envelope, 1)?, 2)?;
    let review = inside(envelope, 2)?;
    let spec = inside(review, 2).unwrap_or_default();
    let spec = if kind == "SelfSubjectRulesReview" {
        json!({ "namespace": text(spec, 1).unwrap_or_default() })
    } else if let Some(of) = inside(spec, 1) {
        let names = ["namespace", "verb", "group", "version", "resource", "subresource", "name"];
        let given = (1..).zip(names).filter_map(|(number, name)| Some((name.to_owned(), text(of, number)?.into())));
        json!({ "resourceAttributes": Value::Object(given.collect()) })
    } else {
        let of = inside(spec, 2).unwrap_or_default();
        json!({ "nonResourceAttributes": { "path": text(of, 1), "verb": text(of, 2) } })
    };
    Some(json!({ "kind": kind, "apiVersion": "authorization.k8s.io/v1", "spec": spec }))
}

fn text(message: &[u8], number: u64) -> Option<String> {
    inside(message, number).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// The bytes of a message's first length-delimited field with this number.
fn inside(mut message: &[u8], number: u64) -> Option<&[u8]> {
    while !message.is_empty() {
        let (tag, rest) = varint(message)?;
        let (value, rest) = match tag & 7 {
            0 => (None, varint(rest)?.1),
            1 => (None, rest.get(8..)?),
            2 => {
                let (length, rest) = varint(rest)?;
                let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(value), rest)
            }
            5 => (None, rest.get(4..)?),
            _ => return None,
        };
        if tag >> 3 == number && value.is_some() {
            return value;
        }
        message = rest;
    }
    None
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(at * 7).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(value.len()).unwrap()], value].concat()
    }

    #[test]
    fn an_access_review_in_protobuf_is_read_and_a_torn_one_is_not() {
        let attributes = [field(1, b"ml-prod"), field(2, b"patch"), field(5, b"inferenceservices")].concat();
        let review_message = [field(1, b""), field(2, &field(1, &attributes))].concat();
        let kind = [field(1, b"authorization.k8s.io/v1"), field(2, b"SelfSubjectAccessReview")].concat();
        let body = [MAGIC, &field(1, &kind), &field(2, &review_message)].concat();
        let read = review(&body).unwrap();
        assert_eq!(
            read["spec"]["resourceAttributes"],
            json!({ "namespace": "ml-prod", "verb": "patch", "resource": "inferenceservices" })
        );
        assert_eq!(review(&body[..body.len() - 9]), None);
    }
}
