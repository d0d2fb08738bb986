//! The policies that come with Belljar.

use crate::*;

fn shipped_policy(name: &str) -> Policy {
    let layers = Layers {
        name,
        ..Layers::default()
    };
    resolve(&layers)
        .unwrap_or_else(|error| panic!("{error}"))
        .policy
}

#[test]
fn shipped_policies_say_every_key_and_the_narrowest_comes_first() {
    let mut wider: Option<Policy> = None;
    for (name, text) in shipped() {
        assert!(
            text.starts_with(&format!("# policies/{name}.toml: for ")),
            "{name} opens with what it is for"
        );
        let policy = shipped_policy(name);
        assert!(!policy.description.is_empty());
        for (key, _) in policy.entries() {
            let origin = policy.origin(key).unwrap_or_default();
            assert!(
                origin.starts_with(&format!("{name}.toml:")),
                "{key} in {name}: {origin}"
            );
        }
        if let Some(narrower) = wider {
            assert!(
                narrower.allows_no_more_than(&policy) && !policy.allows_no_more_than(&narrower)
            );
        }
        wider = Some(policy);
    }
}

#[test]
fn shipped_policies_hide_secrets_and_show_the_rest() {
    let policy = shipped_policy("default");
    let globs = policy.files.hide.iter().map(|glob| {
        globset::GlobBuilder::new(glob)
            .literal_separator(true)
            .build()
            .unwrap()
    });
    let mut set = globset::GlobSetBuilder::new();
    for glob in globs {
        set.add(glob);
    }
    let set = set.build().unwrap();
    let hidden = |path: &str| {
        std::path::Path::new(path)
            .ancestors()
            .any(|path| set.is_match(path))
    };
    for path in [
        ".env",
        ".env.local",
        "web/.env",
        "server.pem",
        "keys/my.pem",
        "c1.pem",
        "ca-key.pem",
        ".npmrc",
        ".pypirc",
        ".netrc",
        ".aws/credentials",
        "home/.aws/config",
        ".git/config",
        "vendored/.git/config",
        "mirror.git/config",
        ".git/modules/a/config",
        ".git/modules/a/b/config",
        ".git/worktrees/a/config.worktree",
        "id_rsa",
        "id_ed25519.pub",
        "tls/server.key",
        ".ssh/config",
        "infra/prod.tfvars",
        "secrets.yaml",
    ] {
        assert!(hidden(path), "{path} is visible");
    }
    for path in [
        "main.py",
        ".git/HEAD",
        ".git/modules/a/HEAD",
        ".git/objects/info/packs",
        "git/config",
        "config",
        ".gitignore",
        "environment.py",
        "key.py",
        "src/keys.rs",
        "src/secrets.rs",
        ".venv/lib/python3.12/site-packages/certifi/cacert.pem",
        "docs/aws/index.md",
    ] {
        assert!(!hidden(path), "{path} is hidden");
    }
}
