//! Analyses that are asked for, by calls and by seals, and listed.

use tonic::{Code, Status};
use weir_shared::proto::{
    analyzer::v1::{AnalysisOptions, FilterSyntax},
    ingest::v1::{AnalysisState, CaptureSpec, ListAnalysesRequest, StartAnalysisRequest},
};
use weir_tests::{
    background::wanted,
    errors::{check_error, check_invalid_field, check_quota, check_refused, detail},
    messages::{chunk, finish, open, open_with, spec},
    pair::{Pair, Setup},
    recordings,
    until::until,
};

use super::ended;

#[tokio::test]
async fn a_request_id_makes_one_analysis() {
    let pair = Pair::start().await;
    let (caller, background) = (pair.caller(), pair.background());
    let bytes = recordings::bytes("dns.pcap");
    caller.store("c", &bytes, 1 << 20).await;
    caller.store("d", &bytes, 1 << 20).await;
    let request = StartAnalysisRequest {
        request_id: "r:1".to_owned(),
        ..wanted("c")
    };
    let (first, _) = ended(&background, request.clone()).await;
    let again = background.start(request.clone()).await.unwrap();
    assert_eq!(again, first);
    // Whatever is unset is its default.
    let unset = StartAnalysisRequest {
        options: None,
        ..request.clone()
    };
    assert_eq!(background.start(unset).await.unwrap(), first);
    let other = StartAnalysisRequest {
        capture_id: "d".to_owned(),
        ..request.clone()
    };
    let limited = StartAnalysisRequest {
        options: Some(AnalysisOptions {
            packet_limit: 1,
            ..Default::default()
        }),
        ..request
    };
    for differs in [other, limited] {
        let refused = background.start(differs).await;
        check_refused(refused, Code::AlreadyExists, "ANALYSIS_PARAMS_DIFFER");
    }
    // Without an id each is a new one.
    let (one, two) = (wanted("c"), wanted("c"));
    let (one, two) = (background.start(one).await, background.start(two).await);
    assert_ne!(one.unwrap().analysis_id, two.unwrap().analysis_id);
}

#[tokio::test]
async fn analyses_are_listed_page_by_page() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| config.analyses.running_max = 0),
        ..Setup::default()
    })
    .await;
    let (caller, background) = (pair.caller(), pair.background());
    for id in ["c", "d"] {
        caller
            .store(id, &recordings::bytes("dns.pcap"), 1 << 20)
            .await;
    }
    let mut ids = Vec::new();
    for capture in ["c", "d", "c", "c"] {
        let started = background.start(wanted(capture)).await.unwrap();
        ids.push(started.analysis_id);
    }
    background.cancel(&ids[3]).await.unwrap();
    let listed = async |request: ListAnalysesRequest| {
        let (mut pages, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListAnalysesRequest {
                page_token,
                ..request.clone()
            };
            let page = background.list(request).await.unwrap();
            let ids = page.analyses.into_iter().map(|a| a.analysis_id);
            pages.push(ids.collect::<Vec<_>>());
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return pages;
            }
        }
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(|n: usize| ids[n].clone());
    let all = ListAnalysesRequest::default();
    assert_eq!(
        listed(all.clone()).await,
        [[d.clone(), c.clone(), b.clone(), a.clone()]]
    );
    let paged = ListAnalysesRequest {
        page_size: 2,
        ..all.clone()
    };
    let pages = [[d.clone(), c.clone()], [b.clone(), a.clone()]];
    assert_eq!(listed(paged).await, pages);
    let of_capture = ListAnalysesRequest {
        capture_id: "c".to_owned(),
        state: AnalysisState::Queued.into(),
        ..all
    };
    assert_eq!(listed(of_capture).await, [[c, a]]);
}

#[tokio::test]
async fn bad_requests_get_typed_errors() {
    let pair = Pair::with(Setup {
        ingest: Some(|config| {
            config.analyses.running_max = 0;
            config.analyses.waiting_max = 1;
        }),
        ..Setup::default()
    })
    .await;
    let (caller, background) = (pair.caller(), pair.background());
    caller
        .upload(vec![open("open"), chunk(0, "x")])
        .await
        .unwrap();
    caller
        .store("c", &recordings::bytes("dns.pcap"), 1 << 20)
        .await;
    let refusal = async |request: StartAnalysisRequest| -> Status {
        background.start(request).await.unwrap_err()
    };
    check_error(
        &refusal(wanted("nobody")).await,
        Code::NotFound,
        "CAPTURE_UNKNOWN",
    );
    let unsealed = refusal(wanted("open")).await;
    check_error(&unsealed, Code::FailedPrecondition, "CAPTURE_NOT_SEALED");
    check_invalid_field(&refusal(wanted("A b")).await, "capture_id");
    let id = StartAnalysisRequest {
        request_id: "a b".to_owned(),
        ..wanted("c")
    };
    check_invalid_field(&refusal(id).await, "request_id");

    let waiting = background.start(wanted("c")).await.unwrap();
    check_quota(&refusal(wanted("c")).await, "analyses_waiting_max");
    let unknown = "0192b9c0-7f00-7000-8000-000000000001";
    for id in [unknown, "x", ""] {
        let is_one = id == unknown;
        let refused = [
            background.get(id).await.unwrap_err(),
            background.cancel(id).await.unwrap_err(),
            background.watch(id, 0).await.unwrap_err(),
        ];
        for status in refused {
            match is_one {
                true => check_error(&status, Code::NotFound, "ANALYSIS_UNKNOWN"),
                false => check_invalid_field(&status, "analysis_id"),
            }
        }
    }
    background.cancel(&waiting.analysis_id).await.unwrap();
    let beyond = background.watch(&waiting.analysis_id, 1).await;
    check_refused(beyond, Code::OutOfRange, "RANGE");
    for (request, field) in [
        (
            ListAnalysesRequest {
                page_token: "zz".to_owned(),
                ..Default::default()
            },
            "page_token",
        ),
        (
            ListAnalysesRequest {
                state: 99,
                ..Default::default()
            },
            "state",
        ),
    ] {
        let refused = background.list(request).await.unwrap_err();
        check_invalid_field(&refused, field);
    }
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_refused_as_an_attached_call_says() {
    let pair = Pair::start().await;
    let (caller, background) = (pair.caller(), pair.background());
    caller
        .store("c", &recordings::bytes("dns.pcap"), 1 << 20)
        .await;
    for (filter, position) in [
        ("host and", 5),
        ("tcp port 80 or 443 and port", 27),
        (&"(".repeat(100), 65),
        (&" ".repeat(8193), 8192),
    ] {
        let options = AnalysisOptions {
            filter: filter.to_owned(),
            ..Default::default()
        };
        let attached = caller.analyze("c", options.clone()).await.unwrap_err();
        let request = StartAnalysisRequest {
            options: Some(options),
            ..wanted("c")
        };
        let refused = background.start(request).await.unwrap_err();
        check_error(&refused, Code::InvalidArgument, "FILTER_SYNTAX");
        assert_eq!(refused.message(), attached.message());
        let [wanted, got] = [&attached, &refused].map(detail::<FilterSyntax>);
        assert_eq!(got, wanted);
        assert_eq!(got.position, position);
    }
    let all = background.list(ListAnalysesRequest::default()).await;
    assert_eq!(all.unwrap().analyses, []);
}

#[tokio::test]
async fn a_seal_starts_an_analysis_where_it_is_wanted() {
    for (ingest, wanted) in [
        (None, ["yes"].as_slice()),
        (
            Some((|config| config.analyses.on_seal = true) as fn(&mut ingest_service::Config)),
            &["unset", "yes"],
        ),
    ] {
        let pair = Pair::with(Setup {
            ingest,
            ..Setup::default()
        })
        .await;
        let (caller, background) = (pair.caller(), pair.background());
        let bytes = recordings::bytes("dns.pcap");
        for (id, analyze_on_seal) in [("unset", None), ("no", Some(false)), ("yes", Some(true))] {
            let spec = CaptureSpec {
                analyze_on_seal,
                ..spec(id)
            };
            let upload = vec![open_with(spec), chunk(0, &bytes), finish(1)];
            let sealed = caller.upload(upload).await.unwrap().capture.unwrap();
            assert_eq!(sealed.analyze_on_seal, analyze_on_seal);
        }
        let listed = || async {
            let list = background.list(ListAnalysesRequest::default()).await;
            list.unwrap().analyses
        };
        // The last one that is wanted is that of the last capture.
        let last = until("the last analysis", || async {
            let mut listed = listed().await.into_iter();
            listed.find(|analysis| analysis.capture_id == "yes")
        });
        let ended = background.watched(&last.await.analysis_id).await;
        assert_eq!(ended.last().state(), AnalysisState::Succeeded);
        assert!(ended.last().request_id.starts_with("event-"));
        let all = until("an analysis of each", || async {
            let mut ids: Vec<_> = listed().await.into_iter().map(|a| a.capture_id).collect();
            ids.sort();
            (ids.len() >= wanted.len()).then_some(ids)
        });
        assert_eq!(all.await, wanted);
    }
}
