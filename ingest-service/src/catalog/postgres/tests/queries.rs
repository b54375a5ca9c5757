//! What queries read, whatever the server knows of the records.

use std::net::Ipv4Addr;

use super::*;
use crate::{
    catalog::sql::query_records,
    domain::index::{AddressRange, Host, IndexRecord, RecordQuery, mapped},
};

/// Records of the network and the names that others are not in. Enough of them that a
/// server without statistics would rather read all than a part: it takes half a percent
/// of them for what any range has.
const RECORDS: u32 = 20_000;
/// As many of those half a percent as pages are of a million records.
const PAGE: u32 = 5;
/// Those that are stored before statistics are taken that are old afterwards.
const EARLY: u32 = 500;
/// Rows and entries of indexes, with the twice three that are counted before: what is asked
/// for is found at once, or is not there.
const READ_MAX: i64 = 100;

/// A few of 192.0.2.0/24 and below "early.example", all others of 10.0.0.0/16 and below
/// "site.example".
fn record(n: u32) -> IndexRecord {
    let [.., high, low] = n.to_be_bytes();
    let (client, host) = match n < EARLY {
        true => (Ipv4Addr::new(192, 0, 2, low), "early.example"),
        false => (Ipv4Addr::new(10, 0, high, low), "site.example"),
    };
    IndexRecord {
        sequence: u64::from(n) + 1,
        time_us: i64::from(n),
        kind: 1 + n % 2,
        client: Some(client.into()),
        server: Some(Ipv4Addr::new(198, 18, low, high).into()),
        client_port: 40_000,
        server_port: 443,
        host: format!("host{n}.{host}"),
        services: vec!["tls".to_owned()],
        ..IndexRecord::default()
    }
}

async fn fill(url: &str, statistics: Option<&str>) {
    let (_catalog, index) = open_with_index(url).await.unwrap();
    let mut admin = connect(url).await;
    // It would take statistics by itself.
    let alter = "ALTER TABLE index_records SET (autovacuum_enabled = off)";
    run(&mut admin, alter).await;
    for (id, all) in [("early", 0..EARLY), ("late", EARLY..RECORDS)] {
        let records: Vec<IndexRecord> = all.map(record).collect();
        let capture = conformance::index::capture(id);
        conformance::index::publish(&*index, &capture, &records).await;
        if Some(id) == statistics {
            run(&mut admin, "VACUUM ANALYZE").await;
        }
    }
}

/// What this transaction has read so far.
async fn read(db: &mut PgConnection) -> i64 {
    let read = sqlx::query_scalar(
        "SELECT CAST(sum(pg_stat_get_xact_tuples_returned(oid)) AS BIGINT) FROM pg_class \
         WHERE oid = 'index_records'::regclass OR oid IN \
         (SELECT indexrelid FROM pg_index WHERE indrelid = 'index_records'::regclass)",
    );
    read.fetch_one(db).await.unwrap()
}

fn network(network: [u8; 2]) -> RecordQuery {
    let [first, last] = [0, 255].map(|n| {
        let [a, b] = network;
        mapped(Ipv4Addr::new(a, b, n, n).into())
    });
    RecordQuery {
        addresses: Some(AddressRange { first, last }),
        ..RecordQuery::default()
    }
}

fn below(name: &str, query: RecordQuery) -> RecordQuery {
    RecordQuery {
        host: Some(Host::Below(name.to_owned())),
        ..query
    }
}

#[tokio::test]
#[ignore = "needs WEIR_TEST_POSTGRES"]
async fn what_is_asked_for_is_found_without_reading_much_else() {
    let all = RecordQuery::default;
    let tls = || RecordQuery {
        service: Some("tls".to_owned()),
        ..all()
    };
    let wanted = PAGE as usize;
    let asked = [
        ("a network", wanted, network([10, 0])),
        ("a network that has none", 0, network([203, 0])),
        ("names", wanted, below("site.example", all())),
        ("one name", 1, below("host700.site.example", all())),
        ("names that are not there", 0, below("none.example", all())),
        (
            "a network and a port",
            wanted,
            RecordQuery {
                port: Some(443),
                ..network([10, 0])
            },
        ),
        (
            "a network and names",
            wanted,
            below("site.example", network([10, 0])),
        ),
        (
            "much at once",
            wanted,
            RecordQuery {
                kinds: vec![1, 2],
                port: Some(443),
                addresses: network([10, 0]).addresses,
                ..below("site.example", tls())
            },
        ),
        (
            "a severity and a service",
            0,
            RecordQuery {
                severity_min: Some(1),
                ..tls()
            },
        ),
    ];
    for statistics in [None, Some("early"), Some("late")] {
        let url = database().await;
        fill(&url, statistics).await;
        let mut db = connect(&url).await;
        for (name, wanted, query) in &asked {
            let mut tx = db.begin().await.unwrap();
            let before = read(&mut tx).await;
            let query = RecordQuery {
                limit: PAGE,
                ..query.clone()
            };
            let found = query_records(&mut *tx, &query).await.unwrap().len();
            let read = read(&mut tx).await - before;
            let told = format!("{name}, statistics: {statistics:?}: {read} read");
            assert_eq!(found, *wanted, "{told}");
            assert!(read <= READ_MAX, "{told}");
        }
    }
}
