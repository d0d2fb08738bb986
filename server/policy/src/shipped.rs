//! What the files of the shipped policies say, with the lines of it. Written by a test of `said.rs`:
//! `BLESS=1 cargo test -p belljar-policy known` after a change of one of them.

use crate::limit::Limit;
use crate::policy::ProjectAccess;
use crate::said::Said;

#[rustfmt::skip]
pub(crate) const SAID: &[(&str, Said)] = &[
    ("strict", Said {
        file: "strict.toml",
        description: (5, "no network, no project, no other programs; small limits"),
        project: (9, ProjectAccess::Hidden),
        read: (11, &[]),
        hide: (14, &[(16, "**/.env*"), (16, "**/*.tfvars"), (16, "**/terraform.tfstate*"), (16, "**/secrets.{json,toml,yaml,yml}"), (16, "**/credentials.json"), (16, "**/service-account*.json"), (17, "**/wp-config.php"), (17, "**/.htpasswd"), (17, "**/.vault-token"), (20, "**/.npmrc"), (20, "**/.yarnrc.yml"), (20, "**/.pypirc"), (20, "**/.netrc"), (20, "**/_netrc"), (20, "**/.git-credentials"), (20, "**/*.git/config*"), (21, "**/*.git/modules/**/config"), (21, "**/*.git/worktrees/*/config*"), (21, "**/.cargo/credentials*"), (22, "**/.gem/credentials"), (22, "**/.docker/config.json"), (22, "**/.composer/auth.json"), (22, "**/.dockercfg"), (22, "**/.pgpass"), (22, "**/.my.cnf"), (23, "**/.aws"), (23, "**/.azure"), (23, "**/.kube"), (23, "**/.config/gcloud"), (23, "**/.config/gh"), (23, "**/.boto"), (23, "**/.s3cfg"), (25, "**/.ssh"), (25, "**/.gnupg"), (25, "**/id_rsa*"), (25, "**/id_dsa*"), (25, "**/id_ecdsa*"), (25, "**/id_ed25519*"), (25, "**/*.key"), (25, "**/*.p12"), (25, "**/*.pfx"), (25, "**/*.jks"), (25, "**/*.keystore"), (26, "**/*.kdbx"), (26, "**/*.ppk"), (29, "**/[!c]*.pem"), (29, "**/c[!a]*.pem"), (29, "**/ca*key*.pem")]),
        network: 36,
        programs: (41, &[]),
        pass: (45, &[]),
        set: 46,
        limits: &[(Limit::Wall, 50, 5000000000), (Limit::Cpu, 52, 5000000000), (Limit::Memory, 54, 268435456), (Limit::Processes, 56, 64), (Limit::OpenFiles, 57, 256), (Limit::FileSize, 58, 16777216), (Limit::Output, 60, 1048576), (Limit::Scratch, 32, 67108864)],
    }),
    ("default", Said {
        file: "default.toml",
        description: (3, "no network; project visible, writes discarded"),
        project: (9, ProjectAccess::Overlay),
        read: (11, &[]),
        hide: (14, &[(16, "**/.env*"), (16, "**/*.tfvars"), (16, "**/terraform.tfstate*"), (16, "**/secrets.{json,toml,yaml,yml}"), (16, "**/credentials.json"), (16, "**/service-account*.json"), (17, "**/wp-config.php"), (17, "**/.htpasswd"), (17, "**/.vault-token"), (20, "**/.npmrc"), (20, "**/.yarnrc.yml"), (20, "**/.pypirc"), (20, "**/.netrc"), (20, "**/_netrc"), (20, "**/.git-credentials"), (20, "**/*.git/config*"), (21, "**/*.git/modules/**/config"), (21, "**/*.git/worktrees/*/config*"), (21, "**/.cargo/credentials*"), (22, "**/.gem/credentials"), (22, "**/.docker/config.json"), (22, "**/.composer/auth.json"), (22, "**/.dockercfg"), (22, "**/.pgpass"), (22, "**/.my.cnf"), (23, "**/.aws"), (23, "**/.azure"), (23, "**/.kube"), (23, "**/.config/gcloud"), (23, "**/.config/gh"), (23, "**/.boto"), (23, "**/.s3cfg"), (25, "**/.ssh"), (25, "**/.gnupg"), (25, "**/id_rsa*"), (25, "**/id_dsa*"), (25, "**/id_ecdsa*"), (25, "**/id_ed25519*"), (25, "**/*.key"), (25, "**/*.p12"), (25, "**/*.pfx"), (25, "**/*.jks"), (25, "**/*.keystore"), (26, "**/*.kdbx"), (26, "**/*.ppk"), (29, "**/[!c]*.pem"), (29, "**/c[!a]*.pem"), (29, "**/ca*key*.pem")]),
        network: 37,
        programs: (42, &[(42, "*")]),
        pass: (46, &[(46, "LANG"), (46, "LANGUAGE"), (46, "LC_ALL"), (46, "LC_COLLATE"), (46, "LC_CTYPE"), (46, "LC_MESSAGES"), (46, "LC_MONETARY"), (46, "LC_NUMERIC"), (46, "LC_TIME"), (46, "TZ")]),
        set: 47,
        limits: &[(Limit::Wall, 51, 10000000000), (Limit::Cpu, 53, 10000000000), (Limit::Memory, 56, 536870912), (Limit::Processes, 58, 256), (Limit::OpenFiles, 60, 1024), (Limit::FileSize, 61, 67108864), (Limit::Output, 62, 8388608), (Limit::Scratch, 32, 268435456)],
    }),
    ("build", Said {
        file: "build.toml",
        description: (6, "as default, with the time, memory and processes that compilers and test suites need"),
        project: (10, ProjectAccess::Overlay),
        read: (12, &[]),
        hide: (14, &[(16, "**/.env*"), (16, "**/*.tfvars"), (16, "**/terraform.tfstate*"), (16, "**/secrets.{json,toml,yaml,yml}"), (16, "**/credentials.json"), (16, "**/service-account*.json"), (17, "**/wp-config.php"), (17, "**/.htpasswd"), (17, "**/.vault-token"), (20, "**/.npmrc"), (20, "**/.yarnrc.yml"), (20, "**/.pypirc"), (20, "**/.netrc"), (20, "**/_netrc"), (20, "**/.git-credentials"), (20, "**/*.git/config*"), (21, "**/*.git/modules/**/config"), (21, "**/*.git/worktrees/*/config*"), (21, "**/.cargo/credentials*"), (22, "**/.gem/credentials"), (22, "**/.docker/config.json"), (22, "**/.composer/auth.json"), (22, "**/.dockercfg"), (22, "**/.pgpass"), (22, "**/.my.cnf"), (23, "**/.aws"), (23, "**/.azure"), (23, "**/.kube"), (23, "**/.config/gcloud"), (23, "**/.config/gh"), (23, "**/.boto"), (23, "**/.s3cfg"), (25, "**/.ssh"), (25, "**/.gnupg"), (25, "**/id_rsa*"), (25, "**/id_dsa*"), (25, "**/id_ecdsa*"), (25, "**/id_ed25519*"), (25, "**/*.key"), (25, "**/*.p12"), (25, "**/*.pfx"), (25, "**/*.jks"), (25, "**/*.keystore"), (26, "**/*.kdbx"), (26, "**/*.ppk"), (29, "**/[!c]*.pem"), (29, "**/c[!a]*.pem"), (29, "**/ca*key*.pem")]),
        network: 36,
        programs: (40, &[(40, "*")]),
        pass: (43, &[(43, "LANG"), (43, "LANGUAGE"), (43, "LC_ALL"), (43, "LC_COLLATE"), (43, "LC_CTYPE"), (43, "LC_MESSAGES"), (43, "LC_MONETARY"), (43, "LC_NUMERIC"), (43, "LC_TIME"), (43, "TZ")]),
        set: 44,
        limits: &[(Limit::Wall, 47, 600000000000), (Limit::Cpu, 49, 2400000000000), (Limit::Memory, 51, 4294967296), (Limit::Processes, 53, 2048), (Limit::OpenFiles, 55, 8192), (Limit::FileSize, 57, 1073741824), (Limit::Output, 58, 33554432), (Limit::Scratch, 32, 2147483648)],
    }),
];
