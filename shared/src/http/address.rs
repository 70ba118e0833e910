//! Which addresses are of the internet, and which are not.
//!
//! After the registries "IPv4 Special-Purpose Address Space" and "IPv6 Special-Purpose Address Space" of IANA (RFC 6890).
//! What is in neither, and in `2000::/3` for IPv6 (RFC 4291, section 2.4), is of the internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The internet.
    Internet,
    /// Some network of somebody's own, or this link.
    Private,
    /// This machine.
    Loopback,
    /// Nobody: no server has such an address.
    Nobody,
}

/// A range of addresses that are not of the internet.
struct Range<A> {
    /// Its first address.
    first: A,
    /// How many of an address's first bits are the same in the whole range.
    bits: u32,
    scope: Scope,
    /// What it is, and where that is written.
    what: &'static str,
}

const fn v4(first: [u8; 4], bits: u32, scope: Scope, what: &'static str) -> Range<Ipv4Addr> {
    let [a, b, c, d] = first;
    Range { first: Ipv4Addr::new(a, b, c, d), bits, scope, what }
}

/// `first` is the first four of the address's groups; the others are zero.
const fn v6(first: [u16; 4], bits: u32, scope: Scope, what: &'static str) -> Range<Ipv6Addr> {
    let [a, b, c, d] = first;
    Range { first: Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), bits, scope, what }
}

const V4: [Range<Ipv4Addr>; 15] = [
    v4([0, 0, 0, 0], 8, Scope::Nobody, "\"this network\" (RFC 1122, section 3.2.1.3)"),
    v4([10, 0, 0, 0], 8, Scope::Private, "a private network (RFC 1918)"),
    v4([100, 64, 0, 0], 10, Scope::Private, "a network behind a provider's NAT (RFC 6598)"),
    v4([127, 0, 0, 0], 8, Scope::Loopback, "this machine itself (RFC 1122, section 3.2.1.3)"),
    // Among them the instance metadata of clouds, 169.254.169.254.
    v4([169, 254, 0, 0], 16, Scope::Private, "link-local (RFC 3927)"),
    v4([172, 16, 0, 0], 12, Scope::Private, "a private network (RFC 1918)"),
    v4([192, 0, 0, 0], 24, Scope::Nobody, "kept for protocols (RFC 6890)"),
    v4([192, 0, 2, 0], 24, Scope::Nobody, "for documentation (RFC 5737)"),
    v4([192, 88, 99, 0], 24, Scope::Nobody, "of 6to4's former relays (RFC 7526)"),
    v4([192, 168, 0, 0], 16, Scope::Private, "a private network (RFC 1918)"),
    v4([198, 18, 0, 0], 15, Scope::Private, "for measuring networks (RFC 2544)"),
    v4([198, 51, 100, 0], 24, Scope::Nobody, "for documentation (RFC 5737)"),
    v4([203, 0, 113, 0], 24, Scope::Nobody, "for documentation (RFC 5737)"),
    v4([224, 0, 0, 0], 4, Scope::Nobody, "multicast (RFC 5771)"),
    // Its last one is the broadcast (RFC 919).
    v4([240, 0, 0, 0], 4, Scope::Nobody, "reserved (RFC 1112, section 4)"),
];

const V6: [Range<Ipv6Addr>; 8] = [
    v6([0x64, 0xff9b, 1, 0], 48, Scope::Private, "a network behind a translator of its own (RFC 8215)"),
    v6([0x2001, 0, 0, 0], 23, Scope::Nobody, "kept for protocols (RFC 2928)"),
    v6([0x2001, 0xdb8, 0, 0], 32, Scope::Nobody, "for documentation (RFC 3849)"),
    v6([0x3fff, 0, 0, 0], 20, Scope::Nobody, "for documentation (RFC 9637)"),
    v6([0xfc00, 0, 0, 0], 7, Scope::Private, "a private network (unique local, RFC 4193)"),
    v6([0xfe80, 0, 0, 0], 10, Scope::Private, "link-local (RFC 4291, section 2.5.6)"),
    v6([0xfec0, 0, 0, 0], 10, Scope::Private, "a private network (site-local, RFC 3879)"),
    v6([0xff00, 0, 0, 0], 8, Scope::Nobody, "multicast (RFC 4291, section 2.7)"),
];

/// How far an address reaches, and what it is where that is not the internet.
///
/// An IPv6 address that stands for one of IPv4 is judged as that.
pub(super) fn scope(address: IpAddr) -> (Scope, &'static str) {
    match address {
        IpAddr::V4(address) => scope_v4(address),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => (Scope::Loopback, "this machine itself (RFC 4291, section 2.5.3)"),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => (Scope::Nobody, "no address (RFC 4291, section 2.5.2)"),
        IpAddr::V6(address) => embedded(address).map_or_else(|| scope_v6(address), scope_v4),
    }
}

fn scope_v4(address: Ipv4Addr) -> (Scope, &'static str) {
    let within = |range: &&Range<Ipv4Addr>| (address.to_bits() ^ range.first.to_bits()).leading_zeros() >= range.bits;
    V4.iter().find(within).map_or((Scope::Internet, ""), |range| (range.scope, range.what))
}

fn scope_v6(address: Ipv6Addr) -> (Scope, &'static str) {
    let within = |range: &&Range<Ipv6Addr>| (address.to_bits() ^ range.first.to_bits()).leading_zeros() >= range.bits;
    match V6.iter().find(within) {
        Some(range) => (range.scope, range.what),
        None if address.to_bits() >> 125 == 1 => (Scope::Internet, ""),
        None => (Scope::Nobody, "reserved (RFC 4291, section 2.4)"),
    }
}

/// The IPv4 address that is reached by an IPv6 address: IPv4-mapped and IPv4-compatible (RFC 4291, section 2.5.5), by the
/// translators of NAT64 (RFC 6052, section 2.1: AWS's, too), by 6to4 (RFC 3056, section 2).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let ([0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..]) =
        address.segments()
    else {
        return None;
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the last of each range, and their neighbours, by the RFC that gives the range.
    #[test]
    fn each_range_is_what_its_rfc_says() {
        use Scope::{Internet, Loopback, Nobody, Private};
        for (rfc, addresses, expected) in [
            ("1122 this network", &["0.0.0.0", "0.255.255.255"][..], Nobody),
            ("1918 10/8", &["10.0.0.0", "10.255.255.255"], Private),
            ("1918 172.16/12", &["172.16.0.0", "172.31.255.255"], Private),
            ("1918 192.168/16", &["192.168.0.0", "192.168.255.255"], Private),
            ("6598 carrier-grade NAT", &["100.64.0.0", "100.127.255.255"], Private),
            ("1122 loopback", &["127.0.0.0", "127.0.0.1", "127.255.255.255"], Loopback),
            ("3927 link-local", &["169.254.0.0", "169.254.169.254", "169.254.255.255"], Private),
            ("6890 protocols", &["192.0.0.0", "192.0.0.255"], Nobody),
            ("5737 documentation", &["192.0.2.1", "198.51.100.1", "203.0.113.1"], Nobody),
            ("7526 6to4 relays", &["192.88.99.1"], Nobody),
            ("2544 benchmarks", &["198.18.0.0", "198.19.255.255"], Private),
            ("5771 multicast", &["224.0.0.0", "239.255.255.255"], Nobody),
            ("1112 reserved, 919 broadcast", &["240.0.0.0", "255.255.255.254", "255.255.255.255"], Nobody),
            (
                "their neighbours",
                &[
                    "1.0.0.0",
                    "9.255.255.255",
                    "11.0.0.0",
                    "100.63.255.255",
                    "100.128.0.0",
                    "126.255.255.255",
                    "128.0.0.0",
                    "169.253.255.255",
                    "169.255.0.0",
                    "172.15.255.255",
                    "172.32.0.0",
                    "192.0.1.0",
                    "192.167.255.255",
                    "192.169.0.0",
                    "198.17.255.255",
                    "198.20.0.0",
                    "223.255.255.255",
                    "8.8.8.8",
                ],
                Internet,
            ),
            ("4291 2.5.2 unspecified", &["::"], Nobody),
            ("4291 2.5.3 loopback", &["::1"], Loopback),
            ("4193 unique local", &["fc00::", "fd00:ec2::254", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], Private),
            ("4291 2.5.6 link-local", &["fe80::1", "febf:ffff::"], Private),
            ("3879 site-local", &["fec0::1", "feff:ffff::"], Private),
            ("4291 2.7 multicast", &["ff00::", "ff02::1", "ffff::"], Nobody),
            ("3849, 9637 documentation", &["2001:db8::1", "2001:db8:ffff::", "3fff::1", "3fff:fff::"], Nobody),
            ("2928 protocols, 4380 Teredo", &["2001::1", "2001:1ff:ffff::"], Nobody),
            ("8215 local translator", &["64:ff9b:1::a00:1", "64:ff9b:1:ffff::"], Private),
            (
                "6666 discard, and what nobody has been given",
                &["100::1", "4000::1", "::1:0:0:0", "64:ff9b:2::"],
                Nobody,
            ),
            ("4291 2.5.5.2 IPv4-mapped", &["::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe"], Private),
            ("4291 2.5.5.2 IPv4-mapped loopback", &["::ffff:127.0.0.1"], Loopback),
            ("4291 2.5.5.1 IPv4-compatible", &["::10.0.0.1"], Private),
            ("6052 NAT64 of private ones", &["64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe"], Private),
            ("6052 NAT64 of loopback", &["64:ff9b::127.0.0.1"], Loopback),
            ("3056 6to4 of private ones", &["2002:a00:1::1", "2002:a9fe:a9fe::", "2002:c0a8:1:2:3:4:5:6"], Private),
            ("6052, 3056, 4291 of the internet", &["64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:8.8.8.8"], Internet),
            ("4291 2.4 global unicast", &["2000::", "2606:4700::1", "2001:200::1", "2003::1", "3ffe::1"], Internet),
        ] {
            for address in addresses {
                let (scope, what) = scope(address.parse().unwrap());
                println!("{address:<40} {scope:?} {what}");
                assert_eq!(scope, expected, "{address}: RFC {rfc}");
                assert_eq!(scope == Internet, what.is_empty(), "{address}");
            }
        }
    }
}
