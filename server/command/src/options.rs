//! What can be typed behind `belljar`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Runs code in a sandbox, and puts what it was refused on the line that tried it.
#[derive(Debug, Parser)]
#[command(
    name = "belljar",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = ENVIRONMENT
)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(RunOptions),
    Exec(ExecOptions),
    Learn(LearnOptions),
    Doctor(DoctorOptions),
    /// Look at policies, check them, and trust a project's own.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// List the languages that can be run: what runs them, where it was found, or how to install it.
    Runtimes(RuntimesOptions),
    /// Serve an editor: the language server protocol on standard input and output.
    Lsp(LspOptions),
    /// Print what to write where, so that an editor starts Belljar. Without a name: the editors that there are.
    Editor {
        #[command(subcommand)]
        editor: Option<EditorCommand>,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell to complete in.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands into a directory.
    Man {
        /// Write belljar.1, belljar-run.1, ... there instead of printing the first.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

const ENVIRONMENT: &str = "\
Your own policies and runtimes are files in $XDG_CONFIG_HOME/belljar (~/.config/belljar): policy.toml for every run, \
policies/NAME.toml, runtimes/ID.toml. A project's own policy is its .belljar.toml, which may only narrow yours unless you trust it.

NO_COLOR switches colour off. BELLJAR_LOG=debug makes Belljar talk about itself.";

const EXIT_STATUS: &str = "\
Exit status: that of the program; 128+N if signal N ended it; 124 if a limit of the policy ended it; \
125 if it was refused or could not be run; 130 after Ctrl-C (128+N after any signal N to Belljar); 141 if its output can no longer be written.

On a terminal, escape sequences in the program's output are removed. Elsewhere its output passes through unchanged.";

/// Run a source file, or some lines of it, in a sandbox.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS, override_usage = "belljar run [OPTIONS] FILE [-- ARGS]")]
pub struct RunOptions {
    #[command(flatten)]
    pub cell: CellOptions,
    /// The language, if the file's name and first line do not tell it (see `belljar runtimes`).
    #[arg(long, value_name = "ID")]
    pub language: Option<String>,
    /// Run only these lines: A-B, both included and counted from 1, or one line.
    #[arg(long, value_name = "A-B", value_parser = parse_lines)]
    pub lines: Option<(u32, u32)>,
    /// Run the cell or block that this line is in, after all earlier ones in the same language.
    #[arg(long, value_name = "LINE", conflicts_with = "lines", value_parser = clap::value_parser!(u32).range(1..))]
    pub up_to: Option<u32>,
    /// Fail with status 1 if a line does not print what a comment `=> ...` says, and the program ended well.
    #[arg(long)]
    pub check: bool,
    /// Compile it, also if the same text was compiled before, and keep nothing of it.
    #[arg(long)]
    pub no_cache: bool,
    /// The source file; `-` reads the source from standard input (and needs --language).
    pub file: PathBuf,
    /// Arguments for the program.
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<String>,
}

/// Run any command in a sandbox.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS, override_usage = "belljar exec [OPTIONS] -- COMMAND [ARGS]")]
pub struct ExecOptions {
    #[command(flatten)]
    pub cell: CellOptions,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

const LEARNING: &str = "\
The program runs in the sandbox, refused what the policy refuses, and its output goes to standard error. Standard output \
gets a diff of the policy in force: what it would have to say so that the program could do what it tried, each rule with \
the line that needs it. Nothing is written and nothing is allowed by it. What looks like a secret is commented out, and \
what no rule can allow is listed below.

Exit status: 0 if the program ran, however it ended; 125 if it was refused or could not be run.";

/// Run a source file, and print the smallest policy under which it could do what it tried.
#[derive(Debug, Args)]
#[command(after_help = LEARNING, override_usage = "belljar learn [OPTIONS] FILE [-- ARGS]")]
pub struct LearnOptions {
    #[command(flatten)]
    pub run: RunOptions,
    /// Run again with what was learnt, at most so often, to see what lies behind the first refusals. Secrets stay
    /// refused.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub again: u32,
}

/// What `run` and `exec` have in common.
#[derive(Debug, Default, Args)]
pub struct CellOptions {
    /// The policy to run under (see `belljar policy list`). Without it, it is `default`.
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,
    /// Give the program this file as standard input; `-` is Belljar's own. Without it standard input is empty.
    #[arg(long, value_name = "FILE")]
    pub stdin: Option<PathBuf>,
    /// The project that the program belongs to. Without it, it is found from the file or the working directory.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Allow one thing more in this run: a rule as a violation names it, such as
    /// `network.allow = ["192.0.2.1:443"]`. Can be given several times.
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<String>,
    /// Change a limit for this run: wall=3s, cpu, memory=512MiB, processes, open_files, file_size, output, scratch.
    /// Can be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_limit)]
    pub limit: Vec<(String, String)>,
    /// Print one JSON object with everything about the run, instead of the program's output.
    #[arg(long)]
    pub json: bool,
}

/// Say what protects a run on this machine, what does not and why, and the command that mends it.
#[derive(Debug, Args)]
pub struct DoctorOptions {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print the AppArmor profile that lets Belljar make sandboxes on Ubuntu 24.04 and later.
    #[arg(long, conflicts_with = "json")]
    pub apparmor_profile: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RuntimesOptions {
    #[command(subcommand)]
    pub command: Option<RuntimesCommand>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Do not run the tools to learn their versions.
    #[arg(long)]
    pub no_versions: bool,
}

#[derive(Debug, Subcommand)]
pub enum RuntimesCommand {
    /// Check runtime files: say what is wrong at which line, and run the program that each brings along.
    Check {
        /// The files; without any, your own.
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct LspOptions {
    /// What editors say to servers; there is no other way.
    #[arg(long)]
    pub stdio: bool,
    /// How many programs run at once; 0 is as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub parallel: usize,
    /// Accepted for editors that say who they are.
    #[arg(long = "clientProcessId", value_name = "PID", hide = true)]
    pub client_process_id: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub enum EditorCommand {
    Helix(HelixOptions),
    /// VS Code: its extension.
    Vscode,
    /// Neovim: its plugin.
    Neovim,
    /// Zed.
    Zed,
    /// Emacs, with Eglot.
    Emacs,
    /// Kakoune, with kakoune-lsp.
    Kakoune,
    /// Sublime Text, with its LSP package.
    Sublime,
}

/// Helix: what to add to your languages.toml and config.toml.
#[derive(Debug, Args)]
pub struct HelixOptions {
    /// Only these languages, by Helix's names or Belljar's (see `belljar runtimes`); without it, all that can be run.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub languages: Vec<String>,
    /// Your Helix, as `hx --version` says: 25.01, or 25.07 for it and whatever is newer, which is what you get without it.
    #[arg(long, value_name = "VERSION")]
    pub helix: Option<String>,
    /// Only what belongs into this file of ~/.config/helix, so that it can be appended with `>>`.
    #[arg(long, value_name = "FILE")]
    pub only: Option<HelixFile>,
}

/// A file of Helix's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum HelixFile {
    /// languages.toml
    Languages,
    /// config.toml
    Config,
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// List the policies that a run can name.
    List(PolicyList),
    /// Print a policy's own file.
    Show {
        /// The policy.
        #[arg(default_value = "default")]
        name: String,
    },
    /// Say what is in force under a policy, and which file and line says so.
    Explain(PolicyName),
    /// Check policy files, and say what is wrong with them at which line.
    Check {
        /// The files; without any, your own and this project's.
        files: Vec<PathBuf>,
    },
    /// Write a rule into a policy file, after showing what that changes.
    Allow(AllowOptions),
    /// Trust a project's policy file as it is now, so that it may allow more than your own.
    Trust {
        /// The file; without it, this project's.
        file: Option<PathBuf>,
        /// List what is trusted instead.
        #[arg(long)]
        list: bool,
    },
    /// Trust a project's policy file no longer.
    Untrust {
        /// The file; without it, this project's.
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whose").required(true))]
pub struct AllowOptions {
    /// The rule, as a violation names it, such as `files.read = ["/srv/data"]`.
    pub rule: String,
    /// Write it into this project's `.belljar.toml`.
    #[arg(long, group = "whose")]
    pub project: bool,
    /// Write it into your own policy.toml, which every run goes by.
    #[arg(long, group = "whose")]
    pub user: bool,
    /// The project's directory. Without it, the project that the working directory is in.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// The policy under which the rule is to be in force.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub policy: String,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct PolicyList {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct PolicyName {
    /// The policy.
    #[arg(default_value = "default")]
    pub name: String,
    /// The project whose policy file counts too. Without it, the one that the working directory is in.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Rules and limits to apply on top, as in `belljar run`.
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<String>,
    /// See --allow.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_limit)]
    pub limit: Vec<(String, String)>,
}

impl Options {
    /// What was typed, where that is plain to see: a command without options. Everything else is [`Parser`]'s, which takes longer
    /// to get ready than many a program to run.
    pub fn plain(mut arguments: impl Iterator<Item = std::ffi::OsString>) -> Option<Options> {
        let name = arguments.next()?;
        let second = arguments.next()?.into_string().ok()?;
        let texts = |rest: Vec<std::ffi::OsString>| {
            let texts = rest.into_iter().map(std::ffi::OsString::into_string);
            texts.collect::<Result<Vec<String>, _>>().ok()
        };
        let rest: Vec<_> = arguments.collect();
        let command = match name.to_str()? {
            "exec" if second == "--" && !rest.is_empty() => Command::Exec(ExecOptions {
                cell: CellOptions::default(),
                command: texts(rest)?,
            }),
            "run" if !second.starts_with('-') && !second.is_empty() => {
                let mut rest = rest.into_iter();
                if rest.next().is_some_and(|word| word != "--") {
                    return None;
                }
                Command::Run(RunOptions {
                    cell: CellOptions::default(),
                    language: None,
                    lines: None,
                    up_to: None,
                    check: false,
                    no_cache: false,
                    file: PathBuf::from(second),
                    arguments: texts(rest.collect())?,
                })
            }
            _ => return None,
        };
        Some(Options { command })
    }
}

impl CellOptions {
    /// The policy's name.
    pub fn policy(&self) -> &str {
        self.policy.as_deref().unwrap_or("default")
    }
}

fn parse_lines(text: &str) -> Result<(u32, u32), String> {
    let number = |text: &str| match text.trim().parse::<u32>() {
        Ok(0) => Err("lines are counted from 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err(format!(
            "{text:?} is no line number; write for instance 3-7"
        )),
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    if last < first {
        return Err(format!("line {last} is before line {first}"));
    }
    Ok((first, last))
}

fn parse_limit(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write NAME=VALUE, for instance wall=3s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn arguments_behind_two_dashes_belong_to_the_program() {
        let options =
            Options::try_parse_from(["belljar", "run", "--json", "a.py", "--", "--json", "-x"]);
        let Command::Run(run) = options.expect("right").command else {
            panic!("run")
        };
        assert!(run.cell.json);
        assert_eq!(run.arguments, ["--json", "-x"]);
        let options = Options::try_parse_from(["belljar", "exec", "--", "ls", "--", "-l"]);
        let Command::Exec(exec) = options.expect("right").command else {
            panic!("exec")
        };
        assert_eq!(exec.command, ["ls", "--", "-l"]);
    }

    #[test]
    fn what_is_plain_to_see_is_read_as_the_parser_reads_it() {
        let read = |words: &[&str]| {
            let words = words.iter().map(std::ffi::OsString::from);
            let plain = Options::plain(words.clone())?;
            let parsed = Options::try_parse_from(std::iter::once("belljar".into()).chain(words));
            assert_eq!(
                format!("{plain:?}"),
                format!("{:?}", parsed.expect("right"))
            );
            Some(plain)
        };
        for plain in [
            &["exec", "--", "true"][..],
            &["exec", "--", "sh", "-c", "exit 3", "--", "--json"],
            &["exec", "--", "--", "a"],
            &["exec", "--", ""],
            &["run", "a.py"],
            &["run", "a b.py", "--"],
            &["run", "./-.py", "--", "-x", "--json"],
        ] {
            assert!(read(plain).is_some(), "{plain:?}");
        }
        for other in [
            &["exec"][..],
            &["exec", "--"],
            &["exec", "true"],
            &["exec", "--json", "--", "true"],
            &["run"],
            &["run", "-"],
            &["run", "--help"],
            &["run", ""],
            &["run", "a.py", "b"],
            &["run", "a.py", "--json"],
            &["lsp", "--stdio"],
            &["--version"],
        ] {
            assert!(
                Options::plain(other.iter().map(Into::into)).is_none(),
                "{other:?}"
            );
        }
    }

    #[test]
    fn lines_and_limits_are_read() {
        assert_eq!(parse_lines("3-7"), Ok((3, 7)));
        assert_eq!(parse_lines("5"), Ok((5, 5)));
        for wrong in ["0-3", "7-3", "a", "", "3-", "-3", "1-2-3", "99999999999"] {
            assert!(parse_lines(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_limit("wall=3s"), Ok(("wall".into(), "3s".into())));
        for wrong in ["wall", "=3s", "wall=", ""] {
            assert!(parse_limit(wrong).is_err(), "{wrong}");
        }
    }
}
