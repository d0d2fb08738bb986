//! Policy files -> a checked policy that explains itself and can be narrowed. Pure.

mod adjust;
mod adjustment;
mod document;
mod error;
mod explain;
mod grant;
mod layers;
mod learnt;
mod limit;
mod network_rule;
mod places;
mod policy;
mod raw;
mod rule;
mod said;
mod shipped;
mod variables;

use sha2::{Digest, Sha256};

pub use adjustment::Adjustment;
pub use document::{DocumentPolicy, DocumentWord};
pub use error::{Notice, PolicyError};
pub use grant::with_rule;
pub use layers::{Layers, PolicyFile, Request, Resolved, check, is_policy_name, resolve};
pub use learnt::Learnt;
pub use network_rule::{NetworkHost, NetworkRule};
pub use policy::{Environment, Files, Limits, Network, Origins, Policy, Programs, ProjectAccess};
pub use rule::Rule;
pub use variables::check_variable;

/// The policies that come with Belljar, each its name and the text of its file, the narrowest first.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    &[
        ("strict", include_str!("../../../policies/strict.toml")),
        ("default", include_str!("../../../policies/default.toml")),
        ("build", include_str!("../../../policies/build.toml")),
    ]
}

/// What a policy file is known by when the user trusts it: any change to its bytes changes this. SHA-256, as small
/// hexadecimal digits.
pub fn content_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod layers_tests;
#[cfg(test)]
mod shipped_tests;
