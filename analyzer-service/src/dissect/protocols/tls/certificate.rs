//! X.509 certificates (RFC 5280), by x509-parser, as text.

mod algorithms;

use std::{fmt::Write, net::IpAddr};

use sha2::{Digest, Sha256};
use x509_parser::{
    certificate::X509CertificateParser,
    der_parser::asn1_rs::BmpString,
    extensions::GeneralName,
    nom::Parser,
    objects::{oid_registry, oid2abbrev},
    oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME,
    prelude::{FromDer, SubjectAlternativeName},
    time::ASN1Time,
    x509::X509Name,
};

use crate::{
    dissect::text::{hexadecimal, push, shorten, wire_text},
    record::{Certificate, Time},
};

/// Certificates of one chain, kept. Real chains have two to five.
const CHAIN_MAX: usize = 16;

/// Names of one certificate, kept. The authorities that many sites share a certificate
/// of allow 100.
const NAMES_MAX: usize = 256;

/// The certificates in the body of a Certificate message (RFC 5246, 7.4.2), as far as
/// they are whole, and whether that is all of it.
pub(super) fn chain(body: &[u8]) -> (Vec<&[u8]>, bool) {
    let Some((mut rest, [])) = sized(body) else {
        return (Vec::new(), false);
    };
    let mut certificates = Vec::new();
    while !rest.is_empty() {
        let Some((certificate, behind)) = sized(rest) else {
            return (certificates, false);
        };
        rest = behind;
        if certificates.len() < CHAIN_MAX {
            certificates.push(certificate);
        }
    }
    (certificates, true)
}

/// Bytes behind their length, and what follows them.
fn sized(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[high, middle, low], rest) = data.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
    rest.split_at_checked(length)
}

/// What a certificate says. When it cannot be read only its digest is told, and
/// [`is_unread`] says so.
pub(super) fn parse(der: &[u8]) -> Certificate {
    let digest = Certificate {
        sha256: hexadecimal(&Sha256::digest(der)),
        ..Certificate::default()
    };
    // Extensions are read one by one: one that is malformed must not hide the others.
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    let Ok((_, parsed)) = parser.parse(der) else {
        return digest;
    };
    let mut names = Vec::new();
    for extension in parsed.extensions() {
        if extension.oid != OID_X509_EXT_SUBJECT_ALT_NAME {
            continue;
        }
        if let Ok((_, found)) = SubjectAlternativeName::from_der(extension.value) {
            let found = found.general_names.iter().filter_map(alternative);
            names.extend(found.take(NAMES_MAX - names.len()));
        }
    }
    let key = parsed.public_key();
    Certificate {
        subject: distinguished(parsed.subject()),
        issuer: distinguished(parsed.issuer()),
        subject_alt_names: names,
        not_before: time(parsed.validity().not_before),
        not_after: time(parsed.validity().not_after),
        serial: hexadecimal(positive(parsed.raw_serial())),
        signature_algorithm: algorithms::signature(&parsed.signature_algorithm),
        key_algorithm: algorithms::named(&key.algorithm.algorithm),
        key_bits: algorithms::key_bits(key),
        self_signed: parsed.subject().as_raw() == parsed.issuer().as_raw(),
        ..digest
    }
}

/// Whether it could not be read. A readable one always names the algorithm of its key.
pub(super) fn is_unread(certificate: &Certificate) -> bool {
    certificate.key_algorithm.is_empty()
}

/// "C=CZ, O=Weir, CN=weir.test", in the certificate's order.
fn distinguished(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for relative in name.iter() {
        let mut between = if text.is_empty() { "" } else { ", " };
        for attribute in relative.iter() {
            text.push_str(between);
            between = " + ";
            match oid2abbrev(attribute.attr_type(), oid_registry()) {
                Ok(kind) => text.push_str(kind),
                Err(_) => write!(text, "{}", attribute.attr_type()).unwrap_or_default(),
            }
            text.push('=');
            let value = attribute.attr_value();
            match BmpString::try_from(value.clone()) {
                Ok(wide) => text.push_str(&wide.string()),
                // All other kinds of text that are in use are UTF-8, or ASCII of some sort.
                Err(_) => push(&mut text, value.data),
            }
        }
    }
    shorten(text)
}

/// Only those that name a host.
fn alternative(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(wire_text(name.as_bytes())),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let v6 = || <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| v6()).ok().map(|address| address.to_string())
        }
        // A DNS name that is no ASCII.
        GeneralName::Invalid(tag, bytes) if tag.0 == 2 => Some(wire_text(bytes)),
        GeneralName::Invalid(..)
        | GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_) => None,
    }
}

fn time(time: ASN1Time) -> Time {
    let nanos = i128::from(time.timestamp()) * 1_000_000_000;
    Time(nanos).clamp(Time::MIN, Time::MAX)
}

/// Without the zeros in front.
fn positive(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0);
    first.map_or(&number[number.len().min(1)..], |first| &number[first..])
}

#[cfg(test)]
mod tests;
