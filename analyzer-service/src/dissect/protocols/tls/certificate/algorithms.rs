//! The algorithms of a certificate: their names, and the size of a key.

use x509_parser::{
    der_parser::{
        asn1_rs::{FromDer, Integer, Sequence, oid},
        oid::Oid,
    },
    objects::{oid_registry, oid2sn},
    oid_registry::{OID_HASH_SHA1, OID_PKCS1_RSASSAPSS},
    public_key::PublicKey,
    signature_algorithm::SignatureAlgorithm,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo},
};

use super::positive;
use crate::dissect::text::shorten;

/// ANSI X9.62, E.8; which the registry lacks.
const ECDSA_WITH_SHA1: Oid<'static> = oid! { 1.2.840.10045.4.1 };

/// SEC 2, A.2: its numbers have 521 bits, in 66 bytes.
const SECP521R1: Oid<'static> = oid! { 1.3.132.0.35 };

/// As OpenSSL has it in short; else its number.
pub(super) fn named(oid: &Oid<'_>) -> String {
    match oid2sn(oid, oid_registry()) {
        Ok(name) => name.to_owned(),
        Err(_) if *oid == ECDSA_WITH_SHA1 => "ecdsa-with-SHA1".to_owned(),
        Err(_) => shorten(oid.to_string()),
    }
}

/// RSASSA-PSS names its hash in its parameters, and means SHA-1 without (RFC 4055, 3.1): that one
/// is told.
pub(super) fn signature(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let mut name = named(&algorithm.algorithm);
    if algorithm.algorithm == OID_PKCS1_RSASSAPSS
        && let Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) = algorithm.try_into()
        && *parameters.hash_algorithm_oid() == OID_HASH_SHA1
    {
        name.push_str("-sha1");
    }
    name
}

/// Of what gives a key its strength, as OpenSSL counts them; zero when it cannot be read.
pub(super) fn key_bits(key: &SubjectPublicKeyInfo<'_>) -> u32 {
    let algorithm = &key.algorithm;
    let parameters = algorithm.parameters.as_ref();
    let bits = match key.parsed() {
        // The key is RSA's, under another name.
        _ if algorithm.algorithm == OID_PKCS1_RSASSAPSS => {
            let key = Sequence::from_der(&key.subject_public_key.data).ok();
            key.map_or(0, |(_, key)| first_number(&key.content))
        }
        Ok(PublicKey::RSA(rsa)) => bits(rsa.modulus),
        Ok(PublicKey::EC(point)) => {
            let curve = parameters.and_then(|curve| curve.as_oid().ok());
            match curve.is_some_and(|curve| curve == SECP521R1) {
                true => 521,
                false => point.key_size(),
            }
        }
        // The prime, which comes first of three.
        Ok(PublicKey::DSA(_)) => parameters.map_or(0, |all| first_number(all.data)),
        Ok(PublicKey::GostR3410(value)) => bits(value),
        // Ed25519 and others whose keys are of one size.
        Ok(PublicKey::GostR3410_2012(value) | PublicKey::Unknown(value)) => 8 * value.len(),
        Err(_) => 0,
    };
    u32::try_from(bits).unwrap_or(u32::MAX)
}

/// Bits of the integer at the front.
fn first_number(der: &[u8]) -> usize {
    Integer::from_der(der).map_or(0, |(_, number)| bits(number.as_ref()))
}

fn bits(number: &[u8]) -> usize {
    let number = positive(number);
    let zeros = number.first().map_or(0, |first| first.leading_zeros());
    8 * number.len() - usize::try_from(zeros).unwrap_or(0)
}
