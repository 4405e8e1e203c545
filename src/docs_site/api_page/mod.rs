//! Writes the page of the HTTP API, as Markdown, from the OpenAPI document.

mod example;

use std::fmt::Write;

use serde_json::{Map, Value};

use example::example;

/// Returns the Markdown text of the page: the operations of each tag, then the schemas that they use.
pub(super) fn markdown(api: &Value) -> String {
    let mut page = String::from("# HTTP API\n\n");
    let description = text(at(api, "/info/description"));
    let words: Vec<_> = description.split(' ').map(with_link).collect();
    let _ = writeln!(page, "{}\n", words.join(" "));
    page.push_str(
        "`GET /api/v1/openapi.json` returns the OpenAPI document, from which this page is made. Send the admin token as \
         `Authorization: Bearer TOKEN`. Examples show the form of a body, with at most twelve fields of each object.\n\n",
    );
    for tag in api["tags"].as_array().into_iter().flatten() {
        let name = text(&tag["name"]);
        let _ = writeln!(
            page,
            "## {}\n\n{}.\n",
            capitalized(name),
            text(&tag["description"])
        );
        for (path, method, operation) in operations(api) {
            if *at(operation, "/tags/0") == tag["name"] {
                write_operation(&mut page, api, &format!("{method} {path}"), operation);
            }
        }
    }
    page.push_str("## Schemas\n\n");
    for (name, schema) in entries(at(api, "/components/schemas")) {
        let _ = writeln!(page, "### {name}\n\n{}\n", text(&schema["description"]));
        write_fields(&mut page, schema);
    }
    page
}

/// Makes a link of the name of a page.
fn with_link(word: &str) -> String {
    match word.strip_prefix("docs/") {
        Some(file) => format!("[{file}]({})", file.trim_end_matches(',')),
        None => word.to_owned(),
    }
}

fn operations(api: &Value) -> impl Iterator<Item = (&str, String, &Value)> {
    entries(&api["paths"]).flat_map(|(path, methods)| {
        entries(methods).map(move |(method, operation)| (path, method.to_uppercase(), operation))
    })
}

fn write_operation(page: &mut String, api: &Value, name: &str, operation: &Value) {
    let _ = writeln!(page, "### `{name}`\n\n{}\n", text(&operation["summary"]));
    if let Some(description) = operation["description"].as_str() {
        let _ = writeln!(page, "{description}\n");
    }
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let rows = parameters.map(|parameter| {
        let name = text(&parameter["name"]);
        let required = if parameter["required"] == true {
            "required"
        } else {
            "optional"
        };
        let place = format!("{}, {required}", text(&parameter["in"]));
        [
            format!("`{name}`"),
            place,
            type_of(&parameter["schema"]),
            text(&parameter["description"]).to_owned(),
        ]
    });
    write_table(page, ["parameter", "in", "type", "meaning"], rows);
    if let Some((kind, content)) = entries(at(operation, "/requestBody/content")).next() {
        let _ = writeln!(page, "Body: {}, `{kind}`.\n", type_of(&content["schema"]));
        write_example(page, api, &content["schema"]);
    }
    let rows = entries(&operation["responses"]).flat_map(|(status, response)| {
        let description = text(&response["description"]);
        entries(&response["content"]).map(move |(kind, content)| {
            [
                format!("`{status}`"),
                format!("`{kind}`"),
                type_of(&content["schema"]),
                description.to_owned(),
            ]
        })
    });
    write_table(page, ["response", "content", "type", "meaning"], rows);
    let responses = entries(&operation["responses"]).filter(|(status, _)| *status != "default");
    for (_, response) in responses {
        write_example(page, api, at(response, "/content/application~1json/schema"));
    }
}

/// Writes an example value of a schema, if its form is known.
fn write_example(page: &mut String, api: &Value, schema: &Value) {
    let value = example(api, schema);
    if value.is_null() {
        return;
    }
    let json = serde_json::to_string_pretty(&value).unwrap_or_default();
    let _ = writeln!(page, "```json\n{json}\n```\n");
}

/// Writes the fields of an object, or the values of an enumeration.
fn write_fields(page: &mut String, schema: &Value) {
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        let _ = writeln!(page, "One of {}.\n", values.join(", "));
    }
    let required = schema["required"].as_array();
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|one| one == name));
    let rows = entries(&schema["properties"]).map(|(name, field)| {
        let optional = if is_required(name) { "" } else { ", optional" };
        [
            format!("`{name}`"),
            type_of(field) + optional,
            text(&field["description"]).to_owned(),
        ]
    });
    write_table(page, ["field", "type", "meaning"], rows);
}

/// Returns the name of a type, with links to schemas.
fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(variants) = schema["oneOf"].as_array() {
        let variants: Vec<_> = variants.iter().map(type_of).collect();
        return variants.join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        return values.join(" or ");
    }
    let simple_type = |name: &str| match name {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("map of {}", type_of(&schema["additionalProperties"]))
        }
        name => name.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => simple_type(name),
        Value::Array(names) => {
            let names: Vec<_> = names.iter().map(|name| simple_type(text(name))).collect();
            names.join(" or ")
        }
        _ => String::from("any"),
    }
}

/// Writes a table, if it has rows.
fn write_table<const N: usize>(
    page: &mut String,
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let rows: Vec<_> = rows
        .map(|cells| cells.map(|cell| in_cell(&cell)).join(" | "))
        .collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(page, "| {} |", head.join(" | "));
    let _ = writeln!(page, "|{}", "---|".repeat(N));
    for row in rows {
        let _ = writeln!(page, "| {row} |");
    }
    page.push('\n');
}

/// Returns a text for a cell of a table.
fn in_cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// Returns the value at a JSON pointer (RFC 6901), or null.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let map = value.as_object().map(Map::iter);
    map.into_iter()
        .flatten()
        .map(|(name, value)| (&**name, value))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn capitalized(word: &str) -> String {
    let mut rest = word.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + rest.as_str()
}
