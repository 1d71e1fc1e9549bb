"use strict";
// The page of one run: takes what /api/runs/RUN/events tells, change by change, and shows it.
// Charts of results are charts.js's; the task stream is stream.js's.

(() => {
  const { make, text } = Fanout;
  const byId = (id) => document.getElementById(id);
  const run = location.pathname.split("/").at(-1);
  const api = `/api/runs/${run}`;

  // The least time between two fetches of what grows while a run goes on.
  const FETCHED_EVERY = 2000;

  const stream = Fanout.stream(byId("stream"));
  const page = {
    stream,
    outline: {},
    state: null,
    facts: null,
    // Rows, features and columns, once the table is read.
    data: null,
    // What the store has of a run that ended, or the candidates so far.
    results: null,
    isFinal: false,
    notes: { warnings: [], latest: [] },
    // The place of the target that is shown.
    target: 0,
    isOver: () => page.isFinal || page.facts?.ended,
    needTarget: () => loadTarget(page.target),
  };
  const { drawWorkers, drawProgress } = Fanout.workersBox(page);
  const { drawResults, redraw, recolour } = Fanout.resultsBoxes(page);
  const { drawFailures, drawNotes, drawData } = Fanout.notesBoxes(page);

  // ---- what comes

  const connection = byId("connection");
  const connect = (text, kind) => {
    connection.textContent = text;
    connection.className = `badge ${kind ?? ""}`;
  };

  let finishing = false;
  const source = new EventSource(`${api}/events`);
  source.addEventListener("open", () => connect("live", "live"));
  source.addEventListener("error", () => {
    // The end of the stream of a run that ended: no need to come again.
    if (finishing) {
      source.close();
      connect("ended", "");
    } else if (source.readyState === EventSource.CLOSED) connect("not connected", "lost");
    else connect("connecting again", "lost");
  });
  source.addEventListener("changes", (message) => {
    document.documentElement.dataset.version = message.lastEventId.split(".").at(-1);
    take(JSON.parse(message.data));
  });

  const take = (changes) => {
    if (changes.outline) {
      page.outline = changes.outline;
      stream.targets = changes.outline.target_names ?? [];
    }
    if (page.outline.run) loadFacts();
    if (changes.state) page.state = changes.state;
    if (changes.notes) page.notes = changes.notes;
    if (changes.data) page.data = changes.data;
    if (changes.stream) {
      stream.update(changes.stream);
      drawWorkers();
    }
    drawTitle();
    drawState();
    if (changes.progress) drawProgress(changes.progress);
    if (changes.failures) drawFailures(changes.failures);
    if (changes.notes) drawNotes();
    if (changes.data || changes.outline) drawData();
    if (changes.ended) finish();
    else if (changes.scored?.candidates > 0) loadScored();
  };

  const fetchJson = async (path) => {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };

  // The manifest of a run that has just begun may not be there yet: it is asked for again.
  let asked = -Infinity;
  const loadFacts = async () => {
    if (page.facts || performance.now() - asked < FETCHED_EVERY) return;
    asked = performance.now();
    try {
      page.facts = await fetchJson(api);
      drawTitle();
      drawData();
      drawNotes();
      // It says which hyper-parameters are nested.
      if (page.results) drawResults();
    } catch {
      // The results tell it.
    }
  };

  // At most one at a time, and none too soon after the one before.
  let fetching = false;
  let again = false;
  const loadScored = async () => {
    if (page.isFinal) return;
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const scored = await fetchJson(`${api}/scored`);
      if (!page.isFinal) {
        page.results = scored;
        drawResults();
      }
    } catch (error) {
      byId("results-note").textContent = `The candidates can't be fetched: ${error.message}`;
    }
    setTimeout(() => {
      fetching = false;
      if (again) {
        again = false;
        loadScored();
      }
    }, FETCHED_EVERY);
  };

  const finish = async () => {
    if (finishing) return;
    finishing = true;
    asked = -Infinity;
    await loadFacts();
    const results = await fetchJson(`${api}/results`).catch((error) => {
      byId("results-note").textContent = `The results can't be fetched: ${error.message}`;
      return null;
    });
    const runs = page.outline.target_runs ?? [];
    const scored = runs.length > 1 || !results ? await fetchJson(`${api}/scored`).catch(() => null) : null;
    page.results = runs.length > 1 ? ofTargets(runs, results, scored) : results ?? scored;
    page.isFinal = true;
    source.close();
    connect("ended", "");
    drawTitle();
    drawState();
    drawResults();
    drawData();
    drawNotes();
    page.needTarget();
    const ids = runs.length > 1 ? runs.map(([, id]) => id) : [page.outline.run ?? page.facts?.run ?? run];
    byId("more-command").textContent = `fanout report ${ids.map((id) => id.slice(0, 12)).join(" ")}`;
    // An earlier version kept no explanations: only the report finds them, by the guest.
    if (results?.is_explained_in_report) {
      byId("more-what").textContent = "What explains the chosen candidate, the curves of predictions";
    }
    byId("more").hidden = !results;
    document.documentElement.dataset.final = "true";
  };

  // The results of the first of several targets, with those that the events tell of the
  // others: each has a run of its own in the store, which is asked for when it is shown.
  const fetched = new Set();
  const ofTargets = (runs, results, scored) => {
    const told = new Map((scored?.targets ?? []).map((target) => [target.target, target]));
    const [first] = results?.targets ?? [];
    if (first) fetched.add(0);
    const targets = runs.map(([name], at) =>
      (at === 0 && first) || told.get(name) || { target: name, note: "The results are being read." });
    return { ...scored, ...results, targets };
  };

  const loadTarget = async (at) => {
    const [, run] = page.outline.target_runs?.[at] ?? [];
    if (!page.isFinal || !run || fetched.has(at) || !(page.results?.targets.length > 1)) return;
    fetched.add(at);
    try {
      const { targets } = await fetchJson(`/api/runs/${run}/results`);
      page.results.targets[at] = targets[0];
    } catch (error) {
      fetched.delete(at);
      const target = page.results.targets[at];
      target.note = `The results can't be fetched: ${error.message}`;
    }
    if (page.target !== at) return;
    redraw();
    drawData();
    drawNotes();
  };

  // ---- title, progress, numbers

  const drawTitle = () => {
    const { outline, facts } = page;
    const name = outline.name || facts?.name || "run";
    const id = outline.run || facts?.run || "";
    byId("name").textContent = name;
    byId("about").textContent = id.slice(0, 12);
    document.title = `${name} · fanout`;
  };

  let said = -1;
  const drawState = () => {
    const state = page.state;
    if (!state) return;
    const { done, fits } = state;
    const bar = byId("fits");
    bar.max = Math.max(1, fits);
    bar.value = done;
    const share = fits > 0 ? Math.floor((100 * done) / fits) : 0;
    byId("fits-text").textContent =
      fits > 0 ? `${text.count(done)} of ${text.counted(fits, "fit")}, ${share} %` : "not begun";
    // Aloud at every tenth, and at the end.
    const tenth = Math.floor(share / 10);
    if (tenth !== said) {
      said = tenth;
      byId("aloud").textContent = `${share} percent of the fits are done`;
    }
    const numbers = numbersOf(state);
    byId("numbers").replaceChildren(
      ...numbers.map(([name, value]) =>
        make("div", {}, make("dt", { text: name }), make("dd", { text: value })),
      ),
    );
  };

  const seconds = (number) => text.duration(number * 1e6);

  const numbersOf = (state) => {
    const rows = [["now", state.now]];
    for (const target of state.targets.slice(0, 4)) {
      const best = target.best[0];
      const of = state.targets.length > 1 ? `${target.name}: best ${target.metric}` : `best ${target.metric}`;
      if (best) rows.push([of, `${text.score(best.mean)} ± ${text.score(best.std)}`]);
    }
    const goes = !page.isFinal && state.phase.phase === "searching";
    if (goes && state.left !== null) rows.push(["left, about", seconds(state.left)]);
    const wall = state.wall ?? (state.started_us > 0 ? (state.latest_us - state.started_us) / 1e6 : 0);
    rows.push(["wall of the search", seconds(wall)]);
    rows.push(["candidates", text.count(state.candidates)]);
    rows.push(["models fitted", text.count(state.models)]);
    rows.push(["saved by families", text.count(state.shared)]);
    rows.push(["from the store", text.count(state.reused)]);
    rows.push(["failed", text.count(state.failed)]);
    const [parts, ofParts] = state.parts;
    if (ofParts > 0) rows.push(["parts of models", `${text.count(parts)} of ${text.count(ofParts)}`]);
    return rows;
  };

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawWorkers();
    recolour();
  });

  // For the tests of the page.
  Fanout.page = { stream, shown: page };
})();
