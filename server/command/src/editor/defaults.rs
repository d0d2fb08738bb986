//! What Helix starts by itself, per version: the table in `editors/helix/defaults.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// What can be asked for, the newest last.
    pub versions: Vec<String>,
    /// Documents that hold code of other languages.
    fenced: Vec<String>,
    /// Language ids of the protocol, where they are not Helix's own names.
    ids: BTreeMap<String, String>,
    /// Helix's languages and their servers.
    servers: BTreeMap<String, Servers>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Servers {
    InEveryVersion(Vec<String>),
    PerVersion(BTreeMap<String, Vec<String>>),
}

/// A language, as one version of Helix knows it.
pub struct Language<'a> {
    /// Helix's name for it.
    pub name: &'a str,
    /// What it calls it when it talks to a server.
    pub id: &'a str,
    /// The servers that it starts.
    pub servers: &'a [String],
    /// Its documents hold code of other languages.
    pub is_fenced: bool,
}

impl Defaults {
    /// The shipped table, which a test reads.
    #[expect(clippy::expect_used, reason = "built in")]
    pub fn shipped() -> Defaults {
        toml::from_str(include_str!("../../../../editors/helix/defaults.toml"))
            .expect("the shipped table")
    }

    /// Every language that `version` knows, by name.
    pub fn languages(&self, version: &str) -> impl Iterator<Item = Language<'_>> {
        self.servers.iter().filter_map(move |(name, servers)| {
            let servers = match servers {
                Servers::InEveryVersion(servers) => servers,
                Servers::PerVersion(versions) => versions.get(version)?,
            };
            Some(Language {
                name,
                id: self.ids.get(name).unwrap_or(name),
                servers,
                is_fenced: self.fenced.contains(name),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_has_the_servers_of_the_version_that_is_asked_for() {
        let defaults = Defaults::shipped();
        let servers = |name: &str, version: &str| {
            let found = defaults
                .languages(version)
                .find(|language| language.name == name);
            found.map(|language| language.servers.to_vec())
        };
        assert_eq!(
            servers("python", "25.01").expect("known"),
            ["ruff", "jedi", "pylsp"]
        );
        assert_eq!(
            servers("python", "25.07").expect("known"),
            ["ty", "ruff", "jedi", "pylsp", "zuban"]
        );
        assert_eq!(servers("c", "25.01"), servers("c", "25.07"));
        assert_eq!(servers("batch", "25.01"), None);
        assert_eq!(servers("batch", "25.07"), Some(Vec::new()));
    }

    #[test]
    fn every_version_can_be_asked_for() {
        let defaults = Defaults::shipped();
        assert!(defaults.versions.len() > 1);
        for version in &defaults.versions {
            assert!(defaults.languages(version).count() > 200, "{version}");
        }
        assert_eq!(
            defaults
                .languages("0.1")
                .filter(|language| language.name == "python")
                .count(),
            0
        );
    }
}
