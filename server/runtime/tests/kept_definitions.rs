//! What a selection uses of the document's definitions stays with it, and what that uses, and nothing else.

use belljar_runtime::Catalogue;

/// A document in which `@` marks the lines that are to stay, and `>` those that are selected.
const DOCUMENTS: &[(&str, &str)] = &[
    (
        "clojure",
        "@(ns demo
@  (:require [clojure.string :as str])
@  (:import (java.util Date)))
@(defmulti area :shape)
@(defmethod area :square [it] (* (:side it) (:side it)))
@(defmethod area :circle [it]
@  (* 3 (:radius it)))
 (defn areas [all]
   (map area all))
 (println \"not selected\")
>(println (area {:shape :square :side 2}))",
    ),
    (
        "commonlisp",
        "@(defstruct point
@  x y)
@(defun norm (it)
@  \"Says how far.
@Goes on at the margin.\"
@  (+ (point-x it) (point-y it)))
 (defun normal (it) (norm it))
 (print \"not selected\")
>(print (norm (make-point :x 1 :y 2)))",
    ),
    (
        "scheme",
        "@(use-modules (srfi srfi-1)
@             (srfi srfi-9))
@(define-record-type <point>
@  (make-point x y)
@  point?
@  (x point-x)
@  (y point-y))
@(define (twice n) (* 2 n))
 (define (twice-as-much n) (twice n))
 (display \"not selected\")
>(display (twice (point-x (make-point 1 2))))",
    ),
    (
        "racket",
        "@#lang racket
@(struct point (x y)
@  #:transparent)
@(define (twice n)
@  (* 2 n))
 (define (other n) n)
 (displayln \"not selected\")
>(displayln (twice (point-x (point 1 2))))",
    ),
    (
        "crystal",
        "@require \"json\"
@record Point, x : Int32
 alias Numbers = Array(Int32)
@def even?(n)
@  n % 2 == 0
@end
@class Counter
@  def self.count(list)
@    list.count { |it| even?(it.x) }
@  end
@end
 def unused
   Counter
 end
 puts \"not selected\"
>puts Counter.count([Point.new(2)])",
    ),
    (
        "elixir",
        "@defmodule Shapes.Square do
@  defstruct [:side]
@end
@defprotocol Area do
@  def of(shape)
@end
@defimpl Area, for: Shapes.Square do
@  def of(it), do: it.side * it.side
@end
 defmodule Unused do
 end
 IO.puts(\"not selected\")
>IO.puts(Area.of(struct(Shapes.Square, side: 2)))",
    ),
    (
        "haskell",
        "@import Data.List (sort,
@                  nub)
@data Shape = Square Int
@           | Dot
@area :: Shape -> Int
@area (Square side) = side * side
@area Dot = 0
 unused :: Int
 unused = area Dot
>main = print (area (Square 2))",
    ),
    (
        "nim",
        "@import std/strutils
@type
@  Point = object
@    x: int
@proc twice(n: int): int =
@  2 * n
@
@proc twice(text: string): string =
@  text & text
 proc unused() =
   echo twice(1)
 echo \"not selected\"
>echo twice(Point(x: 2).x), twice(\"a\")",
    ),
    (
        "ocaml",
        "@open Printf
@type 'a tree =
@  | Leaf
@  | Node of 'a tree * 'a * 'a tree
@let rec insert x = function
@  | Leaf -> Node (Leaf, x, Leaf)
@  | Node (l, y, r) -> if x < y then Node (insert x l, y, r) else Node (l, y, insert x r)
@and unneeded () = ()
 let inserted = 1
 let () = print_endline \"not selected\"
 let _ = insert
>let (tree : int tree) = insert 1 Leaf",
    ),
    (
        "sml",
        "@datatype 'a tree = Leaf
@  | Node of 'a tree * 'a * 'a tree
@fun size Leaf = 0
@  | size (Node (l, _, r)) = 1 + size l + size r
 fun unused () = size Leaf
 val () = print \"not selected\"
>val () = print (Int.toString (size (Leaf : int tree)))",
    ),
    (
        "raku",
        "@enum Colour <Red Green>;
@multi sub twice(Int $n) {
@    2 * $n
@}
@multi twice(Str $text) { $text ~ $text }
 sub unused() { twice(1) }
 say 'not selected';
>say twice(2), twice('a'), Colour;",
    ),
    (
        "r",
        "@library(stats)
@twice <- function(x)
@{
@  2 * x
@}
@each <- function(xs) {
@  sapply(xs, twice)
@}
 eachother <- function(x) each(x)
 print(\"not selected\")
>print(each(1:2))",
    ),
    (
        "octave",
        "@pkg load statistics
@function r = twice(n)
@r = 2 * n;
@end
 function r = unused(n)
 r = twice(n);
 end
 disp(\"not selected\")
>disp(twice(2))",
    ),
    (
        "prolog",
        "@:- use_module(library(lists)).
@twice(N, R) :-
@    double(N, R).
@double(N, R) :- R is 2 * N.
 unused(N) :- twice(N, _).
>:- twice(2, R), print(R).",
    ),
];

#[test]
fn what_is_used_stays_with_what_it_uses() {
    let catalogue = Catalogue::shipped();
    for (id, marked) in DOCUMENTS {
        let runtime = catalogue
            .by_id(id)
            .unwrap_or_else(|| panic!("{id} is shipped"));
        let lines: Vec<(&str, &str)> = marked
            .lines()
            .map(|line| line.split_at(line.len().min(1)))
            .collect();
        let document: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        let numbered = |mark: &str| -> Vec<u32> {
            let marked = lines.iter().zip(1..);
            let marked = marked.filter(|((one, line), _)| *one == mark && !line.trim().is_empty());
            marked.map(|(_, number)| number).collect()
        };
        let selected = numbered(">");
        let (first, last) = (selected[0], selected[selected.len() - 1]);
        let program = runtime.selection(&document, first, last, "/project/a");
        let is_rest = |number: &u32| !selected.contains(number);
        let kept = program.text.lines().zip(1..);
        let kept = kept.filter(|(line, _)| !line.trim().is_empty());
        let kept: Vec<u32> = kept.map(|(_, number)| number).filter(is_rest).collect();
        assert_eq!(kept, numbered("@"), "{id}: {}", program.text);
    }
}

#[test]
fn a_document_of_nothing_but_definitions_is_cut_in_time() {
    let mut document = String::new();
    for number in 0..20_000 {
        document.push_str(&format!(
            "(define (f{number}) (f{}))\n",
            (number + 7_919) % 20_000
        ));
    }
    document.push_str("(f1)\n");
    let catalogue = Catalogue::shipped();
    let runtime = catalogue.by_id("scheme").expect("it is shipped");
    let started = std::time::Instant::now();
    let program = runtime.selection(&document, 20_001, 20_001, "/project/a");
    let took = started.elapsed();
    assert!(program.text.contains("(define (f1) "));
    assert!(took.as_secs() < 20, "{took:?}");
}
