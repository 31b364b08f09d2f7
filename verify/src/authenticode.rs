//! The signature that firmware asks of a program under Secure Boot.
//!
//! Sources: Microsoft's "PE Format", section "The Attribute Certificate Table", and "Windows Authenticode Portable Executable Signature
//! Format", 2008; RFC 2315 (PKCS #7) and RFC 5652, section 5.4, for what is signed; UEFI 2.10, section 32.5.3.3, for what firmware checks.
//! Those allow more than is accepted here: one signature by one certificate with RSA and SHA-256, and nothing beside it.

use cms::cert::CertificateChoices;
use cms::cert::x509::Certificate as X509;
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{Any, AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, DecodePem, Encode, Sequence};
use noreturn_image_format::Sha256Digest;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use crate::bytes::{u16_at, u32_at};
use crate::pcrs::program_digest;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const PROGRAM: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");

/// Bytes before the signature: length, revision, kind.
const HEADER_BYTES: usize = 8;

/// A certificate that a machine's firmware holds, and with whose key programs are signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate(X509);

/// What is signed: a kind of program, and its digest.
#[derive(Sequence)]
struct Indirect<'a> {
    _kind: AnyRef<'a>,
    digest: Digest<'a>,
}

#[derive(Sequence)]
struct Digest<'a> {
    algorithm: AlgorithmIdentifierOwned,
    value: OctetStringRef<'a>,
}

impl Certificate {
    /// Reads the contents of a file, which are DER or PEM.
    ///
    /// # Errors
    /// They are neither, or not of one certificate of an RSA key.
    pub fn parse(contents: &[u8]) -> Result<Self, String> {
        let read =
            if contents.starts_with(b"-----") { X509::from_pem(contents) } else { X509::from_der(contents) };
        let certificate = read.map_err(|error| format!("is no X.509 certificate: {error}"))?;
        let key = &certificate.tbs_certificate.subject_public_key_info;
        if key.algorithm.oid != RSA {
            return Err("the certificate's key is not of RSA, which firmware wants".to_owned());
        }
        Ok(Self(certificate))
    }

    /// Digest of the certificate, as other tools show it.
    #[must_use]
    pub fn sha256(&self) -> Sha256Digest {
        // What was read can be written.
        Sha256Digest::of(&self.0.to_der().unwrap_or_default())
    }

    fn is_named_by(&self, id: &SignerIdentifier) -> bool {
        let own = &self.0.tbs_certificate;
        matches!(id, SignerIdentifier::IssuerAndSerialNumber(id)
            if id.issuer == own.issuer && id.serial_number == own.serial_number)
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), String> {
        let key = self.0.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .verify(message, signature)
            .map_err(|_| "the signature is not that of the certificate in it".to_owned())
    }
}

/// The certificate with which a program is signed; nothing if it is not signed at all.
///
/// # Errors
/// There is a signature, but not a sound one of this program.
pub(crate) fn signer(program: &[u8]) -> Result<Option<Certificate>, String> {
    let Some(signature) = find(program)? else { return Ok(None) };
    let signed = parse(signature).map_err(|error| format!("the signature cannot be read: {error}"))?;
    let certificates = signed.certificates.as_ref().map_or(&[][..], |all| all.0.as_slice());
    let ([CertificateChoices::Certificate(certificate)], [signer]) =
        (certificates, signed.signer_infos.0.as_slice())
    else {
        return Err("there is not one signature by one certificate".to_owned());
    };
    let certificate = Certificate::parse(&certificate.to_der().map_err(|error| error.to_string())?)?;
    if signed.crls.is_some() || signer.unsigned_attrs.is_some() {
        return Err("there is more beside the signature".to_owned());
    }
    if !certificate.is_named_by(&signer.sid) {
        return Err("the signature names another certificate than the one in it".to_owned());
    }
    let content = signed.encap_content_info.econtent.as_ref().ok_or("nothing is signed")?;
    let indirect = content.decode_as::<Indirect<'_>>().ok();
    let indirect = indirect.filter(|_| signed.encap_content_info.econtent_type == PROGRAM);
    check_digest(&indirect.ok_or("what is signed is no program")?.digest, program)?;
    check_forms(&signed, signer)?;
    check_attributes(signer, content.value())?;
    let message = signer.signed_attrs.to_der().map_err(|error| error.to_string())?;
    certificate.verify(&message, signer.signature.as_bytes())?;
    Ok(Some(certificate))
}

/// The program before it was signed: without the signature, with zeros in its header's entry and in the checksum, as the linker
/// leaves them.
///
/// # Errors
/// As [`signer`], for a signature that cannot be found.
pub(crate) fn without_signature(program: &[u8]) -> Result<Vec<u8>, String> {
    let signature_bytes = find(program)?.map_or(0, |signature| signature.len() + HEADER_BYTES);
    let mut unsigned = program[..program.len() - signature_bytes].to_vec();
    let optional = u32_at(program, 0x3c).map_or(0, |header| header as usize + 24);
    if signature_bytes > 0 {
        unsigned[optional + 64..][..4].fill(0);
        unsigned[optional + 144..][..8].fill(0);
    }
    Ok(unsigned)
}

/// The signature with which a program ends, as the header's entry says.
fn find(program: &[u8]) -> Result<Option<&[u8]>, String> {
    let optional = u32_at(program, 0x3c).and_then(|header| (header as usize).checked_add(24));
    let field = |at: usize| u32_at(program, optional?.checked_add(at)?).map(|number| number as usize);
    let (Some(5..), Some(place), Some(bytes)) = (field(108), field(144), field(148)) else {
        return Err("the loader's header has no place for a signature".to_owned());
    };
    if (place, bytes) == (0, 0) {
        return Ok(None);
    }
    let table = program.get(place..).filter(|table| table.len() == bytes && place.is_multiple_of(8));
    let table = table.ok_or("the signature is not at the loader's end")?;
    let is_whole = u32_at(table, 0).is_some_and(|length| length as usize == bytes);
    if !is_whole || (u16_at(table, 4), u16_at(table, 6)) != (Some(0x200), Some(2)) {
        return Err("there is not one signature of the kind that firmware reads".to_owned());
    }
    Ok(table.get(HEADER_BYTES..))
}

/// Reads a signature, behind which only the zeros may stand that align its end.
fn parse(signature: &[u8]) -> der::Result<SignedData> {
    let mut reader = der::SliceReader::new(signature)?;
    let content = ContentInfo::decode(&mut reader)?;
    content.content_type.eq(&SIGNED_DATA).then_some(()).ok_or(der::ErrorKind::Failed)?;
    let length = usize::try_from(content.encoded_len()?)?;
    let padding = signature.get(length..).unwrap_or_default();
    if padding.len() >= 8 || padding.iter().any(|&byte| byte != 0) {
        return Err(der::ErrorKind::Failed.into());
    }
    content.content.decode_as()
}

/// What is signed is the digest of this program.
fn check_digest(digest: &Digest<'_>, program: &[u8]) -> Result<(), String> {
    let found = program_digest(program).ok_or("the loader is no PE32+ program")?;
    if !is(&digest.algorithm, SHA256) || digest.value.as_bytes() != found.0 {
        return Err("what is signed is another loader, or this one was changed".to_owned());
    }
    Ok(())
}

/// What is not signed itself says what it must.
fn check_forms(signed: &SignedData, signer: &SignerInfo) -> Result<(), String> {
    let is_right = (signed.version, signer.version) == (CmsVersion::V1, CmsVersion::V1)
        && matches!(signed.digest_algorithms.as_slice(), [digest] if is(digest, SHA256))
        && is(&signer.digest_alg, SHA256)
        && is(&signer.signature_algorithm, RSA);
    is_right.then_some(()).ok_or_else(|| "it is not signed with RSA and SHA-256".to_owned())
}

/// Whether it is this algorithm, written in the usual way.
fn is(algorithm: &AlgorithmIdentifierOwned, id: ObjectIdentifier) -> bool {
    algorithm.oid == id && algorithm.parameters == Some(Any::null())
}

/// The attributes, which are what the key signs, name what is signed by kind and digest.
fn check_attributes(signer: &SignerInfo, content: &[u8]) -> Result<(), String> {
    let attribute = |id| {
        let mut named = signer.signed_attrs.iter().flat_map(|all| all.iter()).filter(|one| one.oid == id);
        let (one, None) = (named.next()?, named.next()) else { return None };
        if let [value] = one.values.as_slice() { Some(value) } else { None }
    };
    let kind = attribute(CONTENT_TYPE).and_then(|value| value.decode_as::<ObjectIdentifier>().ok());
    let digest = attribute(MESSAGE_DIGEST).and_then(|value| value.decode_as::<OctetStringRef<'_>>().ok());
    let is_right = kind == Some(PROGRAM)
        && digest.is_some_and(|digest| digest.as_bytes() == Sha256Digest::of(content).0);
    is_right.then_some(()).ok_or_else(|| "the signature is of something else".to_owned())
}
