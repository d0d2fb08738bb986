//! Reads the arguments of commands, in the forms in which editors can give them.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::inbox::Problem;

/// The first of `arguments` as a `T`. Without one it is the default; a bare text is taken for the key `bare`,
/// because that is what can be typed in Helix.
pub fn read<T: DeserializeOwned + Default>(
    mut arguments: Vec<Value>,
    bare: &str,
) -> Result<T, Problem> {
    if arguments.is_empty() {
        return Ok(T::default());
    }
    let first = match arguments.swap_remove(0) {
        Value::Null => return Ok(T::default()),
        Value::String(text) if text.trim_start().starts_with('{') => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        Value::String(text) => json!({ bare: text }),
        value => value,
    };
    serde_json::from_value(first)
        .map_err(|error| Problem(format!("These arguments are not understood: {error}.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{RunArguments, RunChoice};

    #[test]
    fn arguments_may_be_missing_or_text_or_an_object() {
        assert!(read::<RunChoice>(vec![], "run").unwrap().run.is_none());
        assert!(
            read::<RunChoice>(vec![Value::Null], "run")
                .unwrap()
                .run
                .is_none()
        );
        let run = |value| read::<RunChoice>(vec![value], "run").unwrap().run;
        assert_eq!(run(json!("r1")).as_deref(), Some("r1"));
        assert_eq!(run(json!({"run": "r1"})).as_deref(), Some("r1"));
        assert_eq!(run(json!("{\"run\": \"r1\"}")).as_deref(), Some("r1"));
        let arguments: RunArguments = read(
            vec![json!({"path": "a.py", "startLine": 2, "endLine": 3})],
            "path",
        )
        .unwrap();
        assert_eq!(
            (arguments.start_line, arguments.end_line),
            (Some(2), Some(3))
        );
        assert!(read::<RunArguments>(vec![json!({"range": 7})], "path").is_err());
    }
}
