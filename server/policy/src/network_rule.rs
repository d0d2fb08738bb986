//! One thing that a program may connect to, in one canonical form: every reader of a rule or of a target must come
//! through here, so that no second reading of the same text can disagree with the first.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::{Wrong, quoted};

/// Whom a rule is about. What is in here is canonical.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkHost {
    /// A host by its name: small letters, no final dot.
    Name(String),
    /// Every host below a name, at any depth, but not the name itself: `*.example.com`.
    Below(String),
    /// An address. An IPv4 address mapped into IPv6 is that IPv4 address.
    Address(IpAddr),
    /// All addresses that begin with the same bits. The other bits are zero; IPv4 and IPv6 never mix.
    Range(IpAddr, u8),
}

/// A host or addresses, and a port: `example.com:443`, `*.example.com:443`, `192.0.2.1:80`, `[2001:db8::1]:80`,
/// `10.0.0.0/8:5432`, `[2001:db8::/32]:443`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkRule {
    host: NetworkHost,
    port: u16,
}

impl NetworkRule {
    /// Whom it is about.
    pub fn host(&self) -> &NetworkHost {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether everything that `other` allows is allowed by this rule too. A name and an address never cover each
    /// other, whatever the name resolves to.
    pub fn covers(&self, other: &NetworkRule) -> bool {
        use NetworkHost::{Address, Below, Name, Range};
        self.port == other.port
            && match (&self.host, &other.host) {
                (Below(suffix), Name(name)) => is_below(name, suffix),
                (Below(suffix), Below(name)) => name == suffix || is_below(name, suffix),
                (Range(network, bits), Address(address)) => {
                    first_bits(*address, *bits) == Some(*network)
                }
                (Range(network, bits), Range(inner, inner_bits)) => {
                    inner_bits >= bits && first_bits(*inner, *bits) == Some(*network)
                }
                (mine, theirs) => mine == theirs,
            }
    }

    pub(crate) fn parse(text: &str) -> Result<NetworkRule, Wrong> {
        let wrong = |what: String| {
            let hint = "write `host:port`, such as `example.com:443`, `*.example.com:443`, `192.0.2.1:80`, \
                        `10.0.0.0/8:5432` or `[2001:db8::1]:443`";
            Wrong::new(format!("{} {what}", quoted(text)), hint)
        };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest
                .split_once("]:")
                .ok_or_else(|| wrong("has no `]:` before its port".into()))?,
            None => text
                .rsplit_once(':')
                .ok_or_else(|| wrong("has no port".into()))?,
        };
        let host = if text.starts_with('[') {
            ipv6(host).map_err(wrong)?
        } else {
            name_or_ipv4(host).map_err(wrong)?
        };
        // In one form only: `parse` alone would take a sign and leading zeros.
        let port = match port.parse::<u16>() {
            Ok(number @ 1..) if number.to_string() == port => number,
            _ => return Err(wrong("does not end in a port from 1 to 65535".into())),
        };
        Ok(NetworkRule { host, port })
    }
}

impl FromStr for NetworkRule {
    type Err = String;

    fn from_str(text: &str) -> Result<NetworkRule, String> {
        NetworkRule::parse(text).map_err(|wrong| wrong.message)
    }
}

impl fmt::Display for NetworkRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            NetworkHost::Name(name) => write!(f, "{name}:{port}"),
            NetworkHost::Below(suffix) => write!(f, "*.{suffix}:{port}"),
            NetworkHost::Address(address @ IpAddr::V4(_)) => write!(f, "{address}:{port}"),
            NetworkHost::Address(address @ IpAddr::V6(_)) => write!(f, "[{address}]:{port}"),
            NetworkHost::Range(network @ IpAddr::V4(_), bits) => {
                write!(f, "{network}/{bits}:{port}")
            }
            NetworkHost::Range(network @ IpAddr::V6(_), bits) => {
                write!(f, "[{network}/{bits}]:{port}")
            }
        }
    }
}

/// `name` ends in `.suffix`, both canonical.
fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .is_some_and(|rest| rest.ends_with('.'))
}

/// `address` with all but its first `bits` bits cleared; `None` if it has fewer.
fn first_bits(address: IpAddr, bits: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let cleared = 32_u32.checked_sub(bits.into())?;
            let mask = u32::MAX.checked_shl(cleared).unwrap_or(0);
            Some(Ipv4Addr::from_bits(address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let cleared = 128_u32.checked_sub(bits.into())?;
            let mask = u128::MAX.checked_shl(cleared).unwrap_or(0);
            Some(Ipv6Addr::from_bits(address.to_bits() & mask).into())
        }
    }
}

fn ipv6(text: &str) -> Result<NetworkHost, String> {
    let (address, bits) = address_and_bits(text)?;
    let address: Ipv6Addr = address
        .parse()
        .map_err(|_| "has no IPv6 address between its brackets".to_string())?;
    match (address.to_ipv4_mapped(), bits) {
        (Some(mapped), None) => Ok(NetworkHost::Address(mapped.into())),
        (Some(mapped), Some(bits @ 96..=128)) => range(mapped.into(), bits - 96, 32),
        (None, None) => Ok(NetworkHost::Address(address.into())),
        (_, Some(bits)) => range(address.into(), bits, 128),
    }
}

fn name_or_ipv4(text: &str) -> Result<NetworkHost, String> {
    if !text.is_ascii() {
        return Err("has letters outside ASCII: write the name as DNS has it, with `xn--`".into());
    }
    let text = text.to_ascii_lowercase();
    let (address, bits) = address_and_bits(&text)?;
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        return match bits {
            None => Ok(NetworkHost::Address(address.into())),
            Some(bits) => range(address.into(), bits, 32),
        };
    }
    if bits.is_some() {
        return Err("has a `/` behind something that is no IPv4 address".into());
    }
    match text.strip_prefix("*.") {
        Some(suffix) => Ok(NetworkHost::Below(host_name(suffix)?)),
        None => Ok(NetworkHost::Name(host_name(&text)?)),
    }
}

fn address_and_bits(text: &str) -> Result<(&str, Option<u8>), String> {
    let Some((address, digits)) = text.split_once('/') else {
        return Ok((text, None));
    };
    match digits.parse::<u8>() {
        Ok(bits) if bits.to_string() == digits => Ok((address, Some(bits))),
        _ => Err("has no number of bits behind its `/`".into()),
    }
}

fn range(address: IpAddr, bits: u8, width: u8) -> Result<NetworkHost, String> {
    match first_bits(address, bits) {
        None => Err(format!("has more than {width} bits behind its `/`")),
        Some(network) if network != address => Err(format!(
            "is no range: one of {bits} bits begins at `{network}`"
        )),
        Some(_) if bits == width => Ok(NetworkHost::Address(address)),
        Some(network) => Ok(NetworkHost::Range(network, bits)),
    }
}

/// A name of letters, digits, `-` and `_` (which DNS allows and containers use), without its final dot.
fn host_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return Err("has no host".into());
    }
    if name.len() > 253 {
        return Err("has a host name of more than 253 letters".into());
    }
    for label in name.split('.') {
        let letters = label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if label.is_empty()
            || label.len() > 63
            || !letters
            || label.starts_with('-')
            || label.ends_with('-')
        {
            return Err(format!(
                "has no host name: {} cannot be a part of one",
                quoted(label)
            ));
        }
    }
    // `127.1`, `0x7f.1` and `2130706433` are addresses to some programs and names to others.
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    if hexadecimal || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(
            "is an address in an odd form: write it as four numbers with dots between".into(),
        );
    }
    Ok(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> NetworkRule {
        NetworkRule::parse(text).unwrap_or_else(|wrong| panic!("{text}: {}", wrong.message))
    }

    #[test]
    fn a_rule_is_shown_in_its_canonical_form() {
        for (text, canonical) in [
            ("example.com:443", "example.com:443"),
            ("Example.COM.:443", "example.com:443"),
            ("*.Example.com:443", "*.example.com:443"),
            ("db_1:5432", "db_1:5432"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("192.0.2.1/32:80", "192.0.2.1:80"),
            ("10.0.0.0/8:5432", "10.0.0.0/8:5432"),
            ("0.0.0.0/0:443", "0.0.0.0/0:443"),
            ("[2001:DB8:0:0::1]:443", "[2001:db8::1]:443"),
            ("[2001:db8::/32]:443", "[2001:db8::/32]:443"),
            ("[::/0]:443", "[::/0]:443"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1:80"),
            ("[::ffff:10.0.0.0/104]:80", "10.0.0.0/8:80"),
            ("xn--bcher-kva.example:80", "xn--bcher-kva.example:80"),
            ("0x7f.1.example.com:80", "0x7f.1.example.com:80"),
        ] {
            assert_eq!(rule(text).to_string(), canonical);
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for text in [
            "",
            ":",
            ":443",
            "example.com",
            "example.com:",
            "example.com:0",
            "example.com:65536",
            "example.com:+1",
            "example.com:080",
            "example.com:443 ",
            " example.com:443",
            "example.com:4\u{0}43",
            "ex\0ample.com:443",
            "example%00.com:443",
            "exam%70le.com:443",
            "example..com:443",
            ".example.com:443",
            "example.com..:443",
            "-a.com:443",
            "a-.com:443",
            "*:443",
            "*.:443",
            "*example.com:443",
            "a.*.com:443",
            "*.*.com:443",
            "bücher.example:443",
            "ex\u{ff41}mple.com:443",
            "user@example.com:443",
            "http://example.com:443",
            "example.com/path:443",
            "0x7f.1:80",
            "0x7f000001:80",
            "127.1:80",
            "2130706433:80",
            "0177.0.0.1:80",
            "127.0.0.1.:80",
            "1.2.3.4.5:80",
            "1.2.3.256:80",
            "01.2.3.4:80",
            "*.1.2.3.4:80",
            "a.0x:80",
            "10.0.0.1/8:80",
            "10.0.0.0/33:80",
            "10.0.0.0/08:80",
            "10.0.0.0/:80",
            "10.0.0.0/+8:80",
            "::1:80",
            "2001:db8::1:443",
            "[::1]",
            "[::1]443",
            "[::1%eth0]:80",
            "[192.0.2.1]:80",
            "[example.com]:80",
            "[2001:db8::1/32]:443",
            "[::/129]:443",
            "[::1]]:80",
            "[[::1]:80",
            "example.com:443\n",
            "a b:80",
        ] {
            assert!(NetworkRule::parse(text).is_err(), "{text:?} was taken");
        }
        assert!(NetworkRule::parse(&format!("{}:1", "a".repeat(64))).is_err());
        assert!(NetworkRule::parse(&format!("{}a:1", "a.".repeat(127))).is_err());
    }

    #[test]
    fn a_rule_covers_what_it_says_and_no_more() {
        for (wide, narrow) in [
            ("*.example.com:443", "api.example.com:443"),
            ("*.example.com:443", "a.b.example.com:443"),
            ("*.example.com:443", "*.api.example.com:443"),
            ("10.0.0.0/8:80", "10.1.2.3:80"),
            ("10.0.0.0/8:80", "10.1.0.0/16:80"),
            ("0.0.0.0/0:80", "192.0.2.1:80"),
            ("[2001:db8::/32]:80", "[2001:db8::1]:80"),
        ] {
            assert!(rule(wide).covers(&rule(narrow)), "{wide} {narrow}");
            assert!(!rule(narrow).covers(&rule(wide)), "{narrow} {wide}");
            assert!(rule(wide).covers(&rule(wide)));
        }
        for (one, other) in [
            ("*.example.com:443", "example.com:443"),
            ("*.example.com:443", "badexample.com:443"),
            ("*.example.com:443", "api.example.com:80"),
            ("10.0.0.0/8:80", "11.0.0.1:80"),
            ("[::/0]:80", "10.0.0.1:80"),
            ("0.0.0.0/0:80", "[::1]:80"),
            ("0.0.0.0/0:80", "example.com:80"),
        ] {
            assert!(!rule(one).covers(&rule(other)), "{one} {other}");
            assert!(!rule(other).covers(&rule(one)), "{other} {one}");
        }
    }
}
