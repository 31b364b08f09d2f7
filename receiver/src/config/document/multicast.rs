//! `multicast` and `multicast_interface`: IPv4 groups that are joined on the socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::Spanned;

use super::super::Multicast;
use super::{Spot, wrong};

/// Groups that one socket may join by default on Linux (`net.ipv4.igmp_max_memberships`).
const GROUPS_MAX: usize = 20;

pub(super) fn check(
    listen: (&Spanned<String>, SocketAddr),
    groups: Option<Spanned<Vec<Spanned<String>>>>,
    interface: Option<Spanned<String>>,
) -> Result<Multicast, Spot> {
    let Some(groups) = groups else {
        return match interface {
            Some(interface) => Err(wrong(&interface, "multicast_interface: needs multicast beside it")),
            None => Ok(Multicast::default()),
        };
    };
    if !(1..=GROUPS_MAX).contains(&groups.get_ref().len()) {
        let found = groups.get_ref().len();
        return Err(wrong(&groups, format!("multicast: found {found} groups, expected 1 to {GROUPS_MAX}")));
    }
    let groups = groups.into_inner().iter().map(group).collect::<Result<Vec<_>, _>>()?;
    // A socket gets what is sent to the address that it is bound to; a group's datagrams are sent to the group.
    let hears = listen.1.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        || groups.iter().all(|&group| listen.1.ip() == IpAddr::V4(group));
    if !hears {
        return Err(wrong(
            listen.0,
            format!("listen: at {} nothing that is sent to a group arrives: use \"0.0.0.0:PORT\"", listen.1),
        ));
    }
    let interface = interface.map_or(Ok(Ipv4Addr::UNSPECIFIED), |interface| parse_interface(&interface))?;
    Ok(Multicast { groups, interface })
}

fn group(group: &Spanned<String>) -> Result<Ipv4Addr, Spot> {
    let parsed = group.get_ref().parse().ok().filter(Ipv4Addr::is_multicast);
    parsed.ok_or_else(|| {
        let found = group.get_ref().escape_debug();
        wrong(group, format!("multicast: \"{found}\" is not an IPv4 group such as \"239.1.2.3\""))
    })
}

fn parse_interface(interface: &Spanned<String>) -> Result<Ipv4Addr, Spot> {
    interface.get_ref().parse().map_err(|_| {
        let found = interface.get_ref().escape_debug();
        wrong(
            interface,
            format!("multicast_interface: \"{found}\" is not an IPv4 address of this machine such as \"192.168.7.1\""),
        )
    })
}
