"use strict";
// Fanout.foundBoxes(page): the boxes of the page of a run about what was found beside the scores
// of candidates: what plans of other kinds than a search find, and why the chosen candidate
// predicts what it predicts. They are there as soon as the results are. The charts are
// charts-found.js's; each has its numbers in a table.

Fanout.foundBoxes = () => {
  const { make, text } = Fanout;
  const room = document.getElementById("found");

  // As many as the report has.
  const FEATURES = 30;
  const DEPENDENCES = 6;

  const number = (value) => (typeof value === "number" ? text.score(value) : "none");
  const spread = (mean, std) => `${number(mean)} ± ${number(std)}`;
  const names = (found) => found.features.slice(0, FEATURES);

  // ---- The boxes of a target: a title, whether it is wide, and its charts. A chart has a name,
  // a caption, options, and the columns and rows of its table. A column's name begins with `#`
  // where it is of numbers.

  const permutation = (target, found) => {
    const by = found?.metrics[target.metric];
    if (!by) return [];
    const rows = found.of === "holdout" ? "the hold-out rows" : "the test rows of each split";
    return [["Permutation importance", false, [{
      chart: "permutationImportance",
      caption: `How much less ${target.metric} is when a feature is permuted among ${rows}`,
      columns: ["feature", "#mean", "#std"],
      rows: names(found).map((name, at) => [name, number(by.importances_mean[at]), number(by.importances_std[at])]),
    }]]];
  };

  const own = (target, found) => {
    if (!found) return [];
    const kinds = Object.keys(found).filter((name) => name !== "features");
    return [["Importances of the model", false, [{
      chart: "importances",
      caption: "The features on which the model relies most",
      columns: ["feature", ...kinds.map((kind) => `#${kind.replaceAll("_", " ")}`)],
      rows: names(found).map((name, at) => [name, ...kinds.map((kind) => number(found[kind][at]))]),
    }]]];
  };

  const shap = (target, found) => {
    if (!found) return [];
    return [["Contributions of features (SHAP)", false, [{
      chart: "shap",
      caption: `What a feature adds to predictions: the mean of the absolute value over ${text.counted(found.rows, "row")}`,
      columns: ["feature", "class", "#mean"],
      rows: found.contributions.slice(0, FEATURES).map((of) => [of.feature, of.class ?? "", number(of.mean_absolute)]),
    }]]];
  };

  const dependence = (target, found) => {
    const charts = (found?.features ?? []).slice(0, DEPENDENCES).map((of, at) => {
      const outputs = Object.keys(of.average);
      return outputs.length > 0 && {
        chart: "dependence",
        options: { feature: at },
        caption: `Mean prediction by ${of.feature}, all else as it is`,
        columns: [of.feature, ...outputs.map((output) => `#${output}`)],
        rows: of.values.map((value, point) => [String(value), ...outputs.map((output) => number(of.average[output][point]))]),
      };
    });
    // Of single rows alone there is no mean.
    const drawn = charts.filter(Boolean);
    return drawn.length > 0 ? [["Partial dependence", true, drawn]] : [];
  };

  const FINDINGS = {
    learning_curve: (target, { curves }) => [["Learning curve", true, [{
      chart: "learningCurve",
      caption: "Mean test score by the number of training rows; the bands are the standard deviation over the splits",
      columns: ["trainer", "metric", "#training rows", "#test score", "#training score"],
      rows: curves.flatMap((curve) => curve.sizes.map((size, at) =>
        [curve.trainer, curve.metric, text.count(size), spread(curve.mean[at], curve.std[at]), curve.train ? number(curve.train[at]) : ""])),
    }]]],
    nested: (target, { splits }) => [["Outer splits", true, [{
      chart: "nested",
      caption: "Of each outer split: what its search promises, and what its best candidate is worth on the test rows",
      columns: ["split", "candidate", "#inner mean", "#test score"],
      rows: splits.map((split) => [String(split.split), split.params, number(split.inner), number(split.test)]),
    }]]],
    permutation_test: (target, { tests }) => [["Permutation test", true, [{
      chart: "permutation",
      caption: "How often a score comes about with shuffled targets; the line is the score with the targets as they are",
      columns: ["trainer", "metric", "#score", "#permutations", "#p-value"],
      rows: tests.map((test) => [test.trainer, test.metric, number(test.score), text.count(test.permuted.length), number(test.pvalue)]),
    }]]],
  };

  const boxesOf = (target) => {
    const { findings, importances } = target;
    return [
      ...(findings ? FINDINGS[findings.kind]?.(target, findings) ?? [] : []),
      ...(importances
        ? [
            ...permutation(target, importances.permutation_importance),
            ...own(target, importances.importances),
            ...shap(target, importances.shap),
            ...dependence(target, importances.partial_dependence),
          ]
        : []),
    ];
  };

  // ---- how they are drawn

  const tableOf = ({ caption, columns, rows }) => {
    const isNumber = columns.map((name) => name.startsWith("#"));
    const kind = (at) => isNumber[at] && "number";
    const head = columns.map((name, at) => make("th", { scope: "col", class: kind(at), text: name.replace(/^#/, "") }));
    const body = rows.map((cells) =>
      make("tr", {}, ...cells.map((cell, at) =>
        at === 0 ? make("th", { scope: "row", text: cell }) : make("td", { class: kind(at), text: cell }))));
    return make("details", {},
      make("summary", { text: "As a table" }),
      make("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": caption },
        make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body))));
  };

  let removes = [];
  let drawn = null;

  const draw = (target) => {
    const elements = [];
    const sections = boxesOf(target).map(([title, isWide, charts], at) => {
      const id = `found-${at}`;
      const parts = charts.map((part) => {
        const element = make("div", { class: "chart-room", role: "group", "aria-label": part.caption, "data-chart": part.chart });
        elements.push([element, part]);
        return make("div", {}, make("figure", {}, element, make("figcaption", { text: part.caption })), tableOf(part));
      });
      const content = charts.length > 1 ? [make("div", { class: "boxes inner" }, ...parts)] : parts;
      return make("section", { class: isWide ? "box wide" : "box", "aria-labelledby": id },
        make("h2", { id, text: title }), ...content);
    });
    room.replaceChildren(...sections);
    room.hidden = sections.length === 0;
    // In the page, where they have a width.
    removes = elements.map(([element, { chart, options }]) =>
      Fanout.charts[chart](element, target, { metric: target.metric, ...options }));
  };

  // Draws what was found for a target; what is drawn already stays, unless the colours changed.
  const drawFound = (target, areColoursNew) => {
    if (drawn === target && !areColoursNew) return;
    for (const remove of removes) remove?.();
    drawn = target;
    removes = [];
    draw(target ?? {});
  };

  return { drawFound };
};
