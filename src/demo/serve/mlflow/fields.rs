//! What a request asks: its fields from the query or the JSON body, checked as MLflow checks them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde_json::{Map, Value as Json, json};

use crate::demo::serve::query::Query;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    code: &'static str,
    message: String,
}

impl Wrong {
    /// `INVALID_PARAMETER_VALUE`.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { code: "INVALID_PARAMETER_VALUE", message: message.into() }
    }

    /// `RESOURCE_DOES_NOT_EXIST`.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self { code: "RESOURCE_DOES_NOT_EXIST", message: message.into() }
    }

    /// `RESOURCE_ALREADY_EXISTS`.
    pub(super) fn exists(message: impl Into<String>) -> Self {
        Self { code: "RESOURCE_ALREADY_EXISTS", message: message.into() }
    }

    /// The status and the body.
    pub(super) fn answer(&self) -> (StatusCode, Json) {
        let (status, class) = match self.code {
            "RESOURCE_DOES_NOT_EXIST" => (StatusCode::NOT_FOUND, "RESOURCE_NOT_FOUND"),
            code => (StatusCode::BAD_REQUEST, code),
        };
        let body =
            json!({ "error_code": self.code, "message": self.message, "sqlstate": "KAM00", "error_class": class });
        (status, body)
    }
}

/// The fields of a request.
pub(super) struct Fields(Map<String, Json>);

impl Fields {
    /// Reads those of the query (GET) or of the JSON body. A body that is no JSON counts as `{}`, as MLflow has it.
    pub(super) fn of(request: &Request<Bytes>) -> Result<Self, Wrong> {
        if request.method() == Method::GET {
            return Ok(Self::of_query(request.uri().query().unwrap_or("")));
        }
        if request.method() == Method::POST {
            let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            match kind.map(|kind| kind.split(';').next().unwrap_or("").trim()) {
                None => return Err(Wrong::invalid("Bad Request. Content-Type header is missing.")),
                Some("application/json") => {}
                Some(_) => {
                    return Err(Wrong::invalid("Bad Request. Content-Type must be one of ['application/json']."));
                }
            }
        }
        // Clients that speak protobuf's JSON send some bodies twice encoded.
        let body = match serde_json::from_slice(request.body()) {
            Ok(Json::Object(fields)) => fields,
            Ok(Json::String(text)) => serde_json::from_str(&text).unwrap_or_default(),
            _ => Map::new(),
        };
        Ok(Self(body))
    }

    fn of_query(query: &str) -> Self {
        let mut fields: Map<String, Json> = Map::new();
        for (name, value) in Query::read(query).into_pairs() {
            match fields.get_mut(&name) {
                Some(Json::Array(values)) => values.push(json!(value)),
                Some(first) => *first = json!([first.clone(), value]),
                None => {
                    fields.insert(name, json!(value));
                }
            }
        }
        Self(fields)
    }

    fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text, if it is given.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Wrong> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(Json::Array(values)) if !values.is_empty() => Ok(values.first().and_then(Json::as_str)),
            Some(other) => Err(unfit(name, other)),
        }
    }

    /// A text that must be given.
    pub(super) fn required(&self, name: &str) -> Result<&str, Wrong> {
        let missing = || {
            Wrong::invalid(format!(
                "Missing value for required parameter '{name}'. See the API docs for more information about request \
                 parameters."
            ))
        };
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(missing)
    }

    /// A whole number; a text that holds one will do.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| unfit(name, value))
    }

    /// How many results are wanted, at most `cap`.
    pub(super) fn limit(&self, default: usize, cap: usize) -> Result<usize, Wrong> {
        let Some(limit) = self.integer("max_results")? else { return Ok(default) };
        let limit = usize::try_from(limit).ok().filter(|limit| *limit <= cap);
        limit.ok_or_else(|| unfit("max_results", self.get("max_results").unwrap_or(&Json::Null)))
    }

    /// A number; NaN and the infinities come as texts.
    pub(super) fn number(&self, name: &str) -> Result<f64, Wrong> {
        let value = self.get(name).unwrap_or(&Json::Null);
        let number = match value {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => match text.as_str() {
                "Infinity" => Some(f64::MAX),
                "-Infinity" => Some(f64::MIN),
                text => text.parse().ok(),
            },
            _ => None,
        };
        number.ok_or_else(|| unfit(name, value))
    }

    /// Whether a flag is set.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Json::Bool(flag)) => *flag,
            Some(Json::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// A list of texts; one alone is a list too.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        match self.get(name) {
            Some(Json::String(text)) => vec![text],
            Some(Json::Array(values)) => values.iter().filter_map(Json::as_str).collect(),
            _ => vec![],
        }
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &str) -> Vec<Self> {
        let values = self.get(name).and_then(Json::as_array);
        values.into_iter().flatten().filter_map(Json::as_object).cloned().map(Self).collect()
    }

    /// Keys and values of a list such as `tags`.
    pub(super) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, Wrong> {
        let pair = |one: Self| Ok((one.required("key")?.to_owned(), one.text("value")?.unwrap_or("").to_owned()));
        self.objects(name).into_iter().map(pair).collect()
    }

    /// From where on results are wanted.
    pub(super) fn offset(&self) -> Result<usize, Wrong> {
        let Some(token) = self.text("page_token")?.filter(|token| !token.is_empty()) else { return Ok(0) };
        let read = || {
            let text = STANDARD.decode(token).ok()?;
            let token: Json = serde_json::from_slice(&text).ok()?;
            usize::try_from(token.get("offset")?.as_u64()?).ok()
        };
        read().ok_or_else(|| Wrong::invalid("Invalid page token, could not base64-decode"))
    }
}

/// The token of the page that begins at an offset.
pub(super) fn token(offset: usize) -> String {
    STANDARD.encode(format!("{{\"offset\": {offset}}}"))
}

fn unfit(name: &str, value: &Json) -> Wrong {
    let kind = match value {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    };
    Wrong::invalid(format!(
        "Invalid value {value} for parameter '{name}' supplied:  Hint: Value was of type '{kind}'. See the API docs for \
         more information about request parameters."
    ))
}
