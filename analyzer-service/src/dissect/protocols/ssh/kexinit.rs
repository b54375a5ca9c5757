//! `SSH_MSG_KEXINIT` (RFC 4253, 7.1) and its fingerprint.

use md5::{Digest, Md5};

use crate::dissect::text::hexadecimal;

const KEXINIT: u8 = 20;
const COOKIE_BYTES: usize = 16;

/// Key exchange and host key, then ciphers, MACs, compression and languages, each to the
/// server and to the client.
const LISTS: usize = 10;

/// What one side offers, by its names, as sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KexInit<'a> {
    lists: [&'a [u8]; LISTS],
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    KexInit(KexInit<'a>),
    /// Another message.
    Other,
    Broken,
}

impl<'a> KexInit<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Parsed<'a> {
        let Some((&KEXINIT, rest)) = message.split_first() else {
            return match message {
                [] => Parsed::Broken,
                _ => Parsed::Other,
            };
        };
        let Some(mut rest) = rest.get(COOKIE_BYTES..) else {
            return Parsed::Broken;
        };
        let mut lists = [&[][..]; LISTS];
        for list in &mut lists {
            let Some((names, behind)) = sized(rest) else {
                return Parsed::Broken;
            };
            *list = names;
            rest = behind;
        }
        Parsed::KexInit(Self { lists })
    }

    /// MD5 of key exchange, ciphers, MACs and compression in the direction that its sender
    /// sends in, in lower-case hex.
    pub(super) fn hassh(&self, of_server: bool) -> String {
        let to_client = usize::from(of_server);
        let [kex, ciphers, macs, compression] = [0, 2, 4, 6].map(|list| match list {
            0 => self.lists[0],
            list => self.lists[list + to_client],
        });
        let text = [kex, ciphers, macs, compression].join(&b';');
        hexadecimal(&Md5::digest(text))
    }
}

fn sized(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}
