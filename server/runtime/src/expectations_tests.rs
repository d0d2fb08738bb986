//! Which comments say what is printed, what is written in their place, and that no text makes the reader panic or slow.

use proptest::prelude::*;

use super::*;
use crate::Catalogue;

fn read(id: &str, text: &str) -> Vec<Expectation> {
    let catalogue = Catalogue::shipped();
    let runtime = catalogue.by_id(id).expect("it is shipped");
    runtime.expectations(text, &Piece::quoted(&[(0, usize::MAX)]), (1, u32::MAX))
}

/// Which lines are to print what.
fn said(id: &str, text: &str) -> Vec<((u32, u32), String)> {
    let found = read(id, text).into_iter();
    found.map(|one| (one.of, one.expected)).collect()
}

fn one(of: (u32, u32), expected: &str) -> Vec<((u32, u32), String)> {
    vec![(of, expected.to_owned())]
}

#[test]
fn a_comment_behind_code_or_below_it_says_what_it_prints() {
    assert_eq!(said("python", "print(1)  # => 1 \n"), one((1, 1), "1"));
    assert_eq!(said("python", "print(1)\n# => 1\n"), one((1, 1), "1"));
    assert_eq!(said("python", "print(1)\n#=> 1\n"), one((1, 1), "1"));
    assert_eq!(said("javascript", "f(1); // => {\n"), one((1, 1), "{"));
    assert_eq!(
        said("scheme", "(display '(1)) ; => (1)\n"),
        one((1, 1), "(1)")
    );
    assert_eq!(said("scheme", "(display 1)\n;;; => 1\n"), one((1, 1), "1"));
    assert_eq!(said("python", "x = 1  # =>\n"), one((1, 1), ""));
    for none in [
        "print('# => 1')\n",
        "# => 1\n",
        "\n# => 1\n",
        "\"\"\"\n>>> f()  # => 1\n\"\"\"\n",
        "x = 1  # x => 1\n",
        "x = 1  # =>1\n",
        "x = lambda: 1\n",
    ] {
        assert_eq!(said("python", none), [], "{none}");
    }
    assert_eq!(said("brainfuck", "+. # => 1\n"), []);
}

#[test]
fn a_comment_below_a_statement_is_about_all_of_it() {
    let text = "x = 1\nfor i in [1, 2]:\n    print(\n        i)\n# => 1\n#    2\ny = 2\n";
    assert_eq!(said("python", text), one((2, 4), "1\n2"));
    let text = "a();\nif (x) {\n  b();\n}\n// => 1\n";
    assert_eq!(said("javascript", text), one((2, 4), "1"));
    let text = "for x in y:\n    a()\n    b()\n    # => 1\n";
    assert_eq!(said("python", text), one((3, 3), "1"));
}

#[test]
fn a_value_goes_on_in_comments_that_stand_further_to_the_right() {
    let text = "f()  # => a\n     #    b \n#     c\n#  d\nprint(2)  # => 2\n";
    let found = read("python", text);
    assert_eq!(found[0].expected, "a\nb\n c");
    assert_eq!((found[0].written, found[0].column), ((1, 3), 5));
    assert!(!found[0].is_last && found[1].is_last);
    assert_eq!((found[1].of, found[1].expected.as_str()), ((5, 5), "2"));
}

#[test]
fn only_lines_that_run_count() {
    let catalogue = Catalogue::shipped();
    let runtime = catalogue.by_id("python").expect("it is shipped");
    let text = "print(1)  # => 1\nprint(2)  # => 2\n# => 3\nprint(4)  # => 4\n";
    let lines = |of: &[(usize, usize)], lines| {
        let found = runtime
            .expectations(text, &Piece::quoted(of), lines)
            .into_iter();
        found.map(|one| one.written.0).collect::<Vec<_>>()
    };
    assert_eq!(lines(&[(0, 9)], (2, 2)), [2]);
    assert_eq!(lines(&[(0, 0), (3, 9)], (1, 9)), [1, 4]);
    // The statement above it does not run.
    let none: &[u32] = &[];
    assert_eq!(lines(&[(0, 9)], (3, 3)), none);
    assert_eq!(lines(&[(0, 0), (2, 2)], (2, 9)), none);
    assert_eq!(lines(&[(9, 12), (3, 1)], (3, 1)), none);
}

#[test]
fn what_belongs_to_the_text_around_stays() {
    let found = read("python", "> print(1)\n> # => 1\n");
    assert_eq!((found[0].of, found[0].column), ((1, 1), 2));
    let rewritten = found[0].rewritten("a\nb");
    assert_eq!(rewritten.as_deref(), Some("> # => a\n> #    b"));
}

#[test]
fn what_was_printed_is_written_where_it_was_expected() {
    let found = read("python", "\tprint('é', x)  # => 1\n");
    let rewritten = |printed: &str| found[0].rewritten(printed);
    assert_eq!(rewritten("2").as_deref(), Some("\tprint('é', x)  # => 2"));
    assert_eq!(rewritten("").as_deref(), Some("\tprint('é', x)  # =>"));
    let two = rewritten("a\nb ").expect("two lines");
    assert_eq!(two, "\tprint('é', x)  # => a\n\t               #    b");
    // It is read as it is written.
    assert_eq!(said("python", &two), one((1, 1), "a\nb"));
    assert_eq!(
        read("c", "f(); // => 1\n")[0]
            .rewritten("[[1], {'a': \"b\"}]")
            .as_deref(),
        Some("f(); // => [[1], {'a': \"b\"}]")
    );
}

#[test]
fn what_could_be_more_than_a_comment_is_not_written() {
    let found = read("php", "echo 1; // => 1\n");
    for hostile in [
        "?>",
        "a\\",
        "a\\ ",
        "*/ x",
        "a\u{2028}b",
        "a\rb",
        "\u{1b}[31m",
        "\u{202e}",
        "vim: set x",
        "# vim600: x",
        "-*- eval -*-",
        "coding: utf-7",
        "Belljar: skip",
        "what??/",
        "</script>",
        "\u{7f}",
        "Local Variables:",
        "End:",
        "a\u{115f}b",
        "a\u{1160}b",
        "a\u{3164}b",
        "a\u{ffa0}b",
    ] {
        assert_eq!(found[0].rewritten(hostile), None, "{hostile:?}");
        assert_eq!(
            found[0].rewritten(&format!("ok\n{hostile}")),
            None,
            "{hostile:?}"
        );
    }
    assert_eq!(found[0].rewritten(&"x".repeat(201)), None);
    assert_eq!(found[0].rewritten(&"x\n".repeat(21)), None);
}

#[test]
fn a_document_of_nothing_but_expectations_costs_little() {
    assert_eq!(read("python", &"x  # => 1\n".repeat(100_000)).len(), 1000);
    assert_eq!(read("python", &"# => 1\n".repeat(100_000)).len(), 1000);
    let text = format!("x  # => 1\n{}", "#    1\n".repeat(100_000));
    assert_eq!(read("python", &text).len(), 1);
    read("python", &"    x\n# => 1\n".repeat(100_000));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        text in "(#|//|;| |\t|\n|=>|\"|'|`|\\\\|\\(|\\)|[a-zé\u{202e}]){0,60}",
        id in "python|rust|scheme|basic|php",
        piece in (0..9_usize, 0..9_usize),
        range in (0..9_u32, 0..9_u32),
        printed in "[ -~\n]{0,20}",
    ) {
        let lines = u32::try_from(text.lines().count()).expect("few");
        let catalogue = Catalogue::shipped();
        let runtime = catalogue.by_id(&id).expect("it is shipped");
        for one in runtime.expectations(&text, &Piece::quoted(&[piece]), range) {
            prop_assert!(one.of.0 >= 1 && one.of.0 <= one.of.1 && one.of.1 <= one.written.0);
            prop_assert!(one.written.0 <= one.written.1 && one.written.1 <= lines);
            if let Some(rewritten) = one.rewritten(&printed) {
                let code = one.before.0.split("=>").next().expect("a part");
                prop_assert!(rewritten.starts_with(code));
            }
        }
    }
}
