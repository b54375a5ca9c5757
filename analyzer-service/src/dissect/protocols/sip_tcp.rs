//! SIP over TCP (RFC 3261, 18).

use super::sip;
use crate::dissect::{Registration, Transport};

pub(super) const REGISTRATION: Registration =
    Registration::named("sip", Transport::Tcp, &[5060], sip::begins, sip::begins);
