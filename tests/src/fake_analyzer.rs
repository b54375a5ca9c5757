//! An analyzer-service that does what a test says, and tells what it was sent.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, metadata::MetadataMap};
use weir_shared::proto::analyzer::v1::{
    AnalyzeRequest, AnalyzeResponse, CaptureInfo,
    analyze_response::Event,
    analyzer_service_server::{AnalyzerService, AnalyzerServiceServer},
};

use crate::pair::Service;

/// What it does with every call.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Refuses it before the answer begins.
    Refuse(Status),
    /// Begins to answer, then fails.
    Break(Status),
    /// Begins to answer, and never goes on.
    Hang,
}

/// The calls that came: their metadata and requests.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Vec<(MetadataMap, AnalyzeRequest)>>>);

impl Calls {
    /// The only call that came.
    #[must_use]
    pub fn only(&self) -> (MetadataMap, AnalyzeRequest) {
        let calls = self.0.lock().unwrap();
        assert_eq!(calls.len(), 1);
        calls[0].clone()
    }
}

/// Starts one.
pub async fn start(behaviour: Behaviour) -> (Service, Calls) {
    let calls = Calls::default();
    let fake = Fake {
        behaviour,
        calls: calls.clone(),
    };
    let service = Service::start(|listener, stop| async move {
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tonic::transport::Server::builder()
            .add_service(AnalyzerServiceServer::new(fake))
            .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
            .await?;
        Ok(())
    });
    (service.await, calls)
}

#[derive(Debug)]
struct Fake {
    behaviour: Behaviour,
    calls: Calls,
}

#[tonic::async_trait]
impl AnalyzerService for Fake {
    type AnalyzeStream = Pin<Box<dyn Stream<Item = Result<AnalyzeResponse, Status>> + Send>>;

    async fn analyze(
        &self,
        request: Request<AnalyzeRequest>,
    ) -> Result<Response<Self::AnalyzeStream>, Status> {
        let (metadata, _, message) = request.into_parts();
        self.calls.0.lock().unwrap().push((metadata, message));
        let info = AnalyzeResponse {
            event: Some(Event::CaptureInfo(CaptureInfo::default())),
        };
        let begin = futures::stream::iter([Ok(info)]);
        Ok(Response::new(match &self.behaviour {
            Behaviour::Refuse(status) => return Err(status.clone()),
            Behaviour::Break(status) => {
                let status = status.clone();
                begin.chain(futures::stream::iter([Err(status)])).boxed()
            }
            Behaviour::Hang => begin.chain(futures::stream::pending()).boxed(),
        }))
    }
}
