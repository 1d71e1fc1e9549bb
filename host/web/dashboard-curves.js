"use strict";
// Fanout.charts.nestedCurves: the mean score over the values of one hyper-parameter of numbers,
// a line for each setting of the others: the learning curves that families give for nothing
// where the hyper-parameter is nested. Options: `metric`; `nested`, the names of those that are.

Fanout.charts ??= {};
Fanout.charts.nestedCurves = (element, target, { metric, nested }) => {
  const { text } = Fanout;
  // As many lines as can be told apart.
  const LINES = 8;
  const columns = target.candidates;
  const numbers = target.parameters.filter(({ kind }) => kind === "number");
  if (numbers.length === 0) return null;
  const isNested = ({ name }) => nested.includes(name);
  numbers.sort((a, b) => isNested(b) - isNested(a));

  const { draw, tip, short, clip, choice, controls, grid, upright, rounded, named } = Fanout.charts.tools;
  let over = numbers[0];

  // The lines over a hyper-parameter, the best first.
  const lines = () => {
    const others = target.parameters.filter(({ name }) => name !== over.name);
    const several = new Set(columns.trainer).size > 1;
    const bySetting = new Map();
    for (const [at, mean] of columns.mean[metric].entries()) {
      const x = columns.params[over.name][at];
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

  const names = numbers.map((one) => one.name + (isNested(one) ? " (nested)" : ""));
  const box = controls(element);
  choice(box, "over", names, 0, (at) => {
    over = numbers[at];
    drawn.apply();
  });
  const drawn = draw(element, (colour) => {
    const shown = lines();
    const [least, greatest] = [over.levels[0], over.levels.at(-1)];
    return {
      grid: grid(),
      legend: shown.length > 1
        ? { data: shown.map(({ name }) => name), formatter: (name) => clip(name, 40) }
        : undefined,
      tooltip: {
        trigger: "item",
        formatter: ({ seriesName, value }) =>
          tip([seriesName, [over.name, short(value[0])], [metric, text.score(value[1])]]),
      },
      xAxis: {
        type: over.log ? "log" : "value", min: least, max: greatest, name: over.name,
        nameLocation: "middle", nameGap: 28, ...rounded, ...(over.log ? {} : named(over.levels)),
      },
      yAxis: upright(metric, { scale: true }),
      series: shown.map(({ name, points }, at) => ({
        name, type: "line", symbolSize: 6, color: colour.series[at % 8], data: points,
      })),
    };
  }, "22rem");
  return () => {
    drawn.remove();
    box.remove();
  };
};
