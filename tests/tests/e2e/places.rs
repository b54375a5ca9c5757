//! A bounded number of analyses runs at once.

use tonic::Code;
use weir_tests::{
    analysis::inline,
    errors::{check_refused, check_unavailable},
    gate::Gate,
    pair::{Pair, Setup},
    recordings,
    until::within,
};

#[tokio::test]
async fn more_analyses_than_places_are_told_when_to_come_back() {
    let gate = Gate::closed();
    let pair = Pair::with(Setup {
        analyzer: Some(|config| config.analyses_max = Some(2)),
        analyzer_gate: Some(gate.clone()),
        ..Setup::default()
    })
    .await;
    let caller = pair.caller();
    caller
        .store("c", &recordings::bytes("icmp.pcap"), 1 << 20)
        .await;
    let analyze = || caller.analyze("c", Default::default());
    let more = async {
        gate.until_waiting(2).await;
        let through = analyze().await.unwrap_err();
        check_unavailable(&through, "OVERLOADED");
        let small = inline(recordings::bytes("icmp.pcap"));
        let direct = pair.analyzer_caller().analyze(small).await.unwrap_err();
        check_unavailable(&direct, "OVERLOADED");
        gate.open();
    };
    let all = async { tokio::join!(analyze(), analyze(), more) };
    let (first, second, ()) = within("the analyses", all).await;
    for analysis in [first, second] {
        assert_eq!(analysis.unwrap().summary.packets, 30);
    }
    analyze().await.unwrap();
}

#[tokio::test]
async fn refused_analyses_take_no_place() {
    let pair = Pair::with(Setup {
        analyzer: Some(|config| config.analyses_max = Some(1)),
        ..Setup::default()
    })
    .await;
    let caller = pair.analyzer_caller();
    for _ in 0..5 {
        let refused = caller.analyze(inline("not a capture")).await;
        check_refused(refused, Code::InvalidArgument, "NOT_A_CAPTURE");
    }
    let small = inline(recordings::bytes("icmp.pcap"));
    caller.analyze(small).await.unwrap();
}
