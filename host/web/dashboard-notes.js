"use strict";
// Fanout.notesBoxes(page): the boxes of the page of a run about what went wrong, what
// happened, its table and its plan. `page` has what is known of the run.

Fanout.notesBoxes = (page) => {
  const { make, text } = Fanout;
  const byId = (id) => document.getElementById(id);

  // Targets that are named.
  const TARGETS = 8;

  // A text whose parts in backticks are code.
  const withCode = (told) => {
    const parts = told.split("`");
    if (parts.length % 2 === 0) return [told];
    return parts.map((part, at) => (at % 2 === 1 ? make("code", { text: part }) : part));
  };

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
          failure.remedy ? make("p", {}, ...withCode(failure.remedy)) : "",
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
    const { warnings, latest } = page.notes;
    const results = page.results ?? {};
    const told = [
      ...(page.facts?.warnings ?? []),
      ...(results.warnings ?? []),
      ...(results.targets?.[page.target]?.warnings ?? []),
      ...warnings.map((note) => note.text),
    ].map((warning) => (typeof warning === "string" ? warning : warning.message ?? JSON.stringify(warning)));
    byId("warnings").replaceChildren(
      ...[...new Set(told)].map((warning) => make("p", { class: "warning" }, ...withCode(warning))),
    );
    const begun = page.outline.begun_us ?? latest[0]?.time_us ?? 0;
    const all = [...warnings, ...latest].sort((a, b) => a.time_us - b.time_us);
    byId("log").replaceChildren(
      ...all.map(({ time_us: time, text: line }) => {
        const at = time > 0 ? (time >= begun ? `+${text.duration(time - begun)}` : `−${text.duration(begun - time)}`) : "";
        return make("li", {}, make("span", { class: "dim", text: at }), make("span", {}, ...withCode(line)));
      }),
    );
  };

  const drawData = () => {
    const { facts, results, outline } = page;
    const data = page.data ?? results?.data;
    const rows = [];
    const size = data ?? facts;
    if (size) rows.push(["rows", text.count(size.rows)], ["features", text.count(size.features)]);
    const names = outline.target_names ?? (results?.targets ?? []).map(({ target }) => target);
    const learnt = new Map((results?.targets ?? []).map(({ target, learning }) => [target, learning]));
    const told = names.slice(0, TARGETS).map((name) => [name, learnt.get(name)].filter(Boolean).join(", "));
    if (names.length > TARGETS) told.push(`${names.length - TARGETS} more`);
    if (told.length > 0) rows.push([names.length > 1 ? "targets" : "target", told.join("; ")]);
    if (facts) rows.push(["dataset", facts.digests.dataset.slice(0, 12)]);
    byId("data").replaceChildren(
      ...rows.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value }))),
    );
    drawColumns(data);
    const plan = typeof results?.plan === "string" ? results.plan : facts && JSON.stringify(facts.plan, null, 2);
    if (plan) byId("plan").textContent = plan;
  };

  // The columns as they were read.
  const drawColumns = (data) => {
    const columns = data?.columns ?? [];
    byId("columns-room").hidden = columns.length === 0;
    if (columns.length === 0) return;
    const head = [["column"], ["role"], ["read as"], ["distinct", true], ["missing", true], ["least", true], ["greatest", true]];
    const number = (value) => make("td", { class: "number", text: value });
    const rows = columns.map((column) => {
      const missing = number(text.count(column.missing));
      if (column.missing > 0 && data.rows > 0) {
        missing.textContent += ` (${((100 * column.missing) / data.rows).toPrecision(2)} %)`;
      }
      const [least, greatest] = column.range ?? ["–", "–"];
      return make("tr", {},
        make("th", { scope: "row", text: column.name }),
        make("td", { text: column.role }),
        make("td", { text: column.reads }),
        number((column.exact ? "" : "about ") + text.count(column.distinct)),
        missing, number(least), number(greatest));
    });
    const features = columns.filter(({ role }) => role === "feature").length;
    const omitted = (data.features ?? 0) - features;
    byId("columns").replaceChildren(
      make("caption", {}, make("span", { text: omitted > 0 ? `The first ${columns.length} columns` : "" })),
      make("thead", {}, make("tr", {}, ...head.map(([name, isNumber]) =>
        make("th", { scope: "col", text: name, class: isNumber && "number" })))),
      make("tbody", {}, ...rows),
    );
  };

  return { drawFailures, drawNotes, drawData };
};
