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

/// Decode payloads, each with the time of its arrival in ms (an int64 in the machine's order), if they are known.
pub fn decode<'a>(
    plan: &Plan,
    payloads: impl ExactSizeIterator<Item = &'a [u8]>,
    arrivals: Option<&[[u8; 8]]>,
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
        if let Some(arrivals) = arrivals {
            let ms = i64::from_ne_bytes(arrivals[record]);
            reader.scanner.set_arrival((ms != UNKNOWN_ARRIVAL).then_some(ms));
        }
        reader.read(record, payload)?;
    }
    Ok(reader.scanner.rows.finish())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{Finished, Memory};
    use crate::plan::{Default, Field, Floats, Integers, Kind, Limits, Times};
    use crate::time::Encoding;

    const LIMITS: Limits = Limits {
        record_bytes: 1_000,
        inflated_bytes: 2_000,
        items: 4,
        depth: 4,
        age_ms: Some(60_000),
        ahead_ms: Some(1_000),
    };
    const ARRIVAL_MS: i64 = 1_734_604_200_000;

    fn floats() -> Floats {
        Floats { lenient: true, min: f64::MIN, max: 100.0 }
    }

    /// `t`, the event time; `id`, at most three characters; `a.x`, a float64 of at most 100; `a.n`, an optional
    /// int32; `flag`, true if it is missing.
    fn plan() -> Plan {
        let times = Times { lenient: true, encoding: Encoding::Auto, is_event_time: true };
        let integers = Integers { lenient: true, min: i32::MIN.into(), max: i32::MAX.into() };
        let field = |kind, may_be_absent, default| Field { kind, may_be_absent, default };
        let fields = [
            ("t", field(Kind::Timestamp(times), false, None)),
            ("id", field(Kind::String(3), false, None)),
            ("a.x", field(Kind::Float64(floats()), false, None)),
            ("a.n", field(Kind::Int32(integers), true, None)),
            ("flag", field(Kind::Bool, true, Some(Default::Bool(true)))),
        ];
        let split = |source: &str| source.split('.').map(String::from).collect();
        Plan::new(fields.map(|(source, field)| (split(source), field)).into(), None, LIMITS).unwrap()
    }

    fn decoded(payloads: &[&str]) -> Decoded {
        decode(&plan(), payloads.iter().map(|payload| payload.as_bytes()), None).unwrap()
    }

    fn good(number: usize) -> String {
        format!(
            "{{\"t\":\"2024-12-19T10:30:00Z\",\"id\":\"d{number}\",\"a\":{{\"x\":{number}.5}},\"flag\":false}}"
        )
    }

    /// The column of `a.x`.
    fn numbers(decoded: &Decoded) -> Vec<f64> {
        let Memory::Float64(values) = &decoded.columns[2].values else { panic!() };
        values.clone()
    }

    /// Record, item, reason, field, and the payload if it is not the whole record.
    type Shown = (usize, usize, &'static str, Option<usize>, Option<String>);

    fn rejects(decoded: &Decoded) -> Vec<Shown> {
        let own = |reject| decoded.payload(reject).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        let rejects = decoded.rejects.iter();
        rejects.map(|one| (one.record, one.item, one.reason.code(), one.field, own(one))).collect()
    }

    fn places(decoded: &Decoded) -> Vec<(i32, i32)> {
        let places = decoded.places.as_ref().unwrap();
        places.record.iter().copied().zip(places.item.iter().copied()).collect()
    }

    #[test]
    fn plain_records_become_rows() {
        let payloads = [good(0), good(1), good(2)];
        let decoded = decoded(&payloads.each_ref().map(String::as_str));
        assert_eq!((decoded.rows, decoded.places.is_none(), decoded.undecided.len()), (3, true, 0));
        assert_eq!(numbers(&decoded), [0.5, 1.5, 2.5]);
        let [time, id, _, number, flag] = &decoded.columns[..] else { panic!() };
        assert!(matches!(&time.values, Memory::Int64(ms) if *ms == [ARRIVAL_MS; 3]));
        assert!(matches!(&id.values, Memory::Int32(offsets) if offsets == &[0, 2, 4, 6]));
        assert_eq!(id.data.as_deref(), Some(&b"d0d1d2"[..]));
        assert_eq!(number.validity.as_deref(), Some(&[0][..]));
        assert!(matches!(flag, Finished { validity: None, values: Memory::Bits(bits), .. } if bits == &[0]));
    }

    #[test]
    fn keys_come_in_any_order_and_dress() {
        let object = [r#""t":1734604200"#, r#""id":"d""#, r#""a":{"x":1}"#, r#""flag":true"#];
        let mut payloads = Vec::new();
        for first in 0..4 {
            for second in (0..4).filter(|second| *second != first) {
                for third in (0..4).filter(|third| ![first, second].contains(third)) {
                    let order = [first, second, third, 6 - first - second - third].map(|index| object[index]);
                    payloads.push(format!("{{{}}}", order.join(",")));
                    payloads.push(format!("{{ {} }}", order.join(" , ")));
                    payloads.push(format!("{{\n  {},\"\\u0066lag\" : true\n}}", order.join(",\n  ")));
                    let key = "k".repeat(40);
                    payloads.push(format!(
                        "{{\"{key}\":[1,{{}}],{},\"{key}x\":null}}",
                        order.join(",\"new\":\"\",")
                    ));
                }
            }
        }
        let decoded = decoded(&payloads.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((decoded.rows, decoded.places.is_none()), (payloads.len(), true));
        assert_eq!(numbers(&decoded), vec![1.0; payloads.len()]);
    }

    #[test]
    fn many_unknown_keys_are_skipped() {
        let payloads: Vec<_> = (0..500)
            .map(|number| good(number).replace("\"id\"", &format!("\"k{number}\":{number},\"id\"")))
            .collect();
        let payloads: Vec<_> = payloads.iter().map(String::as_str).collect();
        let decoded = decoded(&payloads[..100]);
        assert_eq!((decoded.rows, decoded.rejects.len()), (100, 0));
    }

    #[test]
    fn the_last_duplicate_wins() {
        let payloads = [
            r#"{"t":1734604200,"id":"d","a":{"x":1,"n":5},"a":{"x":2},"id":"long","id":"e"}"#,
            r#"{"t":1734604200,"id":"d","a":{"x":1},"a":{}}"#,
            r#"{"t":1734604200,"id":"d","a":{"x":1},"a":null}"#,
            r#"{"t":1734604200,"id":"d","a":3,"a":{"x":4}}"#,
            r#"{"t":1734604200,"id":"d","a":{"x":1},"a":[]}"#,
        ];
        let decoded = decoded(&payloads);
        assert_eq!(numbers(&decoded), [2.0, 4.0]);
        assert_eq!(decoded.columns[1].data.as_deref(), Some(&b"ed"[..]));
        assert_eq!(decoded.columns[3].validity.as_deref(), Some(&[0][..]));
        let expected = [
            (1, 0, "missing", Some(2), None),
            (2, 0, "null", Some(2), None),
            (4, 0, "wrong_type", Some(2), None),
        ];
        assert_eq!(rejects(&decoded), expected);
    }

    #[test]
    fn the_first_faulty_field_is_named() {
        for (payload, reason, field) in [
            ("{}", "missing", Some(0)),
            (r#"{"a":7,"t":0}"#, "missing", Some(1)),
            (r#"{"id":"abcd","t":null}"#, "null", Some(0)),
            (r#"{"id":"abcd","t":1734604200}"#, "too_long", Some(1)),
            (r#"{"id":"a\ud800","t":1734604200}"#, "bad_string", Some(1)),
            (r#"{"id":1,"t":"1734604200"}"#, "bad_time", Some(0)),
            (r#"{"id":"a","t":true}"#, "wrong_type", Some(0)),
            (r#"{"id":"a","t":1e999}"#, "not_finite", Some(0)),
            (r#"{"id":"a","t":1734604200,"a":{"x":"inf"}}"#, "not_finite", Some(2)),
            (r#"{"id":"a","t":1734604200,"a":{"x":100.5}}"#, "out_of_bounds", Some(2)),
            (r#"{"id":"a","t":1734604200,"a":{"x":0,"n":1.5}}"#, "wrong_type", Some(3)),
            (r#"{"id":"a","t":1734604200,"a":{"x":0,"n":2147483648}}"#, "out_of_bounds", Some(3)),
            (r#"{"id":"a","t":1734604200,"a":{"x":0},"flag":0}"#, "wrong_type", Some(4)),
            ("[3]", "not_object", None),
            ("nul", "not_json", None),
            ("{\"t\":1734604200,", "not_json", None),
            ("{\"t\":1734604200,}", "not_json", None),
            ("{,\"t\":1734604200}", "not_json", None),
            ("{\"t\":1734604200 \"id\":1}", "not_json", None),
            ("", "empty", None),
            (" \n", "empty", None),
            ("\u{feff}", "empty", None),
            ("[ ]\n[]", "empty", None),
        ] {
            assert_eq!(rejects(&decoded(&[payload])), [(0, 0, reason, field, None)], "{payload}");
        }
        assert_eq!(rejects(&decoded(&[&"x".repeat(1_001)]))[0].2, "too_large");
        assert_eq!(rejects(&decoded(&[&" ".repeat(1_001)]))[0].2, "empty");
        for payload in
            [&b"{\"t\":\"\xff\"}"[..], b"{\"\xff\":1}", b"\xff{}", b"{} \xff", b"{}\n{}\n{\xed\xa0\x80"]
        {
            let decoded = decode(&plan(), std::iter::once(payload), None).unwrap();
            assert_eq!(rejects(&decoded), [(0, 0, "not_utf8", None, None)], "{payload:?}");
        }
    }

    #[test]
    fn bad_items_leave_their_neighbours() {
        let lines = [good(0), "{\"t\":".into(), good(2), "{}".into(), "7".into()];
        let array = format!("[{}, {{}} ,{}]", good(4), good(5));
        let (broken, last) = (lines[..4].join("\n"), lines[2..].join("\n"));
        let decoded = decoded(&[&broken, &good(3), &array, &last]);
        assert_eq!(numbers(&decoded), [0.5, 2.5, 3.5, 4.5, 5.5, 2.5]);
        assert_eq!(places(&decoded), [(0, 0), (0, 2), (1, 0), (2, 0), (2, 2), (3, 0)]);
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            (0, 1, "not_json", None, text("{\"t\":")),
            (0, 3, "missing", Some(0), text("{}")),
            (2, 1, "missing", Some(0), text("{}")),
            (3, 1, "missing", Some(0), text("{}")),
            (3, 2, "not_object", None, text("7")),
        ];
        assert_eq!(rejects(&decoded), expected);
    }

    #[test]
    fn a_broken_array_is_one_reject() {
        let broken = format!("[{},{}", good(0), good(1));
        let decoded = decoded(&[&broken, &good(2)]);
        assert_eq!((numbers(&decoded), rejects(&decoded)), (vec![2.5], vec![(0, 0, "not_json", None, None)]));
    }

    #[test]
    fn what_is_unusual_is_left() {
        let deep = good(0).replace("0.5", "[[[]]]");
        let many = vec![good(1); 5].join("\n");
        let decoded = decoded(&[&good(7), &deep, &many, &good(8), "[[[[[]]]]]"]);
        assert_eq!((decoded.undecided.clone(), numbers(&decoded)), (vec![1, 2, 4], vec![7.5, 8.5]));
        assert_eq!(places(&decoded), [(0, 0), (3, 0)]);
    }

    #[test]
    fn after_a_pattern_only_the_reference_rejects() {
        let mut plan = plan();
        plan.first_pattern = 1;
        let payloads =
            [&b"{\"t\":1734604200,\"id\":\"a\"}"[..], b"{\"t\":1734604200,\"id\":7}", b"{\"id\":7}"];
        let decoded = decode(&plan, payloads.into_iter(), None).unwrap();
        assert_eq!(decoded.undecided, [0]);
        assert_eq!(
            rejects(&decoded),
            [(1, 0, "wrong_type", Some(1), None), (2, 0, "missing", Some(0), None)]
        );
    }

    #[test]
    fn times_are_bound_by_the_arrival() {
        let payload = good(1);
        let ms = [0, 60_000, 60_001, -1_000, -1_001].map(|offset| ARRIVAL_MS + offset);
        let arrivals = [ms[0], ms[1], ms[2], ms[3], ms[4], i64::MAX, i64::MIN].map(i64::to_ne_bytes);
        let payloads = [payload.as_bytes(); 7];
        let decoded = decode(&plan(), payloads.into_iter(), Some(&arrivals)).unwrap();
        assert_eq!(places(&decoded), [(0, 0), (1, 0), (3, 0), (6, 0)], "the last one's arrival is unknown");
        assert!(rejects(&decoded).iter().all(|one| (one.2, one.3) == ("time_out_of_bounds", Some(0))));
    }

    #[test]
    fn columns_grow() {
        let mut plan = plan();
        plan.limits.items = 3_000;
        plan.limits.record_bytes = 1 << 20;
        let payload = format!("[{}]", vec![good(3); 3_000].join(","));
        let decoded = decode(&plan, [payload.as_bytes(); 2].into_iter(), None).unwrap();
        assert_eq!((decoded.rows, numbers(&decoded)), (6_000, vec![3.5; 6_000]));
        assert_eq!(places(&decoded)[5_999], (1, 2_999));
        assert_eq!(decoded.columns[3].validity.as_deref(), Some(&[0; 750][..]));
    }
}
