use clap::error::ErrorKind;

use super::{value::Kind, *};

fn check_error(line: &str, want: ErrorKind) {
    let error = Args::try_parse_from(line.split(' ')).unwrap_err();
    assert_eq!(error.kind(), want, "{error}");
}

fn parsed(line: &str) -> Args {
    Args::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_definition_is_sound() {
    use clap::CommandFactory as _;
    Args::command().debug_assert();
}

#[test]
fn wrong_lines_are_usage_errors() {
    check_error("weir", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    check_error("weir analyze", ErrorKind::MissingRequiredArgument);
    check_error("weir get id", ErrorKind::MissingRequiredArgument);
    check_error("weir analyze f --format xml", ErrorKind::InvalidValue);
    check_error("weir analyze f --kinds flow,arp", ErrorKind::InvalidValue);
    check_error("weir analyze f --limit 0", ErrorKind::ValueValidation);
    check_error("weir analyze f --limit 10001", ErrorKind::ValueValidation);
    check_error("weir analyze f --timeout 0", ErrorKind::ValueValidation);
    check_error("weir analyze f --timeout nan", ErrorKind::ValueValidation);
    check_error("weir analyze f --timeout 1e300", ErrorKind::ValueValidation);
    check_error(
        "weir analyze f --idle-timeout=-1",
        ErrorKind::ValueValidation,
    );
    check_error(
        "weir analyze f --idle-timeout 3d",
        ErrorKind::ValueValidation,
    );
    check_error(
        "weir captures --endpoint localhost:7301",
        ErrorKind::ValueValidation,
    );
    check_error(
        "weir captures --endpoint https://weir.example",
        ErrorKind::ValueValidation,
    );
    check_error(
        "weir captures --endpoint http://weir.example/path",
        ErrorKind::ValueValidation,
    );
    check_error("weir captures --label =x", ErrorKind::ValueValidation);
    check_error("weir captures --state gone", ErrorKind::InvalidValue);
    check_error("weir captures --since monday", ErrorKind::ValueValidation);
    check_error(
        "weir captures --before 2026-13-01",
        ErrorKind::ValueValidation,
    );
    check_error("weir delete ../x", ErrorKind::ValueValidation);
    check_error(
        "weir analyses",
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    );
    check_error("weir analyses show x", ErrorKind::ValueValidation);
    check_error("weir analyses list --state gone", ErrorKind::InvalidValue);
    check_error("weir analyses start", ErrorKind::MissingRequiredArgument);
    check_error(
        "weir analyses start c --request-id a/b",
        ErrorKind::ValueValidation,
    );
    check_error(
        "weir analyses start c --max-duration 0",
        ErrorKind::ValueValidation,
    );
    check_error("weir upload f --id -x", ErrorKind::UnknownArgument);
    check_error("weir upload f --id=Capital", ErrorKind::ValueValidation);
}

#[test]
fn spans_have_units_and_zero_is_kept() {
    let args =
        parsed("weir analyze f --timeout 1.5 --idle-timeout 0 --active-timeout 2m --interim 30");
    assert_eq!(args.common.timeout, Some(Duration::from_millis(1500)));
    let Command::Analyze(analyze) = args.command else {
        panic!("not analyze");
    };
    assert_eq!(analyze.options.idle_timeout, Some(Duration::ZERO));
    assert_eq!(
        analyze.options.active_timeout,
        Some(Duration::from_secs(120))
    );
    assert_eq!(analyze.options.interim, Some(Duration::from_secs(30)));
    assert_eq!(analyze.limit, 20);
}

#[test]
fn an_upload_says_whether_to_analyze_or_nothing() {
    for (line, want) in [
        ("weir upload f", None),
        ("weir upload --analyze f", Some(true)),
        ("weir upload - --analyze=true", Some(true)),
        ("weir upload --analyze=false f", Some(false)),
    ] {
        let Command::Upload(upload) = parsed(line).command else {
            panic!("not upload");
        };
        assert_eq!(upload.analyze, want, "{line}");
    }
    check_error("weir upload f --analyze=perhaps", ErrorKind::InvalidValue);
}

#[test]
fn a_picture_is_written_as_its_file_is_named() {
    use preview::Picture::{Png, Svg};
    for (line, want) in [
        ("weir preview c --output x.png", Some(Png)),
        ("weir preview c -o x/y.SVG", Some(Svg)),
        ("weir preview c -o x.png --format svg", Some(Svg)),
        ("weir preview c -o - --format png", Some(Png)),
        ("weir preview c -o -", None),
        ("weir preview c -o x.jpeg", None),
        ("weir preview c -o png", None),
    ] {
        let Command::Preview(preview) = parsed(line).command else {
            panic!("not preview");
        };
        assert_eq!(preview.picture().ok(), want, "{line}");
    }
    check_error("weir preview c", ErrorKind::MissingRequiredArgument);
    check_error("weir preview -o x.png", ErrorKind::MissingRequiredArgument);
    check_error("weir preview ../c -o x.png", ErrorKind::ValueValidation);
    let both = "weir preview c -o x.png --analysis 01a22ada-7ca8-748e-8347-88227d0a6f69";
    check_error(both, ErrorKind::ArgumentConflict);
}

#[test]
fn kinds_are_a_list() {
    let Command::Analyze(analyze) = parsed("weir analyze a b --kinds dns,tls").command else {
        panic!("not analyze");
    };
    assert_eq!(analyze.options.kinds, [Kind::Dns, Kind::Tls]);
    assert_eq!(analyze.files.len(), 2);
}

fn check_data_dir(xdg: Option<&str>, home: Option<&str>, want: Option<&str>) {
    let dir = default_data_dir(xdg.map(OsString::from), home.map(OsString::from));
    assert_eq!(dir.ok(), want.map(PathBuf::from));
}

#[test]
fn the_data_directory_follows_the_xdg_rule() {
    check_data_dir(Some("/x"), Some("/h"), Some("/x/weir"));
    check_data_dir(Some("relative"), Some("/h"), Some("/h/.local/share/weir"));
    check_data_dir(Some(""), Some("/h"), Some("/h/.local/share/weir"));
    check_data_dir(None, None, None);
    check_data_dir(None, Some(""), None);
}

#[test]
fn times_are_dates_moments_or_spans_ago() {
    let seconds = |text: &str| value::moment(text).unwrap().seconds;
    assert_eq!(seconds("2026-11-20"), 1_795_132_800);
    assert_eq!(seconds("2026-11-20T08:30:00Z"), 1_795_163_400);
    assert_eq!(seconds("2026-11-20T08:30:00+02:00"), 1_795_156_200);
    let (hours, now) = (seconds("2h"), seconds("0"));
    assert!(
        (hours..=hours + 60).contains(&(now - 7200)),
        "{hours} {now}"
    );
}
