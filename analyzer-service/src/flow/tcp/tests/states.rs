//! How connections begin and end.

use super::*;

#[test]
fn a_connection_that_is_as_it_should_be() {
    let all = established(&[
        c(PSH | ACK, 1, 1, 10),
        s(ACK, 1, 11, 0),
        s(PSH | ACK, 1, 11, 20),
        c(FIN | ACK, 11, 21, 0),
        s(FIN | ACK, 21, 12, 0),
        c(ACK, 12, 22, 0),
    ]);
    check(&all, &expect!["SF ShADadFf rtt=2 0/0/0/0 0/0/0/0"]);
    check(&all[..1], &expect!["S0 S 0/0/0/0 0/0/0/0"]);
    check(&all[..3], &expect!["S1 ShA rtt=2 0/0/0/0 0/0/0/0"]);
    check(&all[..7], &expect!["S2 ShADadF rtt=2 0/0/0/0 0/0/0/0"]);
}

#[test]
fn a_server_that_closes_first() {
    check(
        &established(&[s(FIN | ACK, 1, 1, 0)]),
        &expect!["S3 ShAf rtt=2 0/0/0/0 0/0/0/0"],
    );
}

#[test]
fn resets_and_refusals() {
    // Refused.
    check(
        &[c(SYN, 0, 0, 0), s(RST | ACK, 0, 1, 0)],
        &expect!["REJ Sr 0/0/0/0 0/0/0/0"],
    );
    // Aborted by either side.
    check(
        &established(&[c(RST, 1, 0, 0)]),
        &expect!["RSTO ShAR rtt=2 0/0/0/0 0/0/0/0"],
    );
    check(
        &established(&[s(RST, 1, 0, 0)]),
        &expect!["RSTR ShAr rtt=2 0/0/0/0 0/0/0/0"],
    );
    // Given up by the client before any answer.
    check(
        &[c(SYN, 0, 0, 0), c(RST, 1, 0, 0)],
        &expect!["RSTOS0 SR 0/0/0/0 0/0/0/0"],
    );
    // An answer to nothing, taken back.
    check(
        &[s(SYN | ACK, 0, 1, 0), s(RST, 1, 0, 0)],
        &expect!["RSTRH ^hr 0/0/0/0 0/0/0/0"],
    );
    // Of an ordinary end a reset takes nothing away.
    let ended = [
        c(FIN | ACK, 1, 1, 0),
        s(FIN | ACK, 1, 2, 0),
        c(RST, 2, 0, 0),
    ];
    check(
        &established(&ended),
        &expect!["SF ShAFfR rtt=2 0/0/0/0 0/0/0/0"],
    );
    // A client that is closed and resets what still comes.
    let ended = [
        c(FIN | ACK, 1, 1, 0),
        s(ACK, 1, 2, 10),
        c(RST, 2, 0, 0),
        s(FIN | ACK, 11, 2, 0),
    ];
    check(
        &established(&ended),
        &expect!["SF ShAFdRf rtt=2 0/0/0/0 0/0/0/0"],
    );
}

#[test]
fn text_of_a_reset_is_not_of_the_stream() {
    check(
        &established(&[c(ACK, 1, 1, 5), c(RST | ACK, 6, 1, 30)]),
        &expect!["RSTO ShADR rtt=2 0/0/0/0 0/0/0/0"],
    );
}

#[test]
fn half_open_connections_that_close() {
    check(
        &[c(SYN, 0, 0, 0), c(FIN, 1, 0, 0)],
        &expect!["SH SF 0/0/0/0 0/0/0/0"],
    );
    check(
        &[s(SYN | ACK, 0, 1, 0), s(FIN | ACK, 1, 1, 0)],
        &expect!["SHR ^hf 0/0/0/0 0/0/0/0"],
    );
}

#[test]
fn a_connection_joined_in_the_middle() {
    let all = [c(ACK, 500, 900, 10), s(ACK, 900, 510, 0)];
    check(&all, &expect!["OTH Da 0/0/0/0 0/0/0/0"]);
    // The first packet seen is the server's: the client is the other one.
    check(
        &[s(SYN | ACK, 0, 1, 0), c(ACK, 1, 1, 0)],
        &expect!["S1 ^hA 0/0/0/0 0/0/0/0"],
    );
    check(
        &[s(ACK, 900, 510, 10), c(ACK, 510, 910, 0)],
        &expect!["OTH ^dA 0/0/0/0 0/0/0/0"],
    );
}
