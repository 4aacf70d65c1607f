//! The decoder on mutated payloads: whatever the bytes, it neither fails nor minds what it decoded before.
//!
//! `FUZZ_ROUNDS` says how many batches; `native/fuzz.sh` runs this with an address sanitizer. That the answers
//! are right is another test's matter: `scripts/fuzz_decode.py` compares them with the reference decoder's.

use crate::columns::{Finished, Memory};
use crate::decode::decode;
use crate::plan::{Default, Field, Floats, Integers, Kind, Limits, Plan, Times};
use crate::rows::Decoded;
use crate::time::Encoding;

struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }

    fn below(&mut self, count: usize) -> usize {
        self.next() % count.max(1)
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

const VALUES: [&str; 52] = [
    "1",
    "-0",
    "0.5",
    "-12.25",
    "1e3",
    "1E-7",
    "1e999",
    "01",
    "1.",
    "-",
    "12345678901234567890123",
    "0.12345678901234567",
    "9223372036854775808",
    "1734604200",
    "1734604200123.5",
    "true",
    "false",
    "null",
    "nul",
    "NaN",
    "\"\"",
    "\"a\"",
    "\"device-1\"",
    "\"\u{fc}\u{1f600}\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"\\u00\"",
    "\"\\n\\\"\"",
    "\"1.5\"",
    "\"inf\"",
    "\"+.5e-3\"",
    "\"2024-12-19T10:30:00Z\"",
    "\"2024-12-19T10:30:00.123Z\"",
    "\"2024-12-19 10:30:00+01:00\"",
    "\"2024-02-30T10:30:00Z\"",
    "\"2024-12-19T10:30:00",
    "{}",
    "[]",
    "{\"x\":1}",
    "{\"x\":{\"x\":2},\"n\":3}",
    "[1,{\"a\":[]}]",
    "{\"x\":1,\"x\":\"2\"}",
    "[[[[[[[[[]]]]]]]]]",
    "\"open",
    "{\"a\"",
    "[1,]",
    "{,}",
    " 1 ",
    "\"\\",
    "\"\t\"",
    "\"\0\"",
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
];
const KEYS: [&str; 12] = [
    "t",
    "id",
    "a",
    "flag",
    "big",
    "f",
    "a key that is longer than what is learnt",
    "x",
    "n",
    "\\u0074",
    "\u{fc}",
    "",
];

fn plan() -> Plan {
    let times = |encoding| Kind::Timestamp(Times { lenient: true, encoding, is_event_time: true });
    let floats = Floats { lenient: true, min: -1e9, max: 1e30 };
    let integers = Integers { lenient: true, min: -5, max: i32::MAX.into() };
    let fields = [
        ("t", times(Encoding::Auto), None),
        ("id", Kind::String(12), Some(Default::String("none".into()))),
        ("a.x", Kind::Float64(floats), None),
        ("a.x", Kind::Int64(integers), None),
        ("a.n", Kind::Int32(integers), Some(Default::Integer(7))),
        ("flag", Kind::Bool, None),
        ("f", Kind::Float32(floats), None),
        ("a key that is longer than what is learnt", times(Encoding::Microseconds), None),
    ];
    let fields = fields.map(|(source, kind, default)| {
        (source.split('.').map(String::from).collect(), Field { kind, may_be_absent: source != "t", default })
    });
    let limits = Limits {
        record_bytes: 700,
        inflated_bytes: 900,
        items: 6,
        depth: 5,
        age_ms: Some(1_000_000_000),
        ahead_ms: None,
    };
    Plan::new(fields.into(), None, limits).unwrap()
}

fn object(random: &mut Random) -> String {
    let order = random.below(3);
    let count = random.below(6);
    let gap = random.one_of(&["", "", "", " ", "\n "]);
    let pairs = (0..count).map(|index| {
        let key = if order == 0 { random.one_of(&KEYS) } else { KEYS[(index * order) % KEYS.len()] };
        let value = match (key, random.below(4)) {
            ("t", 1..) => "\"2024-12-19T10:30:00.5Z\"",
            ("a", 1..) => "{\"x\":1,\"n\":2}",
            ("flag", 1..) => "true",
            _ => random.one_of(&VALUES),
        };
        format!("{gap}\"{key}\":{gap}{value}")
    });
    let pairs: Vec<_> = pairs.collect();
    format!("{{{}{gap}}}", pairs.join(","))
}

fn payload(random: &mut Random) -> Vec<u8> {
    let items: Vec<_> = (0..random.one_of(&[1, 1, 1, 0, 2, 3, 7])).map(|_| object(random)).collect();
    let mut bytes = match random.below(4) {
        0 => format!("[{}]", items.join(",")),
        1 => items.concat(),
        _ => items.join("\n"),
    }
    .into_bytes();
    for _ in 0..random.one_of(&[0, 0, 0, 1, 2, 5]) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            2 if at < bytes.len() => bytes[at] = random.next() as u8,
            3 => bytes.insert(at, random.one_of(b"{}[],:\"\\\n\0 0e-\xff\xed")),
            4 => drop(bytes.drain(at..(at + random.below(9)).min(bytes.len()))),
            _ => bytes.splice(at..at, random.one_of(&VALUES).bytes()).for_each(drop),
        }
    }
    bytes
}

/// What became of each record, in words.
fn shown(decoded: &Decoded, records: usize) -> Vec<Vec<String>> {
    let mut shown = vec![vec![]; records];
    for row in 0..decoded.rows {
        let (record, item) = match &decoded.places {
            Some(places) => (places.record[row] as usize, places.item[row]),
            None => (row, 0),
        };
        let values: Vec<_> = decoded.columns.iter().map(|column| value(column, row)).collect();
        shown[record].push(format!("{item}: {values:?}"));
    }
    for reject in &decoded.rejects {
        let own = decoded.payload(reject).map(<[u8]>::to_vec);
        let (reason, field) = (reject.reason.code(), reject.field);
        shown[reject.record].push(format!("{}: {reason} {field:?} {own:?}", reject.item));
    }
    for &record in &decoded.undecided {
        assert!(shown[record].is_empty(), "it is nowhere else");
        shown[record].push("undecided".into());
    }
    assert!(shown.iter().all(|outcome| !outcome.is_empty()), "of each record there is something");
    shown
}

fn value(column: &Finished, row: usize) -> String {
    let bit = |bits: &[u8]| bits[row / 8] >> (row % 8) & 1;
    if column.validity.as_ref().is_some_and(|bits| bit(bits) == 0) {
        return "null".into();
    }
    match (&column.values, &column.data) {
        (Memory::Int32(offsets), Some(data)) => {
            let bytes = &data[offsets[row] as usize..offsets[row + 1] as usize];
            std::str::from_utf8(bytes).expect("UTF-8").into()
        }
        (Memory::Float64(values), _) => format!("{:?}", values[row]),
        (Memory::Float32(values), _) => format!("{:?}", values[row]),
        (Memory::Int64(values), _) => values[row].to_string(),
        (Memory::Int32(values), _) => values[row].to_string(),
        (Memory::Bits(bits), _) => bit(bits).to_string(),
    }
}

#[test]
fn neighbours_do_not_matter() {
    let plan = plan();
    let rounds = std::env::var("FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..rounds.unwrap_or(if cfg!(miri) { 15 } else { 1_500 }) {
        let mut random = Random(round);
        let payloads: Vec<_> = (0..random.one_of(&[1, 5, 40])).map(|_| payload(&mut random)).collect();
        let ms = [0, 1_734_604_200_000, 1_734_604_199_000 + 1_000_000_000, i64::MIN, i64::MAX];
        let arrivals: Vec<_> = payloads.iter().map(|_| random.one_of(&ms).to_ne_bytes()).collect();
        let arrivals = (random.below(2) == 0).then_some(&arrivals[..]);
        let slices = payloads.iter().map(Vec::as_slice);
        let together = shown(&decode(&plan, slices, arrivals).unwrap(), payloads.len());
        for (record, payload) in payloads.iter().enumerate() {
            let arrival = arrivals.map(|arrivals| &arrivals[record..=record]);
            let alone = decode(&plan, std::iter::once(payload.as_slice()), arrival).unwrap();
            assert_eq!(shown(&alone, 1)[0], together[record], "round {round}: {payload:?}");
        }
    }
}
