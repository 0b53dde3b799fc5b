//! Requests in, events out: the session as the page drives it.

use ewald_core::format::source::{SharedSource, SourceFile};
use ewald_core::session::{Session, SessionParams, StageId, StageState};
use ewald_protocol::{ErrorView, Event, JobId, Request, StageTexts};

use crate::control::{self, JobMonitor};
use crate::{beam_centre, demo, views};

/// What the dispatcher needs of the place where it runs.
pub trait Host {
    /// Sends an event, with bulk data.
    fn post(&self, event: Event, buffers: Vec<Vec<u8>>);
    /// Sends that files were made here, which go with the message.
    fn post_made(&self, event: Event, files: Vec<SourceFile>);
    /// A clock; only differences matter.
    fn seconds(&self) -> f64;
}

/// A session that does what it is asked.
#[derive(Default)]
pub struct Dispatcher {
    session: Session,
}

impl Dispatcher {
    /// Whether a request begins anew with other files.
    pub fn replaces_files(request: &Request) -> bool {
        matches!(request, Request::Open { add: false, .. } | Request::OpenDemo { .. })
    }

    /// Does what is asked. `files` come with `Request::Open`, in the order of its names.
    pub fn handle(&mut self, request: Request, files: Vec<SharedSource>, host: &dyn Host) {
        match request {
            Request::Open { job, names, add } => {
                if !add {
                    self.session = Session::new();
                }
                let named = names.into_iter().zip(files).map(|(name, source)| SourceFile::new(name, source));
                self.session.add_files(named);
                host.post(self.opened(job, Vec::new(), host), Vec::new());
            }
            Request::OpenDemo { job, demo } => {
                let monitor = JobMonitor::new(job, None);
                let made = demo::files(&demo, &monitor);
                drop(monitor);
                match made {
                    Ok(files) => {
                        self.session = Session::new();
                        self.session.add_files(files.iter().cloned());
                        let names = files.iter().map(|f| f.name.clone()).collect();
                        host.post_made(self.opened(job, names, host), files);
                    }
                    Err(ewald_sim::Error::Cancelled(_)) => host.post(Event::Cancelled { job, stage: None }, Vec::new()),
                    Err(error) => failed(job, None, &error, host),
                }
            }
            Request::Run { job, from, to, parameters } => {
                self.run(job, from, to, &parameters, host);
                host.post(Event::Ended { job }, Vec::new());
            }
            Request::BeamCentre { job, parameters } => {
                let monitor = JobMonitor::new(job, None);
                let found = beam_centre::search(&self.session, &parameters, &monitor);
                drop(monitor);
                match found {
                    Ok(found) => host.post(Event::BeamCentre { job, found: Box::new(found) }, Vec::new()),
                    Err(beam_centre::Error::Search(ewald_core::stages::beam_centre::Error::Cancelled(_))) => {
                        host.post(Event::Cancelled { job, stage: None }, Vec::new());
                    }
                    Err(error) => failed(job, None, &error, host),
                }
            }
            Request::Fetch { job, view } => match views::view(&self.session, &view) {
                Ok(bulk) => host.post(Event::View { job, header: bulk.header }, bulk.buffers),
                Err(error) => failed(job, None, &error, host),
            },
        }
    }

    fn opened(&self, job: JobId, made: Vec<String>, host: &dyn Host) -> Event {
        self.post_states(None, host);
        Event::Opened { job, files: self.session.files().files().len(), made }
    }

    /// Runs the stages from `from` to `to`, and before them those without an up-to-date result, until one fails.
    fn run(&mut self, job: JobId, from: StageId, to: StageId, parameters: &StageTexts, host: &dyn Host) {
        let mut params = SessionParams::default();
        for (stage, texts) in parameters {
            for (name, text) in texts {
                if let Err(error) = params.set(*stage, name, text) {
                    return failed(job, Some(*stage), &error, host);
                }
            }
        }
        self.session.set_params(params);

        let needed = |session: &Session, stage: StageId| stage >= from || session.state(stage) != StageState::Done;
        for stage in StageId::ALL.into_iter().filter(|stage| *stage <= to) {
            if needed(&self.session, stage) && !self.run_stage(job, stage, host) {
                return;
            }
        }
    }

    /// Runs one stage; whether it went well.
    fn run_stage(&mut self, job: JobId, stage: StageId, host: &dyn Host) -> bool {
        self.post_states(Some(stage), host);
        host.post(Event::Started { job, stage }, Vec::new());
        control::log(&format!("— {}", stage.title()));
        let start = host.seconds();
        let monitor = JobMonitor::new(job, Some(stage));
        let outcome = self.session.run(stage, &monitor).map(|report| Box::new(report.clone()));
        drop(monitor);
        let seconds = host.seconds() - start;

        let good = outcome.is_ok();
        match outcome {
            Ok(report) => {
                control::log(&format!("  {} ({seconds:.1} s)", report.headline));
                if stage == StageId::Import {
                    host.post(Event::Sweeps { sweeps: views::sweeps(&self.session) }, Vec::new());
                }
                host.post(Event::Finished { job, stage, report, seconds }, Vec::new());
            }
            Err(error) if error.is_cancelled() => {
                control::log("  cancelled");
                host.post(Event::Cancelled { job, stage: Some(stage) }, Vec::new());
            }
            Err(error) => {
                control::log(&format!("  {error}"));
                let report = error.report().map(Box::new);
                host.post(Event::Failed { job, stage: Some(stage), error: ErrorView::from(&error), report }, Vec::new());
            }
        }
        self.post_states(None, host);
        good
    }

    /// Tells how the stages stand; `running` has not yet told the session so.
    fn post_states(&self, running: Option<StageId>, host: &dyn Host) {
        let state = |stage| if running == Some(stage) { StageState::Running } else { self.session.state(stage) };
        host.post(Event::States { states: StageId::ALL.map(|stage| (stage, state(stage))).to_vec() }, Vec::new());
    }
}

fn failed(job: JobId, stage: Option<StageId>, error: &impl std::error::Error, host: &dyn Host) {
    host.post(Event::Failed { job, stage, error: ErrorView::from(error), report: None }, Vec::new());
}
