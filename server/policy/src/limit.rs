//! The limits by name, and how their values are written: `10s`, `512MiB`, `64`.

use std::time::Duration;

use crate::error::{Wrong, quoted};

/// One limit. As a number, durations are nanoseconds and sizes are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    Wall,
    Cpu,
    Memory,
    Processes,
    OpenFiles,
    FileSize,
    Output,
    Scratch,
}

/// How a limit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Duration,
    Size,
    Count,
}

/// A year. There is no "unlimited", and what is added to a clock must not overflow it.
const LONGEST: u64 = 365 * 24 * 3600 * 1_000_000_000;
/// One pebibyte, so that sizes stay far from the end of what the kernel can count.
const LARGEST: u64 = 1 << 50;
/// The kernel's own upper bound on process ids.
const MOST: u64 = 1 << 22;

impl Limit {
    pub const ALL: [Limit; 8] = [
        Limit::Scratch,
        Limit::Wall,
        Limit::Cpu,
        Limit::Memory,
        Limit::Processes,
        Limit::OpenFiles,
        Limit::FileSize,
        Limit::Output,
    ];

    /// Its key in policy files.
    pub fn key(self) -> &'static str {
        match self {
            Limit::Wall => "limits.wall",
            Limit::Cpu => "limits.cpu",
            Limit::Memory => "limits.memory",
            Limit::Processes => "limits.processes",
            Limit::OpenFiles => "limits.open_files",
            Limit::FileSize => "limits.file_size",
            Limit::Output => "limits.output",
            Limit::Scratch => "files.scratch",
        }
    }

    /// Its name in a request: the last part of the key.
    pub fn name(self) -> &'static str {
        self.key().rsplit('.').next().unwrap_or_default()
    }

    pub fn named(name: &str) -> Option<Limit> {
        Limit::ALL.into_iter().find(|limit| limit.name() == name)
    }

    pub fn unit(self) -> Unit {
        match self {
            Limit::Wall | Limit::Cpu => Unit::Duration,
            Limit::Processes | Limit::OpenFiles => Unit::Count,
            Limit::Memory | Limit::FileSize | Limit::Output | Limit::Scratch => Unit::Size,
        }
    }

    pub fn parse(self, text: &str) -> Result<u64, Wrong> {
        match self.unit() {
            Unit::Duration => duration(text),
            Unit::Size => size(text),
            Unit::Count => {
                let hint = "write a whole number such as `64`";
                let number = text
                    .parse()
                    .map_err(|_| Wrong::new(format!("{} is no number", quoted(text)), hint))?;
                count(number)
            }
        }
    }

    pub fn show(self, value: u64) -> String {
        match self.unit() {
            Unit::Duration => show_duration(value),
            Unit::Size => show_size(value),
            Unit::Count => value.to_string(),
        }
    }
}

pub(crate) fn count(number: i64) -> Result<u64, Wrong> {
    match u64::try_from(number) {
        Ok(number @ 1..=MOST) => Ok(number),
        _ => Err(Wrong::new(
            format!("{number} is not between 1 and {MOST}"),
            "write a whole number such as `64`",
        )),
    }
}

fn duration(text: &str) -> Result<u64, Wrong> {
    let wrong = |what: &str| {
        let hint = "write a number and `ms`, `s`, `min` or `h`, such as `500ms` or `10s`";
        Wrong::new(format!("{} {what}", quoted(text)), hint)
    };
    let (digits, unit) = number_and_unit(text);
    let nanoseconds: u64 = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return Err(wrong("is no duration")),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 3 {
        return Err(wrong("is no duration"));
    }
    let thousandths = 1000 / 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(3));
    let whole: u64 = whole.parse().map_err(|_| wrong("is no duration"))?;
    let fraction: u64 = fraction.parse().map_err(|_| wrong("is no duration"))?;
    match whole.checked_mul(nanoseconds) {
        Some(value) => match value + fraction * thousandths * (nanoseconds / 1000) {
            0 => Err(wrong("leaves no time at all")),
            value if value <= LONGEST => Ok(value),
            _ => Err(wrong("is more than a year")),
        },
        None => Err(wrong("is more than a year")),
    }
}

fn size(text: &str) -> Result<u64, Wrong> {
    let wrong = |what: &str| {
        let hint = "write a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB`, such as `512MiB`";
        Wrong::new(format!("{} {what}", quoted(text)), hint)
    };
    let (digits, unit) = number_and_unit(text);
    let bytes: u64 = match unit {
        "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        _ => return Err(wrong("is no size")),
    };
    let number: u64 = digits.parse().map_err(|_| wrong("is no size"))?;
    match number.checked_mul(bytes) {
        // To the kernel a size of 0 means "as much as you like" in places: it must never get there.
        Some(0) => Err(wrong("leaves no room at all")),
        Some(value) if value <= LARGEST => Ok(value),
        _ => Err(wrong("is more than 1024TiB")),
    }
}

/// Only digits and points are a number here: no sign, no space.
fn number_and_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    (digits, unit.strip_prefix(' ').unwrap_or(unit))
}

fn show_duration(nanoseconds: u64) -> String {
    let milliseconds = Duration::from_nanos(nanoseconds).as_millis();
    match milliseconds {
        n if n % 3_600_000 == 0 => format!("{}h", n / 3_600_000),
        n if n % 60_000 == 0 => format!("{}min", n / 60_000),
        n if n % 1000 == 0 => format!("{}s", n / 1000),
        n => format!("{n}ms"),
    }
}

fn show_size(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (shift, unit) in units {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_as_people_write_them() {
        for (text, value) in [
            ("10s", 10_000_000_000),
            ("10 s", 10_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            ("0.25s", 250_000_000),
            ("2min", 120_000_000_000),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
        ] {
            assert_eq!(Limit::Wall.parse(text), Ok(value), "{text}");
        }
        for (text, value) in [
            ("512MiB", 512 << 20),
            ("512M", 512 << 20),
            ("64KiB", 65536),
            ("3 GiB", 3 << 30),
            ("100B", 100),
        ] {
            assert_eq!(Limit::Memory.parse(text), Ok(value), "{text}");
        }
        assert_eq!(Limit::Processes.parse("64"), Ok(64));
    }

    #[test]
    fn what_is_no_duration_size_or_count_is_refused_with_a_hint() {
        let durations = [
            "", "s", "10", "-1s", "+1s", "1e3s", "1..5s", ".5s", "1.s", "1.0001s",
        ];
        let long = [
            "0s",
            "0.0s",
            "9000h",
            "99999999999999999999s",
            "18446744073709551615h",
        ];
        for text in durations
            .into_iter()
            .chain(long)
            .chain(["10S", "10s ", "1s1s"])
        {
            let wrong = Limit::Cpu.parse(text).expect_err(text);
            assert!(wrong.hint.contains("10s"));
        }
        for text in [
            "",
            "1",
            "MiB",
            "0MiB",
            "1.5GiB",
            "-1B",
            "5MB",
            "5mib",
            "2000TiB",
            "99999999999TiB",
        ] {
            let wrong = Limit::Scratch.parse(text).expect_err(text);
            assert!(wrong.hint.contains("512MiB"));
        }
        for text in [
            "",
            "0",
            "-3",
            "1.5",
            "many",
            "99999999",
            "99999999999999999999",
        ] {
            assert!(Limit::OpenFiles.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_limit_is_found_by_its_name_and_shows_what_it_reads() {
        for limit in Limit::ALL {
            assert_eq!(Limit::named(limit.name()), Some(limit));
            let text = match limit.unit() {
                Unit::Duration => "90s",
                Unit::Size => "96MiB",
                Unit::Count => "7",
            };
            assert_eq!(limit.show(limit.parse(text).unwrap()), text);
        }
        assert_eq!(Limit::named("limits.wall"), None);
    }
}
