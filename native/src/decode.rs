//! Records to rows and rejects.

use crate::fault::{Reason, Stop};
use crate::inflate;
use crate::plan::Plan;
use crate::rows::{Decoded, Rows};
use crate::scanner::Scanner;
use crate::text::{BOM, Scratch, is_all_blank};

/// More than Arrow's 32-bit offsets and indexes reach.
#[derive(Debug)]
pub struct Overflow;

/// Decode payloads, each with the time of its arrival in ms, if they are known.
pub fn decode<'a>(
    plan: &Plan,
    payloads: impl ExactSizeIterator<Item = &'a [u8]>,
    arrivals_ms: Option<&[[u8; 8]]>,
) -> Result<Decoded, Overflow> {
    let records = payloads.len();
    if records > i32::MAX as usize {
        return Err(Overflow);
    }
    let mut reader = Reader {
        plan,
        scanner: Scanner::new(plan, records),
        scratch: Scratch::default(),
        inflated: Vec::new(),
    };
    for (record, payload) in payloads.enumerate() {
        if let Some(arrivals_ms) = arrivals_ms {
            let arrival_ms = i64::from_ne_bytes(arrivals_ms[record]);
            reader.scanner.set_arrival((arrival_ms != UNKNOWN_ARRIVAL).then_some(arrival_ms));
        }
        reader.read(record, payload)?;
    }
    Ok(reader.scanner.rows.finish(records))
}

/// Stands for the arrival of a record of which it is not known.
const UNKNOWN_ARRIVAL: i64 = i64::MIN;

struct Reader<'p> {
    plan: &'p Plan,
    scanner: Scanner<'p>,
    scratch: Scratch,
    inflated: Vec<u8>,
}

impl<'p> Reader<'p> {
    #[inline(always)]
    fn read(&mut self, record: usize, payload: &[u8]) -> Result<(), Overflow> {
        self.rows().begin_record(record);
        match self.items(payload) {
            Ok(()) => {}
            Err(Stop::NotUtf8) => self.rows().reject_record(Reason::NotUtf8),
            Err(Stop::Undecided | Stop::Syntax) => self.rows().leave_record(),
            Err(Stop::Overflow) => return Err(Overflow),
        }
        Ok(())
    }

    fn rows(&mut self) -> &mut Rows<'p> {
        &mut self.scanner.rows
    }

    #[inline(always)]
    fn items(&mut self, payload: &[u8]) -> Result<(), Stop> {
        if payload.len() > self.plan.limits.record_bytes {
            let is_blank = is_all_blank(payload.strip_prefix(BOM).unwrap_or(payload));
            self.rows().reject_record(if is_blank { Reason::Empty } else { Reason::TooLarge });
            return Ok(());
        }
        let bytes = match payload.first() {
            Some(b'{' | b'[') => payload,
            _ => match inflate::text(payload, self.plan.limits.inflated_bytes, &mut self.inflated) {
                inflate::Text::Plain(bytes) | inflate::Text::Inflated(bytes) => bytes,
                inflate::Text::Unsure => return Err(Stop::Undecided),
            },
        };
        let text = self.scratch.load(bytes);
        let start = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        self.scanner.documents(text, start)?;
        if self.scanner.rows.end_record(text) == 0 {
            self.rows().reject_record(Reason::Empty);
        }
        Ok(())
    }
}
