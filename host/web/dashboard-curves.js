"use strict";
// Fanout.charts.nestedCurves: the mean score over the values of one hyper-parameter of numbers,
// a line for each setting of the others: the learning curves that families give for nothing
// where the hyper-parameter is nested. Options: `metric`; `nested`, the names of those that are.

Fanout.charts ??= {};
Fanout.charts.nestedCurves = (element, target, { metric, nested }) => {
  const { make, text } = Fanout;
  // As many lines as can be told apart.
  const LINES = 8;
  const columns = target.candidates;
  const numbers = target.parameters.filter(({ kind }) => kind === "number");
  if (numbers.length === 0) return null;
  const isNested = ({ name }) => nested.includes(name);
  numbers.sort((a, b) => isNested(b) - isNested(a));

  const select = make("select", {}, ...numbers.map((parameter) =>
    make("option", { value: parameter.name, text: parameter.name + (isNested(parameter) ? " (nested)" : "") })));
  const canvas = make("div", { class: "canvas" });
  element.append(make("div", { class: "controls" }, make("label", { text: "over" }, select)), canvas);
  const chart = echarts.init(canvas);

  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // The lines over a hyper-parameter, the best first.
  const lines = (over) => {
    const others = target.parameters.filter(({ name }) => name !== over);
    const several = new Set(columns.trainer).size > 1;
    const bySetting = new Map();
    for (const [at, mean] of columns.mean[metric].entries()) {
      const x = columns.params[over][at];
      if (!Number.isFinite(mean) || !Number.isFinite(x)) continue;
      const set = others
        .map(({ name }) => [name, columns.params[name][at]])
        .filter(([, value]) => value !== null)
        .map(([name, value]) => `${name} ${typeof value === "number" ? Number(value.toPrecision(4)) : value}`);
      if (several) set.unshift(columns.trainer[at]);
      const setting = set.join(", ") || metric;
      if (!bySetting.has(setting)) bySetting.set(setting, []);
      bySetting.get(setting).push([x, mean]);
    }
    const all = [...bySetting].map(([name, points]) => ({
      name,
      points: points.sort((a, b) => a[0] - b[0]),
      best: Math.max(...points.map(([, mean]) => mean)),
    }));
    return all.sort((a, b) => b.best - a.best).slice(0, LINES);
  };

  const draw = () => {
    const parameter = numbers.find(({ name }) => name === select.value);
    const dim = colour("--dim");
    const shown = lines(parameter.name);
    const axis = {
      nameTextStyle: { color: dim },
      axisLabel: { color: dim, hideOverlap: true, formatter: (value) => Number(value.toPrecision(4)) },
      axisLine: { lineStyle: { color: colour("--line") } },
      splitLine: { lineStyle: { color: colour("--line") } },
    };
    chart.setOption({
      animation: false,
      aria: { enabled: true },
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      color: [1, 2, 3, 4, 5, 6, 7, 8].map((at) => colour(`--c${at}`)),
      grid: { left: 8, right: 24, top: shown.length > 1 ? 34 : 12, bottom: 26, containLabel: true },
      legend: shown.length > 1
        ? { type: "scroll", top: 0, textStyle: { color: colour("--ink") }, pageTextStyle: { color: dim }, pageIconColor: dim, formatter: (name) => (name.length > 40 ? `${name.slice(0, 39)}…` : name) }
        : undefined,
      tooltip: {
        trigger: "item",
        // No HTML: the content security policy allows no inline style.
        renderMode: "richText",
        formatter: ({ seriesName, value }) => `${seriesName}\n${parameter.name} ${value[0]}\n${metric} ${text.score(value[1])}`,
      },
      xAxis: { ...axis, type: parameter.log ? "log" : "value", name: parameter.name, nameLocation: "middle", nameGap: 28, min: "dataMin", max: "dataMax" },
      yAxis: { ...axis, type: "value", scale: true },
      series: shown.map(({ name, points }) => ({ name, type: "line", symbolSize: 6, data: points })),
    }, true);
  };

  select.addEventListener("change", draw);
  draw();
  let width = canvas.clientWidth;
  const observer = new ResizeObserver(() => {
    if (canvas.clientWidth === width || canvas.clientWidth === 0) return;
    width = canvas.clientWidth;
    chart.resize();
  });
  observer.observe(canvas);
  return () => {
    observer.disconnect();
    chart.dispose();
    canvas.remove();
  };
};
