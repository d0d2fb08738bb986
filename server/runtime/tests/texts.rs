//! Blocks in texts, in the ways in which each kind of text lets people write them.

use std::path::Path;

use belljar_runtime::{Catalogue, no_program};

/// The first lines of the blocks of a document with this name, and their languages.
fn blocks(name: &str, text: &str) -> Vec<(String, String)> {
    let catalogue = Catalogue::shipped();
    let kind = catalogue.kind(None, Some(Path::new(name)), "");
    let lines: Vec<&str> = text.lines().collect();
    let blocks = kind.blocks(&catalogue, text).into_iter();
    let found = blocks.map(|block| {
        let line = block.front.strip(lines[block.first]).to_owned();
        (line, block.runtime.id().to_owned())
    });
    found.collect()
}

fn python(name: &str, text: &str, lines: &[&str]) {
    let expected = lines
        .iter()
        .map(|line| ((*line).to_owned(), "python".to_owned()));
    assert_eq!(blocks(name, text), expected.collect::<Vec<_>>());
}

#[test]
fn markdown_names_languages_in_many_ways() {
    let text = "  ~~~ {.python .numbers startFrom=\"1\"}\n  a\n  ~~~\n\n``````python\nb ```\n``````\n\n1. x\n\n   ```{.python}\n   c\n   ```\n\n\
                ```{python}\nd\n```\n\n```python title=\"x.py\"\ne\n```\n\n```{code-cell} ipython3\n:tags: [a]\nf\n```\n\n> ```py\n> g\n> ```\n\n\
                ```Python\nh\n```\n\n```\nnone\n```\n";
    python("a.md", text, &["a", "b ```", "c", "d", "e", "f", "g", "h"]);
}

#[test]
fn org_names_languages_in_blocks_and_not_in_examples() {
    let text = "#+begin_src python :results output\na\n#+end_src\n  #+BEGIN_SRC python -n :exports both\n  b\n  #+END_SRC\n\
                #+begin_example\n#+begin_src python\nno\n#+end_src\n#+end_example\n#+begin_src jupyter-python :session s\nc\n#+end_src\n";
    python("a.org", text, &["a", "b", "c"]);
}

#[test]
fn asciidoc_has_blocks_with_fences_and_without() {
    let text = ":source-language: python\n\n[source]\n----\na\n----\n\n[source%nowrap,python,indent=0]\n.Title\n....\nb\n....\n\n\
                [source,python]\nc = 1\nprint(c)\n\nwords\n\n[source,language=python]\n----\nd\n----\n\n[,python]\n----\ne\n----\n\n\
                [quote, Python]\nwords\n\n[source]\n\n[quote]\nmore\n";
    python("a.adoc", text, &["a", "b", "c = 1", "d", "e"]);
}

#[test]
fn restructured_text_has_literal_blocks_where_their_language_is_said() {
    let text = "Text::\n\n    unknown\n\n.. highlight:: python\n\nText::\n\n    a\n\n    b\n\n.. code-block:: python\n   :linenos:\n\n   c\n\n::\n\n  d\n\n\
                .. highlight:: none\n\nText::\n\n    nothing\n\n.. parsed-literal::\n\n    no\n";
    python("a.rst", text, &["a", "c", "d"]);
}

#[test]
fn a_notebook_as_a_file_is_no_program_and_says_what_to_do() {
    assert!(blocks("a.ipynb", "{}").is_empty());
    let (_, hint) = no_program(None, Path::new("/p/a.ipynb")).expect("no program");
    assert!(hint.contains("cells"), "{hint}");
}
