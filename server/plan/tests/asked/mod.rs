//! What is asked of planning where nothing else is said.

use std::path::Path;

use belljar_plan::{Part, RunRequest, Source};

/// To run `source` under the default policy.
pub fn request(source: Source) -> RunRequest {
    RunRequest {
        source,
        arguments: vec![],
        policy: "default".into(),
        names_policy: false,
        project: None,
        allow: vec![],
        limits: vec![],
        has_input: false,
        output_lines: false,
        may_widen: true,
    }
}

/// To run the whole document at `path`.
pub fn document(path: &str, text: &str) -> RunRequest {
    let name = Path::new(path)
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    request(Source::Document {
        path: Some(path.into()),
        name,
        language: None,
        text: text.as_bytes().into(),
        lines: None,
        part: Part::default(),
    })
}
