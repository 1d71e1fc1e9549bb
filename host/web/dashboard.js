"use strict";
// The page of one run: takes what /api/runs/RUN/events tells, change by change, and shows it.
// Charts of results are charts.js's; the task stream is stream.js's.

(() => {
  const { make, text } = Fanout;
  const byId = (id) => document.getElementById(id);
  const run = location.pathname.split("/").at(-1);
  const api = `/api/runs/${run}`;

  // The least time between two fetches of the candidates of a run that goes on.
  const FETCHED_EVERY = 2000;
  // Rows of the table of candidates.
  const ROWS = 200;
  // Points of the charts of CPU and memory.
  const BINS = 120;

  const shown = {
    outline: {},
    state: null,
    facts: null,
    // What the store has of a run that ended, or the candidates so far.
    results: null,
    isFinal: false,
    notes: { warnings: [], latest: [] },
    target: 0,
    filter: "",
    // The indices of the candidates that are chosen on the parallel coordinates; null: all.
    brushed: null,
    sorted: { column: "rank", up: true },
    said: -1,
  };

  // ---- what comes

  const connection = byId("connection");
  const connect = (text, kind) => {
    connection.textContent = text;
    connection.className = `badge ${kind ?? ""}`;
  };

  const stream = Fanout.stream(byId("stream"));

  const source = new EventSource(`${api}/events`);
  source.addEventListener("open", () => connect("live", "live"));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) connect("not connected", "lost");
    else connect("connecting again", "lost");
  });
  source.addEventListener("changes", (message) => {
    document.documentElement.dataset.version = message.lastEventId.split(".").at(-1);
    take(JSON.parse(message.data));
  });

  const take = (changes) => {
    if (changes.outline) {
      shown.outline = changes.outline;
      stream.targets = changes.outline.target_names ?? [];
      if (changes.outline.run && !shown.facts) loadFacts();
    }
    if (changes.state) shown.state = changes.state;
    if (changes.notes) shown.notes = changes.notes;
    if (changes.stream) {
      stream.update(changes.stream);
      drawWorkers();
    }
    drawTitle();
    drawState();
    if (changes.progress) drawProgress(changes.progress);
    if (changes.failures) drawFailures(changes.failures);
    if (changes.notes) drawNotes();
    if (changes.ended) finish();
    else if (changes.scored?.candidates > 0) loadScored();
  };

  const fetchJson = async (path) => {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };

  const loadFacts = async () => {
    try {
      shown.facts = await fetchJson(api);
      drawTitle();
      drawData();
      drawNotes();
    } catch {
      // The manifest of a run that has just begun may not be there yet; the results tell it.
    }
  };

  // At most one at a time, and none too soon after the one before.
  let fetching = false;
  let again = false;
  const loadScored = async () => {
    if (shown.isFinal) return;
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const scored = await fetchJson(`${api}/scored`);
      if (!shown.isFinal) {
        shown.results = scored;
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

  let finishing = false;
  const finish = async () => {
    if (finishing) return;
    finishing = true;
    if (!shown.facts) await loadFacts();
    const several = (shown.outline.targets ?? 1) > 1;
    const results = await fetchJson(`${api}/results`).catch((error) => {
      byId("results-note").textContent = `The results can't be fetched: ${error.message}`;
      return null;
    });
    const scored = several || !results ? await fetchJson(`${api}/scored`).catch(() => null) : null;
    // The store's results are of one target; the candidates of all are told by the events.
    shown.results = results && !several ? results : { ...results, ...scored };
    shown.isFinal = true;
    source.close();
    connect("ended", "");
    drawTitle();
    drawState();
    drawResults();
    drawData();
    drawNotes();
    document.documentElement.dataset.final = "true";
  };

  // ---- title, progress, numbers

  const drawTitle = () => {
    const { outline, facts } = shown;
    const name = outline.name || facts?.name || "run";
    const id = outline.run || facts?.run || "";
    byId("name").textContent = name;
    byId("about").textContent = id.slice(0, 12);
    document.title = `${name} · fanout`;
  };

  const drawState = () => {
    const state = shown.state;
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
    if (tenth !== shown.said) {
      shown.said = tenth;
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

  const PHASES = {
    preparing: "reading the dataset",
    searching: "searching",
    outer_fits: "scoring the outer splits",
    searched: "writing the results",
    refitting: "fitting the best candidate on all rows",
    selecting: "selecting the ensemble",
    refitting_members: "fitting the ensemble on all rows",
    second_stage: "second stage of the ensemble",
    explaining: "explaining the best candidate",
    interrupted: "stopped",
  };

  const phaseOf = ({ phase, failure }) => {
    if (phase === "closed") return failure ? `failed: ${failure}` : "done";
    return PHASES[phase] ?? phase;
  };

  const numbersOf = (state) => {
    const rows = [["now", phaseOf(state.phase)]];
    for (const target of state.targets.slice(0, 4)) {
      const best = target.best[0];
      const of = state.targets.length > 1 ? `${target.name}: best ${target.metric}` : `best ${target.metric}`;
      if (best) rows.push([of, `${text.score(best.mean)} ± ${text.score(best.std)}`]);
    }
    const goes = !shown.isFinal && state.phase.phase === "searching";
    if (goes && state.left !== null) rows.push(["left, about", seconds(state.left)]);
    const wall = state.wall ?? (state.started_us > 0 ? (state.latest_us - state.started_us) / 1e6 : 0);
    rows.push(["wall of the search", seconds(wall)]);
    rows.push(["candidates", text.count(state.candidates)]);
    rows.push(["models fitted", text.count(state.models)]);
    rows.push(["fits saved by families", text.count(state.shared)]);
    rows.push(["fits from the store", text.count(state.reused)]);
    rows.push(["fits failed", text.count(state.failed)]);
    const [parts, ofParts] = state.parts;
    if (ofParts > 0) rows.push(["parts of models", `${text.count(parts)} of ${text.count(ofParts)}`]);
    return rows;
  };

  // ---- workers

  const drawWorkers = () => {
    const { lanes, byLane, running, end } = stream.segments;
    const note = byId("stream-note");
    if (stream.segments.size === 0 && running.length === 0) {
      note.textContent = shown.isFinal || shown.facts?.ended
        ? "No task was run: the store had all fits, or kept no events of this run."
        : "No task has been run yet.";
    } else if (stream.segments.resolution > 0) {
      const step = text.duration(stream.segments.resolution);
      note.textContent =
        `Tasks of a worker that began within ${step} of each other are shown as one, ` +
        "by the shares of their time.";
    } else {
      note.textContent = "";
    }
    const head = make("tr", {}, ...["worker", "now", "tasks", "busy", "CPU", "memory", ""].map(
      (name) => make("th", { scope: "col", text: name, class: /tasks|busy|CPU|memory/.test(name) && "number" }),
    ));
    head.lastChild.append(make("span", { class: "hidden-text", text: "memory over time" }));
    const now = new Map(running.map((one) => [one.lane, one]));
    const rows = lanes.map((name, lane) => {
      const of = byLane[lane];
      const sum = (of_one) => of.reduce((all, one) => all + of_one(one), 0);
      const since = of[0]?.start ?? 0;
      const busy = sum((one) => one.fit + one.load + one.fault);
      const peak = of.reduce((most, one) => Math.max(most, one.memory), 0);
      const task = now.get(lane);
      const doing = task
        ? `${stream.segments.trainers[task.trainer]}, split ${task.split}`
        : "";
      const share = end > since && of.length > 0 ? `${Math.round((100 * busy) / (end - since))} %` : "–";
      const cpu = sum((one) => one.cpu);
      const cell = (value) => make("td", { class: "number", text: value });
      return make(
        "tr",
        {},
        make("th", { scope: "row", text: name }),
        make("td", { text: doing }),
        cell(text.count(sum((one) => one.tasks))),
        cell(share),
        cell(cpu > 0 ? text.duration(cpu) : "–"),
        cell(text.bytes(peak)),
        make("td", {}, sparkline(of, end, peak)),
      );
    });
    byId("workers").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
    drawUsage();
  };

  const sparkline = (of, end, peak) => {
    const canvas = make("canvas", { width: 120, height: 20, "aria-hidden": "true" });
    const pen = canvas.getContext("2d");
    pen.fillStyle = colour("--c1");
    for (const one of of) {
      const left = (120 * one.start) / Math.max(1, end);
      const wide = Math.max(1, (120 * (one.end - one.start)) / Math.max(1, end));
      const tall = peak > 0 ? (20 * one.memory) / peak : 0;
      pen.fillRect(left, 20 - tall, wide, tall);
    }
    return canvas;
  };

  // By interval of time: cores in use, and the memory of all instances.
  const usage = () => {
    const { byLane, end } = stream.segments;
    const width = Math.max(1, end / BINS);
    const [cpu, busy, memory] = [0, 0, 0].map(() => new Array(BINS).fill(0));
    for (const of of byLane) {
      const peaks = new Array(BINS).fill(0);
      for (const one of of) {
        const length = Math.max(1, one.end - one.start);
        const last = Math.min(BINS - 1, Math.floor(one.end / width));
        for (let bin = Math.min(last, Math.floor(one.start / width)); bin <= last; bin += 1) {
          const overlap =
            Math.min(one.end, (bin + 1) * width) - Math.max(one.start, bin * width);
          const share = Math.max(0, overlap) / length;
          cpu[bin] += (one.cpu * share) / width;
          busy[bin] += ((one.fit + one.load + one.fault) * share) / width;
          peaks[bin] = Math.max(peaks[bin], one.memory);
        }
      }
      peaks.forEach((peak, bin) => (memory[bin] += peak));
    }
    const times = cpu.map((_, bin) => ((bin + 0.5) * width) / 1e6);
    return { times, cpu, busy, memory };
  };

  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const chartOf = (element) => echarts.getInstanceByDom(element) ?? echarts.init(element);

  // Steps of an axis: of bytes, powers of two.
  const binary = (most) => {
    const interval = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, most) / 3)));
    return { interval, max: interval * Math.max(1, Math.ceil(most / interval)) };
  };

  const lines = (element, times, series, axis, steps = {}) => {
    const dim = colour("--dim");
    chartOf(element).setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      color: [colour("--c1"), colour("--c2")],
      grid: { left: 4, right: 12, top: series.length > 1 ? 26 : 10, bottom: 4, containLabel: true },
      legend: series.length > 1 ? { top: 0, textStyle: { color: dim } } : undefined,
      tooltip: {
        trigger: "axis",
        // No HTML: the content security policy allows no inline style.
        renderMode: "richText",
        valueFormatter: axis,
      },
      xAxis: {
        type: "value",
        max: times.at(-1),
        axisLabel: { color: dim, formatter: (at) => text.duration(at * 1e6), hideOverlap: true, showMaxLabel: false },
        splitLine: { show: false },
        axisLine: { lineStyle: { color: colour("--line") } },
      },
      yAxis: {
        type: "value",
        min: 0,
        splitNumber: 3,
        ...steps,
        axisLabel: { color: dim, formatter: axis },
        splitLine: { lineStyle: { color: colour("--line") } },
      },
      aria: { enabled: true },
      series: series.map(([name, values]) => ({
        name,
        type: "line",
        step: "middle",
        showSymbol: false,
        lineStyle: { width: 1.5 },
        areaStyle: { opacity: 0.15 },
        data: values.map((value, bin) => [times[bin], value]),
      })),
    }, true);
  };

  const drawUsage = () => {
    const { times, cpu, busy, memory } = usage();
    const cores = (value) => Number(value).toFixed(value < 10 ? 1 : 0);
    const known = cpu.some((value) => value > 0);
    lines(byId("cpu"), times, known ? [["CPU", cpu], ["busy", busy]] : [["busy", busy]], cores);
    lines(byId("memory"), times, [["memory", memory]], (value) => (value > 0 ? text.bytes(value) : "0"),
      binary(Math.max(...memory)));
  };

  // ---- progress by trainer, split and target

  const meter = (done, of, what) =>
    make("progress", { value: done, max: Math.max(1, of), "aria-label": `${what}: ${done} of ${of} fits` });

  const drawProgress = ({ trainers, matrix, targets }) => {
    const { outline } = shown;
    const splits = Math.min(outline.splits ?? 1, 64);
    const cells = new Map(matrix.map(([trainer, split, counts]) => [`${trainer} ${split}`, counts]));
    const head = make("tr", {}, make("th", { scope: "col", text: "trainer" }),
      make("th", { scope: "col", text: "all" }));
    for (let split = 0; split < splits; split += 1) {
      head.append(make("th", { scope: "col", text: splits > 1 ? `split ${split}` : "split" }));
    }
    const rows = trainers.slice(0, 32).map((name, trainer) => {
      const total = outline.trainer_fits?.[trainer] ?? 0;
      const counts = Array.from({ length: splits }, (_, split) =>
        cells.get(`${trainer} ${split}`) ?? [0, 0, 0]);
      const [done, failed] = [0, 1].map((at) => counts.reduce((all, one) => all + one[at], 0));
      const tell = (done, failed) =>
        text.count(done) + (failed > 0 ? `, ${text.count(failed)} failed` : "");
      const row = make("tr", {}, make("th", { scope: "row", text: name }),
        make("td", {}, meter(done, total, name), `${tell(done, failed)} of ${text.count(total)}`));
      for (const [split, [done, failed]] of counts.entries()) {
        const of = Math.max(done, Math.round(total / splits));
        row.append(make("td", { class: failed > 0 && "bad" },
          meter(done, of, `${name}, split ${split}`), tell(done, failed)));
      }
      return row;
    });
    byId("matrix").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
    const names = outline.target_names ?? [];
    const room = byId("targets-progress");
    if (names.length < 2) return room.replaceChildren();
    const of = Math.round((outline.fits ?? 0) / names.length);
    const list = targets.map(([target, [done, failed]]) =>
      make("tr", {}, make("th", { scope: "row", text: names[target] }),
        make("td", {}, meter(done, Math.max(done, of), names[target])),
        make("td", { class: "number", text: text.count(done) }),
        make("td", { class: `number ${failed > 0 ? "bad" : ""}`, text: text.count(failed) })));
    const title = ["target", "", "done", "failed"].map((name) =>
      make("th", { scope: "col", text: name || "share", class: /done|failed/.test(name) && "number" }));
    room.replaceChildren(make("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Fits by target" },
      make("table", {}, make("thead", {}, make("tr", {}, ...title)), make("tbody", {}, ...list))));
  };

  // ---- results

  const targetShown = () => shown.results?.targets?.[shown.target];

  // The charts of results: the element, the function, and whether it is of all candidates,
  // whatever is filtered.
  const CHARTS = [
    { id: "leaderboard", chart: "leaderboard", needs: () => true },
    { id: "heat-map", chart: "heatMap", needs: (target) => target.parameters.length > 0 },
    { id: "cost", chart: "cost", needs: (target) => target.candidates.fit_time?.some(Number.isFinite) },
    { id: "parallel", chart: "parallel", needs: (target) => target.parameters.length > 0 },
    { id: "curves", chart: "nestedCurves", needs: (target) => target.parameters.some(({ kind }) => kind === "number") },
    { id: "anova", chart: "anova", needs: (target) => target.anova?.length > 0, all: true },
  ];
  const EMPTY = {
    cost: "Known when the run has ended.",
    anova: "Known when the run has ended and more than one hyper-parameter was searched.",
    "heat-map": "The candidates differ in no hyper-parameter.",
    parallel: "The candidates differ in no hyper-parameter.",
    curves: "No hyper-parameter of numbers was searched.",
  };
  const drawn = new Map();

  // Draws a chart anew. What was chosen in its controls stays chosen.
  const drawChart = ({ id, chart, needs }, target, options) => {
    const element = byId(id);
    const chosen = [...element.querySelectorAll("select")].map((select) => select.value);
    drawn.get(id)?.();
    drawn.delete(id);
    element.replaceChildren();
    const remove = target.candidates.index.length > 0 && needs(target)
      ? Fanout.charts[chart]?.(element, target, options)
      : null;
    if (!remove) {
      element.append(make("p", { class: "empty", text: EMPTY[id] ?? "There is nothing to show yet." }));
      return;
    }
    drawn.set(id, remove);
    for (const [at, select] of [...element.querySelectorAll("select")].entries()) {
      const known = [...select.options].some((option) => option.value === chosen[at]);
      if (known && select.value !== chosen[at]) {
        select.value = chosen[at];
        select.dispatchEvent(new Event("change"));
      }
    }
  };

  // Whether a person is at work in a chart, which is then left as it is.
  const inUse = (id) => byId(id).matches(":hover, :focus-within");

  const drawResults = () => {
    const { results } = shown;
    if (!results?.targets) return;
    const choice = byId("target");
    const names = results.targets.map((target) => target.target);
    if (choice.length !== names.length) {
      choice.replaceChildren(...names.map((name, value) => make("option", { value, text: name })));
      choice.value = shown.target;
    }
    byId("target-choice").hidden = names.length < 2;
    drawTarget(shown.isFinal ? "end" : "news");
  };

  // `because`: `news`, `brush`, or what a person chose.
  const drawTarget = (because) => {
    const target = targetShown();
    if (!target) return;
    const note = [];
    const told = target.candidates.index.length;
    const seen = target.candidates.total ?? told;
    note.push(...(target.sentences ?? []));
    if (seen > told) note.push(`Shown: ${text.count(told)} of ${text.counted(seen, "candidate")}, all of the best among them.`);
    byId("results-note").textContent = note.join(" ");
    const metric = metricOf(target);
    const filtered = matching(target, metric);
    const isBrushed = (at) => !shown.brushed || shown.brushed.has(target.candidates.index[at]);
    const kept = filtered.filter(isBrushed);
    const options = { metric, nested: shown.facts?.nested ?? [] };
    for (const chart of because === "sort" ? [] : CHARTS) {
      // The axes on which a person has chosen are not taken from under the hand.
      if (chart.id === "parallel" && (shown.brushed || because === "brush")) continue;
      if (because === "news" && drawn.has(chart.id) && inUse(chart.id)) continue;
      const places = chart.id === "parallel" ? filtered : kept;
      const subset = chart.all || places.length === told ? target : subsetOf(target, places);
      drawChart(chart, subset, options);
      if (chart.id === "parallel") listenToBrush(subset, metric);
    }
    drawCandidates(target, metric, kept);
  };

  // Tells which candidates lie in what is chosen on the axes of the parallel coordinates.
  const listenToBrush = (target, metric) => {
    const canvas = byId("parallel").querySelector("[_echarts_instance_]");
    const chart = canvas && echarts.getInstanceByDom(canvas);
    chart?.on("axisareaselected", () => {
      // The lines are drawn from the worst to the best, see charts.js.
      const means = target.candidates.mean[metric];
      const places = target.candidates.index.map((_, at) => at).filter((at) => Number.isFinite(means[at]));
      places.sort((a, b) => means[a] - means[b]);
      const active = chart.getModel().getSeriesByIndex(0).getRawIndicesByActiveState("active");
      shown.brushed = active.length > 0
        ? new Set(active.map((row) => target.candidates.index[places[row]]))
        : null;
      byId("brush-clear").hidden = !shown.brushed;
      drawTarget("brush");
    });
  };

  const metricOf = (target) => target.metric ?? shown.results.metric;

  const subsetOf = (target, kept) => {
    const pick = (values) => (values ? kept.map((at) => values[at]) : values);
    const each = (columns) =>
      columns && Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, pick(values)]));
    const candidates = Object.fromEntries(
      Object.entries(target.candidates).map(([name, values]) => [
        name,
        Array.isArray(values) ? pick(values) : each(values),
      ]),
    );
    return { ...target, candidates };
  };

  // A filter: words that a candidate's text contains, and comparisons of one of its values.
  const conditions = (filter) =>
    filter.trim().split(/\s+/).filter(Boolean).map((word) => {
      const [, name, sign, value] = word.match(/^([^<>=]+)(<=|>=|=|<|>)(.+)$/) ?? [];
      if (!sign) return (row) => row.text.includes(word.toLowerCase());
      const number = Number(value);
      const compare = {
        "=": (found) => String(found) === value || (value !== "" && Number(found) === number),
        "<": (found) => Number(found) < number,
        ">": (found) => Number(found) > number,
        "<=": (found) => Number(found) <= number,
        ">=": (found) => Number(found) >= number,
      }[sign];
      return (row) =>
        Object.entries(row.values).some(
          ([known, found]) =>
            known.toLowerCase().includes(name.toLowerCase()) && found !== null &&
            found !== undefined && compare(found),
        );
    });

  const rowOf = ({ candidates }, metric, at) => {
    const params = Object.entries(candidates.params).map(([name, values]) => [name, values[at]]);
    const values = { ...Object.fromEntries(params), mean: candidates.mean[metric]?.[at] };
    if (candidates.trainer?.[at]) values.trainer = candidates.trainer[at];
    const told = Object.values(values).map((value) => (value === null ? "" : String(value)));
    return { values, text: told.join(" ").toLowerCase() };
  };

  // The places of the candidates that the filter keeps.
  const matching = (target, metric) => {
    const all = target.candidates.index.map((_, at) => at);
    const tests = conditions(shown.filter);
    if (tests.length === 0) return all;
    return all.filter((at) => {
      const row = rowOf(target, metric, at);
      return tests.every((test) => test(row));
    });
  };

  const drawCandidates = (target, metric, kept) => {
    const { candidates, one_standard_error: near = [], best } = target;
    const parameters = target.parameters.map((parameter) => parameter.name);
    const several = new Set((candidates.trainer ?? []).filter(Boolean)).size > 1;
    const columns = [
      ["rank", (at) => candidates.rank?.[metric]?.[at]],
      [`mean ${metric}`, (at) => candidates.mean[metric]?.[at]],
      ["std", (at) => candidates.std?.[metric]?.[at]],
      ...(several && !parameters.includes("trainer") ? [["trainer", (at) => candidates.trainer[at]]] : []),
      ...parameters.map((name) => [name, (at) => candidates.params[name]?.[at]]),
      ...(candidates.fit_time?.some((time) => time !== null) ? [["fit time", (at) => candidates.fit_time[at]]] : []),
    ];
    const { column, up } = shown.sorted;
    const sorted = columns.find(([name]) => name === column) ?? columns[0];
    const order = (a, b) => {
      const [one, other] = [sorted[1](a), sorted[1](b)];
      const missing = (value) => value === null || value === undefined;
      if (missing(one) || missing(other)) return missing(one) - missing(other);
      const ahead = one < other ? -1 : Number(one > other);
      return up ? ahead : -ahead;
    };
    const rows = kept.toSorted(order).slice(0, ROWS);
    const head = columns.map(([name]) => {
      const isSorted = name === sorted[0];
      const button = make("button", { type: "button", text: name + (isSorted ? (up ? " ▲" : " ▼") : "") });
      button.addEventListener("click", () => {
        shown.sorted = { column: name, up: isSorted ? !up : name === "rank" || parameters.includes(name) };
        drawTarget("sort");
        byId("candidates").querySelectorAll("th button")[columns.findIndex(([one]) => one === name)].focus();
      });
      return make("th", { scope: "col", "aria-sort": isSorted ? (up ? "ascending" : "descending") : "none" }, button);
    });
    const told = (name, value) => {
      if (value === null || value === undefined) return "–";
      if (name.startsWith("mean ") || name === "std") return text.score(value);
      if (name === "fit time") return seconds(value);
      return typeof value === "object" ? JSON.stringify(value) : String(value);
    };
    const isNear = new Set(near);
    const body = rows.map((at) => {
      const index = candidates.index[at];
      const classes = [index === best && "best", isNear.has(index) && "near"].filter(Boolean);
      const row = make("tr", { class: classes.join(" ") || false });
      row.append(...columns.map(([name, of]) => make("td", { text: told(name, of(at)) })));
      if (isNear.has(index)) {
        row.firstChild.append(make("span", { class: "hidden-text", text: " within one standard error of the best" }));
      }
      return row;
    });
    byId("candidates").replaceChildren(
      make("caption", { text: near.length > 1 ? `≈: within one standard error of the best, ${text.counted(near.length, "candidate")}` : "" }),
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...body),
    );
    const all = candidates.index.length;
    byId("filter-count").textContent =
      kept.length === all && all <= ROWS
        ? text.counted(all, "candidate")
        : `${text.count(kept.length)} of ${text.count(all)} match` +
          (kept.length > ROWS ? `, the first ${ROWS} are listed` : "");
  };

  // ---- failures, notes, data, plan

  const drawFailures = (failures) => {
    const kinds = Object.entries(failures);
    const room = byId("failures");
    if (kinds.length === 0) return room.replaceChildren(make("p", { class: "empty", text: "No fit has failed." }));
    room.replaceChildren(
      ...kinds.map(([kind, failure]) =>
        make(
          "div",
          { class: "failure" },
          make("h3", { text: `${kind.replaceAll("_", " ")}: ${text.counted(failure.fits, "fit")} in ${text.counted(failure.tasks, "task")}` }),
          failure.remedy ? make("p", { text: failure.remedy }) : "",
          ...failure.messages.map((one) =>
            make(
              "details",
              { open: failure.messages.length === 1 },
              make("summary", { text: `${text.counted(one.times, "time")}, first in task ${one.task}: ${one.trainer}, split ${one.split}${one.worker ? `, on ${one.worker}` : ""}` }),
              make("pre", { text: one.message }),
            ),
          ),
          failure.more > 0 ? make("p", { class: "dim", text: `and ${text.count(failure.more)} more with other messages` }) : "",
        ),
      ),
    );
  };

  const drawNotes = () => {
    const { warnings, latest } = shown.notes;
    const told = [
      ...(shown.facts?.warnings ?? []),
      ...(shown.results?.warnings ?? []),
      ...(targetShown()?.warnings ?? []),
      ...warnings.map((note) => note.text),
    ].map((warning) => (typeof warning === "string" ? warning : warning.message ?? JSON.stringify(warning)));
    byId("warnings").replaceChildren(
      ...[...new Set(told)].map((warning) => make("p", { class: "warning", text: warning })),
    );
    const begun = shown.outline.begun_us ?? latest[0]?.time_us ?? 0;
    const all = [...warnings, ...latest].sort((a, b) => a.time_us - b.time_us);
    byId("log").replaceChildren(
      ...all.map(({ time_us: time, text: line }) => {
        const at = time > 0 ? (time >= begun ? `+${text.duration(time - begun)}` : `−${text.duration(begun - time)}`) : "";
        return make("li", {}, make("span", { class: "dim", text: at }), make("span", { text: line }));
      }),
    );
  };

  const drawData = () => {
    const { facts, results } = shown;
    const rows = [];
    if (facts) rows.push(["rows", text.count(facts.rows)], ["features", text.count(facts.features)]);
    for (const target of results?.targets ?? []) rows.push(["target", [target.target, target.learning].filter(Boolean).join(", ")]);
    if (facts) rows.push(["dataset", facts.digests.dataset.slice(0, 12)]);
    byId("data").replaceChildren(
      ...rows.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value }))),
    );
    const plan = typeof results?.plan === "string" ? results.plan : facts && JSON.stringify(facts.plan, null, 2);
    if (plan) byId("plan").textContent = plan;
  };

  // ---- what a person does

  byId("target").addEventListener("change", (event) => {
    shown.target = Number(event.target.value);
    clearBrush();
  });
  let typing;
  byId("filter").addEventListener("input", (event) => {
    clearTimeout(typing);
    shown.filter = event.target.value;
    typing = setTimeout(clearBrush, 120);
  });
  const clearBrush = () => {
    shown.brushed = null;
    byId("brush-clear").hidden = true;
    drawTarget("choice");
  };
  byId("brush-clear").addEventListener("click", clearBrush);

  const resize = () => {
    for (const element of document.querySelectorAll("#cpu, #memory")) {
      echarts.getInstanceByDom(element)?.resize();
    }
  };
  new ResizeObserver(resize).observe(byId("main"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawWorkers();
    clearBrush();
  });

  // For the tests of the page.
  Fanout.page = { stream, shown };
})();
