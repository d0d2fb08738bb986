//! A program of several pieces of a document, each of them where it stands, and of nothing else.

use std::ops::RangeInclusive;

use crate::line_map::Shift;
use crate::{Cell, Front, LineMap, Program, Runtime};

/// Lines of a document, from 0, that belong to a program.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Which.
    pub lines: RangeInclusive<usize>,
    /// What at their front does not.
    pub front: Front,
}

#[cfg(test)]
impl Piece {
    /// Pieces on these lines, in a quotation.
    pub(crate) fn quoted(of: &[(usize, usize)]) -> Vec<Piece> {
        let piece = |(first, last): &(usize, usize)| Piece {
            lines: *first..=*last,
            front: Front {
                quotes: 1,
                ..Front::default()
            },
        };
        of.iter().map(piece).collect()
    }
}

impl From<&Cell> for Piece {
    fn from(cell: &Cell) -> Piece {
        Piece {
            lines: cell.first..=cell.last,
            front: Front::default(),
        }
    }
}

impl Runtime {
    /// The program of the lines `first` to `last`, from 1, as far as they are in `pieces`, which are all that there is of
    /// `document`, in order.
    pub fn joined(
        &self,
        document: &str,
        pieces: &[Piece],
        (first, last): (u32, u32),
        source: &str,
    ) -> Program {
        let (text, cuts) = cut(document, pieces, |_| "\n");
        let mut program = self.selection(&text, first, last, source);
        program.map.cuts = cuts;
        let session = self.session_flags(document, pieces, (first, last), false);
        program.flags.splice(..0, session);
        program
    }

    /// The program that `document` is as a whole, and then what was typed in `pieces` on the lines `first` to `last`, from 1.
    pub fn behind(&self, document: &str, pieces: &[Piece], (first, last): (u32, u32)) -> Program {
        let (text, cuts) = cut(document, pieces, |line| line);
        let mut flags = self.session_flags(document, pieces, (first, last), true);
        flags.extend(self.flags(&text));
        let map = LineMap {
            cuts,
            ..LineMap::default()
        };
        Program { text, map, flags }
    }

    /// Those of `pieces` of `document` that can be one program with the last: where programs begin in a way of their own,
    /// an earlier piece that does so is another program.
    pub fn together(&self, document: &str, mut pieces: Vec<Piece>) -> Vec<Piece> {
        let rules = &self.definition.selection;
        let own = rules.wrap.iter().map(|wrap| &wrap.unless);
        let own: Vec<_> = own.chain(&rules.complete).collect();
        let own: Vec<_> = own
            .iter()
            .filter_map(|it| regex_lite::Regex::new(it).ok())
            .collect();
        let Some(last) = pieces.pop() else {
            return pieces;
        };
        if !own.is_empty() {
            let lines: Vec<&str> = document.lines().collect();
            let is_own = |piece: &Piece| {
                let mut lines = lines.get(piece.lines.clone()).into_iter().flatten();
                lines.any(|line| own.iter().any(|own| own.is_match(piece.front.strip(line))))
            };
            pieces.retain(|piece| !is_own(piece));
        }
        pieces.push(last);
        pieces
    }
}

/// `document` with the code of `pieces`, and of every other line what `other` leaves of it; and how much went at the front of
/// which line.
fn cut(document: &str, pieces: &[Piece], other: impl Fn(&str) -> &str) -> (String, Vec<Shift>) {
    let mut text = String::with_capacity(document.len());
    let mut cuts = Vec::new();
    let mut rest = pieces.iter().peekable();
    for (number, line) in document.split_inclusive('\n').enumerate() {
        while rest.next_if(|piece| *piece.lines.end() < number).is_some() {}
        match rest.peek().filter(|piece| piece.lines.contains(&number)) {
            Some(piece) => {
                let code = piece.front.strip(line);
                text.push_str(code);
                let by = u32::try_from(line.len() - code.len()).unwrap_or(0);
                let line = u32::try_from(number + 1).unwrap_or(u32::MAX);
                cuts.extend((by > 0).then_some(Shift { line, by }));
            }
            None => text.push_str(other(line)),
        }
    }
    (text, cuts)
}
