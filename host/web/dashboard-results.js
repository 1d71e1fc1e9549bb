"use strict";
// Fanout.resultsBoxes(page): the boxes of the page of a run about its candidates: charts, the
// table, the filter, and the choice of the target. `page` has the results of the target that
// is shown, and asks for those of another one.

Fanout.resultsBoxes = (page) => {
  const { make, text } = Fanout;
  const byId = (id) => document.getElementById(id);
  const { drawFound } = Fanout.foundBoxes();

  // Rows of the table of candidates.
  const ROWS = 200;

  const shown = {
    filter: "",
    // The indices of the candidates that are chosen on the parallel coordinates; null: all.
    brushed: null,
    sorted: { column: "rank", up: true },
  };

  const targetShown = () => page.results?.targets?.[page.target];

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
    cost: "No candidate has been fitted yet.",
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
    const { results } = page;
    if (!results?.targets) return;
    const choice = byId("target");
    const names = results.targets.map((target) => target.target);
    if (choice.length !== names.length) {
      choice.replaceChildren(...names.map((name, value) => make("option", { value, text: name })));
      choice.value = page.target;
    }
    byId("target-choice").hidden = names.length < 2;
    drawTarget(page.isFinal ? "end" : "news");
  };

  // Until the store has been asked for a target.
  const drawNothing = (note) => {
    byId("results-note").textContent = note;
    drawFound(null);
    for (const { id } of CHARTS) {
      drawn.get(id)?.();
      drawn.delete(id);
      byId(id).replaceChildren();
    }
    byId("candidates").replaceChildren();
    byId("filter-count").textContent = "";
  };

  // A plan of another kind than a search has no leaderboard when it has ended.
  const showCandidates = (areThere) => {
    for (const part of document.querySelectorAll(".of-candidates")) part.hidden = !areThere;
    byId("leaderboard-title").textContent = areThere ? "Leaderboard" : "Result";
  };

  // `because`: `news`, `brush`, or what a person chose.
  const drawTarget = (because) => {
    const target = targetShown();
    if (!target) return;
    if (!target.candidates) return drawNothing(target.note);
    const note = [];
    const told = target.candidates.index.length;
    const seen = target.candidates.total ?? told;
    note.push(...(target.sentences ?? []));
    if (seen > told) note.push(`Shown: ${text.count(told)} of ${text.counted(seen, "candidate")}, all of the best among them.`);
    byId("results-note").replaceChildren(...note.map((text) => make("p", { text })));
    drawFound(target, because === "colours");
    showCandidates(!target.findings);
    if (target.findings) return;
    const metric = metricOf(target);
    const filtered = matching(target, metric);
    const isBrushed = (at) => !shown.brushed || shown.brushed.has(target.candidates.index[at]);
    const kept = filtered.filter(isBrushed);
    const options = { metric, nested: page.facts?.nested ?? [] };
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
      // The lines are drawn from the worst to the best, see charts-candidates.js.
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

  const metricOf = (target) => target.metric ?? page.results.metric;

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
      if (name === "fit time") return text.duration(value * 1e6);
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
      make("caption", {}, make("span", { text: near.length > 1 ? `≈: within one standard error of the best, ${text.counted(near.length, "candidate")}` : "" })),
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

  // ---- what a person does

  const drawAfresh = (because) => {
    shown.brushed = null;
    byId("brush-clear").hidden = true;
    drawTarget(because);
  };
  const clearBrush = () => drawAfresh("choice");
  byId("target").addEventListener("change", (event) => {
    page.target = Number(event.target.value);
    page.needTarget();
    clearBrush();
  });
  let typing;
  byId("filter").addEventListener("input", (event) => {
    clearTimeout(typing);
    shown.filter = event.target.value;
    typing = setTimeout(clearBrush, 120);
  });
  byId("brush-clear").addEventListener("click", clearBrush);

  return { drawResults, redraw: clearBrush, recolour: () => drawAfresh("colours") };
};
