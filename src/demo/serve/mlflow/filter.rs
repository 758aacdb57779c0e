//! The language of `filter` and `order_by`.

use std::cmp::Ordering;

use super::fields::Wrong;

/// What a filter or an order looks at in a run, model, version or experiment.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Number(f64),
}

/// A row that can be filtered and ordered.
pub(super) trait Searched {
    /// The value of a key; the entity is `attribute`, `metric`, `param` or `tag`.
    fn cell(&self, entity: Entity, key: &str) -> Option<Cell>;
}

/// What a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entity {
    Attribute,
    Metric,
    Param,
    Tag,
}

/// What can be asked of one kind of row.
pub(super) struct Grammar {
    pub(super) attributes: &'static [&'static str],
    /// Those of the attributes that are numbers.
    pub(super) numeric: &'static [&'static str],
    /// Whether metrics and parameters can be asked for.
    pub(super) run: bool,
}

/// One condition; all must hold.
#[derive(Debug, Clone, PartialEq)]
struct Clause {
    entity: Entity,
    key: String,
    operator: String,
    values: Vec<String>,
}

/// A filter that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter(Vec<Clause>);

impl Filter {
    /// Reads a filter; an empty one lets everything pass.
    pub(super) fn read(text: &str, grammar: &Grammar) -> Result<Self, Wrong> {
        let tokens = tokens(text);
        if tokens.is_empty() {
            return Ok(Self(vec![]));
        }
        if let Some(at) = tokens.iter().position(|token| token.eq_ignore_ascii_case("or")) {
            let shown = if grammar.run { "'OR'".to_owned() } else { tokens.get(..=at).unwrap_or_default().join(", ") };
            return Err(Wrong::invalid(format!("Invalid clause(s) in filter string: {shown}")));
        }
        let clauses = tokens.split(|token| token.eq_ignore_ascii_case("and")).map(|clause| read(clause, grammar));
        clauses.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a row passes.
    pub(super) fn passes(&self, row: &impl Searched) -> bool {
        self.0.iter().all(|clause| clause.holds(row.cell(clause.entity, &clause.key)))
    }

    /// Whether a tag is asked for.
    pub(super) fn names_tag(&self, key: &str) -> bool {
        self.0.iter().any(|clause| clause.entity == Entity::Tag && clause.key == key)
    }
}

fn read(clause: &[String], grammar: &Grammar) -> Result<Clause, Wrong> {
    let nonsense = || Wrong::invalid(format!("Invalid clause(s) in filter string: {}", clause.join(", ")));
    let [key, rest @ ..] = clause else { return Err(nonsense()) };
    let words: Vec<String> = rest.iter().map(|word| word.to_uppercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (operator, values) = match (words.as_slice(), rest) {
        (["IS", "NULL"], _) => ("IS NULL", vec![]),
        (["IS", "NOT", "NULL"], _) => ("IS NOT NULL", vec![]),
        (["NOT", "IN", ..], [_, _, list]) => ("NOT IN", listed(list).ok_or_else(nonsense)?),
        (["IN", ..], [_, list]) => ("IN", listed(list).ok_or_else(nonsense)?),
        ([operator @ ("=" | "!=" | ">" | ">=" | "<" | "<=" | "LIKE" | "ILIKE"), _], [_, value]) => {
            if ["=", "!=", ">", "<", ">=", "<="].contains(&value.as_str()) {
                return Err(nonsense());
            }
            (*operator, vec![value.clone()])
        }
        _ => return Err(nonsense()),
    };
    let (entity, key) = key_of(key, grammar)?;
    let number = entity == Entity::Metric || (entity == Entity::Attribute && grammar.numeric.contains(&key.as_str()));
    let unquoted = |value: &String| match (number, quoted(value)) {
        (false, Some(text)) => Ok(text.to_owned()),
        (true, None) if value.parse::<f64>().is_ok() => Ok(value.clone()),
        (true, _) => {
            let what = if entity == Entity::Metric { "metric" } else { "numeric attribute" };
            Err(Wrong::invalid(format!("Expected numeric value type for {what}. Found {value}")))
        }
        (false, None) => Err(Wrong::invalid(format!("Expected a quoted string value for {key}. Got value {value}"))),
    };
    let values = values.iter().map(unquoted).collect::<Result<_, _>>()?;
    Ok(Clause { entity, key, operator: operator.to_owned(), values })
}

/// Splits a key into what it belongs to and its name.
fn key_of(text: &str, grammar: &Grammar) -> Result<(Entity, String), Wrong> {
    let (prefix, key) = text.split_once('.').unwrap_or(("attribute", text));
    let key = key.trim_matches(['`', '"']).to_owned();
    let entity = match prefix.to_lowercase().as_str() {
        "metric" | "metrics" if grammar.run => Entity::Metric,
        "param" | "params" | "parameter" | "parameters" if grammar.run => Entity::Param,
        "tag" | "tags" => Entity::Tag,
        "attribute" | "attributes" | "attr" | "run" => Entity::Attribute,
        _ if grammar.run => {
            return Err(Wrong::invalid(format!(
                "Invalid entity type '{prefix}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"
            )));
        }
        _ => {
            return Err(Wrong::invalid(format!(
                "Invalid entity type '{prefix}'. Valid entity types are ('attribute', 'tag', 'tags')"
            )));
        }
    };
    if entity == Entity::Attribute && !grammar.attributes.contains(&key.as_str()) {
        let keys: Vec<String> = grammar.attributes.iter().map(|key| format!("'{key}'")).collect();
        return Err(Wrong::invalid(format!(
            "Invalid attribute key '{key}' specified. Valid keys are '{{{}}}'",
            keys.join(", ")
        )));
    }
    Ok((entity, key))
}

/// The text between quotes.
fn quoted(value: &str) -> Option<&str> {
    ['\'', '"'].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
}

/// The members of `('a', 'b')`.
fn listed(text: &str) -> Option<Vec<String>> {
    let inside = text.strip_prefix('(')?.strip_suffix(')')?;
    Some(inside.split(',').map(|member| member.trim().to_owned()).collect())
}

/// Words, operators, quoted texts and bracketed lists.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = vec![];
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\'' | '"' | '`' | '(' => {
                let end = if char == '(' { ')' } else { char };
                word.push(char);
                for inner in chars.by_ref() {
                    word.push(inner);
                    if inner == end {
                        break;
                    }
                }
            }
            '=' | '!' | '<' | '>' => {
                tokens.push(std::mem::take(&mut word));
                let two = char != '=' && chars.peek() == Some(&'=');
                tokens.push(if two { format!("{char}=") } else { char.to_string() });
                if two {
                    chars.next();
                }
            }
            space if space.is_whitespace() => tokens.push(std::mem::take(&mut word)),
            other => word.push(other),
        }
    }
    tokens.push(word);
    tokens.retain(|token| !token.is_empty());
    tokens
}

impl Clause {
    fn holds(&self, cell: Option<Cell>) -> bool {
        let first = self.values.first().map_or("", String::as_str);
        match (self.operator.as_str(), cell) {
            ("IS NULL", cell) => cell.is_none(),
            ("IS NOT NULL", cell) => cell.is_some(),
            (_, None) => false,
            (operator, Some(Cell::Number(number))) => {
                let compared = number.partial_cmp(&first.parse().unwrap_or(f64::NAN));
                fits(operator, compared)
            }
            ("IN", Some(Cell::Text(text))) => self.values.contains(&text),
            ("NOT IN", Some(Cell::Text(text))) => !self.values.contains(&text),
            ("LIKE", Some(Cell::Text(text))) => like(&text, first),
            ("ILIKE", Some(Cell::Text(text))) => like(&text.to_lowercase(), &first.to_lowercase()),
            (operator, Some(Cell::Text(text))) => fits(operator, Some(text.as_str().cmp(first))),
        }
    }
}

fn fits(operator: &str, compared: Option<Ordering>) -> bool {
    match operator {
        "=" => compared == Some(Ordering::Equal),
        "!=" => compared != Some(Ordering::Equal),
        ">" => compared == Some(Ordering::Greater),
        "<" => compared == Some(Ordering::Less),
        ">=" => matches!(compared, Some(Ordering::Greater | Ordering::Equal)),
        "<=" => matches!(compared, Some(Ordering::Less | Ordering::Equal)),
        _ => false,
    }
}

/// SQL's `LIKE`: `%` is any text, `_` any character.
fn like(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_at_checked(pattern.chars().next().map_or(0, char::len_utf8)) else {
        return false;
    };
    match first {
        "" => text.is_empty(),
        "%" => {
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| like(text.get(at..).unwrap_or(""), rest))
        }
        _ => {
            let mut chars = text.chars();
            chars.next().is_some_and(|char| (first == "_" || first.starts_with(char)) && like(chars.as_str(), rest))
        }
    }
}

/// One `order_by`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    entity: Entity,
    key: String,
    descending: bool,
}

impl Order {
    /// Reads `metrics.auc DESC`.
    pub(super) fn read(text: &str, grammar: &Grammar) -> Result<Self, Wrong> {
        let tokens = tokens(text);
        let (key, descending) = match tokens.as_slice() {
            [key] => (key, false),
            [key, way] if way.eq_ignore_ascii_case("asc") => (key, false),
            [key, way] if way.eq_ignore_ascii_case("desc") => (key, true),
            _ => return Err(Wrong::invalid(format!("Invalid order_by clause '{text}'. Could not be parsed."))),
        };
        let (entity, key) = key_of(key, grammar)?;
        Ok(Self { entity, key, descending })
    }

    /// How two rows compare: numbers before NaN before rows without the value, whichever the direction.
    pub(super) fn compare<T: Searched>(&self, a: &T, b: &T) -> Ordering {
        let (a, b) = (a.cell(self.entity, &self.key), b.cell(self.entity, &self.key));
        let rank = |cell: &Option<Cell>| match cell {
            Some(Cell::Number(number)) if number.is_nan() => 1,
            Some(_) => 0,
            None => 2,
        };
        rank(&a).cmp(&rank(&b)).then_with(|| {
            let compared = match (&a, &b) {
                (Some(Cell::Number(a)), Some(Cell::Number(b))) => a.total_cmp(b),
                (Some(Cell::Text(a)), Some(Cell::Text(b))) => a.cmp(b),
                _ => Ordering::Equal,
            };
            if self.descending { compared.reverse() } else { compared }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: Grammar = Grammar { attributes: &["status", "start_time"], numeric: &["start_time"], run: true };

    struct Row;

    impl Searched for Row {
        fn cell(&self, entity: Entity, key: &str) -> Option<Cell> {
            match (entity, key) {
                (Entity::Metric, "auc") => Some(Cell::Number(0.93)),
                (Entity::Param, "max_depth") => Some(Cell::Text("7".into())),
                (Entity::Tag, "mlflow.source.git.commit") => Some(Cell::Text("abc".into())),
                (Entity::Attribute, "status") => Some(Cell::Text("FINISHED".into())),
                _ => None,
            }
        }
    }

    #[test]
    fn clauses_joined_by_and_must_all_hold() {
        let cases = [
            ("", true),
            ("metrics.auc > 0.9 and params.max_depth = '7'", true),
            ("metrics.auc>0.95", false),
            ("tags.`mlflow.source.git.commit` = 'abc'", true),
            ("tags.mlflow.source.git.commit LIKE 'a%'", true),
            ("tags.mlflow.parentRunId LIKE '%'", false),
            ("attributes.status IN ('FAILED', 'FINISHED')", true),
            ("status != \"FINISHED\"", false),
            ("tags.nothing IS NULL", true),
            ("params.max_depth ILIKE '_'", true),
        ];
        for (text, passes) in cases {
            assert_eq!(Filter::read(text, &RUNS).unwrap().passes(&Row), passes, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_mlflows_words() {
        let cases = [
            ("metrics.auc > 0.9 OR metrics.auc < 0.1", "Invalid clause(s) in filter string: 'OR'"),
            ("metrics.auc = 'high'", "Expected numeric value type for metric. Found 'high'"),
            ("nonsense = = 1", "Invalid clause(s) in filter string: nonsense, =, =, 1"),
        ];
        for (text, message) in cases {
            assert_eq!(Filter::read(text, &RUNS), Err(Wrong::invalid(message)));
        }
    }
}
