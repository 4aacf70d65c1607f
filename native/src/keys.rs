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
use crate::text::Text;

/// The longest text between two values that is learnt.
const LONGEST: usize = 32;
/// So many followers of a key are kept: enough for any order of four keys.
const FOLLOWERS: usize = 4;
/// So many unknown keys are learnt: identifiers as keys must not fill the memory.
const MOST_UNKNOWN: usize = 128;

/// Index of a token.
type Place = u16;
/// Of the token that no text is like.
const NONE: Place = 0;

/// The text between two values.
struct Token {
    low: u128,
    low_mask: u128,
    high: u128,
    high_mask: u128,
    followers: [Place; FOLLOWERS],
    length: usize,
    node: usize,
    action: Action,
}

impl Token {
    /// One that no text is like.
    fn of_no_text(node: usize) -> Self {
        Self {
            low: 1,
            low_mask: 0,
            high: 0,
            high_mask: 0,
            followers: [NONE; FOLLOWERS],
            length: 0,
            node,
            action: Action::Skip,
        }
    }

    /// Of so many bytes, 32 at most.
    fn new(text: Text, at: usize, length: usize, node: usize, action: Action) -> Self {
        let mask = |bytes: usize| if bytes >= 16 { u128::MAX } else { (1 << (8 * bytes)) - 1 };
        let (low_mask, high_mask) = (mask(length), mask(length.saturating_sub(16)));
        let (low, high) = (text.sixteen(at) & low_mask, text.sixteen(at + 16) & high_mask);
        Self { low, low_mask, high, high_mask, followers: [NONE; FOLLOWERS], length, node, action }
    }

    #[inline(always)]
    fn is_at(&self, text: Text, at: usize) -> bool {
        text.sixteen(at) & self.low_mask == self.low
            && (self.length <= 16 || text.sixteen(at + 16) & self.high_mask == self.high)
    }
}

/// What follows a value in an object.
pub enum Next {
    /// What to do with the next value, and where it begins, or blanks before it.
    Key(Action, usize),
    /// Where the object ends.
    End(usize),
}

pub struct Keys<'p> {
    plan: &'p Plan,
    /// For each node first one that stands before its first key, then one that stands for any other key that
    /// is not learnt, then those that are.
    tokens: Vec<Token>,
    places: HashMap<(usize, u128, u128), Place>,
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

    /// What comes there.
    ///
    /// `last` is the place of the key before it; before the first one, the node's index.
    #[inline(always)]
    pub fn next(&mut self, text: Text, at: usize, last: &mut usize, unescaped: &mut Vec<u8>) -> Result<Next, Stop> {
        if text.byte(at) == b'}' {
            return Ok(Next::End(at + 1));
        }
        for place in self.tokens[*last].followers {
            let token = &self.tokens[usize::from(place)];
            if token.is_at(text, at) {
                *last = usize::from(place);
                return Ok(Next::Key(token.action, at + token.length));
            }
            if place == NONE {
                break;
            }
        }
        self.look_up(text, at, last, unescaped)
    }

    #[inline(never)]
    fn look_up(&mut self, text: Text, at: usize, last: &mut usize, unescaped: &mut Vec<u8>) -> Result<Next, Stop> {
        let is_first = *last < self.plan.nodes.len();
        let mut begin = text.skip_blanks(at);
        match text.byte(begin) {
            b'}' => return Ok(Next::End(begin + 1)),
            b',' if !is_first => begin = text.skip_blanks(begin + 1),
            _ if is_first => {}
            _ => return Err(Stop::Syntax),
        }
        if text.byte(begin) != b'"' {
            return Err(Stop::Syntax);
        }
        let key = string::read(text, begin + 1, unescaped)?;
        let colon = text.skip_blanks(key.after);
        if text.byte(colon) != b':' {
            return Err(Stop::Syntax);
        }
        let node = self.tokens[*last].node;
        let action =
            if key.has_lone_surrogate { Action::Skip } else { self.plan.nodes[node].action(key.bytes) };
        let value = text.skip_blanks(colon + 1);
        if value - at <= LONGEST
            && let Some(place) = self.learn(Token::new(text, at, value - at, node, action))
        {
            self.follow(*last, place);
            *last = usize::from(place);
        } else if is_first {
            *last = self.plan.nodes.len() + node;
        }
        Ok(Next::Key(action, value))
    }

    /// The place of the token, if there is room for it.
    fn learn(&mut self, token: Token) -> Option<Place> {
        let key = (token.node, token.low, token.high);
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
