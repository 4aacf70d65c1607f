//! Why an item is rejected, and why reading stops.

/// The reasons of `iotstream.rejects.Reason` that are found here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    Empty = 1,
    TooLarge,
    NotUtf8,
    NotJson,
    NotObject,
    Missing,
    Null,
    WrongType,
    NotFinite,
    BadString,
    BadTime,
    OutOfBounds,
    TooLong,
    TimeOutOfBounds,
}

impl Reason {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotObject => "not_object",
            Self::Missing => "missing",
            Self::Null => "null",
            Self::WrongType => "wrong_type",
            Self::NotFinite => "not_finite",
            Self::BadString => "bad_string",
            Self::BadTime => "bad_time",
            Self::OutOfBounds => "out_of_bounds",
            Self::TooLong => "too_long",
            Self::TimeOutOfBounds => "time_out_of_bounds",
        }
    }
}

/// Why the reading of a record ends before its text does.
///
/// As large as a position, so that a result of either comes back in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Stop {
    /// What comes is not JSON.
    Syntax,
    /// Something in the text is not UTF-8.
    NotUtf8,
    /// Only the reference can tell.
    Undecided,
    /// More than Arrow's 32-bit offsets and indexes reach: no fault of the record.
    Overflow,
}
