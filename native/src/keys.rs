//! The keys of objects: which one comes next is guessed from what came before, and the guess is checked.
//!
//! Devices of one firmware send their keys in one order, and those of another in another. So after each key
//! the ones that have followed it are kept, each as all of the text between two values: the comma, the key
//! with its quotes, the colon, and the blanks among them. A guess that holds costs one comparison; any other
//! key is read and looked up.

use std::collections::HashMap;

use crate::fault::Stop;
use crate::plan::{Action, Plan};
use crate::string;
use crate::text::{Pattern, Text};

/// The longest text between two values that is learnt.
const LONGEST: usize = 2 * HALF;
const HALF: usize = 16;
/// So many followers of a key are kept: enough for any order of four keys.
const FOLLOWERS: usize = 4;
/// So many unknown keys are learnt: identifiers as keys must not fill the memory.
const MOST_UNKNOWN: usize = 128;

/// Index of a token.
type Place = u16;
/// Of the token that no text is like.
const NONE: Place = 0;

/// The text between two values.
#[repr(align(128))] // found by a shift
struct Token {
    start: Pattern,
    rest: Pattern,
    length: usize,
    followers: [Place; FOLLOWERS],
    node: usize,
    action: Action,
}

impl Token {
    /// One that no text is like.
    fn of_no_text(node: usize) -> Self {
        let (start, rest) = (Pattern::NOTHING, Pattern::NOTHING);
        Self { start, rest, length: 0, followers: [NONE; FOLLOWERS], node, action: Action::Skip }
    }

    /// Of that text, which is not longer than `LONGEST`.
    fn new(text: &[u8], node: usize, action: Action) -> Self {
        let (start, rest) = text.split_at(text.len().min(HALF));
        let (start, rest) = (Pattern::new(start), Pattern::new(rest));
        Self { start, rest, length: text.len(), followers: [NONE; FOLLOWERS], node, action }
    }

    #[inline(always)]
    fn is_at(&self, text: Text, at: usize) -> bool {
        text.is_like(at, &self.start) && (self.length <= HALF || text.is_like(at + HALF, &self.rest))
    }
}

/// A key that was found.
#[derive(Clone, Copy)]
pub struct Key {
    /// By which the next one is guessed.
    pub place: usize,
    /// Where its value begins, or blanks before that.
    pub value: usize,
    pub action: Action,
}

pub struct Keys<'p> {
    plan: &'p Plan,
    /// For each node one that stands before its first key, then for each node one that stands for whatever is
    /// not learnt, then those that are.
    tokens: Vec<Token>,
    places: HashMap<(usize, Pattern, Pattern), Place>,
    most: usize,
    unknown: usize,
}

impl<'p> Keys<'p> {
    pub fn new(plan: &'p Plan) -> Self {
        let nodes = 0..plan.nodes.len();
        let tokens: Vec<_> = nodes.clone().chain(nodes).map(Token::of_no_text).collect();
        // Three times the known keys: each may come first, and some with blanks or escapes.
        let most = (tokens.len() + 3 * plan.key_count() + MOST_UNKNOWN).min(usize::from(Place::MAX));
        Self { plan, tokens, places: HashMap::new(), most, unknown: 0 }
    }

    /// The key that is there, by a guess.
    ///
    /// `last` is the place of the key before it; before the first one, the node's index.
    #[inline(always)]
    pub fn guess(&self, text: Text, at: usize, last: usize) -> Option<Key> {
        for place in self.tokens[last].followers {
            let token = &self.tokens[usize::from(place)];
            if token.is_at(text, at) {
                return Some(Key { place: place.into(), value: at + token.length, action: token.action });
            }
            if place == NONE {
                break;
            }
        }
        None
    }

    /// The key that is there, whatever it is.
    #[inline(never)]
    pub fn look_up(
        &mut self,
        text: Text,
        at: usize,
        last: usize,
        unescaped: &mut Vec<u8>,
    ) -> Result<Key, Stop> {
        let mut begin = text.skip_blanks(at);
        if last >= self.plan.nodes.len() {
            if text.byte(begin) != b',' {
                return Err(Stop::Syntax);
            }
            begin = text.skip_blanks(begin + 1);
        }
        if text.byte(begin) != b'"' {
            return Err(Stop::Syntax);
        }
        let key = string::read(text, begin + 1, unescaped)?;
        let colon = text.skip_blanks(key.after);
        if text.byte(colon) != b':' {
            return Err(Stop::Syntax);
        }
        let node = self.tokens[last].node;
        let action =
            if key.has_lone_surrogate { Action::Skip } else { self.plan.nodes[node].action(key.bytes) };
        let value = text.skip_blanks(colon + 1);
        if value - at <= LONGEST
            && let Some(place) = self.learn(Token::new(text.slice(at, value), node, action))
        {
            self.follow(last, place);
            return Ok(Key { place: place.into(), value, action });
        }
        Ok(Key { place: self.plan.nodes.len() + node, value, action })
    }

    /// The place of the token, if there is room for it.
    fn learn(&mut self, token: Token) -> Option<Place> {
        let key = (token.node, token.start, token.rest);
        if let Some(&place) = self.places.get(&key) {
            return Some(place);
        }
        let is_unknown = token.action == Action::Skip;
        if self.tokens.len() >= self.most || (is_unknown && self.unknown >= MOST_UNKNOWN) {
            return None;
        }
        self.unknown += usize::from(is_unknown);
        let place = self.tokens.len() as Place;
        self.tokens.push(token);
        self.places.insert(key, place);
        Some(place)
    }

    /// Guess it after that one from now on; the youngest guess makes room.
    fn follow(&mut self, last: usize, place: Place) {
        let followers = &mut self.tokens[last].followers;
        if !followers.contains(&place) {
            let free = followers.iter().position(|&follower| follower == NONE);
            followers[free.unwrap_or(FOLLOWERS - 1)] = place;
        }
    }
}
