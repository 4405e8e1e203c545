//! Makes example values of schemas.

use serde_json::{Map, Value, json};

/// Schemas inside schemas that an example shows; deeper ones are empty objects.
const DEPTH_MAX: usize = 6;
/// Fields of one object that an example shows: statistics have hundreds.
const FIELDS_MAX: usize = 12;

/// Returns a value that has the form of a schema.
pub(super) fn example(api: &Value, schema: &Value) -> Value {
    example_within(api, schema, DEPTH_MAX)
}

fn example_within(api: &Value, schema: &Value, depth: usize) -> Value {
    if let Some(path) = schema["$ref"].as_str() {
        let target = api.pointer(path.trim_start_matches('#'));
        return match target.filter(|_| depth > 0) {
            Some(target) => example_within(api, target, depth - 1),
            None => json!({}),
        };
    }
    let first = |key: &str| schema[key].get(0);
    if let Some(value) = first("enum") {
        return value.clone();
    }
    if let Some(variant) = first("oneOf").or_else(|| first("allOf")) {
        return example_within(api, variant, depth);
    }
    let kind = first("type").unwrap_or(&schema["type"]);
    match kind.as_str().unwrap_or_default() {
        "array" => json!([example_within(api, &schema["items"], depth)]),
        "object" => object(api, schema, depth),
        "integer" => schema.get("minimum").cloned().unwrap_or(json!(1)),
        "number" => json!(1.5),
        "boolean" => json!(true),
        "string" => json!("…"),
        _ => Value::Null,
    }
}

fn object(api: &Value, schema: &Value, depth: usize) -> Value {
    let mut fields = Map::new();
    let properties = schema["properties"].as_object();
    for (name, field) in properties.into_iter().flatten().take(FIELDS_MAX) {
        fields.insert(name.clone(), example_within(api, field, depth));
    }
    let values = &schema["additionalProperties"];
    if values.is_object() {
        fields.insert("…".to_owned(), example_within(api, values, depth));
    }
    fields.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_follows_references_and_ends_in_a_circle() {
        let api = json!({"components": {"schemas": {
            "Item": {"type": "object", "properties": {
                "name": {"type": ["string", "null"]},
                "kind": {"enum": ["a", "b"]},
                "next": {"$ref": "#/components/schemas/Item"}
            }}
        }}});
        let schema = json!({"type": "array", "items": {"$ref": "#/components/schemas/Item"}});
        let value = example(&api, &schema);
        assert_eq!(value[0]["name"], "…");
        assert_eq!(value[0]["next"]["kind"], "a");
        let deepest = (1..DEPTH_MAX).fold(&value[0], |item, _| &item["next"]);
        assert_eq!(deepest["next"], json!({}));
    }
}
