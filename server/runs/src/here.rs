//! Conducts one run in this very process, for a command that makes one run and ends: no table, no queue, no tasks. It is told
//! and reported exactly as in a server.

use std::io::{self, PipeWriter, Write as _};
use std::os::fd::{BorrowedFd, OwnedFd};

use belljar_plan::RunRequest;
use belljar_report::{Ending, Event, Fold, Report, Stream};
use belljar_sandbox::{Audience, Remains, Site};
use nix::errno::Errno;

use crate::life::{
    ended, finish, note, note_obstacles, prepare_here, present, refused, rules_to_try,
    start_report, try_rules,
};
use crate::{Planner, Prepared, RunId};

/// Who watches such a run. Nothing in it may wait.
pub trait Viewer {
    /// Something happened. Never the end: that is the report.
    fn show(&mut self, event: Event);

    /// Whether what was shown is not yet passed on; the program then waits before it can write more.
    fn is_behind(&self) -> bool;

    /// Passes on what can be passed on without waiting.
    fn catch_up(&mut self);

    /// Can be read when there is a reason to ask [`Viewer::wants_end`], or, while the viewer is behind, to catch up.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Whether the run is to be cancelled.
    fn wants_end(&mut self) -> bool;
}

/// Plans a run and carries it out at `site`. `input` is its standard input.
pub fn conduct_here(
    site: Site,
    planner: &dyn Planner,
    request: &RunRequest,
    input: Option<OwnedFd>,
    viewer: &mut dyn Viewer,
) -> (Report, Option<Remains>) {
    let fold = start_report(&RunId::next(), request);
    let mut prepared = match prepare_here(planner, request) {
        Ok(prepared) => prepared,
        Err(no) => return (refused(fold, no), None),
    };
    let (own, input) = match prepared.input.take().map(own_input).transpose() {
        Ok(None) => (None, input),
        Ok(Some((own, input))) => (Some(own), Some(input)),
        Err(error) => {
            let ending = Ending::Failed {
                step: "make a pipe".into(),
                errno: format!("{:?}", Errno::from_raw(error.raw_os_error().unwrap_or(0))),
                hint: String::new(),
            };
            return (ended(fold, ending), None);
        }
    };
    let fold = fold.of(prepared.file.clone(), prepared.language.clone());
    let mut teller = Teller {
        prepared: &prepared,
        fold,
        viewer,
        own,
    };
    let remains = site.carry_out(&prepared.plan, input, &mut teller);
    let mut report = finish(teller.fold, &prepared);
    let tried = try_rules(rules_to_try(&report), planner, request, &prepared);
    note_obstacles(&mut report, &tried);
    (report, remains)
}

/// What a document says into its program's standard input, and where it is written.
type OwnInput = (PipeWriter, Vec<u8>);

fn own_input(input: Vec<u8>) -> io::Result<(OwnInput, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok(((writer, input), reader.into()))
}

/// Folds what happens, and shows it.
struct Teller<'a> {
    prepared: &'a Prepared,
    fold: Fold,
    viewer: &'a mut dyn Viewer,
    own: Option<OwnInput>,
}

impl Teller<'_> {
    fn take(&mut self, mut event: Event) {
        // In a thread of its own, because the program may never read it; and not before the cell stands, because a process with
        // threads makes none.
        if matches!(event, Event::Started { .. })
            && let Some((mut pipe, input)) = self.own.take()
        {
            std::thread::spawn(move || pipe.write_all(&input));
        }
        note(&mut self.fold, self.prepared, &mut event);
        if !self.fold.has_ended() {
            present(self.prepared, &mut event);
            self.viewer.show(event);
        }
    }
}

impl Audience for Teller<'_> {
    fn tell(&mut self, event: &Event) {
        self.take(event.clone());
    }

    fn pass(&mut self, stream: Stream, bytes: &[u8], line: Option<u32>) {
        self.take(Event::Output {
            stream,
            bytes: bytes.to_vec(),
            line,
        });
    }

    fn is_behind(&self) -> bool {
        self.viewer.is_behind()
    }

    fn catch_up(&mut self) {
        self.viewer.catch_up();
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.viewer.descriptor()
    }

    fn wants_end(&mut self) -> bool {
        self.viewer.wants_end()
    }
}
