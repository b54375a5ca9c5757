//! Logins in clear: Basic authentication (RFC 7617) and forms.

use httparse::Header;
use percent_encoding::percent_decode;

use crate::dissect::logins::{behind, decoded, told};

/// The media type of forms (WHATWG URL, 5).
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// Of a form's front that is looked at.
const FORM_BYTES_MAX: usize = 4_096;

/// "Passwords" that say that the user is a token, by convention of some services.
const NO_SECRETS: [&[u8]; 4] = [b"", b"x", b"x-oauth-basic", b"api_token"];

/// How the names of a form's fields end that hold a secret.
const SECRETS: [&[u8]; 5] = [b"password", b"passwd", b"passphrase", b"pass", b"pwd"];

/// How those end that hold a name.
const USERS: [&[u8]; 5] = [b"user", b"username", b"login", b"email", b"userid"];

/// Who says Basic in an Authorization or Proxy-Authorization field.
pub(in super::super) fn basic(value: &[u8]) -> Option<String> {
    let token = behind(value.trim_ascii(), b"Basic ")?.trim_ascii();
    let pair = decoded(token)?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    let (user, secret) = (&pair[..colon], &pair[colon + 1..]);
    Some(match NO_SECRETS.contains(&secret) {
        true => String::new(),
        false => told(user),
    })
}

/// Who says a secret in a request's fields.
pub(super) fn field(headers: &[Header<'_>]) -> Option<String> {
    let names = ["authorization", "proxy-authorization"];
    headers.iter().find_map(|header| {
        let mut names = names.iter();
        let is_it = names.any(|name| header.name.eq_ignore_ascii_case(name));
        is_it.then(|| basic(header.value))?
    })
}

/// Whether a request's body is a form.
pub(super) fn is_form(headers: &[Header<'_>]) -> bool {
    headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("content-type") && behind(header.value, FORM).is_some()
    })
}

/// Who says a secret in the query of a target.
pub(super) fn query(target: &[u8]) -> Option<String> {
    let at = target.iter().position(|byte| *byte == b'?')?;
    form(&target[at + 1..])
}

/// Who says a secret in a form (application/x-www-form-urlencoded), or its front.
pub(super) fn form(data: &[u8]) -> Option<String> {
    let front = &data[..data.len().min(FORM_BYTES_MAX)];
    let fields = || {
        let fields = front.split(|byte| *byte == b'&');
        fields.filter_map(|field| {
            let equals = field.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (&field[..equals], &field[equals + 1..]);
            (!value.is_empty()).then_some((name, value))
        })
    };
    let named = |ends: [&[u8]; 5]| {
        let mut fields = fields();
        fields.find(|(name, _)| ends.iter().any(|end| ends_with(name, end)))
    };
    named(SECRETS)?;
    let user = named(USERS).map(|(_, value)| unescaped(value));
    Some(user.map(|user| told(&user)).unwrap_or_default())
}

/// In upper or lower case, and within brackets ("user[password]").
fn ends_with(name: &[u8], end: &[u8]) -> bool {
    let name = name.strip_suffix(b"%5D").unwrap_or(name);
    let name = name.strip_suffix(b"]").unwrap_or(name);
    let at = name.len().checked_sub(end.len());
    at.is_some_and(|at| name[at..].eq_ignore_ascii_case(end))
}

/// With `+` and `%XX` as what they stand for.
fn unescaped(value: &[u8]) -> Vec<u8> {
    let spaced = value.iter().map(|byte| match byte {
        b'+' => b' ',
        other => *other,
    });
    percent_decode(&spaced.collect::<Vec<u8>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_form(data: &str, expected: Option<&str>) {
        assert_eq!(form(data.as_bytes()).as_deref(), expected, "{data}");
    }

    #[test]
    fn a_form_with_a_secret_tells_who() {
        check_form("username=alice&password=secret", Some("alice"));
        check_form("a=1&Passwd=x&Email=a%40b.example", Some("a@b.example"));
        check_form("user%5Bpassword%5D=x&user[login]=bob+b", Some("bob b"));
        check_form("pwd=x", Some(""));
        check_form("password=&user=a", None);
        check_form("passengers=2&user=a", None);
        check_form("password", None);
        check_form("", None);
        check_form("pass=1&user=%4", Some("%4"));
        assert_eq!(query(b"/login?u=1&password=x"), Some(String::new()));
        assert_eq!(query(b"/password=x"), None);
    }

    #[track_caller]
    fn check_basic(value: &str, expected: Option<&str>) {
        assert_eq!(basic(value.as_bytes()).as_deref(), expected, "{value}");
    }

    #[test]
    fn basic_authentication_tells_who() {
        check_basic("Basic YWxpY2U6c2VjcmV0", Some("alice"));
        check_basic(" basic  YWxpY2U6c2VjcmV0 ", Some("alice"));
        // The user is the secret: "token:" and "token:x-oauth-basic".
        check_basic("Basic dG9rZW46", Some(""));
        check_basic("Basic dG9rZW46eC1vYXV0aC1iYXNpYw==", Some(""));
        check_basic("Basic YWxpY2U=", None);
        check_basic("Basic ?", None);
        check_basic("Bearer YWxpY2U6c2VjcmV0", None);
        check_basic("Basic", None);
    }
}
