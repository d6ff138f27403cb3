//! The public key of a certificate, and whether signatures made with it can be checked.
//!
//! The key is looked up by its place alone. Version, dates, names and extensions, at which a reader of whole certificates may
//! stumble, say nothing about the key.

use rustls_pki_types::{AlgorithmIdentifier, alg_id};
use x509_parser::asn1_rs::{Any, Class, FromBer, Oid, Tag};
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The keys that can be checked, for people.
pub(super) const SUPPORTED: &str = "RSA of 2048 to 8192 bits, P-256, P-384 and Ed25519";

/// Fewest and most bits of an RSA key. The library that checks signatures rounds up to whole bytes.
const RSA_BITS: (usize, usize) = (2041, 8192);
/// Largest exponent of an RSA key.
const RSA_EXPONENT: u64 = (1 << 33) - 1;
/// First byte of a point of an elliptic curve with both coordinates.
const UNCOMPRESSED: u8 = 4;

/// The `SubjectPublicKeyInfo` of a certificate, in DER. None when the bytes are no certificate.
pub(super) fn of(certificate: &[u8]) -> Option<&[u8]> {
    let mut rest = content(content(certificate)?)?;
    let (after, first) = Any::from_ber(rest).ok()?;
    // Certificates of the first version do not say their version.
    if first.class() == Class::ContextSpecific {
        rest = after;
    }
    for _serial_signature_issuer_validity_subject in 0..5 {
        rest = Any::from_ber(rest).ok()?.0;
    }
    let (after, key) = Any::from_ber(rest).ok()?;
    key.tag().assert_eq(Tag::Sequence).ok()?;
    rest.get(..rest.len().checked_sub(after.len())?)
}

/// What is inside a sequence.
fn content(bytes: &[u8]) -> Option<&[u8]> {
    let (_, sequence) = Any::from_ber(bytes).ok()?;
    sequence.tag().assert_eq(Tag::Sequence).ok()?;
    Some(sequence.data)
}

/// Why signatures made with a key (`SubjectPublicKeyInfo`) cannot be checked, as what follows "it has". None when they can.
pub(super) fn unsupported(key: &[u8]) -> Option<String> {
    let Ok((_, key)) = SubjectPublicKeyInfo::from_der(key) else { return Some("a public key that cannot be read".to_owned()) };
    let algorithm = &key.algorithm.algorithm;
    let bits: &[u8] = &key.subject_public_key.data;
    match algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.1" => rsa(bits),
        "1.2.840.10045.2.1" => {
            let Some(curve) = key.algorithm.parameters.as_ref().and_then(named_curve) else {
                return Some("an elliptic curve key that spells out its curve; P-256 and P-384 by name are supported".to_owned());
            };
            match (curve.to_id_string().as_str(), bits.first()) {
                ("1.2.840.10045.3.1.7" | "1.3.132.0.34", Some(&UNCOMPRESSED)) => None,
                ("1.2.840.10045.3.1.7" | "1.3.132.0.34", _) => {
                    Some("an elliptic curve key in compressed form; uncompressed ones are supported".to_owned())
                }
                _ => Some(format!("an elliptic curve key of {}; P-256 and P-384 are supported", name(&curve))),
            }
        }
        "1.3.101.112" => None,
        _ => Some(format!("a key of type {}; {SUPPORTED} are supported", name(algorithm))),
    }
}

/// The curve, if the parameters of a key name one.
fn named_curve<'p>(parameters: &Any<'p>) -> Option<Oid<'p>> {
    parameters.tag().assert_eq(Tag::Oid).ok()?;
    parameters.clone().oid().ok()
}

fn rsa(bits: &[u8]) -> Option<String> {
    let Ok((_, key)) = RSAPublicKey::from_der(bits) else { return Some("an RSA key that cannot be read".to_owned()) };
    let length = bit_length(key.modulus);
    if !(RSA_BITS.0..=RSA_BITS.1).contains(&length) {
        return Some(format!("an RSA key of {length} bits, 2048 to 8192 are supported"));
    }
    match key.try_exponent() {
        Ok(exponent) if exponent % 2 == 1 && (3..=RSA_EXPONENT).contains(&exponent) => None,
        _ => Some("an RSA key with an unusual public exponent; odd ones from 3 to 33 bits are supported".to_owned()),
    }
}

fn bit_length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let rest = number.get(zeros..).unwrap_or_default();
    let unused = rest.first().map_or(0, |byte| byte.leading_zeros() as usize);
    (rest.len() * 8).saturating_sub(unused)
}

/// The name of the algorithm in the content of an `AlgorithmIdentifier`, such as `sha1WithRSAEncryption`; for keys on an elliptic
/// curve the curve's name.
pub(super) fn algorithm_name(identifier: &[u8]) -> String {
    let known: [(AlgorithmIdentifier, &str); 2] = [(alg_id::ECDSA_P256, "P-256"), (alg_id::ECDSA_P384, "P-384")];
    if let Some((_, name)) = known.iter().find(|(known, _)| known.as_ref() == identifier) {
        return (*name).to_owned();
    }
    let Ok((rest, algorithm)) = Oid::from_ber(identifier) else { return "an unreadable name".to_owned() };
    let curve = Any::from_ber(rest).ok().and_then(|(_, parameters)| named_curve(&parameters));
    name(curve.as_ref().unwrap_or(&algorithm))
}

/// The name of an object identifier, or its numbers.
pub(super) fn name(oid: &Oid<'_>) -> String {
    let numbers = oid.to_id_string();
    let own = NAMES.iter().find(|(known, _)| *known == numbers).map(|(_, name)| *name);
    own.or_else(|| oid2sn(oid, oid_registry()).ok()).map_or_else(|| numbers.clone(), |name| format!("{name} ({numbers})"))
}

/// Names that people use, or that the registry lacks.
const NAMES: [(&str, &str); 11] = [
    ("1.3.132.0.35", "P-521"),
    ("1.3.132.0.33", "P-224"),
    ("1.2.840.10045.3.1.1", "P-192"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
    ("1.3.101.113", "Ed448"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
];

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};

    use super::*;

    /// An RSA key of so many bits, in DER: the numbers are made up, and no private key belongs to it.
    fn rsa_key(bytes: usize, first: u8, exponent: &[u8]) -> Vec<u8> {
        let mut modulus = vec![0xff; bytes];
        modulus[0] = first;
        if first >= 0x80 {
            modulus.insert(0, 0);
        }
        let numbers = [element(2, &modulus), element(2, exponent)].concat();
        let bits = [vec![0], element(0x30, &numbers)].concat();
        let algorithm = [element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), vec![5, 0]].concat();
        element(0x30, &[element(0x30, &algorithm), element(3, &bits)].concat())
    }

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], length.as_slice(), content].concat()
    }

    #[test]
    fn sizes_and_exponents_of_rsa_keys_are_judged_as_the_library_does() {
        let usual = [1, 0, 1];
        for (bytes, first, exponent) in [(256, 0xff, &usual[..]), (256, 1, &usual), (1024, 0xff, &usual), (384, 0xff, &[3])] {
            assert_eq!(unsupported(&rsa_key(bytes, first, exponent)), None, "{bytes} {first} {exponent:?}");
        }
        for (bytes, first, bits) in
            [(128, 0xff, 1024), (192, 0xff, 1536), (255, 0xff, 2040), (1025, 1, 8193), (2048, 0x80, 16384)]
        {
            let expected = format!("an RSA key of {bits} bits, 2048 to 8192 are supported");
            assert_eq!(unsupported(&rsa_key(bytes, first, &usual)), Some(expected));
        }
        for exponent in [&[1][..], &[4], &[2, 0, 0, 0, 1], &[1; 9]] {
            assert!(unsupported(&rsa_key(256, 0xff, exponent)).unwrap().contains("exponent"), "{exponent:?}");
        }
    }

    #[test]
    fn a_key_is_found_by_its_place() {
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let certificate = CertificateParams::default().self_signed(&key).unwrap();
            let found = of(certificate.der()).unwrap();
            assert_eq!(found, rcgen::PublicKeyData::subject_public_key_info(&key));
            assert_eq!(unsupported(found), None);
            // A certificate that ends early, or is none, has no key.
            for end in 0..found.len() {
                assert_eq!(of(&certificate.der()[..end]), None, "{end}");
            }
        }
        assert_eq!(of(b""), None);
        assert_eq!(of(b"-----BEGIN CERTIFICATE-----"), None);
        assert!(unsupported(b"no key").is_some());
    }
}
