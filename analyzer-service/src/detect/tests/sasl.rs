//! Whose a secret is, and whether there is one.

use super::{
    logins::{check_talk, talk},
    *,
};

/// A login by AUTH LOGIN of alice, of which those packets are there, in this order.
fn check_auth_login(which: &[usize], expected: &Expect) {
    let lines: [&[u8]; 8] = [
        b"220 SMTP ready\r\n",
        b"AUTH LOGIN\r\n",
        b"334 VXNlcm5hbWU6\r\n",
        b"YWxpY2U=\r\n",
        b"334 UGFzc3dvcmQ6\r\n",
        b"c2VjcmV0\r\n",
        b"235 ok\r\n",
        b"QUIT\r\n",
    ];
    let all = talk(2_525, false, &lines);
    let packets: Packets = which.iter().map(|at| all[*at].clone()).collect();
    let kept = run(&capture(&packets), &Options::default());
    let said = format!("{:?}", kept.records());
    assert!(!said.contains("secret") && !said.contains("c2Vj"), "{said}");
    check(&packets, expected);
}

#[test]
fn a_secret_is_never_taken_for_a_user() {
    check_auth_login(
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:2525 x1 from 9, 1 flows: the smtp password of alice is sent in clear"
        ],
    );
    // The user's segment is missing, late, or there twice.
    check_auth_login(
        &[0, 1, 2, 3, 4, 5, 7, 8, 9, 10],
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:2525 x1 from 8, 1 flows: a smtp password is sent in clear"
        ],
    );
    check_auth_login(
        &[0, 1, 2, 3, 4, 5, 8, 6, 7, 9, 10],
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:2525 x1 from 7, 1 flows: a smtp password is sent in clear"
        ],
    );
    check_auth_login(
        &[0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10],
        &expect![
            "warning cleartext-credentials 10.0.0.1>10.0.0.2:2525 x1 from 10, 1 flows: the smtp password of alice is sent in clear"
        ],
    );
    // What the client says first is missing.
    check_auth_login(&[0, 1, 2, 3, 5, 6, 7, 8, 9, 10], &expect![""]);
}

#[test]
fn what_a_server_refuses_is_no_login() {
    let smtp: [&[u8]; 8] = [
        b"220 SMTP ready\r\n",
        b"AUTH LOGIN\r\n",
        b"504 no such mechanism\r\n",
        b"MAIL FROM:<a@example.org>\r\n",
        b"250 ok\r\n",
        b"RCPT TO:<b@example.org>\r\n",
        b"250 ok\r\n",
        b"DATA\r\n",
    ];
    check_talk(2_525, &smtp, &expect![""]);
    let imap: [&[u8]; 6] = [
        b"* OK IMAP4rev1 ready\r\n",
        b"a AUTHENTICATE LOGIN\r\n",
        b"a BAD no such mechanism\r\n",
        b"b SELECT inbox\r\n",
        b"b OK\r\n",
        b"c LOGOUT\r\n",
    ];
    check_talk(143, &imap, &expect![""]);
    let pop3: [&[u8]; 6] = [
        b"+OK POP3 ready\r\n",
        b"AUTH LOGIN\r\n",
        b"-ERR no such mechanism\r\n",
        b"STAT\r\n",
        b"+OK 0 0\r\n",
        b"QUIT\r\n",
    ];
    check_talk(110, &pop3, &expect![""]);
}
