// What every live figure needs: sliders with labels, a little SVG, and a start that replaces the still picture.
// Plain scripts, not modules: a browser refuses modules to pages that are opened from disk.
(function (root) {
  "use strict";
  if (root.descentLive) return;

  const builders = {};

  function element(name, attributes, ...children) {
    const made = root.document.createElement(name);
    Object.entries(attributes || {}).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...children);
    return made;
  }

  // A control is {label, get, element}; positions on the slider are mapped by `value`, shown by `show`.
  function slider({ label, min, max, step, start, value = (x) => x, show = (x) => x.toPrecision(3) }, changed) {
    const input = element("input", { type: "range", min, max, step, value: start });
    const output = element("span", { class: "live-value" });
    const get = () => value(Number(input.value));
    const update = () => {
      output.textContent = show(get());
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => { update(); changed(); });
    update();
    return { element: element("label", {}, element("span", {}, label), output, input), get };
  }

  function choice({ label, options, start }, changed) {
    const made = element("select", {}, ...options.map((name) => element("option", { value: name }, name)));
    made.value = start;
    made.addEventListener("change", changed);
    return { element: element("label", {}, element("span", {}, label), element("span", { class: "live-value" }), made), get: () => made.value };
  }

  // A panel draws into [0, 1] x [0, 1] of its axes; `x` and `y` map data to the picture.
  class Panel {
    constructor(title, description, { x, y, xLabel, yLabel, xTicks, yTicks, square = false }) {
      this.width = 320;
      this.height = square ? 300 : 250;
      this.left = 46;
      this.right = 300;
      this.top = 12;
      this.bottom = this.height - 38;
      this.xRange = x;
      this.yRange = y;
      this.axes = { xLabel, yLabel, xTicks, yTicks };
      const ns = "http://www.w3.org/2000/svg";
      this.make = (name, attributes, text) => {
        const made = root.document.createElementNS(ns, name);
        Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
        if (text !== undefined) made.textContent = text;
        return made;
      };
      this.svg = this.make("svg", { viewBox: `0 0 ${this.width} ${this.height}`, role: "img", "aria-label": description });
      this.element = element("div", {}, element("p", { class: "live-title" }, title), this.svg);
      this.clip = `clip-${Math.random().toString(36).slice(2)}`;
    }

    x(value) {
      const [low, high] = this.xRange;
      return this.left + ((value - low) / (high - low)) * (this.right - this.left);
    }

    y(value) {
      const [low, high] = this.yRange;
      return this.bottom - ((value - low) / (high - low)) * (this.bottom - this.top);
    }

    clear(description) {
      if (description) this.svg.setAttribute("aria-label", description);
      const { xLabel, yLabel, xTicks, yTicks } = this.axes;
      const clip = this.make("clipPath", { id: this.clip });
      clip.append(this.make("rect", { x: this.left, y: this.top, width: this.right - this.left, height: this.bottom - this.top }));
      this.svg.replaceChildren(clip);
      const middle = (this.left + this.right) / 2;
      xTicks.forEach(([value, text]) => {
        this.svg.append(this.make("path", { class: "grid", d: `M${this.x(value)} ${this.top}V${this.bottom}` }));
        this.svg.append(this.make("text", { x: this.x(value), y: this.bottom + 14, "text-anchor": "middle" }, text));
      });
      yTicks.forEach(([value, text]) => {
        this.svg.append(this.make("path", { class: "grid", d: `M${this.left} ${this.y(value)}H${this.right}` }));
        this.svg.append(this.make("text", { x: this.left - 5, y: this.y(value) + 4, "text-anchor": "end" }, text));
      });
      this.svg.append(this.make("path", { class: "axis", d: `M${this.left} ${this.top}V${this.bottom}H${this.right}` }));
      this.svg.append(this.make("text", { x: middle, y: this.height - 6, "text-anchor": "middle" }, xLabel));
      this.svg.append(this.make("text", { x: 11, y: (this.top + this.bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 11 ${(this.top + this.bottom) / 2})` }, yLabel));
    }

    path(kind, d) {
      this.svg.append(this.make("path", { class: kind, d, "clip-path": `url(#${this.clip})` }));
    }

    // Points far outside are brought near, or the picture's numbers would overflow; a gap is left where there is none.
    line(kind, points) {
      let d = "";
      let pen = "M";
      points.forEach(([x, y]) => {
        if (!Number.isFinite(x) || !Number.isFinite(y)) { pen = "M"; return; }
        const far = (value) => Math.max(-1e4, Math.min(1e4, value));
        d += `${pen}${far(this.x(x)).toFixed(2)} ${far(this.y(y)).toFixed(2)}`;
        pen = "L";
      });
      if (d) this.path(kind, d);
    }

    dot(kind, x, y, radius = 3) {
      if (Number.isFinite(x) && Number.isFinite(y)) {
        this.svg.append(this.make("circle", { class: kind, cx: this.x(x), cy: this.y(y), r: radius, "clip-path": `url(#${this.clip})` }));
      }
    }

    text(kind, x, y, text, anchor = "start") {
      this.svg.append(this.make("text", { class: kind, x: this.x(x), y: this.y(y), "text-anchor": anchor }, text));
    }
  }

  function register(name, build) {
    builders[name] = build;
    const start = () => {
      root.document.querySelectorAll(`figure[data-live="${name}"]`).forEach((figure) => {
        if (figure.classList.contains("is-live")) return;
        build(figure.querySelector(".live-stage"));
        figure.classList.add("is-live");
      });
    };
    if (root.document.readyState === "loading") root.document.addEventListener("DOMContentLoaded", start);
    else start();
  }

  // Put controls, panels and a sentence into the stage; `draw` is called with the controls' values, and says the sentence.
  function assemble(stage, controls, panels, draw) {
    const says = element("p", { class: "live-says", role: "status" });
    const made = {};
    const changed = () => { says.textContent = draw(Object.fromEntries(Object.entries(made).map(([key, control]) => [key, control.get()]))); };
    Object.entries(controls).forEach(([key, control]) => { made[key] = (control.options ? choice : slider)(control, changed); });
    stage.append(
      element("div", { class: "live-controls" }, ...Object.values(made).map((control) => control.element)),
      element("div", { class: "live-panels" }, ...panels.map((panel) => panel.element)),
      says,
    );
    changed();
  }

  root.descentLive = { Panel, register, assemble };
})(globalThis);
