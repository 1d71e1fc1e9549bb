/* Charts of the candidates of a search, and of the effects of their hyper-parameters. See
   charts.js, which comes before it. */
"use strict";

(function () {
  const charts = Fanout.charts;
  const {
    isNumber, draw, tip, short, alike, clip, choice, controls, metricOf, ends, rounded, named,
    upright, grid, scale, onScale,
  } = charts.tools;

  /* A candidate in lines for a tooltip; `at` is its place among the columns. */
  function describe(target, at, metric) {
    const of = target.candidates;
    const lines = ["candidate " + of.index[at] + ", rank " + of.rank[metric][at]];
    if (new Set(of.trainer).size > 1) {
      lines.push(of.trainer[at]);
    }
    for (const parameter of target.parameters) {
      const value = of.params[parameter.name][at];
      if (value !== null) {
        lines.push([parameter.name, clip(value, 60)]);
      }
    }
    const mean = short(of.mean[metric][at]);
    lines.push([metric, mean + " ± " + short(of.std[metric][at])]);
    lines.push(["seconds of a fit", short(of.fit_time[at])]);
    return lines;
  }

  /* The axis of a hyper-parameter: of numbers, or its levels, on a chart of so many pixels. */
  function levelAxis(parameter, name, width) {
    if (parameter.kind === "number") {
      const numbers = parameter.levels.filter(isNumber);
      const log = parameter.log && numbers.every((value) => value > 0);
      const axis = {
        type: log ? "log" : "value", name, nameLocation: "middle", nameGap: 28, scale: true,
        ...rounded,
      };
      if (log || numbers.length > 1) {
        [axis.min, axis.max] = [Math.min(...numbers), Math.max(...numbers)];
      }
      return log ? axis : { ...axis, ...named(numbers) };
    }
    return {
      type: "category", name, nameLocation: "middle", nameGap: 28,
      data: parameter.levels.map((level) => clip(level, 18)),
      // A few levels are all named, as far as there is room.
      axisLabel: parameter.levels.length <= 8
        ? { interval: 0, overflow: "truncate", width: Math.max(32, (width - 110) / parameter.levels.length) }
        : { hideOverlap: true },
    };
  }

  /* The value on such an axis of the level at a place. */
  const onAxis = (parameter, at) => (parameter.kind === "number" ? parameter.levels[at] : at);

  // ---- Candidates.

  /* Means of the best candidates with bars of one standard deviation. Options: `metric`,
     `most` (25 by default). */
  charts.leaderboard = function (element, target, options) {
    const metric = metricOf(target, options);
    const of = target.candidates;
    const order = of.index.map((_, at) => at).filter((at) => isNumber(of.mean[metric][at]));
    order.sort((a, b) => of.rank[metric][a] - of.rank[metric][b] || of.index[a] - of.index[b]);
    const shown = order.slice(0, (options && options.most) || 25);
    const within = new Set(target.one_standard_error);
    const several = new Set(of.trainer).size > 1;
    const label = (at, narrow) => {
      const set = target.parameters.map((one) => [one.name, of.params[one.name][at]]);
      const text = set.filter((pair) => pair[1] !== null)
        .map((pair) => (narrow ? pair[1] : pair.join(" = ")));
      if (several) {
        text.unshift(of.trainer[at]);
      }
      return clip("#" + of.index[at] + " " + text.join(", "), narrow ? 16 : 64);
    };
    const drawn = draw(element, (colour, narrow) => {
      const bars = shown.map((at, row) => {
        const [mean, std] = [of.mean[metric][at], of.std[metric][at]];
        return [row, mean - std, mean + std, at];
      });
      return {
        grid: grid({ top: 8, left: 4 }),
        xAxis: { type: "value", scale: true, name: metric, nameLocation: "middle", nameGap: 28, ...rounded },
        yAxis: {
          type: "category", inverse: true, data: shown.map((at) => label(at, narrow)),
          axisLabel: { color: colour.ink, interval: 0, fontSize: 12 }, axisTick: { show: false },
        },
        tooltip: { trigger: "item", formatter: (item) => tip(describe(target, item.value[item.value.length - 1], metric)) },
        series: [
          {
            type: "custom", encode: { x: [1, 2], y: 0 }, data: bars, z: 1,
            renderItem(params, api) {
              const low = api.coord([api.value(1), api.value(0)]);
              const high = api.coord([api.value(2), api.value(0)]);
              const cap = 4;
              const style = { stroke: colour.dim, lineWidth: 1.5, fill: "none" };
              const piece = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
              return {
                type: "group",
                children: [
                  piece(low[0], low[1], high[0], high[1]),
                  piece(low[0], low[1] - cap, low[0], low[1] + cap),
                  piece(high[0], high[1] - cap, high[0], high[1] + cap),
                ],
              };
            },
          },
          {
            type: "scatter", symbolSize: 10, z: 2,
            data: shown.map((at, row) => ({
              value: [of.mean[metric][at], row, at],
              itemStyle: within.has(of.index[at])
                ? { color: colour.good, borderColor: colour.good, borderWidth: 2 }
                : { color: colour.paper, borderColor: colour.accent, borderWidth: 2 },
            })),
          },
        ],
      };
    }, Math.max(8, 3.4 + 1.5 * shown.length) + "rem");
    return drawn.remove;
  };

  /* Mean scores against the seconds of a fit; the line joins candidates that no cheaper one
     reaches. Options: `metric`. */
  charts.cost = function (element, target, options) {
    const metric = metricOf(target, options);
    const of = target.candidates;
    const known = of.index.map((_, at) => at)
      .filter((at) => isNumber(of.mean[metric][at]) && of.fit_time[at] > 0);
    if (known.length === 0) {
      return null;
    }
    const trainers = Array.from(new Set(of.trainer));
    const times = known.map((at) => of.fit_time[at]);
    const log = Math.max(...times) / Math.min(...times) > 20;
    const [unit, factor] = Math.max(...times) < 0.5 ? ["milliseconds", 1000] : ["seconds", 1];
    const front = [];
    let most = -Infinity;
    // Of equal times the best first: the others are no step.
    const order = (a, b) => of.fit_time[a] - of.fit_time[b] || of.mean[metric][b] - of.mean[metric][a];
    for (const at of known.slice().sort(order)) {
      if (of.mean[metric][at] > most) {
        most = of.mean[metric][at];
        front.push([of.fit_time[at] * factor, most, at]);
      }
    }
    const drawn = draw(element, (colour) => ({
      grid: grid(),
      legend: trainers.length > 1 ? { data: trainers } : undefined,
      xAxis: { type: log ? "log" : "value", scale: true, name: unit + " of a fit", nameLocation: "middle", nameGap: 28, ...rounded },
      yAxis: upright(metric, { scale: true }),
      tooltip: { trigger: "item", formatter: (item) => tip(describe(target, item.value[2], metric)) },
      series: [
        ...trainers.map((trainer, place) => ({
          type: "scatter", name: trainer, symbolSize: known.length > 300 ? 5 : 8,
          itemStyle: { color: colour.series[place % 8], opacity: 0.75 },
          data: known.filter((at) => of.trainer[at] === trainer)
            .map((at) => [of.fit_time[at] * factor, of.mean[metric][at], at]),
        })),
        {
          type: "line", name: "best for its cost", data: front, step: "end", symbol: "none",
          lineStyle: { color: colour.good, width: 1.5, type: "dashed" }, z: 1, silent: true,
        },
      ],
    }), "22rem", known.length > 500 ? "canvas" : "svg");
    return drawn.remove;
  };

  /* The mean or the best score by any two hyper-parameters, which are chosen. Options:
     `metric`. */
  charts.heatMap = function (element, target, options) {
    const metric = metricOf(target, options);
    const of = target.candidates;
    const effects = (target.anova || []).flatMap((one) => one.parameters.map((effect) => effect.name));
    const parameters = target.parameters.slice();
    parameters.sort((a, b) => {
      const at = (one) => (effects.includes(one.name) ? effects.indexOf(one.name) : effects.length);
      return at(a) - at(b);
    });
    if (parameters.length < 2) {
      return null;
    }
    const names = parameters.map((one) => one.name);
    // The first two that some candidate sets both: each trainer has its own.
    const isSet = (place, at) => of.params[names[place]][at] !== null;
    const pairs = names.flatMap((_, y) => Array.from({ length: y }, (_, x) => [x, y]));
    const both = pairs.find(([x, y]) => of.index.some((_, at) => isSet(x, at) && isSet(y, at)));
    const [x, y] = both || [0, 1];
    const state = { x, y, best: 0 };
    const box = controls(element);
    const again = () => drawn.apply();
    choice(box, "across", names, state.x, (at) => { state.x = at; again(); });
    choice(box, "up", names, state.y, (at) => { state.y = at; again(); });
    choice(box, "cells", ["mean score", "best score"], 0, (at) => { state.best = at; again(); });
    /* Numbers with very many values are put into ranges. */
    const binned = (parameter) => {
      const many = parameter.levels.length;
      if (many <= 24) {
        const labels = parameter.levels.map((level) => clip(isNumber(level) ? short(level) : level, 14));
        const map = new Map(parameter.levels.map((level, at) => [level, at]));
        return { labels, at: (value) => map.get(value) };
      }
      const bins = 16;
      const map = new Map(parameter.levels.map((level, at) => [level, Math.floor((at * bins) / many)]));
      const labels = Array.from({ length: bins }, (_, bin) => {
        const own = parameter.levels.filter((level) => map.get(level) === bin);
        return isNumber(own[0]) ? "≥ " + short(own[0]) : clip(own[0], 14);
      });
      return { labels, at: (value) => map.get(value) };
    };
    const drawn = draw(element, (colour) => {
      const [x, y] = [binned(parameters[state.x]), binned(parameters[state.y])];
      const cells = new Map();
      of.index.forEach((_, at) => {
        const [a, b] = [x.at(of.params[names[state.x]][at]), y.at(of.params[names[state.y]][at])];
        const mean = of.mean[metric][at];
        if (a === undefined || b === undefined || !isNumber(mean)) {
          return;
        }
        const key = a + " " + b;
        const cell = cells.get(key) || { a, b, sum: 0, count: 0, best: -Infinity };
        cell.sum += mean;
        cell.count += 1;
        cell.best = Math.max(cell.best, mean);
        cells.set(key, cell);
      });
      const data = Array.from(cells.values(), (cell) =>
        [cell.a, cell.b, state.best ? cell.best : cell.sum / cell.count, cell.count]);
      if (data.length === 0) {
        const style = { text: "No candidate with a score sets both.", fill: colour.dim, fontSize: 13 };
        return { graphic: { type: "text", left: "center", top: "middle", style } };
      }
      const values = data.map((cell) => cell[2]);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const small = x.labels.length * y.labels.length <= 90;
      const told = alike(values);
      return {
        grid: grid({ top: 30, left: 8, bottom: 74 }),
        xAxis: { type: "category", data: x.labels, name: names[state.x], nameLocation: "middle", nameGap: 26, splitArea: { show: false } },
        yAxis: { type: "category", data: y.labels, name: clip(names[state.y], 40), nameLocation: "end", nameTextStyle: { align: "left" } },
        visualMap: {
          min: low, max: high > low ? high : low + 1e-9, calculable: true, orient: "horizontal",
          left: "center", bottom: 0, dimension: 2, itemHeight: 130, itemWidth: 12,
          textStyle: { color: colour.dim }, formatter: told,
          inRange: { color: scale(colour) },
        },
        tooltip: {
          trigger: "item",
          formatter: (item) => tip([
            [names[state.x], x.labels[item.value[0]]], [names[state.y], y.labels[item.value[1]]],
            [metric, told(item.value[2])], ["candidates", item.value[3]],
          ]),
        },
        series: [{
          type: "heatmap", itemStyle: { borderColor: colour.paper, borderWidth: 1 },
          data: data.map((value) => ({
            value, label: { color: onScale((value[2] - low) / (high - low || 1)) },
          })),
          label: { show: small, fontSize: 11, formatter: (item) => told(item.value[2]) },
        }],
      };
    }, "23rem");
    return () => { drawn.remove(); box.remove(); };
  };

  /* A line for each candidate through all hyper-parameters to its score. Options: `metric`. */
  charts.parallel = function (element, target, options) {
    const metric = metricOf(target, options);
    const of = target.candidates;
    const trainers = Array.from(new Set(of.trainer));
    const places = of.index.map((_, at) => at).filter((at) => isNumber(of.mean[metric][at]));
    places.sort((a, b) => of.mean[metric][a] - of.mean[metric][b]);
    const means = places.map((at) => of.mean[metric][at]);
    const axes = target.parameters.map((parameter) => ({ parameter }));
    // Where candidates do not set it: between the others and nowhere.
    const unset = (parameter) => of.params[parameter.name].some((value) => value === null);
    // Axes that are too close are not read: many of them scroll sideways.
    const room = document.createElement("div");
    room.className = "scroll";
    room.tabIndex = 0;
    room.setAttribute("role", "region");
    room.setAttribute("aria-label", "Parallel coordinates of all candidates");
    const inner = document.createElement("div");
    inner.style.minWidth = 88 * (axes.length + (trainers.length > 1 ? 2 : 1)) + "px";
    room.append(inner);
    element.append(room);
    const drawn = draw(inner, (colour, narrow) => {
      const names = [];
      if (trainers.length > 1) {
        names.push({ dim: 0, name: "trainer", type: "category", data: trainers.map((one) => clip(one, narrow ? 10 : 14)) });
      }
      for (const { parameter } of axes) {
        const dim = names.length;
        const name = clip(parameter.name, narrow ? 10 : 22);
        if (parameter.kind === "number" && !unset(parameter)) {
          names.push({
            dim, name, type: parameter.log ? "log" : "value", scale: true,
            min: Math.min(...parameter.levels), max: Math.max(...parameter.levels), ...rounded,
          });
        } else {
          const data = parameter.levels.map((level) => clip(isNumber(level) ? short(level) : level, narrow ? 9 : 12));
          names.push({ dim, name, type: "category", data: unset(parameter) ? ["–", ...data] : data });
        }
      }
      const [low, high] = ends(means, 0.02);
      // Its ends are no round numbers, and stand close to the next ones.
      const inner = { ...rounded.axisLabel, showMinLabel: false, showMaxLabel: false };
      names.push({ dim: names.length, name: clip(metric, 18), type: "value", min: low, max: high, axisLabel: inner });
      const rows = places.map((at) => {
        const row = trainers.length > 1 ? [trainers.indexOf(of.trainer[at])] : [];
        for (const { parameter } of axes) {
          const value = of.params[parameter.name][at];
          if (parameter.kind === "number" && !unset(parameter)) {
            row.push(value);
          } else {
            const place = value === null ? -1 : parameter.levels.indexOf(value);
            row.push(unset(parameter) ? place + 1 : place);
          }
        }
        row.push(of.mean[metric][at]);
        return row;
      });
      const first = means[0];
      const last = means[means.length - 1];
      return {
        tooltip: { show: false },
        parallelAxis: names.map((axis, at) => ({
          ...axis, nameLocation: "end",
          // The first name begins where there is room.
          nameTextStyle: { color: colour.ink, fontSize: 12, ...(at === 0 ? { align: "left", padding: [0, 0, 0, -20] } : {}) },
          nameGap: 12,
          axisLine: { lineStyle: { color: colour.dim } },
          axisLabel: { color: colour.ink, hideOverlap: true, textBorderColor: colour.paper, textBorderWidth: 3, ...(axis.axisLabel || {}) },
          areaSelectStyle: { borderColor: colour.accent, color: colour.accent, opacity: 0.25, width: 18 },
        })),
        parallel: { left: narrow ? 30 : 64, right: narrow ? 58 : 64, top: 34, bottom: 16 },
        visualMap: {
          show: false, min: first, max: last > first ? last : first + 1e-9,
          dimension: names.length - 1, inRange: { color: scale(colour).slice(1) },
        },
        series: [{
          type: "parallel", data: rows, smooth: false,
          inactiveOpacity: 0.03, activeOpacity: 0.9,
          lineStyle: { width: places.length > 200 ? 1 : 1.6, opacity: places.length > 400 ? 0.25 : 0.6 },
        }],
      };
    }, "24rem", "canvas");
    return () => {
      drawn.remove();
      room.remove();
    };
  };

  // ---- Effects of hyper-parameters.

  /* Shares of the variance of scores. Options: `effect`, the place of the trainer's effects. */
  charts.anova = function (element, target, options) {
    const effects = target.anova[Number((options && options.effect) || 0)];
    const bars = effects.parameters.map((one) => ({ name: one.name, share: one.importance, pair: false }));
    for (const pair of effects.pairs.slice(0, 6)) {
      bars.push({ name: pair.of.join(" × "), share: pair.importance, pair: true });
    }
    const shown = bars.slice(0, 14).reverse();
    const isMost = shown.some((bar) => bar.share > 0.5);
    const drawn = draw(element, (colour, narrow) => ({
      grid: grid({ top: 6, left: 4, right: 62, bottom: 24 }),
      xAxis: { type: "value", min: 0, ...(isMost ? { max: 1, interval: narrow ? 0.5 : 0.2 } : {}), axisLabel: { formatter: (value) => Math.round(value * 100) + " %", hideOverlap: true } },
      yAxis: { type: "category", data: shown.map((bar) => clip(bar.name, narrow ? 20 : 30)), axisLabel: { color: colour.ink, interval: 0 }, axisTick: { show: false } },
      tooltip: { trigger: "item", formatter: (item) => tip([[shown[item.dataIndex].name, (100 * item.value).toFixed(1) + " %"]]) },
      series: [{
        type: "bar", barMaxWidth: 18,
        data: shown.map((bar) => ({ value: bar.share, itemStyle: { color: bar.pair ? colour.series[3] : colour.series[0] } })),
        label: { show: true, position: "right", color: colour.ink, formatter: (item) => (100 * item.value).toFixed(1) + " %" },
      }],
    }), 3 + 1.7 * shown.length + "rem");
    return drawn.remove;
  };

  /* The mean score over all others by the value of one hyper-parameter, and the best one.
     Options: `effect`, `parameter`: places. */
  charts.marginal = function (element, target, options) {
    const effects = target.anova[Number(options.effect)];
    const parameter = effects.parameters[Number(options.parameter)];
    // One scale for all: a flat line is no effect.
    const all = effects.parameters.flatMap((one) => one.mean.concat(one.best));
    const [low, high] = ends(all);
    const drawn = draw(element, (colour, narrow, width) => {
      const line = (values) => values
        .map((value, at) => [onAxis(parameter, at), value])
        .filter((pair) => isNumber(pair[1]));
      return {
        grid: grid(),
        legend: { data: ["mean over the others", "best"] },
        xAxis: levelAxis(parameter, clip(parameter.name, 30), width),
        yAxis: upright(target.metric, { min: low, max: high, axisLabel: { showMinLabel: false, showMaxLabel: false } }),
        tooltip: { trigger: "item", formatter: (item) => tip([item.seriesName, [parameter.name, clip(parameter.kind === "number" ? short(item.value[0]) : parameter.levels[item.value[0]], 60)], [target.metric, short(item.value[1])]]) },
        series: [
          { type: "line", name: "mean over the others", data: line(parameter.mean), symbolSize: 7, lineStyle: { width: 2.5 } },
          { type: "line", name: "best", data: line(parameter.best), symbolSize: 6, symbol: "diamond", lineStyle: { width: 1.5, type: "dashed" } },
        ],
      };
    }, "17rem");
    return drawn.remove;
  };
})();
