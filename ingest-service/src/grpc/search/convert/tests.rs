use super::*;

#[track_caller]
fn check(text: &str, wanted: Option<(&str, &str)>) {
    let mapped = |text: &str| mapped(text.parse().unwrap());
    let wanted = wanted.map(|(first, last)| (mapped(first), mapped(last)));
    let told = addresses(text.to_owned()).ok();
    assert_eq!(
        told.map(|range| (range.first, range.last)),
        wanted,
        "{text}"
    );
}

#[test]
fn an_address_or_a_network_is_a_range() {
    check("192.0.2.7", Some(("192.0.2.7", "192.0.2.7")));
    check("192.0.2.7/24", Some(("192.0.2.0", "192.0.2.255")));
    check("10.0.0.0/32", Some(("10.0.0.0", "10.0.0.0")));
    check("0.0.0.0/0", Some(("0.0.0.0", "255.255.255.255")));
    check("2001:db8::5/127", Some(("2001:db8::4", "2001:db8::5")));
    check(
        "::/0",
        Some(("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
    );
    for bad in [
        "",
        "x",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+1",
        "::/129",
        "10.0.0/8",
        "a/8",
    ] {
        check(bad, None);
    }
}

#[test]
fn what_is_asked_for_is_checked() {
    let none = proto::QueryRecordsRequest::default;
    let field = |request| match records(request, None) {
        Ok(_) => "",
        Err(Error::Field { field, .. }) => field,
        Err(other) => panic!("{other}"),
    };
    let text = str::to_owned;
    for (request, wanted) in [
        (none(), ""),
        (
            proto::QueryRecordsRequest {
                kinds: vec![0],
                ..none()
            },
            "kinds",
        ),
        (
            proto::QueryRecordsRequest {
                kinds: vec![99],
                ..none()
            },
            "kinds",
        ),
        (
            proto::QueryRecordsRequest {
                port: 65_536,
                ..none()
            },
            "port",
        ),
        (
            proto::QueryRecordsRequest {
                address: text("x"),
                ..none()
            },
            "address",
        ),
        (
            proto::QueryRecordsRequest {
                host: text("."),
                ..none()
            },
            "host",
        ),
        (
            proto::QueryRecordsRequest {
                host: "x".repeat(1_025),
                ..none()
            },
            "host",
        ),
        (
            proto::QueryRecordsRequest {
                service: text("a%"),
                ..none()
            },
            "service",
        ),
        (
            proto::QueryRecordsRequest {
                community_id: text("2:"),
                ..none()
            },
            "community_id",
        ),
        (
            proto::QueryRecordsRequest {
                severity_min: 9,
                ..none()
            },
            "severity_min",
        ),
    ] {
        assert_eq!(field(request.clone()), wanted, "{request:?}");
    }
}
