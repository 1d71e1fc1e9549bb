"use strict";
// Fanout.workersBox(page): the boxes of the page of a run about its workers (what each does,
// CPU and memory over time) and its progress by trainer, split and target. `page` has the
// task stream, the outline of the run, and whether it is over.

Fanout.workersBox = (page) => {
  const { make, text } = Fanout;
  const { stream } = page;
  const byId = (id) => document.getElementById(id);

  // Points of the charts of CPU and memory.
  const BINS = 120;

  const drawWorkers = () => {
    const { lanes, byLane, running, end } = stream.segments;
    const note = byId("stream-note");
    if (stream.segments.size === 0 && running.length === 0) {
      note.textContent = page.isOver()
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

  // The step of an axis of time with about three of them, in seconds.
  const stepOf = (most) => {
    const least = Math.max(most, 1e-6) / 3;
    const power = 10 ** Math.floor(Math.log10(least));
    return power * [1, 2, 3, 5, 10].find((factor) => factor * power >= least * 0.999);
  };

  // Steps of an axis: of bytes, powers of two.
  const binary = (most) => {
    const interval = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, most) / 3)));
    return { interval, max: interval * Math.max(1, Math.ceil(most / interval)) };
  };

  const lines = (element, times, series, axis, steps = {}) => {
    const dim = colour("--dim");
    const step = stepOf(times.at(-1));
    chartOf(element).setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      color: [colour("--c1"), colour("--c2")],
      grid: { left: 4, right: 12, top: series.length > 1 ? 26 : 10, bottom: 4, containLabel: true },
      legend: series.length > 1 ? { top: 0, icon: "roundRect", itemWidth: 14, itemHeight: 4, textStyle: { color: dim } } : undefined,
      tooltip: {
        trigger: "axis",
        // No HTML: the content security policy allows no inline style.
        renderMode: "richText",
        valueFormatter: axis,
      },
      xAxis: {
        type: "value",
        max: times.at(-1),
        interval: step,
        axisLabel: { color: dim, formatter: (at) => text.tick(at * 1e6, step * 1e6), hideOverlap: true, showMaxLabel: false },
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
    const { outline } = page;
    const splits = Math.min(outline.splits ?? 1, 64);
    const cells = new Map(matrix.map(([trainer, split, counts]) => [`${trainer} ${split}`, counts]));
    const head = make("tr", {}, make("th", { scope: "col", text: "trainer" }),
      make("th", { scope: "col", text: "all" }));
    for (let split = 0; split < splits; split += 1) {
      head.append(make("th", { scope: "col", text: splits > 1 ? `split ${split}${split === splits - 1 && outline.splits > splits ? " and on" : ""}` : "split" }));
    }
    const rows = trainers.slice(0, 32).map((name, trainer) => {
      const total = outline.trainer_fits?.[trainer] ?? 0;
      const counts = Array.from({ length: splits }, (_, split) =>
        cells.get(`${trainer} ${split}`) ?? [0, 0, 0]);
      const [done, failed] = [0, 1].map((at) => counts.reduce((all, one) => all + one[at], 0));
      const tell = (done, failed) => done + (failed > 0 ? `, ${text.count(failed)} failed` : "");
      const row = make("tr", {}, make("th", { scope: "row", text: name }),
        make("td", {}, meter(done, total, name), tell(`${text.count(done)} of ${text.count(total)}`, failed)));
      for (const [split, [done, failed]] of counts.entries()) {
        const of = Math.max(done, Math.round(total / (outline.splits ?? 1)));
        row.append(make("td", { class: failed > 0 && "bad" },
          meter(done, of, `${name}, split ${split}`), tell(text.count(done), failed)));
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

  const resize = () => {
    for (const element of document.querySelectorAll("#cpu, #memory")) {
      echarts.getInstanceByDom(element)?.resize();
    }
  };
  new ResizeObserver(resize).observe(byId("main"));

  return { drawWorkers, drawProgress };
};
