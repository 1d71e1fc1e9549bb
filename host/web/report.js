/* Draws the charts of a page of results where the reader comes to them. */
"use strict";

(function () {
  const results = JSON.parse(document.getElementById("results").textContent);
  const places = Array.from(document.querySelectorAll("[data-chart]"));
  const removes = new Map();
  Fanout.undrawn = [];

  function draw(place) {
    if (removes.has(place)) {
      return;
    }
    const options = { ...place.dataset };
    const make = Fanout.charts[options.chart];
    const data = options.chart === "comparison" ? results.runs
      : options.chart === "taskStream" ? results.task_stream
      : results.targets[Number(options.target)];
    let remove = null;
    try {
      remove = make ? make(place, data, options) : null;
    } catch (error) {
      // The tables tell the same: a chart that fails takes nothing with it.
      Fanout.undrawn.push(options.chart + ": " + error);
      console.error(error);
    }
    if (!remove) {
      place.closest("figure").hidden = true;
    }
    removes.set(place, remove);
  }

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        near.unobserve(entry.target);
        draw(entry.target);
      }
    }
  }, { rootMargin: "600px" });
  places.forEach((place) => near.observe(place));

  addEventListener("beforeprint", () => places.forEach(draw));

  // Light or dark: drawn again in the other colours.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const [place, remove] of Array.from(removes)) {
      if (remove) {
        remove();
        removes.delete(place);
        draw(place);
      }
    }
  });
})();
