//! [`Tasks`]: the tasks of a run as a pool takes them: a whole [`Expansion`], a
//! [`SingleTask`], or those of several such together ([`JointTasks`]).

use std::borrow::Cow;

use fanout_contract::{Output, Params, Part, Permute, Split, Task};

use crate::digest::Digest;
use crate::expand::{Expansion, TaskGroup, TaskIdentity, TaskSpec};
use crate::task::WantedFits;

/// The tasks of a run, those of its baseline last. Each is made when it is asked
/// for, so that a run of many tasks does not hold them all.
pub trait Tasks: Sync {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// How many workers there is something to do for. Tasks that take no time, a
    /// baseline's, are left to those that have the dataset open.
    fn busy_workers(&self) -> usize {
        self.len()
    }
    /// The groups of the tasks, in order. Each task is in one.
    fn groups(&self) -> Vec<TaskGroup> {
        vec![TaskGroup::of_unrelated(self.len())]
    }
    /// The fits of task `index`, as the record names them.
    fn wanted(&self, index: usize) -> WantedFits;
    /// The document of task `index`.
    fn task(&self, index: usize) -> Task;
    /// What the id of task `index` is the digest of: the text of a
    /// [`TaskIdentity`].
    fn identity(&self, index: usize) -> String;
    /// The guest that runs task `index`.
    fn guest(&self, index: usize) -> Digest;
    /// What task `index` is expected to take, beside others.
    fn cost(&self, _index: usize) -> f64 {
        1.0
    }
    /// The ends of the parts in which the only fit of task `index` is made, ascending;
    /// none if it is made whole.
    fn cuts(&self, _index: usize) -> &[u32] {
        &[]
    }
    /// The tasks whose artifacts task `index` takes, in order: those of the parts of its
    /// model. They are a stage of their own, before it.
    fn inputs(&self, index: usize) -> Vec<SingleTask> {
        let cuts = self.cuts(index);
        if cuts.is_empty() {
            return Vec::new();
        }
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let parts = starts.zip(cuts).map(|(start, &end)| Part { start, end });
        let identity = TaskIdentity::read(&self.identity(index));
        let identity = identity.expect("tasks have identities");
        let fits = self.wanted(index).fits.into_iter();
        let key = |fit: String| serde_json::from_str(&fit).expect("a key is hyper-parameters");
        let fits: Vec<Params> = fits.map(key).collect();
        let task = |part| {
            let (text, identity) = identity.clone().of_part(part);
            SingleTask::of_identity(&text, identity, fits.clone(), vec![Output::Model])
        };
        parts.map(task).collect()
    }
    /// Tasks that will be wanted after these, whatever these result in. Their inputs are
    /// made beside these by the workers that have nothing else to do.
    fn ahead(&self) -> Vec<SingleTask> {
        Vec::new()
    }
}

impl Tasks for Expansion {
    fn len(&self) -> usize {
        self.tasks.len() + self.baseline_tasks.len()
    }

    fn busy_workers(&self) -> usize {
        self.tasks.len()
    }

    fn groups(&self) -> Vec<TaskGroup> {
        let mut groups = self.groups.clone();
        let (search, all) = (self.tasks.len(), Tasks::len(self));
        match groups.last_mut().filter(|last| !last.shares_steps) {
            Some(last) => last.tasks.end = all,
            None => groups.push(TaskGroup {
                tasks: search..all,
                shares_steps: false,
            }),
        }
        groups
    }

    fn wanted(&self, index: usize) -> WantedFits {
        wanted(self, self.any_task(index))
    }

    fn task(&self, index: usize) -> Task {
        Self::task(self, index)
    }

    fn identity(&self, index: usize) -> String {
        let task = self.any_task(index);
        let split = &self.splits[task.split as usize];
        Self::identity(self, task.candidates[0] as usize, split)
    }

    fn guest(&self, index: usize) -> Digest {
        Self::guest(self, self.any_task(index).candidates[0] as usize)
    }

    fn cost(&self, index: usize) -> f64 {
        self.task_cost(index)
    }

    fn cuts(&self, index: usize) -> &[u32] {
        self.cuts_of_task(index)
    }
}

/// The tasks of several, one after the other.
pub struct JointTasks<'t> {
    of: Vec<&'t dyn Tasks>,
    /// Of each: the index of its first task; and the number of all.
    starts: Vec<usize>,
    ahead: Vec<SingleTask>,
}

impl std::fmt::Debug for JointTasks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JointTasks")
            .field("starts", &self.starts)
            .field("ahead", &self.ahead)
            .finish_non_exhaustive()
    }
}

impl<'t> JointTasks<'t> {
    /// The tasks of these.
    pub fn new(of: Vec<&'t dyn Tasks>) -> Self {
        let mut starts = vec![0];
        for tasks in &of {
            let start = starts[starts.len() - 1];
            starts.push(start + tasks.len());
        }
        Self {
            of,
            starts,
            ahead: Vec::new(),
        }
    }

    /// The same, behind which these tasks will be wanted ([`Tasks::ahead`]).
    #[must_use]
    pub fn with_ahead(self, ahead: Vec<SingleTask>) -> Self {
        Self { ahead, ..self }
    }

    /// Which of them task `index` is of, and its index there.
    pub fn place(&self, index: usize) -> (usize, usize) {
        let of = self.starts.partition_point(|start| *start <= index) - 1;
        (of, index - self.starts[of])
    }

    fn of(&self, index: usize) -> (&'t dyn Tasks, usize) {
        let (of, index) = self.place(index);
        (self.of[of], index)
    }
}

impl Tasks for JointTasks<'_> {
    fn len(&self) -> usize {
        self.starts[self.of.len()]
    }

    fn busy_workers(&self) -> usize {
        self.of.iter().map(|of| of.busy_workers()).sum()
    }

    fn groups(&self) -> Vec<TaskGroup> {
        let mut groups: Vec<TaskGroup> = Vec::new();
        for (of, start) in self.of.iter().zip(&self.starts) {
            for group in of.groups() {
                let tasks = group.tasks.start + start..group.tasks.end + start;
                match groups.last_mut() {
                    // Tasks that share nothing are taken in order.
                    Some(last) if !last.shares_steps && !group.shares_steps => {
                        last.tasks.end = tasks.end;
                    }
                    _ => groups.push(TaskGroup { tasks, ..group }),
                }
            }
        }
        groups
    }

    fn wanted(&self, index: usize) -> WantedFits {
        let (of, index) = self.of(index);
        of.wanted(index)
    }

    fn task(&self, index: usize) -> Task {
        let (of, index) = self.of(index);
        of.task(index)
    }

    fn identity(&self, index: usize) -> String {
        let (of, index) = self.of(index);
        of.identity(index)
    }

    fn guest(&self, index: usize) -> Digest {
        let (of, index) = self.of(index);
        of.guest(index)
    }

    fn cost(&self, index: usize) -> f64 {
        let (of, index) = self.of(index);
        of.cost(index)
    }

    fn cuts(&self, index: usize) -> &[u32] {
        let (of, index) = self.of(index);
        of.cuts(index)
    }

    fn ahead(&self) -> Vec<SingleTask> {
        self.ahead.clone()
    }
}

/// The fits of a task of the search, as the record names them.
fn wanted(expansion: &Expansion, task: &TaskSpec) -> WantedFits {
    let key = |&candidate: &u32| expansion.key(candidate as usize);
    WantedFits {
        task: task.id,
        fits: task.candidates.iter().map(key).collect(),
        outputs: expansion.outputs(task.candidates[0]).to_vec(),
    }
}

/// The fit of `candidate` on a split outside the search, as the record names
/// it, with what the plan wants of fits.
pub fn wanted_fit(expansion: &Expansion, candidate: usize, split: &Split) -> WantedFits {
    WantedFits {
        task: expansion.id(candidate, split),
        fits: vec![expansion.key(candidate)],
        outputs: expansion.outputs(candidate as u32).to_vec(),
    }
}

/// The same with the predictions of the split's test rows.
pub fn wanted_predictions(expansion: &Expansion, candidate: usize, split: &Split) -> WantedFits {
    WantedFits {
        outputs: vec![Output::Predictions],
        ..wanted_fit(expansion, candidate, split)
    }
}

/// The part of a task whose fits finished.
pub(super) fn finished_part<'a>(task: &'a TaskSpec, positions: &[u32]) -> Cow<'a, TaskSpec> {
    if positions.len() == task.candidates.len() {
        return Cow::Borrowed(task);
    }
    let candidate = |&position: &u32| task.candidates[position as usize];
    Cow::Owned(TaskSpec {
        candidates: positions.iter().map(candidate).collect(),
        ..task.clone()
    })
}

/// One task alone.
#[derive(Clone, Debug)]
pub struct SingleTask {
    wanted: WantedFits,
    task: Task,
    identity: String,
    guest: Digest,
    cuts: Vec<u32>,
}

impl SingleTask {
    /// The same, whose fit is made in parts that end there.
    #[must_use]
    pub fn with_cuts(self, cuts: Vec<u32>) -> Self {
        Self { cuts, ..self }
    }

    /// The task of an identity, which was read from `text`, the keys of its fits, and
    /// what is wanted of them beside scores.
    pub fn of_identity(
        text: &str,
        identity: TaskIdentity,
        fits: Vec<Params>,
        outputs: Vec<Output>,
    ) -> Self {
        let key = |fit: &Params| serde_json::to_string(fit).expect("hyper-parameters are JSON");
        Self {
            wanted: WantedFits {
                task: Digest::of(text.as_bytes()),
                fits: fits.iter().map(key).collect(),
                outputs: outputs.clone(),
            },
            guest: identity.guest,
            identity: text.to_owned(),
            task: identity.into_task(fits, outputs),
            cuts: Vec::new(),
        }
    }

    /// The fit of `candidate` on a split outside the search, of which `outputs` are
    /// wanted beside scores.
    pub fn outside_search(
        expansion: &Expansion,
        candidate: usize,
        split: &Split,
        outputs: Vec<Output>,
    ) -> Self {
        Self {
            wanted: WantedFits {
                outputs: outputs.clone(),
                ..wanted_fit(expansion, candidate, split)
            },
            task: Task {
                outputs,
                ..expansion.single(candidate, split)
            },
            identity: expansion.identity(candidate, split),
            guest: expansion.guest(candidate),
            cuts: expansion.cuts(candidate),
        }
    }

    /// The scores of `candidate` on the test rows of a split with a feature permuted.
    pub fn permuting(
        expansion: &Expansion,
        candidate: usize,
        split: &Split,
        permute: Permute,
    ) -> Self {
        let text = expansion.identity(candidate, split);
        let identity = TaskIdentity::read(&text).expect("an expansion writes identities");
        let (text, identity) = identity.permuting(permute);
        let key = serde_json::from_str(&expansion.key(candidate));
        let fits = vec![key.expect("a key is hyper-parameters")];
        Self::of_identity(&text, identity, fits, Vec::new())
    }

    /// The fits, as the record names them.
    pub fn wanted_fits(&self) -> &WantedFits {
        &self.wanted
    }
}

/// Several tasks that have nothing to do with each other.
impl Tasks for Vec<SingleTask> {
    fn len(&self) -> usize {
        self.len()
    }

    fn wanted(&self, index: usize) -> WantedFits {
        self[index].wanted.clone()
    }

    fn task(&self, index: usize) -> Task {
        self[index].task.clone()
    }

    fn identity(&self, index: usize) -> String {
        self[index].identity.clone()
    }

    fn guest(&self, index: usize) -> Digest {
        self[index].guest
    }

    fn cuts(&self, index: usize) -> &[u32] {
        &self[index].cuts
    }
}

/// Tasks of several splits, each of which permutes the features of one fitted model:
/// a guest keeps the one that it fitted last.
#[derive(Clone, Debug)]
pub struct PermutingTasks {
    /// Those of one split after the other.
    pub tasks: Vec<SingleTask>,
    /// How many a split has, at least 1.
    pub of_each_split: usize,
}

impl Tasks for PermutingTasks {
    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn groups(&self) -> Vec<TaskGroup> {
        let starts = (0..self.len()).step_by(self.of_each_split);
        let group = |start: usize| TaskGroup {
            tasks: start..(start + self.of_each_split).min(self.len()),
            shares_steps: true,
        };
        starts.map(group).collect()
    }

    fn wanted(&self, index: usize) -> WantedFits {
        self.tasks.wanted(index)
    }

    fn task(&self, index: usize) -> Task {
        self.tasks.task(index)
    }

    fn identity(&self, index: usize) -> String {
        self.tasks.identity(index)
    }

    fn guest(&self, index: usize) -> Digest {
        self.tasks.guest(index)
    }
}

impl Tasks for SingleTask {
    fn len(&self) -> usize {
        1
    }

    fn wanted(&self, _index: usize) -> WantedFits {
        self.wanted.clone()
    }

    fn task(&self, _index: usize) -> Task {
        self.task.clone()
    }

    fn identity(&self, _index: usize) -> String {
        self.identity.clone()
    }

    fn guest(&self, _index: usize) -> Digest {
        self.guest
    }

    fn cuts(&self, _index: usize) -> &[u32] {
        &self.cuts
    }
}
