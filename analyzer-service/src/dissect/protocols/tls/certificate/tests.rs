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
