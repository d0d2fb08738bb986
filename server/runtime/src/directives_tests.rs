//! What is read of directives, and that no text makes the reader panic or slow.

use proptest::prelude::*;

use super::*;
use crate::{Catalogue, Front};

const WHOLE: (u32, u32) = (1, u32::MAX);

fn everything() -> Vec<Piece> {
    vec![Piece {
        lines: 0..=usize::MAX,
        front: Front::default(),
    }]
}

fn runtime(id: &str) -> Runtime {
    let catalogue = Catalogue::shipped();
    catalogue.by_id(id).expect("it is shipped").clone()
}

fn read(text: &str) -> Directives {
    runtime("python").directives(text, &everything(), WHOLE)
}

fn said<T>(line: u32, value: T) -> Said<T> {
    Said { line, value }
}

#[test]
fn every_word_is_read_with_its_line() {
    let text = "#!/usr/bin/python3\n# belljar: args -x \"a b\" 'c\\d' \"\"\n##  belljar: env A=1 B=\"x=y z\"\n\
        # belljar: policy strict\n# belljar: limit wall=2s memory=64MiB\nprint(1)\n    # belljar: stdin \"a\\tb\\n\"\n\
        # belljar: skip needs a database\n";
    let read = read(text);
    assert_eq!(read.wrong, []);
    let arguments = ["-x", "a b", r"c\d", ""].map(str::to_owned).to_vec();
    assert_eq!(read.arguments, Some(said(2, arguments)));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let environment = [said(3, pair("A", "1")), said(3, pair("B", "x=y z"))];
    assert_eq!(read.environment, environment);
    assert_eq!(read.policies, [said(4, "strict".to_owned())]);
    let limits = [
        said(5, pair("wall", "2s")),
        said(5, pair("memory", "64MiB")),
    ];
    assert_eq!(read.limits, limits);
    assert_eq!(read.input, Some(said(7, Input::Text("a\tb\n".to_owned()))));
    assert_eq!(read.skip, Some(said(8, "needs a database".to_owned())));
}

#[test]
fn an_input_can_be_a_file_or_the_comments_below() {
    let file = |text: &str| Some(said(1, Input::File(text.to_owned())));
    assert_eq!(read("# belljar: stdin < a b.txt\n").input, file("a b.txt"));
    assert_eq!(read("# belljar: stdin <\"a  b\"").input, file("a  b"));
    let text = "# belljar: stdin <<END\n# one\n#\n#   two # \n## three\n# END\nprint(1)\n";
    let input = Input::Text("one\n\n  two # \n# three\n".to_owned());
    assert_eq!(read(text).input, Some(said(1, input)));
    let lisp = ";; belljar: stdin << .\n;; one\n;;.\n(print 1)\n";
    let read = runtime("scheme").directives(lisp, &everything(), WHOLE);
    assert_eq!(read.input, Some(said(1, Input::Text("one\n".to_owned()))));
}

#[test]
fn only_comments_at_the_head_and_on_the_lines_that_run_say_something() {
    let text = "# a title\n\n# belljar: args head\nx = 1\n# belljar: args between\ny = 2\n# belljar: args here\nz = 3\n";
    let arguments = |of: &[(usize, usize)], lines| {
        let read = runtime("python").directives(text, &Piece::quoted(of), lines);
        read.arguments.map(|said| said.value.concat())
    };
    let all = [(0, 99)];
    assert_eq!(arguments(&all, (4, 4)).as_deref(), Some("head"));
    assert_eq!(arguments(&all, (8, 8)).as_deref(), Some("head"));
    assert_eq!(arguments(&all, (7, 8)).as_deref(), Some("here"));
    assert_eq!(
        arguments(&[(3, 4), (7, 7)], WHOLE).as_deref(),
        Some("between")
    );
    assert_eq!(arguments(&[(3, 7)], (8, 8)), None, "another head");
    assert_eq!(arguments(&[(6, 7)], (8, 8)).as_deref(), Some("here"));
    // A quotation, whose marks are no code; and an input does not go on in the next piece.
    let quoted = "> # belljar: stdin <<E\n> # a\ntext\n> # E\n> # belljar: args x\n";
    let read = runtime("python").directives(quoted, &Piece::quoted(&[(0, 1), (3, 4)]), WHOLE);
    assert!(read.input.is_none() && read.wrong.len() == 1 && read.arguments.is_some());
}

#[test]
fn what_is_not_understood_is_named_with_its_line() {
    for (text, wrong) in [
        ("# belljar: polcy strict", "`polcy`"),
        ("# belljar:", "``"),
        ("# belljar: args \"a", "not closed"),
        ("# belljar: args \"\\x\"", "behind a `\\`"),
        ("# belljar: env A", "env NAME=value"),
        ("# belljar: env =1", "env NAME=value"),
        ("# belljar: limit", "limit wall=2s"),
        ("# belljar: policy", "one policy"),
        ("# belljar: policy a b", "one policy"),
        ("# belljar: stdin", "stdin < path"),
        ("# belljar: stdin <", "stdin < path"),
        ("# belljar: stdin text", "stdin < path"),
        ("# belljar: stdin <<", "what ends the input"),
        ("# belljar: stdin <<E\n# x\nprint(1)\n# E", "is `E`"),
        ("# belljar: stdin <<E\n", "is `E`"),
    ] {
        let read = read(&format!("\n{text}\n"));
        let [Said { line: 2, value }] = read.wrong.as_slice() else {
            panic!("{text}: {:?}", read.wrong);
        };
        assert!(value.contains(wrong), "{text}: {value}");
    }
    let no_directives = [
        "x = 1  # belljar: skip",
        "# Belljar: skip",
        "# belljar:skip",
        "# see belljar: skip",
        "'belljar: skip'",
    ];
    for text in no_directives {
        assert_eq!(read(text), Directives::default(), "{text}");
    }
    // A language without comments to the end of the line has no directives.
    let none = runtime("brainfuck").directives("# belljar: skip\n", &everything(), WHOLE);
    assert_eq!(none, Directives::default());
}

#[test]
fn a_document_of_nothing_but_directives_costs_little() {
    let read = |line: &str| read(&line.repeat(200_000));
    assert_eq!(read("# belljar: nonsense\n").wrong.len(), 101);
    // Each of them looks for its end once, and what it has passed is not read again.
    let heredocs = read("# belljar: stdin <<E\n");
    assert!(heredocs.input.is_none() && !heredocs.wrong.is_empty());
    let many: Vec<(usize, usize)> = (0..200_000).step_by(2).map(|line| (line, line)).collect();
    let text = "# belljar: x\nx = 1\n".repeat(100_000);
    runtime("python").directives(&text, &Piece::quoted(&many), (199_000, 199_000));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        text in "(#|//|;| |\n|belljar:|stdin|args|env|limit|<<|<|E|\"|'|\\\\|=|[a-zé\u{202e}]){0,60}",
        id in "python|rust|scheme|basic|prolog",
        piece in (0..9_usize, 0..9_usize),
        lines in (0..9_u32, 0..9_u32),
    ) {
        let read = runtime(&id).directives(&text, &Piece::quoted(&[piece]), lines);
        let lines = u32::try_from(text.lines().count()).expect("few");
        prop_assert!(read.wrong.iter().all(|wrong| (1..=lines).contains(&wrong.line)));
    }
}
