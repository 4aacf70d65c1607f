//! What a decoder is to look for: the schema's fields, and the tree of the keys that lead to them.

use crate::time::Encoding;

/// A level costs a call, so deeper texts are left to the reference, whatever the schema allows.
pub const DEEPEST: usize = 512;

pub struct Plan {
    pub fields: Vec<Field>,
    pub limits: Limits,
    /// The first one is the item itself.
    pub nodes: Vec<Node>,
    /// Fields that share a source.
    pub groups: Vec<Vec<usize>>,
    /// The first field with a pattern, which is not checked here: after it only the reference may reject.
    pub first_pattern: usize,
}

pub struct Field {
    pub kind: Kind,
    pub may_be_absent: bool,
    pub default: Option<Default>,
}

#[derive(Clone, Copy)]
pub enum Kind {
    Float64(Floats),
    Float32(Floats),
    Int64(Integers),
    Int32(Integers),
    Bool,
    /// Of so many code points at most.
    String(usize),
    Timestamp(Times),
}

#[derive(Clone, Copy)]
pub struct Floats {
    pub lenient: bool,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy)]
pub struct Integers {
    pub lenient: bool,
    pub min: i64,
    pub max: i64,
}

#[derive(Clone, Copy)]
pub struct Times {
    pub lenient: bool,
    pub encoding: Encoding,
    /// It must lie within bounds of the record's arrival.
    pub is_event_time: bool,
}

/// What stands in for a value that is missing or null.
pub enum Default {
    Float(f64),
    Integer(i64),
    Bool(bool),
    String(String),
}

#[derive(Clone, Copy)]
pub struct Limits {
    pub record_bytes: usize,
    pub inflated_bytes: usize,
    pub items: usize,
    pub depth: usize,
    pub age_ms: Option<i64>,
    pub ahead_ms: Option<i64>,
}

/// An object on the way to fields.
#[derive(Default)]
pub struct Node {
    /// The known keys, in the order of their bytes.
    keys: Vec<(Box<[u8]>, Action)>,
    /// All fields below.
    pub fields: Vec<usize>,
}

/// What to do with a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Skip,
    Field(usize),
    /// Index of a group.
    Fields(usize),
    /// Index of a node.
    Node(usize),
}

impl Plan {
    /// The plan for fields, each with its source; or in words why there can't be one.
    ///
    /// `first_pattern` is the index of the first field with a pattern.
    pub fn new(
        fields: Vec<(Vec<String>, Field)>,
        first_pattern: Option<usize>,
        mut limits: Limits,
    ) -> Result<Self, String> {
        limits.depth = limits.depth.min(DEEPEST);
        let mut plan = Self {
            fields: Vec::new(),
            limits,
            nodes: vec![Node::default()],
            groups: Vec::new(),
            first_pattern: first_pattern.unwrap_or(usize::MAX),
        };
        for (index, (source, field)) in fields.into_iter().enumerate() {
            plan.fields.push(field);
            plan.add_source(index, &source).ok_or_else(|| {
                format!("field {index}: source {source:?} is empty or leads through another")
            })?;
        }
        Ok(plan)
    }

    fn add_source(&mut self, field: usize, source: &[String]) -> Option<()> {
        let (last, path) = source.split_last()?;
        let mut node = 0;
        self.nodes[node].fields.push(field);
        for key in path {
            node = match self.nodes[node].action(key.as_bytes()) {
                Action::Node(inner) => inner,
                Action::Skip => {
                    let inner = self.nodes.len();
                    self.nodes.push(Node::default());
                    self.nodes[node].set(key, Action::Node(inner));
                    inner
                }
                _ => return None,
            };
            self.nodes[node].fields.push(field);
        }
        let action = match self.nodes[node].action(last.as_bytes()) {
            Action::Skip => Action::Field(field),
            Action::Field(other) => {
                self.groups.push(vec![other, field]);
                Action::Fields(self.groups.len() - 1)
            }
            Action::Fields(group) => {
                self.groups[group].push(field);
                Action::Fields(group)
            }
            Action::Node(_) => return None,
        };
        self.nodes[node].set(last, action);
        Some(())
    }

    /// How many keys are known.
    pub fn key_count(&self) -> usize {
        self.nodes.iter().map(|node| node.keys.len()).sum()
    }
}

impl Node {
    /// What to do with the value of that key.
    pub fn action(&self, key: &[u8]) -> Action {
        self.place(key).map_or(Action::Skip, |place| self.keys[place].1)
    }

    fn set(&mut self, key: &str, action: Action) {
        match self.place(key.as_bytes()) {
            Ok(place) => self.keys[place].1 = action,
            Err(place) => self.keys.insert(place, (key.as_bytes().into(), action)),
        }
    }

    fn place(&self, key: &[u8]) -> Result<usize, usize> {
        self.keys.binary_search_by(|(known, _)| known[..].cmp(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { record_bytes: 1, inflated_bytes: 1, items: 1, depth: 9_999, age_ms: None, ahead_ms: None };

    fn plan(sources: &[&str]) -> Result<Plan, String> {
        let fields = sources.iter().map(|source| {
            let source = source.split('.').map(String::from).collect();
            (source, Field { kind: Kind::Bool, may_be_absent: false, default: None })
        });
        Plan::new(fields.collect(), None, LIMITS)
    }

    #[test]
    fn keys_lead_to_fields() {
        let plan = plan(&["b", "a.x", "a.y.z", "b", "a.x", "b"]).unwrap();
        assert_eq!(plan.nodes[0].action(b"b"), Action::Fields(0));
        assert_eq!(plan.groups, [vec![0, 3, 5], vec![1, 4]]);
        let Action::Node(a) = plan.nodes[0].action(b"a") else { panic!() };
        let Action::Node(y) = plan.nodes[a].action(b"y") else { panic!() };
        assert_eq!(plan.nodes[a].action(b"x"), Action::Fields(1));
        assert_eq!(plan.nodes[y].action(b"z"), Action::Field(2));
        assert_eq!(plan.nodes[y].action(b"x"), Action::Skip);
        assert_eq!((&plan.nodes[a].fields, &plan.nodes[y].fields), (&vec![1, 2, 4], &vec![2]));
        assert_eq!((plan.key_count(), plan.limits.depth), (5, DEEPEST));
    }

    #[test]
    fn no_source_leads_through_another() {
        assert!(plan(&["a", "a.b"]).is_err());
        assert!(plan(&["a.b", "a"]).is_err());
        assert!(
            Plan::new(
                vec![(vec![], Field { kind: Kind::Bool, may_be_absent: false, default: None })],
                None,
                LIMITS
            )
            .is_err()
        );
    }
}
