/* Charts of what was found of the chosen candidates: their predictions, what other kinds of
   plans find, importances, and several runs side by side. See charts.js, which comes before
   it. */
"use strict";

(function () {
  const charts = Fanout.charts;
  const {
    isNumber, draw, tip, short, clip, metricOf, ends, rounded, upright, grid, scale, onScale,
  } = charts.tools;

  // ---- Predictions. Options of all: `rows`, `holdout` or `out_of_fold`.

  const rowsOf = (target, options) => ({
    drawn: target.curves ? target.curves[options.rows] : null,
    assessed: target.worth ? target.worth[options.rows] : null,
  });

  const unit = (name, more) => ({ type: "value", min: 0, max: 1, interval: 0.2, name, nameLocation: "middle", nameGap: 28, ...more });

  /* The look of one of many lines: after all colours, these again with another stroke. */
  const stroke = (colour, at) => ({
    color: colour.series[at % 8],
    lineStyle: { width: 2, type: ["solid", "dashed", "dotted"][Math.floor(at / 8) % 3] },
  });

  /* So much of a text that as many as there are stand beside each other in `width` pixels; of a
     longer one both ends, since names often begin alike. */
  function fitting(texts, width) {
    const length = Math.max(4, Math.min(14, Math.floor(width / texts.length / 7)));
    return texts.map((text) => {
      const letters = Array.from(String(text));
      if (letters.length <= length) {
        return letters.join("");
      }
      const end = Math.floor((length - 1) / 2);
      return [...letters.slice(0, length - 1 - end), "…", ...letters.slice(letters.length - end)].join("");
    });
  }

  function curves(element, all, names, area, diagonal) {
    const drawn = draw(element, (colour) => ({
      grid: grid(),
      legend: all.length > 1 ? { data: all.map((one) => one.label) } : undefined,
      xAxis: unit(names[0]),
      yAxis: unit(names[1], { nameGap: 34 }),
      tooltip: {
        trigger: "item",
        formatter: (item) => tip([item.seriesName, [names[0], short(item.value[0])], [names[1], short(item.value[1])]]),
      },
      series: [
        ...all.map((one, at) => ({
          type: "line", name: one.label, data: one.points, showSymbol: false, symbolSize: 6,
          ...stroke(colour, at), triggerLineEvent: true,
        })),
        ...(diagonal ? [{
          type: "line", name: "chance", data: [[0, 0], [1, 1]], showSymbol: false, silent: true,
          lineStyle: { color: colour.dim, type: "dotted", width: 1 },
        }] : []),
      ],
    }), "20rem");
    return drawn.remove;
  }

  charts.roc = function (element, target, options) {
    const { drawn } = rowsOf(target, options);
    return drawn && curves(element, drawn.roc, ["false positive rate", "true positive rate"], "AUC", true);
  };

  charts.precisionRecall = function (element, target, options) {
    const { drawn } = rowsOf(target, options);
    return drawn && curves(element, drawn.precision_recall, ["recall", "precision"], "AP", false);
  };

  charts.calibration = function (element, target, options) {
    const { assessed } = rowsOf(target, options);
    const shown = assessed.calibration.map((of) => ({
      label: of.label,
      points: of.quantile.map((bin) => [bin.predicted, bin.observed]),
    }));
    // Rare classes have small probabilities: the axes end where the points do.
    const most = Math.min(1, 1.15 * Math.max(...shown.flatMap((one) => one.points.flat())));
    const end = most > 0.6 ? 1 : most > 0 ? most : 1;
    const drawn = draw(element, (colour) => ({
      grid: grid(),
      legend: shown.length > 1 ? { data: shown.map((one) => one.label) } : undefined,
      xAxis: unit("predicted probability", { max: end, interval: end === 1 ? 0.2 : undefined, axisLabel: { formatter: short, showMaxLabel: end === 1 } }),
      yAxis: unit("observed share", { max: end, interval: end === 1 ? 0.2 : undefined, nameGap: 40, axisLabel: { formatter: short, showMaxLabel: end === 1 } }),
      tooltip: { trigger: "item", formatter: (item) => tip([item.seriesName, ["predicted", short(item.value[0])], ["observed", short(item.value[1])]]) },
      series: [
        ...shown.map((one, at) => ({
          type: "line", name: one.label, data: one.points, symbolSize: 8, ...stroke(colour, at),
        })),
        {
          type: "line", name: "perfect", data: [[0, 0], [end, end]], showSymbol: false, silent: true,
          lineStyle: { color: colour.dim, type: "dotted", width: 1 },
        },
      ],
    }), "20rem");
    return drawn.remove;
  };

  charts.confusion = function (element, target, options) {
    const { assessed } = rowsOf(target, options);
    const report = assessed.classification_report;
    const matrix = report.confusion_matrix;
    const labels = report.classes.map((of) => of.label);
    // By the share of the true class: a rare class is seen, too.
    const data = matrix.flatMap((row, truth) => {
      const sum = row.reduce((a, b) => a + b, 0) || 1;
      return row.map((count, predicted) => [predicted, truth, count / sum, count]);
    });
    const small = labels.length <= 12;
    const drawn = draw(element, (colour, narrow, width) => ({
      grid: grid({ top: 8, left: 22 }),
      xAxis: {
        type: "category", data: small ? fitting(labels, width - 130) : fitting(labels, Infinity),
        name: "predicted", nameLocation: "middle", nameGap: 26, axisLabel: { interval: small ? 0 : "auto" },
      },
      yAxis: { type: "category", data: fitting(labels, Infinity), inverse: true, name: "true", nameLocation: "middle", nameGap: small ? 64 : 40, axisLabel: { interval: small ? 0 : "auto" } },
      visualMap: { show: false, min: 0, max: 1, dimension: 2, inRange: { color: scale(colour) } },
      tooltip: {
        trigger: "item",
        formatter: (item) => tip([
          ["true", report.classes[item.value[1]].label], ["predicted", report.classes[item.value[0]].label],
          ["rows", short(item.value[3])], ["of the true class", (100 * item.value[2]).toFixed(1) + " %"],
        ]),
      },
      series: [{
        type: "heatmap", itemStyle: { borderColor: colour.paper, borderWidth: 1 },
        data: data.map((value) => ({ value, label: { color: onScale(value[2]) } })),
        label: {
          show: small && !(narrow && labels.length > 6), fontSize: 11,
          formatter: (item) => (item.value[3] === 0 ? "" : short(item.value[3])),
        },
      }],
    }), small ? "20rem" : "26rem");
    return drawn.remove;
  };

  charts.predicted = function (element, target, options) {
    const { drawn: rows } = rowsOf(target, options);
    const [low, high] = ends(rows.predicted.flat(), 0.02);
    const drawn = draw(element, (colour) => ({
      grid: grid(),
      xAxis: { type: "value", min: low, max: high, name: "predicted", nameLocation: "middle", nameGap: 28, axisLabel: { formatter: short, showMinLabel: false, showMaxLabel: false, hideOverlap: true } },
      yAxis: upright("true", { min: low, max: high, axisLabel: { showMinLabel: false, showMaxLabel: false } }),
      tooltip: { trigger: "item", formatter: (item) => tip([["predicted", short(item.value[0])], ["true", short(item.value[1])]]) },
      series: [
        { type: "scatter", name: "rows", data: rows.predicted, symbolSize: 5, itemStyle: { opacity: 0.5 } },
        { type: "line", name: "equal", data: [[low, low], [high, high]], showSymbol: false, silent: true, lineStyle: { color: colour.dim, type: "dotted" } },
      ],
    }), "20rem");
    return drawn.remove;
  };

  charts.residuals = function (element, target, options) {
    const { drawn: rows } = rowsOf(target, options);
    return rows && rows.residuals ? histogram(element, rows.residuals, "true minus predicted", []) : null;
  };

  /* Counts in bins, with lines at some values: pairs of a name and a number. */
  function histogram(element, bins, name, lines) {
    const width = (bins.high - bins.low) / bins.counts.length || 1;
    const values = [bins.low, bins.high, ...lines.map((line) => line[1])];
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const drawn = draw(element, (colour) => ({
      grid: grid({ top: lines.length > 0 ? 28 : 12 }),
      xAxis: { type: "value", min: least, max: lines.length > 0 ? most + (most - least) * 0.06 : most, name, nameLocation: "middle", nameGap: 28, axisLabel: { formatter: short, showMinLabel: false, showMaxLabel: false, hideOverlap: true } },
      yAxis: upright("count", { minInterval: 1 }),
      tooltip: {
        trigger: "item",
        formatter: (item) => tip(item.seriesType === "custom"
          ? [[short(item.value[0]) + " to " + short(item.value[1]), item.value[2]]]
          : [item.name]),
      },
      series: [{
        type: "custom", encode: { x: [0, 1], y: 2 },
        data: bins.counts.map((count, at) => [bins.low + at * width, bins.low + (at + 1) * width, count]),
        renderItem(params, api) {
          const [x, y] = api.coord([api.value(0), api.value(2)]);
          const [end, zero] = api.coord([api.value(1), 0]);
          return { type: "rect", shape: { x, y, width: Math.max(1, end - x - 1), height: zero - y }, style: { fill: colour.series[0] } };
        },
      }, {
        type: "line", data: [], markLine: {
          // Not rounded to two decimals, as lines are of themselves.
          precision: 12,
          symbol: "none", silent: true, lineStyle: { color: colour.bad, width: 2, type: "solid" },
          label: { color: colour.ink, formatter: (item) => item.name },
          data: lines.map((line) => ({ name: line[0], xAxis: line[1] })),
        },
      }],
    }), "18rem");
    return drawn.remove;
  }

  // ---- Other kinds of plans.

  charts.learningCurve = function (element, target, options) {
    const metric = metricOf(target, options);
    const shown = target.findings.curves.filter((curve) => curve.metric === metric);
    const drawn = draw(element, (colour) => {
      const series = [];
      shown.forEach((curve, at) => {
        const color = colour.series[at % 8];
        const band = (sign) => curve.sizes.map((size, place) => [size, curve.mean[place] + sign * curve.std[place]]);
        const area = band(1).concat(band(-1).reverse()).filter((pair) => isNumber(pair[1]));
        // The first of a name is its sign in the legend.
        series.push({ type: "line", name: curve.trainer, color, data: curve.sizes.map((size, place) => [size, curve.mean[place]]), symbolSize: 7, z: 2 });
        series.push({
          type: "custom", name: curve.trainer, data: [area.flat()], silent: true, z: 1,
          renderItem(params, api) {
            const points = area.map((pair) => api.coord(pair));
            return { type: "polygon", shape: { points }, style: { fill: color, opacity: 0.15 } };
          },
        });
        if (curve.train && curve.train.some(isNumber)) {
          series.push({ type: "line", name: curve.trainer + ", training rows", color, data: curve.sizes.map((size, place) => [size, curve.train[place]]), symbolSize: 5, lineStyle: { type: "dashed" }, z: 2 });
        }
      });
      const all = shown.flatMap((curve) => curve.mean.flatMap((mean, at) => [mean - curve.std[at], mean + curve.std[at], curve.train ? curve.train[at] : null]));
      const [low, high] = ends(all);
      return {
        grid: grid(),
        legend: { data: Array.from(new Set(series.map((one) => one.name))) },
        xAxis: { type: "value", name: "training rows", nameLocation: "middle", nameGap: 28, axisLabel: { hideOverlap: true } },
        yAxis: upright(metric, { min: low, max: high, axisLabel: { showMinLabel: false, showMaxLabel: false } }),
        tooltip: { trigger: "item", formatter: (item) => tip([item.seriesName, ["training rows", item.value[0]], [metric, short(item.value[1])]]) },
        series,
      };
    }, "24rem");
    return drawn.remove;
  };

  charts.nested = function (element, target) {
    const splits = target.findings.splits;
    const [low, high] = ends(splits.flatMap((split) => [split.inner, split.test]), 0.1);
    const drawn = draw(element, () => ({
      grid: grid(),
      legend: { data: ["inner mean", "test score"] },
      xAxis: { type: "category", data: splits.map((split) => split.split), name: "outer split", nameLocation: "middle", nameGap: 28 },
      yAxis: upright(target.metric, { min: low, max: high, axisLabel: { showMinLabel: false, showMaxLabel: false } }),
      tooltip: { trigger: "item", formatter: (item) => tip(["outer split " + splits[item.dataIndex].split, clip(splits[item.dataIndex].params, 120), [item.seriesName, short(item.value)]]) },
      series: [
        { type: "scatter", name: "inner mean", data: splits.map((split) => split.inner), symbol: "diamond", symbolSize: 11 },
        { type: "scatter", name: "test score", data: splits.map((split) => split.test), symbolSize: 11 },
      ],
    }), "18rem");
    return drawn.remove;
  };

  charts.permutation = function (element, target, options) {
    const metric = metricOf(target, options);
    const tests = target.findings.tests.filter((test) => test.metric === metric);
    const removes = tests.map((test) => {
      const known = test.permuted.filter(isNumber);
      if (known.length === 0) {
        return null;
      }
      const [low, high] = [Math.min(...known), Math.max(...known)];
      const counts = new Array(24).fill(0);
      for (const score of known) {
        counts[Math.min(23, Math.floor((24 * (score - low)) / (high - low || 1)))] += 1;
      }
      const name = (tests.length > 1 ? test.trainer + ": " : "") + metric + " with shuffled targets";
      return histogram(element, { low, high, counts }, name, isNumber(test.score) ? [["score", test.score]] : []);
    });
    return () => removes.forEach((remove) => remove && remove());
  };

  // ---- Importances and explanations.

  /* Bars of features, the most important first: pairs of a name and a number. */
  function features(element, bars, name) {
    const shown = bars.filter((bar) => isNumber(bar[1])).slice(0, 15).reverse();
    const drawn = draw(element, (colour, narrow) => ({
      grid: grid({ top: 6, left: 4, right: 24 }),
      xAxis: { type: "value", name, nameLocation: "middle", nameGap: 28, ...rounded },
      yAxis: { type: "category", data: shown.map((bar) => clip(bar[0], narrow ? 16 : 28)), axisLabel: { color: colour.ink, interval: 0 }, axisTick: { show: false } },
      tooltip: { trigger: "item", formatter: (item) => tip([[shown[item.dataIndex][0], short(item.value)]]) },
      series: [{ type: "bar", barMaxWidth: 16, data: shown.map((bar) => bar[1]) }],
    }), 4 + 1.5 * shown.length + "rem");
    return drawn.remove;
  }

  charts.permutationImportance = function (element, target) {
    const found = target.importances.permutation_importance;
    const means = found.metrics[target.metric].importances_mean;
    const bars = found.features.map((name, at) => [name, means[at]]);
    bars.sort((a, b) => (b[1] ?? -Infinity) - (a[1] ?? -Infinity));
    return features(element, bars, "loss of " + target.metric);
  };

  charts.importances = function (element, target) {
    const found = target.importances.importances;
    const kind = Object.keys(found).find((name) => name !== "features");
    return features(element, found.features.map((name, at) => [name, found[kind][at]]), kind.replaceAll("_", " "));
  };

  charts.shap = function (element, target) {
    const sums = new Map();
    for (const of of target.importances.shap.contributions) {
      sums.set(of.feature, (sums.get(of.feature) || 0) + of.mean_absolute);
    }
    const bars = Array.from(sums).sort((a, b) => b[1] - a[1]);
    return features(element, bars, "mean of the absolute contribution");
  };

  /* Options: `feature`, its place. */
  charts.dependence = function (element, target, options) {
    const found = target.importances.partial_dependence;
    const of = found.features[Number(options.feature)];
    const outputs = Object.entries(of.average);
    // Of single rows alone there is no mean.
    if (outputs.length === 0) {
      return null;
    }
    const shown = outputs.length === 2 ? outputs.slice(1) : outputs.slice(0, 8);
    const numbers = of.values.every(isNumber);
    const drawn = draw(element, (_, narrow, width) => ({
      grid: grid(),
      legend: shown.length > 1 ? { data: shown.map((one) => one[0]) } : undefined,
      xAxis: numbers
        ? { type: "value", scale: true, name: clip(of.feature, 40), nameLocation: "middle", nameGap: 28, ...rounded }
        : { type: "category", data: fitting(of.values, width - 80), name: clip(of.feature, 40), nameLocation: "middle", nameGap: 28 },
      yAxis: upright("prediction", { scale: numbers }),
      tooltip: { trigger: "item", formatter: (item) => tip([item.seriesName, [of.feature, clip(numbers ? short(item.value[0]) : of.values[item.dataIndex], 40)], ["prediction", short(numbers ? item.value[1] : item.value)]]) },
      series: shown.map((one) => ({
        type: numbers ? "line" : "bar", name: one[0], barMaxWidth: 18,
        // Many points are a line.
        ...(of.values.length > 30 ? { symbol: "circle", symbolSize: 3 } : { symbolSize: 5 }),
        data: numbers ? one[1].map((mean, at) => [of.values[at], mean]) : one[1],
      })),
    }), "17rem");
    return drawn.remove;
  };

  // ---- Several runs.

  /* The scores of the chosen candidates of runs: see host/src/report/html/compare.rs. */
  charts.comparison = function (element, runs) {
    const shown = runs.filter((run) => isNumber(run.mean));
    const drawn = draw(element, (colour, narrow) => ({
      grid: grid({ top: 8, left: 4 }),
      xAxis: { type: "value", scale: true, name: shown[0].metric, nameLocation: "middle", nameGap: 28, ...rounded },
      yAxis: { type: "category", inverse: true, data: shown.map((run) => clip(run.label, narrow ? 16 : 48)), axisLabel: { color: colour.ink, interval: 0 }, axisTick: { show: false } },
      tooltip: { trigger: "item", formatter: (item) => tip([shown[item.dataIndex].label, [shown[item.dataIndex].metric, short(shown[item.dataIndex].mean) + " ± " + short(shown[item.dataIndex].std)]]) },
      series: [
        {
          type: "custom", encode: { x: [1, 2], y: 0 }, z: 1,
          data: shown.map((run, row) => [row, run.mean - run.std, run.mean + run.std]),
          renderItem(params, api) {
            const [x1, y1] = api.coord([api.value(1), api.value(0)]);
            const [x2, y2] = api.coord([api.value(2), api.value(0)]);
            return { type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colour.dim, lineWidth: 1.5 } };
          },
        },
        { type: "scatter", symbolSize: 11, z: 2, itemStyle: { color: colour.series[0] }, data: shown.map((run, row) => [run.mean, row]) },
      ],
    }), 5 + 2 * shown.length + "rem");
    return drawn.remove;
  };
})();
