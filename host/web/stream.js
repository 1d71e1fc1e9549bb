"use strict";
// Fanout.stream(element): the task stream of a run on a canvas: worker by time, coloured by
// what the time was spent on. It takes what host/src/report/task_stream.rs tells, all at once
// or change by change, and asks for nothing. Fanout.text: numbers as people read them.

(() => {
  const Fanout = (globalThis.Fanout ??= {});

  const KINDS = [
    { name: "fit", colour: "--c1" },
    { name: "load", colour: "--c5" },
    { name: "wait", colour: "--line" },
    { name: "fault", colour: "--bad" },
  ];
  const AXIS = 24;
  const EDGE = 8;

  const text = {
    // 1234.5 -> "1,234.5"
    count: (number) => Number(number).toLocaleString("en"),
    duration(us) {
      if (us === 0) return "0 s";
      const seconds = us / 1e6;
      if (seconds < 0.001) return `${Math.round(us)} µs`;
      if (seconds < 1) return `${Number((seconds * 1e3).toPrecision(3))} ms`;
      if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
      const whole = Math.round(seconds);
      const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
      if (hours > 0) return `${hours} h ${minutes} min`;
      return `${minutes} min ${whole % 60} s`;
    },
    bytes(bytes) {
      if (!(bytes > 0)) return "–";
      const power = Math.min(4, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
      const unit = ["B", "KiB", "MiB", "GiB", "TiB"][power];
      return `${Number((bytes / 1024 ** power).toPrecision(3))} ${unit}`;
    },
    score: (number) => (Number.isFinite(number) ? number.toFixed(4) : "–"),
    counted: (number, noun) => `${text.count(number)} ${noun}${number === 1 ? "" : "s"}`,
  };
  Fanout.text = text;

  // A time on an axis whose steps are no smaller than this, both in microseconds.
  const tickText = (us, step) => {
    const digits = Math.max(0, Math.min(6, Math.ceil(6 - Math.log10(step) - 1e-9)));
    if (us < 60e6 || step < 1e6) return `${(us / 1e6).toFixed(digits)} s`;
    const seconds = Math.round(us / 1e6);
    const padded = (number) => String(number).padStart(2, "0");
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
    const rest = `${padded(minutes)}:${padded(seconds % 60)}`;
    return hours > 0 ? `${hours}:${rest}` : rest;
  };
  text.tick = tickText;

  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // An element with classes, text and attributes.
  const make = (tag, { text, ...attributes } = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === false || value === undefined || value === null) continue;
      made.setAttribute(name, value === true ? "" : value);
    }
    if (text !== undefined) made.textContent = text;
    made.append(...children);
    return made;
  };
  Fanout.make = make;

  // A row of the document, by name.
  const segment = ([id, lane, start, length, load, fit, fault, tasks, faults, fits, memory, cpu,
    task, split, target, trainer]) => ({
    id, lane, start, end: start + length, load, fit, fault,
    wait: Math.max(0, length - load - fit - fault),
    tasks, faults, fits, memory, cpu, task, split, target, trainer,
  });

  // The state that a reader puts together from changes.
  class Segments {
    lanes = [];
    trainers = [];
    running = [];
    end = 0;
    resolution = 0;
    byLane = [];
    #all = new Map();

    update(changes) {
      if (changes.reset) this.#all.clear();
      this.lanes = changes.lanes;
      this.trainers = changes.trainers;
      this.running = changes.running.map(([lane, start, task, split, target, trainer]) => ({
        lane, start, task, split, target, trainer,
      }));
      this.end = changes.end_us;
      this.resolution = changes.resolution_us;
      for (const row of changes.segments) this.#all.set(row[0], segment(row));
      this.byLane = this.lanes.map(() => []);
      for (const one of this.#all.values()) this.byLane[one.lane]?.push(one);
      for (const lane of this.byLane) lane.sort((a, b) => a.start - b.start);
    }

    get all() {
      return this.#all.values();
    }

    get size() {
      return this.#all.size;
    }
  }

  const niceStep = (least) => {
    const power = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least);
  };

  class Stream {
    #segments = new Segments();
    #canvas;
    #told;
    #tip;
    #box;
    // Microseconds that are shown; null: all.
    #view = null;
    #selected = null;
    #drag = null;
    #due = false;
    #longest = 0;

    constructor(element, { targets = [] } = {}) {
      this.targets = targets;
      this.#canvas = make("canvas", {
        tabindex: 0,
        role: "application",
        "aria-roledescription": "task stream",
        "aria-label":
          "Task stream: what each worker did when. Arrow keys go from task to task and from " +
          "worker to worker, with shift they move the view; plus and minus zoom, 0 shows all.",
      });
      this.#told = make("p", { class: "hidden-text", "aria-live": "polite" });
      this.#tip = make("div", { class: "stream-tip", hidden: true });
      this.#box = make("div", { class: "stream-box" }, this.#canvas, this.#tip);
      element.classList.add("stream");
      element.replaceChildren(this.#tools(), this.#box, this.#told);
      this.#listen();
    }

    get segments() {
      return this.#segments;
    }

    update(changes) {
      this.#segments.update(changes);
      this.#measure();
      if (this.#selected && changes.reset) this.#select(null);
      this.redraw();
    }

    redraw() {
      if (this.#due) return;
      this.#due = true;
      requestAnimationFrame(() => {
        this.#due = false;
        this.#draw();
      });
    }

    // Where a segment is drawn, in pixels of the page; for tests.
    place(id) {
      const found = [...this.#segments.all].find((one) => one.id === id);
      if (!found) return null;
      const box = this.#canvas.getBoundingClientRect();
      const { x, y, height } = this.#geometry();
      return {
        x: box.left + (x(found.start) + Math.max(x(found.end), x(found.start) + 1)) / 2,
        y: box.top + y(found.lane) + height / 2,
      };
    }

    #tools() {
      const button = (text, label, act) => {
        const made = make("button", { type: "button", text, "aria-label": label, title: label });
        made.addEventListener("click", act);
        return made;
      };
      const key = (kind) =>
        make("span", { class: `stream-key stream-${kind.name}`, text: kind.name });
      return make(
        "div",
        { class: "stream-tools" },
        make("span", { class: "stream-keys" }, ...KINDS.map(key)),
        make("span", { class: "stream-buttons" },
          button("+", "zoom in", () => this.#zoom(0.5)),
          button("−", "zoom out", () => this.#zoom(2)),
          button("◀", "earlier", () => this.#pan(-0.5)),
          button("▶", "later", () => this.#pan(0.5)),
          button("all", "show all of the run", () => this.#show(null)),
        ),
      );
    }

    #listen() {
      const canvas = this.#canvas;
      new ResizeObserver(() => this.redraw()).observe(this.#box);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
      canvas.addEventListener("keydown", (event) => {
        const act = this.#key(event);
        if (!act) return;
        event.preventDefault();
        act();
      });
      canvas.addEventListener("pointermove", (event) => {
        if (this.#drag) {
          this.#drag.to = event.offsetX;
          this.redraw();
        } else {
          this.#select(this.#hit(event.offsetX, event.offsetY), false);
        }
      });
      canvas.addEventListener("pointerleave", () => {
        if (!this.#drag) this.#select(null, false);
      });
      canvas.addEventListener("pointerdown", (event) => {
        // A finger scrolls the page.
        if (event.button !== 0 || event.pointerType === "touch") return;
        canvas.setPointerCapture(event.pointerId);
        this.#drag = { from: event.offsetX, to: event.offsetX };
      });
      canvas.addEventListener("pointerup", () => {
        const drag = this.#drag;
        this.#drag = null;
        if (!drag || Math.abs(drag.to - drag.from) < 5) return this.redraw();
        const { time } = this.#geometry();
        this.#show([time(Math.min(drag.from, drag.to)), time(Math.max(drag.from, drag.to))]);
      });
      canvas.addEventListener("dblclick", () => this.#show(null));
      canvas.addEventListener(
        "wheel",
        (event) => {
          // Without a key the page scrolls.
          if (!event.ctrlKey) return;
          event.preventDefault();
          this.#zoom(event.deltaY > 0 ? 1.25 : 0.8, this.#geometry().time(event.offsetX));
        },
        { passive: false },
      );
      canvas.addEventListener("blur", () => this.#select(null, false));
    }

    #key({ key, shiftKey, ctrlKey, metaKey, altKey }) {
      if (ctrlKey || metaKey || altKey) return null;
      if (shiftKey && key === "ArrowLeft") return () => this.#pan(-0.25);
      if (shiftKey && key === "ArrowRight") return () => this.#pan(0.25);
      return {
        "+": () => this.#zoom(0.5),
        "=": () => this.#zoom(0.5),
        "-": () => this.#zoom(2),
        0: () => this.#show(null),
        Home: () => this.#step(0, -Infinity),
        End: () => this.#step(0, Infinity),
        ArrowLeft: () => this.#step(0, -1),
        ArrowRight: () => this.#step(0, 1),
        ArrowUp: () => this.#step(-1, 0),
        ArrowDown: () => this.#step(1, 0),
        Escape: this.#selected ? () => this.#select(null) : undefined,
      }[key];
    }

    get #range() {
      return this.#view ?? [0, Math.max(1, this.#segments.end)];
    }

    #show(view) {
      const end = Math.max(1, this.#segments.end);
      if (view) {
        const length = Math.min(end, Math.max(20, view[1] - view[0]));
        const from = Math.max(0, Math.min(view[0], end - length));
        view = length >= end ? null : [from, from + length];
      }
      this.#view = view;
      this.redraw();
      const [from, to] = this.#range;
      this.#told.textContent = view
        ? `shown: ${text.duration(from)} to ${text.duration(to)}`
        : "shown: all of the run";
    }

    #zoom(factor, around) {
      const [from, to] = this.#range;
      const centre = around ?? (this.#selected ? this.#selected.start : (from + to) / 2);
      this.#show([centre - (centre - from) * factor, centre + (to - centre) * factor]);
    }

    #pan(share) {
      if (!this.#view) return;
      const [from, to] = this.#view;
      const by = (to - from) * share;
      this.#show([from + by, to + by]);
    }

    #step(lanes, tasks) {
      const byLane = this.#segments.byLane;
      if (this.#segments.size === 0) return;
      let lane = this.#selected?.lane ?? byLane.findIndex((of) => of.length > 0);
      const near = this.#selected?.start ?? this.#range[0];
      for (let next = lane + lanes; lanes !== 0 && byLane[next]; next += lanes) {
        if (byLane[next].length > 0) {
          lane = next;
          break;
        }
      }
      const of = byLane[lane];
      let index = of.findIndex((one) => one.start >= near);
      if (index < 0) index = of.length - 1;
      // The first key selects; the next ones go on.
      if (this.#selected) index = Math.max(0, Math.min(of.length - 1, index + tasks));
      const found = of[index];
      const [from, to] = this.#range;
      if (found.start < from || found.start > to) {
        const half = (to - from) / 2;
        this.#show([found.start - half, found.start + half]);
      }
      this.#select(found);
    }

    #select(found, aloud = true) {
      if (found === this.#selected) return;
      this.#selected = found;
      this.redraw();
      this.#tip.hidden = !found;
      if (!found) return;
      const lines = this.#lines(found);
      this.#tip.replaceChildren(...lines.map((line) => make("div", { text: line })));
      if (aloud) this.#told.textContent = lines.join(", ");
    }

    // What is told of a segment.
    #lines(one) {
      const { lanes, trainers } = this.#segments;
      const lines = [lanes[one.lane]];
      if (one.task !== undefined) {
        const target = this.targets.length > 1 ? `, target ${this.targets[one.target]}` : "";
        lines.push(`task ${one.task}: ${trainers[one.trainer]}, split ${one.split}${target}`);
      } else {
        lines.push(text.counted(one.tasks, "task"));
      }
      if (one.fits === undefined) return [...lines, `under way since ${text.duration(one.start)}`];
      lines.push(`${text.duration(one.start)} to ${text.duration(one.end)}`);
      lines.push(text.counted(one.fits, "fit") + (one.faults ? `, ${one.faults} failed` : ""));
      const spent = KINDS.map(({ name }) => [name, one[name]]).filter(([, us]) => us > 0);
      lines.push(spent.map(([name, us]) => `${name} ${text.duration(us)}`).join(", "));
      if (one.cpu > 0) lines.push(`CPU ${text.duration(one.cpu)}`);
      if (one.memory > 0) lines.push(`memory ${text.bytes(one.memory)}`);
      return lines;
    }

    // The width of the longest name of a lane.
    #measure() {
      const pen = this.#canvas.getContext("2d");
      pen.font = this.#font;
      const widths = this.#segments.lanes.map((name) => pen.measureText(name).width);
      this.#longest = Math.max(20, ...widths);
    }

    get #font() {
      return `12px ${getComputedStyle(document.body).fontFamily}`;
    }

    #geometry() {
      const { lanes } = this.#segments;
      const width = this.#box.clientWidth;
      const gutter = Math.min(width < 500 ? 74 : 150, this.#longest + 14);
      const height = Math.max(7, Math.min(26, Math.floor(330 / Math.max(1, lanes.length))));
      const [from, to] = this.#range;
      const scale = (width - gutter - EDGE) / (to - from);
      return {
        width, gutter, height, from, to,
        total: height * lanes.length + AXIS,
        x: (us) => gutter + (us - from) * scale,
        y: (lane) => lane * height,
        time: (x) => from + (x - gutter) / scale,
      };
    }

    #hit(x, y) {
      const { gutter, height, time, from, to, width } = this.#geometry();
      const lane = Math.floor(y / height);
      const of = this.#segments.byLane[lane];
      if (x < gutter || !of) return null;
      const at = time(x);
      const slack = (1.5 * (to - from)) / width;
      const under = of.findLast((one) => one.start - slack <= at);
      if (under && at <= under.end + slack) return under;
      const running = this.#segments.running.find((one) => one.lane === lane);
      return running && running.start <= at ? running : null;
    }

    #draw() {
      const { lanes, byLane, running, end } = this.#segments;
      const { width, gutter, height, from, to, total, x, y } = this.#geometry();
      const canvas = this.#canvas;
      const ratio = devicePixelRatio || 1;
      canvas.style.height = `${total}px`;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(total * ratio);
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      const fills = Object.fromEntries(KINDS.map(({ name, colour: of }) => [name, colour(of)]));
      const [ink, dim, line] = [colour("--ink"), colour("--dim"), colour("--line")];
      const gap = height > 12 ? 2 : 1;

      pen.save();
      pen.beginPath();
      pen.rect(gutter, 0, width - gutter, total);
      pen.clip();
      byLane.forEach((of, lane) => {
        const [top, tall] = [y(lane) + gap / 2, height - gap];
        if (of.length > 0) {
          // What lies between tasks was waiting.
          pen.fillStyle = fills.wait;
          pen.globalAlpha = 0.55;
          pen.fillRect(x(of[0].start), top, x(end) - x(of[0].start), tall);
          pen.globalAlpha = 1;
        }
        const seen = of.filter((one) => one.end >= from && one.start <= to);
        for (const one of seen) this.#bar(pen, one, x, top, tall, fills, 1);
        // What began within the same pixel hides no failure.
        for (const one of seen) if (one.faults > 0) this.#bar(pen, one, x, top, tall, fills, 2);
      });
      for (const one of running) {
        const [top, tall] = [y(one.lane) + gap / 2, height - gap];
        pen.fillStyle = fills.fit;
        pen.globalAlpha = 0.35;
        pen.fillRect(x(one.start), top, Math.max(2, x(end) - x(one.start)), tall);
        pen.globalAlpha = 1;
      }
      const chosen = this.#selected;
      if (chosen) {
        const last = chosen.end ?? end;
        pen.strokeStyle = ink;
        pen.lineWidth = 2;
        const wide = Math.max(3, x(last) - x(chosen.start));
        pen.strokeRect(x(chosen.start) - 1, y(chosen.lane), wide + 2, height);
        this.#placeTip(x(chosen.start) + wide / 2, y(chosen.lane) + height, width);
      }
      if (this.#drag) {
        pen.fillStyle = colour("--accent");
        pen.globalAlpha = 0.2;
        const { from: one, to: other } = this.#drag;
        pen.fillRect(Math.min(one, other), 0, Math.abs(other - one), total - AXIS);
        pen.globalAlpha = 1;
      }
      pen.restore();

      pen.font = this.#font;
      pen.fillStyle = dim;
      pen.textBaseline = "middle";
      const every = Math.ceil(13 / height);
      lanes.forEach((name, lane) => {
        if (lane % every !== 0) return;
        pen.fillText(this.#fitted(pen, name, gutter - 12), 4, y(lane) + height / 2);
      });
      pen.strokeStyle = line;
      pen.lineWidth = 1;
      const step = niceStep((to - from) / Math.max(2, (width - gutter) / 90));
      pen.textAlign = "center";
      for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
        const left = Math.round(x(at)) + 0.5;
        pen.beginPath();
        pen.moveTo(left, total - AXIS);
        pen.lineTo(left, total - AXIS + 5);
        pen.stroke();
        const label = tickText(at, step);
        const half = pen.measureText(label).width / 2;
        const middle = Math.min(width - half, Math.max(gutter, left));
        pen.fillText(label, middle, total - 8);
      }
    }

    // A task alone: load, then fit or fault, from left to right. Several in one: the shares of
    // each from the bottom up.
    // No narrower than `narrowest`.
    #bar(pen, one, x, top, tall, fills, narrowest) {
      const left = x(one.start);
      const wide = Math.max(narrowest, x(one.end) - left);
      const parts = ["load", "fit", "fault", "wait"].map((kind) => [kind, one[kind]]);
      const sum = parts.reduce((all, [, us]) => all + us, 0) || 1;
      if (one.tasks === 1) {
        let at = left;
        for (const [kind, us] of parts) {
          const part = (wide * us) / sum;
          this.#fill(pen, kind, at, top, part, tall, fills);
          at += part;
        }
        return;
      }
      let bottom = top + tall;
      for (const kind of ["fit", "load", "wait", "fault"]) {
        const part = Math.min(bottom - top, (tall * one[kind]) / sum);
        this.#fill(pen, kind, left, bottom - part, wide, part, fills);
        bottom -= part;
      }
      // A failure is seen, however short it was.
      if (one.faults > 0) this.#fill(pen, "fault", left, top, wide, Math.min(tall, 4), fills);
    }

    #fill(pen, kind, left, top, wide, tall, fills) {
      if (wide <= 0 || tall <= 0) return;
      pen.fillStyle = fills[kind];
      pen.fillRect(left, top, wide, tall);
      // Not by colour alone.
      if (kind === "fault" && wide > 6 && tall > 6) {
        pen.save();
        pen.beginPath();
        pen.rect(left, top, wide, tall);
        pen.clip();
        pen.strokeStyle = colour("--paper");
        pen.lineWidth = 1;
        pen.beginPath();
        for (let at = left - tall; at < left + wide; at += 6) {
          pen.moveTo(at, top + tall);
          pen.lineTo(at + tall, top);
        }
        pen.stroke();
        pen.restore();
      }
    }

    #placeTip(centre, bottom, width) {
      const tip = this.#tip;
      const half = tip.offsetWidth / 2;
      tip.style.left = `${Math.max(0, Math.min(width - 2 * half, centre - half))}px`;
      tip.style.top = `${bottom + 6}px`;
    }

    #fitted(pen, name, width) {
      if (pen.measureText(name).width <= width) return name;
      let length = name.length;
      while (length > 1 && pen.measureText(`…${name.slice(-length)}`).width > width) length -= 1;
      return `…${name.slice(-length)}`;
    }
  }

  Fanout.stream = (element, options) => new Stream(element, options);

  // All of a run at once, as charts.js draws charts: returns what removes it.
  (Fanout.charts ??= {}).taskStream = (element, snapshot) => {
    if (!snapshot) return null;
    const room = make("div", { class: "scroll" });
    element.append(room);
    Fanout.stream(room).update(snapshot);
    return () => room.remove();
  };
})();
