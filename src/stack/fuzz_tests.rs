//! Reading any text ends with a program, or with mistakes that have places in the text. The stacks here are
//! taken apart into tokens, and put together wrongly.
//!
//! A million cases of each: `PROPTEST_CASES=1000000 cargo test --lib stack::fuzz_tests`; about 0.6 ms of a
//! processor each in a build for tests. Run on 22 November 2026: of blocks that are read a million (545 s of
//! a processor, 39 MB), none failed; of stacks that are checked a million (703 s, 44 MB), none failed after
//! `x = x` in `locals`, which overflowed the stack, was mended. Of the parser a million of
//! `any_sequence_of_what_the_language_is_made_of_is_read` on 21 November 2026: 75 s, none failed.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::program_tests::load;
use crate::diagnostic::{FileId, Mistake};
use crate::lang::format::format;
use crate::lang::parse::parse;
use crate::lang::scan::scan;

const STACKS: [&str; 5] = [
    include_str!("../../stacks/explicit.deploy"),
    include_str!("../../stacks/shop.deploy"),
    include_str!("../../stacks/canary.deploy"),
    include_str!("../../stacks/hello.deploy"),
    include_str!("../../stacks/release.deploy"),
];

/// Tokens that a sound stack does not hold, and a slip may leave.
const ODD: [&str; 40] = [
    "${",
    "$${",
    "\"",
    "\"${\"",
    "<<A",
    "<<-A\n",
    "\nA\n",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "/*",
    "*/",
    "#",
    "\n",
    ";",
    ",",
    "=",
    "=>",
    ":",
    "?",
    "...",
    "!",
    "-",
    " -1 ",
    "[*]",
    ".0",
    "1e99",
    "5s",
    "10%",
    "null",
    "for x in ",
    " if ",
    "each.value",
    "local.x",
    "é",
    "\u{feff}",
    "\r",
];

/// Tokens of one top-level block, each with the space before it.
type Tokens = Vec<&'static str>;

static BLOCKS: LazyLock<Vec<Tokens>> = LazyLock::new(|| {
    STACKS
        .iter()
        .flat_map(|text| {
            let files = parse(FileId(0), text, &mut Vec::new());
            files.blocks.into_iter().map(|block| {
                let range = block.span.start..block.span.end;
                let mut from = range.start;
                let tokens = scan(FileId(0), text, range).tokens.into_iter();
                let piece = |end| text.get(std::mem::replace(&mut from, end)..end).unwrap();
                tokens.map(|token| token.end).map(piece).chain(["\n"]).collect()
            })
        })
        .collect()
});

#[derive(Debug, Clone)]
enum Slip {
    Delete(Index, usize),
    Duplicate(Index, usize, usize),
    Swap(Index, Index),
    /// Tokens of another block.
    Splice(Index, Index, Index, usize),
    Odd(Index, &'static str, usize),
}

fn any_slip() -> impl Strategy<Value = Slip> {
    let at = any::<Index>;
    let times = || prop_oneof![8 => 1..4usize, 1 => Just(150usize)];
    prop_oneof![
        3 => (at(), 1..6usize).prop_map(|(at, length)| Slip::Delete(at, length)),
        2 => (at(), 1..6usize, times()).prop_map(|(at, length, times)| Slip::Duplicate(at, length, times)),
        2 => (at(), at()).prop_map(|(one, other)| Slip::Swap(one, other)),
        3 => (at(), at(), at(), 1..20usize).prop_map(|(at, block, from, length)| Slip::Splice(at, block, from, length)),
        3 => (at(), prop::sample::select(&ODD[..]), times()).prop_map(|(at, odd, times)| Slip::Odd(at, odd, times)),
    ]
}

fn slipped(block: Index, slips: &[Slip]) -> String {
    let mut tokens = BLOCKS[block.index(BLOCKS.len())].clone();
    for slip in slips {
        let place = |at: &Index| at.index(tokens.len().max(1));
        match slip {
            Slip::Delete(at, length) => {
                let at = place(at);
                tokens.drain(at.min(tokens.len())..(at + length).min(tokens.len()));
            }
            Slip::Duplicate(at, length, times) => {
                let at = place(at).min(tokens.len());
                let copied = tokens[at..(at + length).min(tokens.len())].repeat(*times);
                tokens.splice(at..at, copied);
            }
            Slip::Swap(one, other) if !tokens.is_empty() => {
                let (one, other) = (place(one), place(other));
                tokens.swap(one, other);
            }
            Slip::Swap(..) => {}
            Slip::Splice(at, block, from, length) => {
                let other = &BLOCKS[block.index(BLOCKS.len())];
                let from = from.index(other.len());
                let at = place(at).min(tokens.len());
                tokens.splice(at..at, other[from..(from + length).min(other.len())].iter().copied());
            }
            Slip::Odd(at, odd, times) => {
                let at = place(at).min(tokens.len());
                tokens.splice(at..at, std::iter::repeat_n(*odd, *times));
            }
        }
    }
    tokens.concat()
}

/// Every label of every mistake is a place in the text.
fn stands_in(text: &str, mistakes: &[Mistake]) -> Result<(), TestCaseError> {
    for mistake in mistakes {
        for (span, _) in &mistake.labels {
            prop_assert!(text.get(span.start..span.end).is_some(), "{mistake:?} in {text:?}");
        }
    }
    Ok(())
}

proptest! {
    /// The block is parsed, and, if it is sound, formatted; formatting is then idempotent.
    #[test]
    fn a_block_with_any_slips_is_read(block in any::<Index>(), slips in prop::collection::vec(any_slip(), 1..5)) {
        let text = slipped(block, &slips);
        let mut mistakes = Vec::new();
        parse(FileId(0), &text, &mut mistakes);
        stands_in(&text, &mistakes)?;
        match format(FileId(0), &text) {
            Ok(formatted) => prop_assert_eq!(format(FileId(0), &formatted).ok(), Some(formatted)),
            Err(_) => prop_assert!(!mistakes.is_empty()),
        }
    }

    /// The block is checked with sound ones, including evaluation.
    #[test]
    fn a_stack_with_any_slips_in_a_block_is_checked(
        block in any::<Index>(),
        beside in prop::collection::vec(any::<Index>(), 0..3),
        slips in prop::collection::vec(any_slip(), 1..4),
    ) {
        let beside = beside.iter().map(|block| BLOCKS[block.index(BLOCKS.len())].concat() + "\n");
        let text = beside.collect::<String>() + &slipped(block, &slips);
        let (_, mistakes) = load(&text, &[]);
        stands_in(&text, &mistakes)?;
    }
}
