use base64::{Engine as _, engine::general_purpose::STANDARD};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// Made by OpenSSL 3.0: `req -x509`, P-256, self-signed.
const AUTHORITY: &str = "
MIICADCCAaagAwIBAgIUOUNgeedfApuUo/rU8Zvz8IlHTb8wCgYIKoZIzj0EAwIwOjELMAkGA1UEBhMCQ1oxFzAV
BgNVBAoMDldlaXIgcMWZw61rbGFkMRIwEAYDVQQDDAl3ZWlyLnRlc3QwHhcNMjYxMTI4MTQwNTU0WhcNMzYxMTI1
MTQwNTU0WjA6MQswCQYDVQQGEwJDWjEXMBUGA1UECgwOV2VpciBwxZnDrWtsYWQxEjAQBgNVBAMMCXdlaXIudGVz
dDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABP+JVn6Bc3GN/k7sZjMmA00ZUyawpboYMa4gxntgsK7VybqnWh8i
JDfJpZWmukPxPymGU/uS3mtRKZF/pLcOCKKjgYkwgYYwHQYDVR0OBBYEFJ2d03x6yskgbDXf/jnyTDL26pptMB8G
A1UdIwQYMBaAFJ2d03x6yskgbDXf/jnyTDL26pptMA8GA1UdEwEB/wQFMAMBAf8wMwYDVR0RBCwwKoILKi53ZWly
LnRlc3SHBMAAAgKHECABDbgAAAAAAAAAAAAAAAKBA2FAYjAKBggqhkjOPQQDAgNIADBFAiAwEv2IZ0nYZTJIrOM8
TQsPKeokGjQaovI8OFCXqXBWSwIhAMnXeP8JmjSRBbbWxQa5mU0RuACoUR6g6ZQ9pkQsNxRy";

/// Signed by the authority: RSA, 1,024 bits, version 1.
const LEAF: &str = "
MIIBhDCCASsCBAChssMwCgYIKoZIzj0EAwIwOjELMAkGA1UEBhMCQ1oxFzAVBgNVBAoMDldlaXIgcMWZw61rbGFk
MRIwEAYDVQQDDAl3ZWlyLnRlc3QwHhcNMjYxMTI4MTQwNTU0WhcNMjYxMjI4MTQwNTU0WjAZMRcwFQYDVQQDDA5s
ZWFmLndlaXIudGVzdDCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAvo73He7hiq2x1IjD6aGFQwDf4n+T4hPG
kl+SwbU+WjtWOJ00V5CQykYtASrCpZHJoz2dPuqppNHfiwkvfPmBQ9+sxNJQcNTDFJmazgux6p4V5TqCqZJnaS27
3+mQWOHh2JpJp8BhYl0mSkeCqENgzvKk8Ro5RZy6V9obIIkgchkCAwEAATAKBggqhkjOPQQDAgNHADBEAiBFctTU
IW+mlMhyW2L+zTrUG9oLd6ZNRrRswxW8vKFq2wIgaqs3MHqcZswHR6Hw2Nl8xlnvG6/KBo1eGfIViArkg7U=";

/// Made by OpenSSL 3.0: DSA of 1,024 bits; RSASSA-PSS of 1,024 bits, signed with its default hash,
/// SHA-1; P-521, signed with SHA-1.
const DSA: &str = "
MIICzjCCAnugAwIBAgIUUP2hIMjJB7TfRS46LHubCq8OXeUwCwYJYIZIAWUDBAMCMAwxCjAIBgNVBAMMAWEwHhcNMjYx
MjAxMTU1ODM4WhcNMjYxMjMxMTU1ODM4WjAMMQowCAYDVQQDDAFhMIIBvjCCATMGByqGSM44BAEwggEmAoGBAJnPB0PN
8XXBkSscopwkVN/QC2qfYm6f+NzrPRU35cuUzVpT3Q7d1vN8h0Co8Der1houxKl1DuR5huh+Q0aXrp6B4gmZDa+2W7Jt
BHCeQG9xVcqHeqO4BVGWeccJzOovn59CTyCzTdBl183CYu52TEUDKsmLfK/6HgGw5wCO8qivAh0A1EilcUrCwXnl+49O
RLuMmAGiCGZPkUnHVdpCTQKBgHHE1KU2L1yTMyFPxQldxlFjjS28UYqzekGIFnm6thpUY5LZuX29+Vtsuxdp7mU+PoNt
2j1LXrOW/jRs9EPfpl488jZQn3noUyraOQQmfbGYLIq6u/173rHgUBF6QwFRFDBoaBDebfI6d1TalYMyAlBzfAA4DRy8
jY2D1QL1aGhPA4GEAAKBgGCH+RJhdo/h165naMFN/75AwEjx6X7+hozg65lsf/mhxn40svF3SGoAzlUo3nRatKQicfSH
XOUvuLaZy/4FNv/aUdiU/RXpFrDisPs+Y76vEQoevC7q/VdqIjhJXM2kD485J6ZkExJJoAMZ7Zuq3fmS/A7D5scffQWP
wglL3pOjo1MwUTAdBgNVHQ4EFgQUwijm6QJJbrGIQ82+IHqSgD96qcQwHwYDVR0jBBgwFoAUwijm6QJJbrGIQ82+IHqS
gD96qcQwDwYDVR0TAQH/BAUwAwEB/zALBglghkgBZQMEAwIDQAAwPQIdAJ4a5VuAG2rOEqrwr7G9By62tj2a1VCwyBUy
5zgCHAXyuaDDrsSilpuefd448uA0LJWh3vcd8lWiKSs=";
const PSS: &str = "
MIIB/DCCAWCgAwIBAgIUBjwotOnwSDBfA9sXPFYgNfzkReowEgYJKoZIhvcNAQEKMAWiAwIBajAMMQowCAYDVQQDDAFi
MB4XDTI2MTIwMTE1NTgzOFoXDTI2MTIzMTE1NTgzOFowDDEKMAgGA1UEAwwBYjCBnTALBgkqhkiG9w0BAQoDgY0AMIGJ
AoGBALH/ZAFlii1OAyV3RpBvGX/SexvAOnuaHaeV1vJsQnTBipRUyhIBg99w2mMR3+mHaXswtJH4ra6tXj8MZNXs2OZG
/gFDB0RCM0qPY9g0X4Umre2KlvqhGKHZEyIoaYlkOMXk6LtnzSy8JjF0++M1TCPkaeNT0SLbca7QO/l17d0BAgMBAAGj
UzBRMB0GA1UdDgQWBBTC+w6W4WisIh0cnRGCbTk33SWDRzAfBgNVHSMEGDAWgBTC+w6W4WisIh0cnRGCbTk33SWDRzAP
BgNVHRMBAf8EBTADAQH/MBIGCSqGSIb3DQEBCjAFogMCAWoDgYEAD02dfg/h43FCdLD3p2JTyS2DS13wTBMhPNFutdu9
PHml6+KKmeBfp8tMqha+9/PjrtVQNicyQ0zRkYBHnugf6RYn7pXG+iTyiB2Ex6OnMm51QnNVO9XcRDDVgA3AN8t2P7Rb
OZBgGMpifc0LE2uzzT1sBsp2+OUcx2gZWabjP3g=";
const P521: &str = "
MIIB8jCCAVWgAwIBAgIUdHhU7ILvA62GOcFWWt2zEMaizfQwCQYHKoZIzj0EATAMMQowCAYDVQQDDAFjMB4XDTI2MTIw
MTE1NTgzOFoXDTI2MTIzMTE1NTgzOFowDDEKMAgGA1UEAwwBYzCBmzAQBgcqhkjOPQIBBgUrgQQAIwOBhgAEAOGDkQ18
qLG6AuyTxVR9ErVKpbWdN5eRqJrXRnS68J+yghT/l60ckaAtCjMmzyKa3Cs7FvFpkYAwuEdbrUwe3iu1AQLPE78ZjA3Z
8j9C3Cyux3tutRXCyz112++y8l6uwfvCL9y/FCmut/u2W8XvYQwqJRprIBWNQuv3x6DDKC1bpDNio1MwUTAdBgNVHQ4E
FgQU0t35QwKwlJLzRrl88uoUqr3Tc8MwHwYDVR0jBBgwFoAU0t35QwKwlJLzRrl88uoUqr3Tc8MwDwYDVR0TAQH/BAUw
AwEB/zAJBgcqhkjOPQQBA4GLADCBhwJCAOpd2du7wwT9V5H1u1W5nHfw4ut2mqwCXV5WRaCMzQj9Map4UH7M8t/ET7+A
1I/foucWUCZgOQ8lNuqswIjoRCeOAkEIg/pt6LzOLqxK6o/bjyFGn1j62Cw6eD0qpl+2WuqmrnTYc+C9+4ggTChAqNR9
6PnruoRJbAotFnZB0zWMg0PL8w==";

fn der(text: &str) -> Vec<u8> {
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).unwrap()
}

fn check(der: &[u8], expected: &Expect) {
    expected.assert_debug_eq(&parse(der));
}

#[test]
fn an_authority_is_told_as_openssl_tells_it() {
    check(
        &der(AUTHORITY),
        &expect![[r#"
            Certificate {
                subject: "C=CZ, O=Weir příklad, CN=weir.test",
                issuer: "C=CZ, O=Weir příklad, CN=weir.test",
                subject_alt_names: [
                    "*.weir.test",
                    "192.0.2.2",
                    "2001:db8::2",
                ],
                not_before: Time(
                    1795874754000000000,
                ),
                not_after: Time(
                    2111234754000000000,
                ),
                sha256: "a08c98a0ba37f4921acdae190050c98d062ce8fd52a76e84a79738147e81f112",
                serial: "39436079e75f029b94a3fad4f19bf3f089474dbf",
                signature_algorithm: "ecdsa-with-SHA256",
                key_algorithm: "id-ecPublicKey",
                key_bits: 256,
                self_signed: true,
            }
        "#]],
    );
}

#[test]
fn a_leaf_is_told_as_openssl_tells_it() {
    check(
        &der(LEAF),
        &expect![[r#"
            Certificate {
                subject: "CN=leaf.weir.test",
                issuer: "C=CZ, O=Weir příklad, CN=weir.test",
                subject_alt_names: [],
                not_before: Time(
                    1795874754000000000,
                ),
                not_after: Time(
                    1798466754000000000,
                ),
                sha256: "6160dba176c581250a9c1316c8777fd1ef36db4c74506ce34fd5833f6ad48308",
                serial: "a1b2c3",
                signature_algorithm: "ecdsa-with-SHA256",
                key_algorithm: "rsaEncryption",
                key_bits: 1024,
                self_signed: false,
            }
        "#]],
    );
}

#[test]
fn what_is_no_certificate_has_a_digest_alone() {
    let cut = &der(LEAF)[..100];
    let read = parse(cut);
    assert!(is_unread(&read));
    assert_eq!(read.sha256.len(), 64);
    let rest = Certificate {
        sha256: String::new(),
        ..read
    };
    assert_eq!(rest, Certificate::default());
}

#[test]
fn a_chain_is_read_as_far_as_it_is_whole() {
    let sized = |bytes: &[u8]| [&[0, 0, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let two = sized(&[sized(b"ab"), sized(b"c")].concat());
    for (body, expected) in [
        (two, (vec![&b"ab"[..], b"c"], true)),
        (sized(&[]), (vec![], true)),
        (
            sized(&[&sized(b"ab")[..], &[0, 0, 9, 1]].concat()),
            (vec![b"ab"], false),
        ),
        ([&sized(b"")[..], b"x"].concat(), (vec![], false)),
        (vec![0, 0], (vec![], false)),
    ] {
        assert_eq!(chain(&body), expected, "{body:?}");
    }
    let many = sized(b"").repeat(CHAIN_MAX + 1);
    assert_eq!(chain(&sized(&many)).0.len(), CHAIN_MAX);
}

proptest! {
    /// proptest prints the seed and the smallest damage that fails.
    #[test]
    fn damaged_certificates_do_no_harm(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in any::<prop::sample::Index>(),
        authority in any::<bool>(),
    ) {
        let mut bytes = der(if authority { AUTHORITY } else { LEAF });
        for (place, value) in &edits {
            let at = place.index(bytes.len());
            bytes[at] = *value;
        }
        bytes.truncate(end.index(2 * bytes.len()));
        parse(&bytes);
    }
}

#[test]
fn keys_and_signatures_are_what_openssl_says() {
    for (text, key, bits, signature) in [
        (DSA, "id-dsa", 1_024, "2.16.840.1.101.3.4.3.2"),
        (PSS, "rsassa-pss", 1_024, "rsassa-pss-sha1"),
        (P521, "id-ecPublicKey", 521, "ecdsa-with-SHA1"),
        (LEAF, "rsaEncryption", 1_024, "ecdsa-with-SHA256"),
    ] {
        let certificate = parse(&der(text));
        let said = (
            &*certificate.key_algorithm,
            certificate.key_bits,
            &*certificate.signature_algorithm,
        );
        assert_eq!(said, (key, bits, signature));
    }
}
