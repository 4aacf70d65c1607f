//! Rows and rejects: what becomes of each item.

use std::ops::Range;

use crate::columns::{Column, Finished, first};
use crate::fault::{Reason, Stop};
use crate::plan::Plan;
use crate::text::Text;

/// A field's value was taken. Any other state is a `Reason`.
const TAKEN: u8 = 0;

/// A rejected item.
#[derive(Debug, PartialEq)]
pub struct Reject {
    pub record: usize,
    pub item: usize,
    pub reason: Reason,
    /// Index of the field at fault; None where the item as a whole is.
    pub field: Option<usize>,
    payload: Payload,
}

#[derive(Debug, PartialEq)]
enum Payload {
    /// The record as it came.
    Record,
    /// Of the text that is being read.
    Text(Range<usize>),
    /// Of the bytes that are kept.
    Kept(Range<usize>),
}

pub struct Rows<'p> {
    plan: &'p Plan,
    pub columns: Vec<Column>,
    states: States,
    /// The row that is being read.
    row: usize,
    room: usize,
    places: Option<Places>,
    rejects: Vec<Reject>,
    kept: Vec<u8>,
    undecided: Vec<usize>,
    /// The record that is being read.
    current: usize,
    /// How many items it has so far.
    items: usize,
    /// Where it begins.
    start: Mark,
}

/// Where each row comes from.
pub struct Places {
    /// The index of its record.
    pub record: Vec<i32>,
    /// Its number in there.
    pub item: Vec<i32>,
}

/// A place to go back to.
#[derive(Clone, Copy, Default)]
pub struct Mark {
    row: usize,
    rejects: usize,
    items: usize,
}

/// All that was read.
pub struct Decoded {
    pub rows: usize,
    pub columns: Vec<Finished>,
    /// None where each record is one row.
    pub places: Option<Places>,
    pub rejects: Vec<Reject>,
    kept: Vec<u8>,
    pub undecided: Vec<usize>,
}

impl<'p> Rows<'p> {
    /// With room for so many rows at first, and one that may not become a row.
    pub fn new(plan: &'p Plan, rows: usize) -> Self {
        let room = rows + 1;
        Self {
            plan,
            columns: plan.fields.iter().map(|field| Column::new(field, room)).collect(),
            states: States::new(plan.fields.len()),
            row: 0,
            room,
            places: None,
            rejects: Vec::new(),
            kept: Vec::new(),
            undecided: Vec::new(),
            current: 0,
            items: 0,
            start: Mark::default(),
        }
    }

    /// The row that is being read.
    #[inline(always)]
    pub fn row(&self) -> usize {
        self.row
    }

    #[inline(always)]
    pub fn begin_record(&mut self, record: usize) {
        self.current = record;
        self.items = 0;
        self.start = self.mark();
    }

    /// The place that is reached.
    #[inline(always)]
    pub fn mark(&self) -> Mark {
        Mark { row: self.row, rejects: self.rejects.len(), items: self.items }
    }

    /// Forget all since then.
    pub fn go_back(&mut self, mark: Mark) {
        self.states.reset();
        self.row = mark.row;
        self.rejects.truncate(mark.rejects);
        self.items = mark.items;
        for column in &mut self.columns {
            column.cut(self.row);
        }
    }

    #[inline(always)]
    pub fn taken(&mut self, field: usize) {
        self.states.set(field, TAKEN);
    }

    #[inline(always)]
    pub fn faulty(&mut self, field: usize, reason: Reason) {
        self.states.set(field, reason as u8);
    }

    /// The value of the field was taken or not.
    pub fn settle(&mut self, field: usize, outcome: Result<(), Reason>) {
        match outcome {
            Ok(()) => self.taken(field),
            Err(reason) => self.faulty(field, reason),
        }
    }

    /// For that reason the fields have no value.
    pub fn set(&mut self, fields: &[usize], reason: Reason) {
        for &field in fields {
            self.states.set(field, reason as u8);
        }
    }

    /// The object in that range of the text becomes a row or a reject, by what was said of its fields.
    #[inline(always)]
    pub fn end_object(&mut self, range: Range<usize>) -> Result<(), Stop> {
        if self.states.are_all_taken() || self.fill(range)? {
            if self.items > 0 || self.places.is_some() {
                self.note_place();
            }
            self.row += 1;
            if self.row == self.room {
                self.grow()?;
            }
        }
        self.states.reset();
        self.count_item()
    }

    /// The item in that range of the text is a reject as a whole.
    pub fn reject(&mut self, reason: Reason, range: Range<usize>) -> Result<(), Stop> {
        self.push_reject(reason, None, Payload::Text(range));
        self.count_item()
    }

    #[inline(never)]
    fn note_place(&mut self) {
        let (row, current, number) = (self.row, self.current, self.items);
        let places = self.places();
        places.record[row] = current as i32;
        places.item[row] = number as i32;
    }

    /// Up to the first record that is not one row, the rows' places need not be noted.
    fn places(&mut self) -> &mut Places {
        let (row, room) = (self.row, self.room);
        self.places.get_or_insert_with(|| {
            let mut record: Vec<i32> = (0..row as i32).collect();
            record.resize(room, 0);
            Places { record, item: vec![0; room] }
        })
    }

    #[inline(always)]
    fn count_item(&mut self) -> Result<(), Stop> {
        self.items += 1;
        if self.items > self.plan.limits.items { Err(Stop::Undecided) } else { Ok(()) }
    }

    /// Complete the row by defaults and nulls: true; or make the item a reject: false.
    #[inline(never)]
    fn fill(&mut self, range: Range<usize>) -> Result<bool, Stop> {
        let states = self.states.now.iter().zip(&self.plan.fields);
        let fault = states.enumerate().find(|(_, (state, field))| {
            **state != TAKEN && !(field.may_be_absent && States::is_absent(**state))
        });
        if let Some((index, (&state, _))) = fault {
            if index > self.plan.first_pattern {
                return Err(Stop::Undecided);
            }
            self.push_reject(States::reason(state), Some(index), Payload::Text(range));
            return Ok(false);
        }
        for (index, field) in self.plan.fields.iter().enumerate() {
            if self.states.now[index] != TAKEN {
                self.columns[index].fill(self.row, field.default.as_ref())?;
            }
        }
        Ok(true)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> Result<(), Stop> {
        if self.room > i32::MAX as usize / 2 {
            return Err(Stop::Overflow);
        }
        self.room *= 2;
        for column in &mut self.columns {
            column.grow(self.room);
        }
        if let Some(places) = &mut self.places {
            places.record.resize(self.room, 0);
            places.item.resize(self.room, 0);
        }
        Ok(())
    }

    fn push_reject(&mut self, reason: Reason, field: Option<usize>, payload: Payload) {
        self.places();
        self.rejects.push(Reject { record: self.current, item: self.items, reason, field, payload });
    }

    /// The record is read to its end: it has so many items.
    #[inline(always)]
    pub fn end_record(&mut self, text: Text) -> usize {
        if self.rejects.len() > self.start.rejects {
            self.keep_payloads(text);
        }
        self.items
    }

    #[inline(never)]
    fn keep_payloads(&mut self, text: Text) {
        for reject in &mut self.rejects[self.start.rejects..] {
            let Payload::Text(range) = &reject.payload else { continue };
            if self.items == 1 {
                reject.payload = Payload::Record;
                continue;
            }
            let start = self.kept.len();
            self.kept.extend_from_slice(&text.bytes()[range.clone()]);
            reject.payload = Payload::Kept(start..self.kept.len());
        }
    }

    /// Nothing of the record counts: it is one reject as a whole.
    #[cold]
    pub fn reject_record(&mut self, reason: Reason) {
        self.go_back(self.start);
        self.push_reject(reason, None, Payload::Record);
    }

    /// Nothing of the record counts: the reference reads it.
    #[cold]
    pub fn leave_record(&mut self) {
        self.go_back(self.start);
        self.places();
        self.undecided.push(self.current);
    }

    /// All that was read.
    pub fn finish(self) -> Decoded {
        let rows = self.row;
        let places = self
            .places
            .map(|places| Places { record: first(places.record, rows), item: first(places.item, rows) });
        Decoded {
            rows,
            columns: self.columns.into_iter().map(|column| column.finish(rows)).collect(),
            places,
            rejects: self.rejects,
            kept: self.kept,
            undecided: self.undecided,
        }
    }
}

impl Decoded {
    /// The reject's own bytes; None: the record as it came.
    pub fn payload(&self, reject: &Reject) -> Option<&[u8]> {
        match &reject.payload {
            Payload::Kept(range) => Some(&self.kept[range.clone()]),
            Payload::Record | Payload::Text(_) => None,
        }
    }
}

/// What is known of each field of the item that is being read, a byte for each; in number a multiple of eight.
struct States {
    now: Vec<u8>,
    fresh: Vec<u8>,
}

impl States {
    fn new(fields: usize) -> Self {
        let mut fresh = vec![Reason::Missing as u8; fields];
        fresh.resize(fields.next_multiple_of(8), TAKEN);
        Self { now: fresh.clone(), fresh }
    }

    #[inline(always)]
    fn set(&mut self, field: usize, state: u8) {
        self.now[field] = state;
    }

    #[inline(always)]
    fn are_all_taken(&self) -> bool {
        self.now.as_chunks().0.iter().all(|eight| u64::from_ne_bytes(*eight) == 0)
    }

    #[inline(always)]
    fn reset(&mut self) {
        for (now, fresh) in self.now.as_chunks_mut::<8>().0.iter_mut().zip(self.fresh.as_chunks().0) {
            *now = *fresh;
        }
    }

    fn is_absent(state: u8) -> bool {
        state == Reason::Missing as u8 || state == Reason::Null as u8
    }

    /// The reason that a state stands for.
    fn reason(state: u8) -> Reason {
        const FIELD_REASONS: [Reason; 9] = [
            Reason::Missing,
            Reason::Null,
            Reason::WrongType,
            Reason::NotFinite,
            Reason::BadString,
            Reason::BadTime,
            Reason::OutOfBounds,
            Reason::TooLong,
            Reason::TimeOutOfBounds,
        ];
        FIELD_REASONS.into_iter().find(|reason| *reason as u8 == state).unwrap_or(Reason::Missing)
    }
}
