//! Validates JSON against the schemas of the OpenAPI document, and collects which of them were used.
//!
//! It knows the keywords that utoipa writes, and panics at any other. It is stricter than JSON Schema: an object may have
//! only the properties that its schema names.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keywords that only describe.
const ANNOTATIONS: [&str; 4] = ["description", "format", "default", "propertyNames"];
const KEYWORDS: [&str; 11] = [
    "$ref",
    "oneOf",
    "allOf",
    "type",
    "enum",
    "minimum",
    "maximum",
    "items",
    "properties",
    "required",
    "additionalProperties",
];

/// The document, and the names of the schemas that a value was validated against.
pub(super) struct Schemas {
    document: Value,
    pub(super) used: BTreeSet<String>,
}

impl Schemas {
    pub(super) fn new(document: Value) -> Self {
        Self {
            document,
            used: BTreeSet::new(),
        }
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        let schemas = self.document["components"]["schemas"].as_object().unwrap();
        schemas.keys().cloned().collect()
    }

    /// Returns the errors of a value, each with its place.
    pub(super) fn errors(&mut self, schema: &Value, value: &Value) -> Vec<String> {
        let mut errors = Vec::new();
        self.check(schema, value, "", &mut errors);
        let mut known = BTreeSet::new();
        if self.properties(schema, &mut known)
            && let Some(object) = value.as_object()
        {
            let unknown = object.keys().filter(|name| !known.contains(*name));
            errors.extend(unknown.map(|name| format!("{name} is not documented")));
        }
        errors
    }

    fn check(&mut self, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
        let Some(schema) = schema.as_object() else {
            assert_eq!(schema, &Value::Bool(true), "{at}");
            return;
        };
        for keyword in schema.keys().map(String::as_str) {
            let is_known = KEYWORDS.contains(&keyword) || ANNOTATIONS.contains(&keyword);
            assert!(is_known, "{at}: the validator does not know {keyword}");
        }
        let mut fail = |what: String| errors.push(format!("{at}: {what}: {value}"));
        if let Some(kind) = schema.get("type")
            && !has_type(kind, value)
        {
            fail(format!("not of type {kind}"));
        }
        if let Some(values) = schema.get("enum")
            && !values.as_array().unwrap().contains(value)
        {
            fail(format!("not one of {values}"));
        }
        for (bound, is_beyond) in [
            ("minimum", f64::lt as fn(&f64, &f64) -> bool),
            ("maximum", f64::gt),
        ] {
            if let (Some(bound), Some(number)) = (schema.get(bound), value.as_f64())
                && is_beyond(&number, &bound.as_f64().unwrap())
            {
                fail(format!("beyond {bound}"));
            }
        }
        if let Some(reference) = schema.get("$ref") {
            let referenced = self.resolve(reference);
            self.check(&referenced, value, at, errors);
        }
        for part in schema.get("allOf").into_iter().flat_map(list) {
            self.check(part, value, at, errors);
        }
        if let Some(choices) = schema.get("oneOf") {
            let fitting = list(choices).filter(|choice| self.errors(choice, value).is_empty());
            let count = fitting.count();
            if count != 1 {
                errors.push(format!("{at}: {count} choices of {choices} fit: {value}"));
            }
        }
        self.check_object(schema, value, at, errors);
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for (index, value) in values.iter().enumerate() {
                self.check_closed(items, value, &format!("{at}[{index}]"), errors);
            }
        }
    }

    fn check_object(
        &mut self,
        schema: &Map<String, Value>,
        value: &Value,
        at: &str,
        errors: &mut Vec<String>,
    ) {
        let Some(object) = value.as_object() else {
            return;
        };
        for name in schema.get("required").into_iter().flat_map(list) {
            let name = name.as_str().unwrap();
            if !object.contains_key(name) {
                errors.push(format!("{at}.{name} is missing"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, value) in object {
            let property = properties.and_then(|properties| properties.get(name));
            let other = schema.get("additionalProperties");
            match property.or(other) {
                Some(Value::Bool(false)) => errors.push(format!("{at}.{name} is not allowed")),
                Some(schema) => self.check_closed(schema, value, &format!("{at}.{name}"), errors),
                None => {}
            }
        }
    }

    /// As [`Self::check`], but only documented properties are allowed.
    fn check_closed(&mut self, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
        let found = self.errors(schema, value);
        errors.extend(found.into_iter().map(|error| format!("{at}{error}")));
    }

    fn resolve(&mut self, reference: &Value) -> Value {
        let name = reference.as_str().unwrap();
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        self.used.insert(name.to_owned());
        let schema = &self.document["components"]["schemas"][name];
        assert!(schema.is_object(), "there is no schema {name}");
        schema.clone()
    }

    /// Collects the property names of an object schema. Returns false if it allows any others.
    fn properties(&mut self, schema: &Value, names: &mut BTreeSet<String>) -> bool {
        if let Some(reference) = schema.get("$ref") {
            let referenced = self.resolve(reference);
            return self.properties(&referenced, names);
        }
        if let Some(parts) = schema.get("allOf") {
            let parts: Vec<_> = list(parts).cloned().collect();
            return parts.iter().all(|part| self.properties(part, names));
        }
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return false;
        };
        names.extend(properties.keys().cloned());
        schema
            .get("additionalProperties")
            .is_none_or(|other| other == &Value::Bool(false))
    }
}

fn list(values: &Value) -> impl Iterator<Item = &Value> {
    values.as_array().unwrap().iter()
}

fn has_type(kind: &Value, value: &Value) -> bool {
    if let Some(kinds) = kind.as_array() {
        return kinds.iter().any(|kind| has_type(kind, value));
    }
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("no such type: {other}"),
    }
}

#[test]
fn the_validator_finds_errors() {
    let document = serde_json::json!({"components": {"schemas": {"Named": {
        "type": "object", "required": ["name"],
        "properties": {"name": {"type": "string"}, "size": {"type": ["integer", "null"], "minimum": 0}},
    }}}});
    let named = serde_json::json!({"$ref": "#/components/schemas/Named"});
    let mut schemas = Schemas::new(document);
    for (json, count) in [
        (r#"{"name": "a"}"#, 0),
        (r#"{"name": "a", "size": null}"#, 0),
        (r#"{"name": 1, "size": -1}"#, 2),
        (r#"{"size": 1.5}"#, 2),
        (r#"{"name": "a", "other": 1}"#, 1),
        ("[]", 1),
    ] {
        let value = serde_json::from_str(json).unwrap();
        let errors = schemas.errors(&named, &value);
        assert_eq!(errors.len(), count, "{json}: {errors:?}");
    }
    assert!(schemas.used.contains("Named"));
    let choice = serde_json::json!({"oneOf": [named, {"type": "null"}]});
    assert!(schemas.errors(&choice, &Value::Null).is_empty());
    assert_eq!(schemas.errors(&choice, &serde_json::json!("x")).len(), 1);
}
