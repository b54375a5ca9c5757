//! The interfaces of the current section, and the list for the summary.

use super::clock::Clock;
use crate::record::Interface;

/// Interfaces that a section may have; a packet block names one by 32 bits,
/// and each costs memory.
pub(super) const PER_SECTION_MAX: usize = 65_536;

/// Interfaces listed: with names of [`NAME_BYTES_MAX`] they fit one message
/// beside the rest of a summary. Packets of the others are counted by link type all the same.
const LISTED_MAX: usize = 1_024;

/// Of an interface's name.
const NAME_BYTES_MAX: usize = 256;

/// What reading a packet needs to know of its interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) link_type: u16,
    pub(super) snap_length: u32,
    pub(super) clock: Clock,
    pub(super) listed: Option<Listed>,
}

/// A position in the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed(u16);

#[derive(Debug, Default)]
pub(super) struct Interfaces {
    section: u32,
    known: Vec<Known>,
    listed: Vec<Interface>,
}

impl Interfaces {
    /// Forgets the interfaces of the section before; the list keeps them.
    pub(super) fn begin_section(&mut self, section: u32) {
        self.section = section;
        self.known.clear();
    }

    /// False when the section has too many.
    pub(super) fn add(
        &mut self,
        link_type: u16,
        snap_length: u32,
        clock: Clock,
        name: &[u8],
    ) -> bool {
        let id = match u32::try_from(self.known.len()) {
            Ok(id) if self.known.len() < PER_SECTION_MAX => id,
            _ => return false,
        };
        let listed = match u16::try_from(self.listed.len()) {
            Ok(at) if self.listed.len() < LISTED_MAX => Some(Listed(at)),
            _ => None,
        };
        if listed.is_some() {
            self.listed.push(Interface {
                id,
                section: self.section,
                link_type,
                snap_length,
                name: text(name),
                timestamp_units_per_second: clock.units_per_second(),
                packets: 0,
            });
        }
        self.known.push(Known {
            link_type,
            snap_length,
            clock,
            listed,
        });
        true
    }

    pub(super) fn get(&self, id: u32) -> Option<&Known> {
        self.known.get(usize::try_from(id).ok()?)
    }

    pub(super) fn count_packet(&mut self, listed: Option<Listed>) {
        let listed = listed.and_then(|Listed(at)| self.listed.get_mut(usize::from(at)));
        if let Some(listed) = listed {
            listed.packets += 1;
        }
    }

    pub(super) fn listed(&self) -> &[Interface] {
        &self.listed
    }
}

/// Invalid UTF-8 as `\xNN`, cut with `…`.
fn text(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars().filter(|c| *c != '\0') {
            if text.len() + c.len_utf8() > NAME_BYTES_MAX {
                return text + "…";
            }
            text.push(c);
        }
        for byte in chunk.invalid() {
            if text.len() + 4 > NAME_BYTES_MAX {
                return text + "…";
            }
            text += &format!("\\x{byte:02x}");
        }
    }
    text
}
