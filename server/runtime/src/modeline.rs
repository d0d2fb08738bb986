//! What a file says for editors of its own language: `-*- mode: ruby -*-` near its beginning, or `vim: ft=python` near its
//! beginning or its end.

use std::borrow::Cow;

use regex_lite::Regex;

use crate::Catalogue;
use crate::forms::Forms;

/// So many lines at each end are looked at, as Vim does.
const LINES: usize = 5;
/// Emacs looks at the first line, and at the second where the first belongs to the system.
const EMACS_LINES: usize = 2;
/// So much at each end is looked at.
const MOST_BYTES: usize = 4 * 1024;
/// A longer line says something else.
const LONGEST_LINE: usize = 512;

const EMACS: &str = r"-\*-(?:\s*|.*?;\s*)(?i:mode\s*:\s*)?(?P<name>[\w+#.-]+)\s*(?:;.*?)?-\*-";
const VIM: &str =
    r"(?:^|\s)(?:vim?\d*|Vim|ex):\s*(?:.*[\s:])?(?:ft|filetype|syntax)=(?P<name>[\w+#-]+)";

impl Catalogue {
    /// The language that `text`, a whole file, says itself to be in, by a name that can be asked for; if it is one that is
    /// known. What a first line with `#!` says is more exact, so then there is none.
    pub fn modeline(&self, text: &[u8]) -> Option<String> {
        if text.starts_with(b"#!") {
            return None;
        }
        let head = String::from_utf8_lossy(&text[..text.len().min(MOST_BYTES)]);
        let tail = String::from_utf8_lossy(&text[text.len().saturating_sub(MOST_BYTES)..]);
        let head: Vec<&str> = head.lines().take(LINES).collect();
        let tail: Vec<&str> = tail.lines().rev().take(LINES).collect();
        let emacs = head.iter().take(EMACS_LINES).map(|line| (EMACS, *line));
        let vim = head.iter().chain(&tail).map(|line| (VIM, *line));
        emacs.chain(vim).find_map(|(pattern, line)| {
            // Most lines are none, and making a pattern is slower than looking.
            let may_be = match pattern {
                EMACS => line.contains("-*-"),
                _ => line.contains('=') && ["vi", "Vi", "ex:"].iter().any(|it| line.contains(it)),
            };
            let is_one = may_be && line.len() <= LONGEST_LINE;
            let groups = Regex::new(pattern).ok().filter(|_| is_one)?;
            let groups = groups.captures(line)?;
            self.mode(groups.name("name")?.as_str())
        })
    }

    /// The language that an editor's mode is for.
    fn mode(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        let mut name = Cow::from(name.trim_end_matches("-mode"));
        if let Some(bare) = name.strip_suffix("-ts") {
            name = Cow::from(bare.to_owned());
        }
        if Forms::known().by_language(&name).is_some() {
            return Some(name.into_owned());
        }
        let runtime = self.by_fence_tag(&name);
        let runtime = runtime.or_else(|| self.detect(Some(&name), None, ""));
        runtime.map(|runtime| runtime.id().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_are_told_is_read() {
        let catalogue = Catalogue::shipped();
        let cases = [
            ("# -*- mode: ruby -*-\nputs 1\n", Some("ruby")),
            ("# -*- Ruby -*-\n", Some("ruby")),
            ("/* -*- mode: C++; tab-width: 4 -*- */\n", Some("cpp")),
            ("# -*- coding: utf-8; mode: python -*-\n", Some("python")),
            ("// first\n// -*- mode: js -*-\n", Some("javascript")),
            (
                ";; -*- mode: emacs-lisp; lexical-binding: t -*-\n",
                Some("emacs-lisp"),
            ),
            ("-- -*- mode: haskell-mode -*-\n", Some("haskell")),
            ("# vim: ft=python\n", Some("python")),
            (
                "print 1\n\n# vim: set ts=4 sw=4 filetype=perl :\n",
                Some("perl"),
            ),
            ("/* vim: set syntax=c: */\n", Some("c")),
            ("# vi:ft=sh\n", Some("shell")),
            ("# ex: ft=awk et\n", Some("awk")),
            ("words\n<!-- vim: ft=markdown -->\n", Some("markdown")),
            // An encoding is no language.
            ("# -*- coding: utf-8 -*-\nprint(1)\n", None),
            ("# -*- mode: conf -*-\n", None),
            ("#!/bin/sh\n# -*- mode: ruby -*-\n", None),
            ("# see vim: ft = python\n# prevent: ft=perl\n", None),
            ("1\n2\n3\n# -*- mode: ruby -*-\n", None),
            ("1\n2\n3\n4\n5\n# vim: ft=ruby\n7\n8\n9\n10\n11\n", None),
            ("# vim: ft=\n-*- -*-\n-*-\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = catalogue.modeline(text.as_bytes());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn odd_files_make_no_trouble() {
        let catalogue = Catalogue::shipped();
        let long = "-*- mode: ".repeat(1 << 16);
        let hostile: [&[u8]; 4] = [
            b"\xff\xfe-*- mode: \xff -*-\n",
            b"\r\r\r\n\0# vim: ft=\0\n",
            long.as_bytes(),
            b"# vim: ft=../../etc/passwd\n",
        ];
        for text in hostile {
            assert_eq!(catalogue.modeline(text), None);
        }
    }
}
