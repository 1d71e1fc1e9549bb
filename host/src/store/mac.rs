//! [`MacKey`]: the secret with which results carry an HMAC-SHA256, so that those
//! of whoever may write to the store, and has no key, are not taken.
//!
//! The key comes from the environment. It is in no message, no log, no `Debug`
//! output and no object.

use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::digest::hexadecimal;

/// The environment variable that holds the key.
const VARIABLE: &str = "FANOUT_STORE_KEY";

/// The environment variable that names the file of the key.
const FILE_VARIABLE: &str = "FANOUT_STORE_KEY_FILE";

/// The fewest bytes of a key: as many as SHA-256 gives.
const SHORTEST: usize = 32;

/// Threat: a file without an end.
const LONGEST_FILE: u64 = 4096;

/// What stands before everything that is authenticated, so that no other use of
/// the same key gives the same HMAC.
const DOMAIN: &[u8] = b"fanout 1\0";

/// The key of HMACs. Clones share it.
#[derive(Clone)]
pub struct MacKey(Arc<Hmac<Sha256>>);

/// An HMAC; shown and stored as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mac([u8; 32]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum MacKeyError {
    /// Both variables are set.
    #[error("both `{VARIABLE}` and `{FILE_VARIABLE}` are set")]
    Both,
    /// The file can't be read.
    #[error("can't read the file `{}`, which `{FILE_VARIABLE}` names", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What is there is no key. It is not repeated.
    #[error(
        "`{variable}` holds no key: expected at least {SHORTEST} bytes in hexadecimal digits or \
         base64, {found}"
    )]
    Malformed {
        /// The variable that holds it, or that names its file.
        variable: &'static str,
        /// What there is, without its content.
        found: String,
    },
}

impl MacKeyError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Both => "unset one of them",
            Self::File { .. } => "make the file readable, or name another",
            Self::Malformed { .. } => {
                "`openssl rand -hex 32` makes one; the runs and workers of a store share it"
            }
        }
    }
}

impl MacKey {
    /// The key that the environment holds, in `FANOUT_STORE_KEY` or in the file
    /// that `FANOUT_STORE_KEY_FILE` names; `None` where neither is set.
    pub fn from_env(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, MacKeyError> {
        match (variable(VARIABLE), variable(FILE_VARIABLE)) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(MacKeyError::Both),
            (Some(text), None) => Self::parse(&text, VARIABLE).map(Some),
            (None, Some(file)) => {
                let file = PathBuf::from(file);
                let text = read(&file).map_err(|source| MacKeyError::File { file, source })?;
                Self::parse(&text, FILE_VARIABLE).map(Some)
            }
        }
    }

    fn parse(text: &str, variable: &'static str) -> Result<Self, MacKeyError> {
        let text = text.trim();
        let malformed = |found| Err(MacKeyError::Malformed { variable, found });
        let Some(bytes) = decode(text) else {
            return malformed(match text.len() {
                0 => "it is empty".to_owned(),
                length => format!("not {length} other characters"),
            });
        };
        if bytes.len() < SHORTEST {
            return malformed(format!("not {}", bytes.len()));
        }
        Ok(Self::new(&bytes))
    }

    /// A key of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let hmac = Hmac::new_from_slice(bytes).expect("HMAC takes keys of any length");
        Self(Arc::new(hmac))
    }

    /// The HMAC of what has a name.
    pub fn mac(&self, name: &str, content: &[u8]) -> Mac {
        Mac(self.of(name, content).finalize().into_bytes().into())
    }

    /// Whether this is the HMAC of what has a name. Takes the same time whatever
    /// the difference.
    pub fn verifies(&self, name: &str, content: &[u8], mac: Mac) -> bool {
        self.of(name, content).verify_slice(&mac.0).is_ok()
    }

    fn of(&self, name: &str, content: &[u8]) -> Hmac<Sha256> {
        let mut hmac = (*self.0).clone();
        hmac.update(DOMAIN);
        // With its length: no name and content are those of others, put
        // together.
        hmac.update(&(name.len() as u64).to_le_bytes());
        hmac.update(name.as_bytes());
        hmac.update(content);
        hmac
    }
}

fn read(file: &PathBuf) -> std::io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(file)?;
    file.take(LONGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// Hexadecimal digits where the text is nothing else; else base64 in either
/// alphabet, with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return hex(text);
    }
    let padding = DecodePaddingMode::Indifferent;
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding);
    [&STANDARD, &URL_SAFE]
        .into_iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
        .filter(|bytes| !bytes.is_empty())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |&[high, low]: &[u8; 2]| Some((digit(high)? << 4 | digit(low)?) as u8);
    rest.is_empty()
        .then(|| pairs.iter().map(byte).collect())
        .flatten()
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hexadecimal(&self.0, &mut [0; 64]))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Mac {
    type Err = ();

    /// Exactly the form that is shown: an HMAC has one spelling.
    fn from_str(text: &str) -> Result<Self, ()> {
        let lower = text.bytes().all(|byte| !byte.is_ascii_uppercase());
        let bytes = lower.then(|| hex(text)).flatten().ok_or(())?;
        bytes.try_into().map(Self).map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn key(text: &str) -> Result<Option<MacKey>, MacKeyError> {
        MacKey::from_env(|name| (name == VARIABLE).then(|| text.to_owned()))
    }

    #[test]
    fn a_key_is_the_same_in_every_form() {
        let bytes: Vec<u8> = (0..32).collect();
        let expected = MacKey::new(&bytes).mac("name", b"content");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, format!("{HEX}\n")).unwrap();
        for text in [
            HEX,
            &HEX.to_uppercase(),
            BASE64,
            BASE64.trim_end_matches('='),
        ] {
            let key = key(text).unwrap().expect("a key");
            assert_eq!(key.mac("name", b"content"), expected, "{text}");
        }
        let file = file.to_str().unwrap().to_owned();
        let key = MacKey::from_env(|name| (name == FILE_VARIABLE).then(|| file.clone()));
        let key = key.unwrap().expect("a key");
        assert!(key.verifies("name", b"content", expected));
        assert!(MacKey::from_env(|_| None).unwrap().is_none());
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        for text in [
            "",
            " ",
            "sesame open",
            &HEX[..62],
            &HEX[..63],
            &BASE64[..40],
            "ää",
        ] {
            let error = key(text).unwrap_err();
            let said = crate::error::chained(&error);
            assert!(said.contains("`FANOUT_STORE_KEY` holds no key"), "{said}");
            assert!(text.trim().is_empty() || !said.contains(text), "{said}");
        }
        let both = MacKey::from_env(|_| Some(HEX.to_owned()));
        assert!(matches!(both, Err(MacKeyError::Both)));
        let file = |name: &str| (name == FILE_VARIABLE).then(|| "/nowhere/key".to_owned());
        assert!(matches!(
            MacKey::from_env(file),
            Err(MacKeyError::File { .. })
        ));
    }

    #[test]
    fn an_hmac_is_of_one_name_one_content_and_one_key() {
        let key = MacKey::new(&[1; 32]);
        let mac = key.mac("name", b"content");
        assert!(key.verifies("name", b"content", mac));
        assert!(!key.verifies("name", b"contents", mac));
        assert!(!key.verifies("namec", b"ontent", mac));
        assert!(!MacKey::new(&[2; 32]).verifies("name", b"content", mac));
        assert_eq!(mac.to_string().parse(), Ok(mac));
        assert!(mac.to_string().to_uppercase().parse::<Mac>().is_err());
    }

    /// RFC 4231, test case 2, through the same HMAC.
    #[test]
    fn the_hmac_is_that_of_the_standard() {
        let mut hmac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        hmac.update(b"what do ya want for nothing?");
        let mac = Mac(hmac.finalize().into_bytes().into());
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(mac.to_string(), expected);
    }

    #[test]
    fn a_key_does_not_show() {
        assert_eq!(format!("{:?}", key(HEX).unwrap()), "Some(MacKey(..))");
    }
}
