//! What is to be written where, so that an editor starts Belljar.

use super::*;

/// What is printed to somebody who has `belljar` on the search path.
fn editor(shell: &Shell, arguments: &[&str]) -> Output {
    let bin = shell.user.home().join("bin");
    if !bin.exists() {
        fs::create_dir(&bin).expect("a folder");
        std::os::unix::fs::symlink(shell.user.belljar(), bin.join("belljar")).expect("a link");
        shell.user.own_everything();
    }
    shell
        .command(&[&["editor"], arguments].concat())
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .output()
        .expect("belljar")
}

/// A shipped file; with `BELLJAR_REWRITE=1` it is made anew from what is printed, for instance for one more language.
fn shipped(file: &str, printed: &str) -> String {
    let path = format!("{}/editors/helix/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BELLJAR_REWRITE").is_some() {
        fs::write(&path, printed).expect("a shipped file");
    }
    fs::read_to_string(path).expect("a shipped file")
}

#[test]
fn the_shipped_files_for_helix_are_what_is_printed() {
    let shell = Shell::new();
    let printed = |arguments: &[&str]| {
        let output = editor(&shell, &[&["helix"], arguments].concat());
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        text(&output.stdout)
    };
    let languages = printed(&["--only", "languages"]);
    let config = printed(&["--only", "config"]);
    let older = printed(&["--helix", "25.01", "--only", "config"]);
    assert_eq!(languages, shipped("languages.toml", &languages));
    assert_eq!(config, shipped("config.toml", &config));
    assert_eq!(older, shipped("config-25.01.toml", &older));
    assert_eq!(printed(&[]), format!("{languages}\n{config}"));
}

#[test]
fn the_languages_for_helix_can_be_chosen_and_a_new_one_is_among_them() {
    let shell = Shell::new();
    let files = shell.user.home().join(".config/belljar/runtimes");
    fs::create_dir_all(&files).expect("a folder");
    fs::write(
        files.join("awk.toml"),
        "# AWK.\nid = \"gawk\"\nname = \"AWK\"\nlanguage_ids = [\"awk\"]\nextensions = [\"awk\"]\n\
         [tool.awk]\nnames = [\"awk\"]\ninstall = { other = \"install gawk\" }\nfind = [{ path = true }]\n\
         [[way]]\nneeds = [\"awk\"]\nrun = [\"{awk}\", \"-f\", \"{source}\"]\n",
    )
    .expect("a file");
    shell.user.own_everything();
    let output = editor(
        &shell,
        &["helix", "--only", "languages", "--languages", "gawk,lua"],
    );
    let languages: toml::Table = text(&output.stdout).parse().expect("TOML");
    let names: Vec<&str> = languages["language"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|language| language["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["awk", "lua"]);
    assert!(text(&output.stdout).contains("[\"awk-language-server\", \"belljar\"]"));

    let output = editor(&shell, &["helix", "--languages", "cobol"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("python"), "{output:?}");
}

#[test]
fn what_somebody_has_chosen_for_helix_stays() {
    let shell = Shell::new();
    let folder = shell.user.home().join(".config/helix");
    fs::create_dir_all(&folder).expect("a folder");
    let own = "[[language]]\nname = \"python\"\nlanguage-servers = [\"basedpyright\"]\n";
    fs::write(folder.join("languages.toml"), own).expect("a file");
    shell.user.own_everything();
    let output = editor(
        &shell,
        &["helix", "--only", "languages", "--languages", "python"],
    );
    let printed = text(&output.stdout);
    assert!(
        printed.contains("language-servers = [\"basedpyright\", \"belljar\"]"),
        "{printed}"
    );
    fs::write(folder.join("languages.toml"), format!("{own}{printed}")).expect("a file");
    let output = editor(
        &shell,
        &["helix", "--only", "languages", "--languages", "python"],
    );
    assert_eq!(
        text(&output.stdout),
        "# Nothing is to be added to your languages.toml.\n"
    );
}

#[test]
fn every_editor_that_is_listed_has_a_recipe_that_says_whether_it_was_tested() {
    let shell = Shell::new();
    let listed = text(&editor(&shell, &[]).stdout);
    for name in ["vscode", "neovim", "zed", "emacs", "kakoune", "sublime"] {
        assert!(listed.contains(name), "{name}: {listed}");
        let recipe = text(&editor(&shell, &[name]).stdout);
        let is_marked = recipe.contains("\nTested: ") != recipe.contains("\nNot tested: ");
        assert!(recipe.contains("belljar") && is_marked, "{name}: {recipe}");
    }
    assert!(listed.contains("helix"));
    assert_eq!(editor(&shell, &["notepad"]).status.code(), Some(2));
}
