/* Charts of a run's results, and here what they share: charts-candidates.js has those of the
   candidates, charts-found.js those of what was found of the chosen ones. Each function draws
   one chart into an element and returns a function that removes it. `target` is an entry of
   `targets` of the results document (host/src/report/page.rs); `options` are described at the
   functions.

   Whatever comes from plans and data is text: tooltips are built of nodes, and labels are
   drawn on a canvas. Colours are the variables of theme.css. */
"use strict";

var Fanout = globalThis.Fanout || {};
globalThis.Fanout = Fanout;

Fanout.charts = (function () {
  const charts = {};

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue("--" + name).trim();
    const series = [1, 2, 3, 4, 5, 6, 7, 8].map((at) => of("c" + at));
    return {
      ink: of("ink"), dim: of("dim"), line: of("line"), paper: of("paper"),
      accent: of("accent"), good: of("good"), bad: of("bad"), series,
    };
  }

  /* The room of a legend above a chart. */
  const LEGEND = 34;

  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

  /* Four digits that tell something; what is not a number is a dash. */
  function short(value) {
    if (!isNumber(value)) {
      return "–";
    }
    const size = Math.abs(value);
    if (size !== 0 && (size < 0.001 || size >= 1e6)) {
      return value.toExponential(2);
    }
    return String(Number(value.toFixed(size < 1 ? 4 : size < 100 ? 3 : 1)));
  }

  /* The same for numbers that stand beside each other: all with as many decimals as one needs. */
  function alike(values) {
    const known = values.map(short).filter((text) => !text.includes("e"));
    const decimals = Math.max(0, ...known.map((text) => (text.split(".")[1] || "").length));
    return (value) => (isNumber(value) && !short(value).includes("e") ? value.toFixed(decimals) : short(value));
  }

  function clip(text, length) {
    const letters = Array.from(String(text));
    return letters.length <= length ? letters.join("") : letters.slice(0, length - 1).join("") + "…";
  }

  /* Lines of text as the content of a tooltip: pairs of a name and a value, or a text. */
  function tip(lines) {
    const box = document.createElement("div");
    box.className = "tip";
    for (const line of lines) {
      const row = document.createElement("div");
      row.textContent = Array.isArray(line) ? line[0] + ": " + line[1] : line;
      box.append(row);
    }
    return box;
  }

  /* Draws `make(colours, narrow, width)`, an ECharts option, into an element of its own, again
     when its size changes. */
  function draw(element, make, height, renderer) {
    const canvas = document.createElement("div");
    canvas.className = "canvas";
    if (height) {
      canvas.style.height = height;
    }
    element.append(canvas);
    const chart = echarts.init(canvas, null, { renderer: renderer || "svg" });
    const narrow = () => canvas.clientWidth < 480;
    const apply = () => chart.setOption(themed(make(colours(), narrow(), canvas.clientWidth), narrow()), true);
    apply();
    let width = canvas.clientWidth;
    const observer = new ResizeObserver(() => {
      if (canvas.clientWidth !== width && canvas.clientWidth > 0) {
        width = canvas.clientWidth;
        chart.resize();
        apply();
      }
    });
    observer.observe(canvas);
    return {
      chart,
      apply,
      remove() {
        observer.disconnect();
        chart.dispose();
        canvas.remove();
      },
    };
  }

  function themed(option, narrow) {
    const of = colours();
    const axis = (one) => ({
      nameTextStyle: { color: of.dim },
      ...one,
      axisLine: { lineStyle: { color: of.line }, ...(one.axisLine || {}) },
      axisTick: { lineStyle: { color: of.line }, ...(one.axisTick || {}) },
      axisLabel: { color: of.dim, ...(one.axisLabel || {}) },
      splitLine: { lineStyle: { color: of.line, opacity: 0.6 }, ...(one.splitLine || {}) },
    });
    const all = (axes) => (Array.isArray(axes) ? axes.map(axis) : axis(axes));
    const out = {
      animation: false,
      color: of.series,
      textStyle: { color: of.ink, fontFamily: getComputedStyle(document.body).fontFamily },
      ...option,
    };
    if (option.grid && !option.legend && option.grid.top === LEGEND) {
      out.grid = { ...option.grid, top: 12 };
    }
    if (option.xAxis) {
      // So few that none of them has to give way.
      out.xAxis = all({ splitNumber: narrow ? 3 : 5, ...option.xAxis });
    }
    if (option.yAxis) {
      out.yAxis = all(option.yAxis);
    }
    if (option.legend) {
      out.legend = {
        type: "scroll", top: 0, left: 0, itemWidth: 16, itemHeight: 9, ...option.legend,
        textStyle: { color: of.ink }, pageTextStyle: { color: of.dim }, pageIconColor: of.dim,
        inactiveColor: of.line,
      };
    }
    out.tooltip = {
      backgroundColor: of.paper, borderColor: of.line, confine: true, transitionDuration: 0,
      textStyle: { color: of.ink, fontSize: 13 }, ...(option.tooltip || {}),
    };
    return out;
  }

  /* A choice among texts. `chosen` is the first one. */
  function choice(parent, label, values, chosen, changed) {
    const box = document.createElement("label");
    box.append(document.createTextNode(label));
    const select = document.createElement("select");
    values.forEach((value, at) => {
      const option = document.createElement("option");
      option.value = String(at);
      option.textContent = clip(value, 60);
      select.append(option);
    });
    select.value = String(chosen);
    select.addEventListener("change", () => changed(Number(select.value)));
    box.append(select);
    parent.append(box);
    return select;
  }

  function controls(element) {
    const box = document.createElement("div");
    box.className = "controls";
    element.append(box);
    return box;
  }

  const metricOf = (target, options) => (options && options.metric) || target.metric;

  /* Lower and upper ends with some room. */
  function ends(values, share) {
    const known = values.filter(isNumber);
    if (known.length === 0) {
      return [0, 1];
    }
    const low = Math.min(...known);
    const high = Math.max(...known);
    const room = (high - low || Math.abs(high) || 1) * (share || 0.05);
    return [low - room, high + room];
  }

  const rounded = { axisLabel: { formatter: (value) => short(value), hideOverlap: true } };

  /* An axis of few numbers names these, and no others. */
  const named = (numbers) => (numbers.length > 8 ? {} : {
    axisLabel: { ...rounded.axisLabel, customValues: numbers },
    axisTick: { customValues: numbers },
    splitLine: { show: false },
  });

  /* A vertical axis whose name stands beside it. */
  const upright = (name, more) => ({
    type: "value", name: clip(name, 34), nameLocation: "middle", nameGap: 54,
    ...more,
    axisLabel: { formatter: short, hideOverlap: true, ...((more && more.axisLabel) || {}) },
  });

  const grid = (more) => ({ left: 46, right: 18, top: LEGEND, bottom: 30, containLabel: true, ...more });

  /* From the worst to the best score. */
  function scale(colour) {
    return isDark() ? ["#1d2b45", "#2f5f9e", "#4aa3a0", "#b7dd79"] : ["#e9eef8", "#9fc3e8", "#4a90c8", "#14507f"];
  }

  /* Text that is read on a cell of that scale; `share` is its place on it. */
  const onScale = (share) => (isDark() ? (share > 0.5 ? "#0d1117" : "#ffffff") : share > 0.5 ? "#ffffff" : "#1b2430");

  const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

  charts.tools = {
    LEGEND, colours, isNumber, draw, tip, short, alike, clip, choice, controls, themed, metricOf, ends,
    rounded, named, upright, grid, scale, onScale,
  };
  return charts;
})();
