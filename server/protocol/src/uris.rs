//! Makes URIs of what editors send as such. Browsers' rules leave characters in a path as they are that the standard for
//! URIs does not know there, `[` and `|` among them, and Helix follows those rules. A file `[id].tsx` is to be run all the same.

use std::fmt::Write;

use serde_json::Value;

/// Escapes in each URI of a message what may not stand there.
pub fn mend(message: &mut Value) {
    match message {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(uri) if name == "uri" || name.ends_with("Uri") => {
                        if let Some(mended) = escaped(uri) {
                            *uri = mended;
                        }
                    }
                    other => mend(other),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(mend),
        _ => {}
    }
}

/// The URI with escapes for what needs them; `None` if nothing does.
fn escaped(uri: &str) -> Option<String> {
    // Brackets belong to the name of a host, which stands before the path.
    let host = uri.find("://").map_or(0, |at| at + 3);
    let path = host + uri[host..].find('/').unwrap_or(uri.len() - host);
    let stays = |at: usize, byte: u8| match byte {
        b'[' | b']' => at < path,
        b'%' => uri.as_bytes()[at + 1..]
            .first_chunk()
            .is_some_and(|[a, b]: &[u8; 2]| a.is_ascii_hexdigit() && b.is_ascii_hexdigit()),
        _ => byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&byte),
    };
    if uri.bytes().enumerate().all(|(at, byte)| stays(at, byte)) {
        return None;
    }
    let mut mended = String::with_capacity(uri.len() + 16);
    for (at, byte) in uri.bytes().enumerate() {
        if stays(at, byte) {
            mended.push(char::from(byte));
        } else {
            let _ = write!(mended, "%{byte:02X}");
        }
    }
    Some(mended)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tower_lsp::ls_types::Uri;

    use super::*;

    #[test]
    fn what_may_not_stand_in_a_uri_is_escaped_wherever_one_is_sent() {
        let mut message = json!({
            "params": {"textDocument": {"uri": "file:///a/[id]|x^\"é%zz%5B.py", "text": "[a] % |"}},
            "rootUri": "file:///a b",
            "arguments": [{"uri": "file:///[x]"}],
        });
        mend(&mut message);
        let mended = json!({
            "params": {"textDocument": {"uri": "file:///a/%5Bid%5D%7Cx%5E%22%C3%A9%25zz%5B.py", "text": "[a] % |"}},
            "rootUri": "file:///a%20b",
            "arguments": [{"uri": "file:///%5Bx%5D"}],
        });
        assert_eq!(message, mended);
    }

    #[test]
    fn uris_that_are_right_stay_as_they_are_and_others_become_right() {
        for uri in [
            "file:///a/%5Bid%5D.py",
            "untitled:Untitled-1",
            "vscode-remote://[::1]:8080/a?b#c",
            "",
        ] {
            assert_eq!(escaped(uri), None, "{uri}");
        }
        for text in [
            "[",
            "file://[::1]/[",
            "a%",
            "%e",
            "x://\u{202e}/\n",
            "a://b[",
            "日本",
        ] {
            if let Some(mended) = escaped(text) {
                assert_eq!(escaped(&mended), None, "{text}");
            }
        }
        let name = "file:///a/[id] \"b\"\n.py";
        assert!(name.parse::<Uri>().is_err());
        let path = "/a/[id] \"b\"\n.py";
        let uri: Uri = escaped(name).unwrap().parse().unwrap();
        assert_eq!(uri.to_file_path().unwrap().to_str(), Some(path));
    }
}
