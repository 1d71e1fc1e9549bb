"use strict";
// The page that lists the runs of a store and sets those that are marked side by side. What is
// marked stands in the address, so that a comparison can be sent to others.

(() => {
  const { make, text } = Fanout;
  const byId = (id) => document.getElementById(id);
  const marked = new Set(new URLSearchParams(location.search).getAll("run"));
  let listed = [];

  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const time = (unix) => (unix ? new Date(unix * 1000).toLocaleString() : "–");
  const score = ({ mean, std }) =>
    mean === null || mean === undefined ? "–" : `${text.score(mean)} ± ${text.score(std)}`;
  const fits = (row) =>
    row.candidates ? `${text.count(row.candidates)} × ${text.count(Math.max(1, row.splits))}` : "–";
  const params = (row) =>
    row.searched ? Object.entries(row.searched).map(([name, value]) => `${name}=${plain(value)}`).join(" ") : "–";
  const plain = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));

  const drawRuns = () => {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const told = (row) =>
      [row.name, row.run, row.state, row.target, ...(row.trainers ?? [])].join(" ").toLowerCase();
    const rows = listed.filter((row) => words.every((word) => told(row).includes(word)));
    byId("count").textContent =
      rows.length === listed.length ? text.counted(rows.length, "run") : `${rows.length} of ${listed.length} runs`;
    if (listed.length === 0) {
      byId("runs").replaceChildren(make("caption", { text: "The store has no runs yet: `fanout run plan.yaml` makes one." }));
      return;
    }
    const names = ["compare", "name", "target", "run", "state", "trainers", "rows", "fits", "metric", "best", "begun"];
    const head = names.map((name) => make("th", { scope: "col", text: name, class: /rows|fits|best/.test(name) && "number" }));
    const body = rows.map((row) => {
      const mark = make("input", { type: "checkbox", "aria-label": `compare ${row.name ?? row.run}, ${row.run.slice(0, 12)}`, checked: marked.has(row.run) });
      mark.addEventListener("change", () => {
        if (mark.checked) marked.add(row.run);
        else marked.delete(row.run);
        remember();
        drawComparison();
      });
      const cell = (value, kind) => make("td", { text: value, class: kind });
      const link = make("a", { href: `/runs/${row.run}`, text: row.name ?? "(unreadable)" });
      return make(
        "tr",
        {},
        make("td", {}, mark),
        make("th", { scope: "row" }, link),
        cell(row.target ?? "–", "name"),
        cell(row.run.slice(0, 12), "mono"),
        cell(row.state + (row.failed ? `, ${text.count(row.failed)} failed` : "")),
        cell((row.trainers ?? []).join(", "), "name"),
        cell(row.rows ? text.count(row.rows) : "–", "number"),
        cell(fits(row), "number"),
        cell(row.metric ?? "–"),
        cell(score(row), "number"),
        cell(time(row.begun)),
      );
    });
    byId("runs").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
  };

  const remember = () => {
    const query = new URLSearchParams([...marked].map((run) => ["run", run])).toString();
    history.replaceState(null, "", query ? `?${query}` : location.pathname);
  };

  // The fields of a plan by their paths: {"cv.n_splits": 5}.
  const fields = (value, path = "", into = {}) => {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) fields(inner, path ? `${path}.${name}` : name, into);
    } else {
      into[path] = JSON.stringify(value);
    }
    return into;
  };

  // A long name is broken behind dots and underscores.
  const breakable = (name) =>
    name.split(/(?<=[._])/).flatMap((part, at) => (at > 0 ? [make("wbr"), part] : [part]));

  const drawComparison = () => {
    const runs = listed.filter((row) => marked.has(row.run) && row.plan);
    byId("comparison").hidden = runs.length < 2;
    if (runs.length < 2) return;
    const rows = [
      ["best", runs.map(score)],
      ["metric", runs.map((row) => row.metric ?? "–")],
      ["best candidate", runs.map(params)],
      ["state", runs.map((row) => row.state)],
      ["fits", runs.map(fits)],
      ["failed", runs.map((row) => String(row.failed ?? "–"))],
      ["rows × features", runs.map((row) => `${text.count(row.rows)} × ${text.count(row.features)}`)],
      ["dataset", runs.map((row) => row.dataset.slice(0, 12))],
    ];
    const plans = runs.map((row) => fields(row.plan));
    const paths = [...new Set(plans.flatMap((plan) => Object.keys(plan)))].sort();
    for (const path of paths) {
      const values = plans.map((plan) => plan[path] ?? "–");
      // What all have in common is on their own pages.
      if (new Set(values).size > 1) rows.push([`plan: ${path}`, values]);
    }
    const head = ["", ...runs.map((row) => `${row.name} ${row.run.slice(0, 8)}`)];
    byId("compared").replaceChildren(
      make("thead", {}, make("tr", {}, ...head.map((name) => name ? make("th", { scope: "col", text: name }) : make("td")))),
      make("tbody", {}, ...rows.map(([name, values]) =>
        make("tr", { class: new Set(values).size > 1 && "differs" },
          make("th", { scope: "row" }, ...breakable(name)), ...values.map((value) => make("td", { text: value, class: "name" }))))),
    );
    const metrics = new Set(runs.map((row) => row.metric).filter(Boolean));
    const datasets = new Set(runs.map((row) => row.dataset));
    const notes = [];
    if (metrics.size > 1) notes.push(`Ranked by different metrics (${[...metrics].join(", ")}): the scores do not compare.`);
    if (datasets.size > 1) notes.push("Of different data: the scores compare as far as the tables do.");
    byId("compared-note").textContent = notes.join(" ");
    compared = runs.filter((row) => Number.isFinite(row.mean));
    drawScores(compared);
  };

  // The runs whose scores are drawn.
  let compared = [];

  // The best score of each run with its standard deviation over the splits.
  const drawScores = (runs) => {
    const element = byId("compared-scores");
    element.hidden = runs.length === 0;
    if (runs.length === 0) return;
    element.style.height = `${50 + 42 * runs.length}px`;
    const chart = echarts.getInstanceByDom(element) ?? echarts.init(element);
    chart.resize();
    const dim = colour("--dim");
    const low = Math.min(...runs.map((row) => row.mean - (row.std ?? 0)));
    const high = Math.max(...runs.map((row) => row.mean + (row.std ?? 0)));
    const room = (high - low || Math.abs(high) || 1) * 0.15;
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      color: [colour("--c1")],
      aria: { enabled: true },
      grid: { left: 4, right: 16, top: 16, bottom: 4, containLabel: true },
      tooltip: { renderMode: "richText", formatter: ({ dataIndex }) => `${runs[dataIndex].name}\n${score(runs[dataIndex])}` },
      xAxis: { type: "value", min: low - room, max: high + room,
        axisLabel: { color: dim, formatter: (value) => Number(value.toPrecision(4)), hideOverlap: true, showMinLabel: false, showMaxLabel: false },
        splitLine: { lineStyle: { color: colour("--line") } } },
      yAxis: { type: "category", inverse: true, data: runs.map((row) => `${row.name} ${row.run.slice(0, 8)}`),
        axisLabel: { color: dim, width: Math.min(220, element.clientWidth / 3), overflow: "truncate" },
        axisLine: { lineStyle: { color: colour("--line") } } },
      series: [
        {
          type: "custom",
          renderItem: (_, api) => {
            const [left, right] = [api.value(0) - api.value(2), api.value(0) + api.value(2)].map((x) => api.coord([x, api.value(1)]));
            const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colour("--c1"), lineWidth: 1.5 } });
            const cap = ([x, y]) => line(x, y - 5, x, y + 5);
            return { type: "group", children: [line(...left, ...right), cap(left), cap(right)] };
          },
          data: runs.map((row, at) => [row.mean, at, row.std ?? 0]),
        },
        { type: "scatter", symbolSize: 11, data: runs.map((row, at) => [row.mean, at]) },
      ],
    }, true);
  };

  const load = async () => {
    const answer = await fetch("/api/runs");
    if (!answer.ok) {
      byId("count").textContent = `The runs can't be read: ${await answer.text()}`;
      return;
    }
    const { store, runs, live, omitted } = await answer.json();
    const notes = [store];
    if (omitted > 0) notes.push(`${text.count(omitted)} earlier runs are not listed`);
    byId("store").replaceChildren(notes.join(" · "));
    if (live && !runs.some((row) => row.state === "running")) {
      byId("store").append(" · ", make("a", { href: `/runs/${live}`, text: "the run of this process" }));
    }
    listed = runs;
    drawRuns();
    drawComparison();
    document.documentElement.dataset.listed = String(runs.length);
  };

  byId("filter").addEventListener("input", drawRuns);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawComparison);
  // Names have the room that there is.
  let width = 0;
  new ResizeObserver(() => {
    const wide = byId("compared-scores").clientWidth;
    if (wide === width || wide === 0) return;
    width = wide;
    drawScores(compared);
  }).observe(byId("main"));
  load();
  // Runs that begin and end.
  setInterval(() => document.hidden || load(), 10_000);
})();
